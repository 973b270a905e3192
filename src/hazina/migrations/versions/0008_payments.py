"""Payments, invoices, statement lines, and the guard that pays a hash only once."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0008", "0007", None, None


PAYMENTS = """
create table payment (
    id uuid primary key,
    kind smallint not null,
    state smallint not null,
    asset smallint not null,
    amount bigint not null check (amount > 0),
    fee_max bigint not null check (fee_max >= 0),
    fee bigint check (fee between 0 and fee_max),
    src bigint not null,
    dst bigint not null,
    account_id uuid,
    wallet_id uuid,
    to_account_id uuid,
    to_wallet_id uuid,
    payment_hash bytea check (octet_length(payment_hash) = 32),
    payment_request text,
    preimage bytea check (octet_length(preimage) = 32),
    node text,
    memo text,
    reason text,
    price_cents bigint,
    price_source text,
    price_at timestamptz,
    created_at timestamptz not null,
    expires_at timestamptz,
    concluded_at timestamptz,
    lease_until timestamptz,
    look_at timestamptz,
    attempts int not null default 0,
    check ((state >= 2) = (look_at is null))
) with (fillfactor = 80);
comment on column payment.state is '0 held, 1 sent, 2 paid, 3 failed';
create index payment_open on payment (look_at) where state < 2;
create index payment_by_hash on payment (payment_hash) where payment_hash is not null;

create table payment_hash (
    payment_hash bytea primary key check (octet_length(payment_hash) = 32),
    payment_id uuid
) with (fillfactor = 80);
comment on table payment_hash is 'One live or paid outgoing payment for each hash; null after a failure';
create index payment_hash_of on payment_hash (payment_id);
"""

INVOICES = """
create table invoice (
    id uuid primary key,
    payment_hash bytea not null unique check (octet_length(payment_hash) = 32),
    payment_request text not null,
    payment_secret bytea not null,
    preimage bytea not null,
    account_id uuid not null,
    wallet_id uuid not null,
    node text not null,
    amount_msat bigint check (amount_msat > 0),
    memo text,
    external_id text not null,
    state smallint not null default 0,
    paid_msat bigint,
    paid_at timestamptz,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    unique (account_id, external_id),
    check ((state = 2) = (paid_at is not null))
) with (fillfactor = 80);
comment on column invoice.state is '0 open, 1 closing, 2 paid, 3 cancelled';
create index invoice_of_account on invoice (account_id, id desc);
create index invoice_of_wallet on invoice (wallet_id, id desc);
create index invoice_open on invoice (expires_at) where state in (0, 1);
"""

STATEMENT = """
create table line (
    id uuid primary key,
    payment_id uuid not null,
    account_id uuid not null,
    wallet_id uuid not null,
    asset smallint not null,
    direction smallint not null,
    amount bigint not null,
    fee bigint not null check (fee >= 0),
    status smallint not null,
    initiation smallint not null,
    settlement smallint not null,
    counterparty_wallet_id uuid,
    counterparty_username text,
    payment_hash bytea,
    payment_request text,
    preimage bytea,
    memo text,
    external_id text,
    price_cents bigint,
    price_source text,
    price_at timestamptz,
    display_currency text not null,
    created_at timestamptz not null
) with (fillfactor = 90);
create index line_of_account on line (account_id, id desc);
create index line_of_wallet on line (wallet_id, id desc);
create index line_of_payment on line (payment_id);
create index line_of_hash on line (payment_hash, wallet_id) where payment_hash is not null;

create table fee_quote (
    wallet_id uuid not null,
    payment_hash bytea not null,
    amount_msat bigint not null,
    fee_msat bigint not null check (fee_msat >= 0),
    at timestamptz not null,
    primary key (wallet_id, payment_hash, amount_msat)
);
create index fee_quote_age on fee_quote (at);
"""


def upgrade() -> None:
    for script in (PAYMENTS, INVOICES, STATEMENT):
        op.execute(script)


def downgrade() -> None:
    op.execute("drop table fee_quote; drop table line; drop table invoice; drop table payment_hash; drop table payment")
