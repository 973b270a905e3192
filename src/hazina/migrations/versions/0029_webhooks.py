"""Webhooks: endpoints, deliveries and their tries."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0029", "0028", None, None

UP = """
create table webhook_endpoint (
    id uuid primary key,
    account_id uuid,
    url text not null check (char_length(url) <= 2048),
    secret bytea,
    old_secret bytea,
    old_until timestamptz,
    created_at timestamptz not null,
    disabled_at timestamptz,
    disabled_why text,
    next_at timestamptz,
    lease_until timestamptz,
    failures int not null default 0,
    given_up int not null default 0,
    check ((account_id is null) = (secret is null)),
    check ((disabled_at is null) = (disabled_why is null))
) with (fillfactor = 80);
comment on table webhook_endpoint is 'Where somebody wants to be told; without an account: once, of one invoice';
comment on column webhook_endpoint.secret is 'Sealed under the bank''s own key';
comment on column webhook_endpoint.next_at is 'When its first waiting delivery is tried; null: none waits';
comment on column webhook_endpoint.failures is 'Tries of that delivery that failed';
comment on column webhook_endpoint.given_up is 'Deliveries given up since the last one that arrived';
create index webhook_endpoint_of on webhook_endpoint (account_id) where account_id is not null;
create index webhook_endpoint_due on webhook_endpoint (next_at) where next_at is not null;
create index webhook_endpoint_off on webhook_endpoint (disabled_at) where disabled_at is not null;
create index webhook_endpoint_once on webhook_endpoint (created_at) where account_id is null;

create table webhook_delivery (
    id uuid primary key,
    seq bigint generated always as identity,
    endpoint_id uuid not null references webhook_endpoint (id) on delete cascade,
    event_type text not null,
    body text not null,
    state smallint not null default 0,
    created_at timestamptz not null,
    ended_at timestamptz,
    check ((state = 0) = (ended_at is null))
) with (fillfactor = 80);
comment on column webhook_delivery.state is '0 waiting, 1 delivered, 2 given up';
create index webhook_delivery_waiting on webhook_delivery (endpoint_id, seq) where state = 0;
create index webhook_delivery_log on webhook_delivery (endpoint_id, id desc);
create index webhook_delivery_age on webhook_delivery (created_at);

create table webhook_try (
    delivery_id uuid not null references webhook_delivery (id) on delete cascade,
    at timestamptz not null,
    status int,
    error text,
    took_ms int not null
);
comment on column webhook_try.status is 'HTTP status; null: no answer, and error says why';
create index webhook_try_of on webhook_try (delivery_id, at);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("drop table webhook_try; drop table webhook_delivery; drop table webhook_endpoint")
