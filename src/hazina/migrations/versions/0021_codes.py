"""Codes by e-mail, authenticator apps and their recovery codes, captchas, Telegram."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0021", "0020", None, None

UP = """
create table asked_code (
    id uuid primary key,
    purpose text not null check (purpose in ('email.login', 'email.link', 'totp.link')),
    user_id uuid references person (id),
    mark bytea check (octet_length(mark) = 32),
    sealed bytea,
    tries_left smallint not null check (tries_left >= 0),
    expires_at timestamptz not null);
comment on table asked_code is 'One wish to log in by e-mail, or to add an e-mail or an app; good until it is used';
comment on column asked_code.user_id is 'Null: the address is nobody''s, and no code will ever be right';
comment on column asked_code.mark is 'Keyed hash of the code that was sent';
comment on column asked_code.sealed is 'Under the person''s key: the address, or the app''s secret';
create index asked_code_age on asked_code (expires_at);
create index asked_code_of_user on asked_code (user_id) where user_id is not null;

create table recovery_code (
    user_id uuid not null references person (id),
    mark bytea not null check (octet_length(mark) = 32),
    used_at timestamptz,
    primary key (user_id, mark));
comment on table recovery_code is 'Each stands in for the authenticator app once';

create table captcha_puzzle (
    challenge text primary key check (length(challenge) <= 64),
    online boolean not null,
    expires_at timestamptz not null);
comment on column captcha_puzzle.online is 'False: the provider was away when it was made, so it can prove nothing';
create index captcha_puzzle_age on captcha_puzzle (expires_at);

create table telegram_ask (
    nonce uuid primary key,
    mark bytea not null check (octet_length(mark) = 32),
    proved boolean not null default false,
    expires_at timestamptz not null);
comment on column telegram_ask.mark is 'Keyed hash of the phone that asked';
create index telegram_ask_age on telegram_ask (expires_at);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("drop table telegram_ask; drop table captcha_puzzle; drop table recovery_code; drop table asked_code")
