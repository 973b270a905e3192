"""Contacts, notification settings, what is told in the app, and accounts that wait for their owner or were deleted."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0027", "0026", None, None

UP = """
create table contact (
    id uuid primary key default gen_random_uuid(),
    account_id uuid not null references account (id),
    kind text not null check (kind in ('intraledger', 'lnaddress')),
    handle text not null,
    alias text,
    transactions_count int not null check (transactions_count >= 0),
    created_at timestamptz not null,
    unique (account_id, kind, handle)
) with (fillfactor = 80);
comment on column contact.handle is 'A username of this bank, or a Lightning Address';
comment on column contact.alias is 'What the account''s owner calls them';
create index line_of_counterparty on line (account_id, counterparty_username, id desc)
    where counterparty_username is not null;

create table notification_setting (
    user_id uuid primary key references person (id),
    push boolean not null default true,
    push_off text[] not null default '{}');
comment on column notification_setting.push_off is 'Categories that are not pushed';

create table device_token (
    mark bytea primary key check (octet_length(mark) = 32),
    user_id uuid not null references person (id),
    sealed bytea not null,
    created_at timestamptz not null);
comment on table device_token is 'Where pushes go: found by a keyed hash, sealed under the person''s key';
create index device_token_of_user on device_token (user_id, created_at);

create table in_app_notice (
    id uuid primary key,
    user_id uuid not null references person (id),
    title text not null,
    body text not null,
    deep_link text,
    url text,
    label text,
    icon text,
    bulletin boolean not null,
    created_at timestamptz not null,
    acknowledged_at timestamptz);
comment on table in_app_notice is 'Blink''s stateful notifications';
create index in_app_notice_of_user on in_app_notice (user_id, id desc);

alter table account drop constraint account_status_check;
alter table account add constraint account_status_check check (status in ('invited', 'active', 'locked', 'closed'));
alter table account add column merchant boolean not null default false;
comment on column account.status is 'invited: somebody asked where to pay them; the first log-in makes it active';
comment on column account.merchant is 'On the map, and an operator has looked';

create table deleted_phone (
    account_id uuid primary key references account (id),
    mark bytea not null check (octet_length(mark) = 32),
    at timestamptz not null);
comment on table deleted_phone is 'Whose number an account had that its owner deleted: a keyed hash';
create index deleted_phone_mark on deleted_phone (mark);
"""

DOWN = """
drop table deleted_phone; drop table in_app_notice; drop table device_token; drop table notification_setting;
drop index line_of_counterparty; drop table contact;
update account set status = 'locked' where status = 'invited';
alter table account drop column merchant;
alter table account drop constraint account_status_check;
alter table account add constraint account_status_check check (status in ('active', 'locked', 'closed'))
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
