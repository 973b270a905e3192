"""Money behind a URL: LNURL, Lightning Addresses, zaps."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0031", "0030", None, None

UP = """
create table link_secret (
    name text primary key,
    sealed bytea not null,
    created_at timestamptz not null);
comment on table link_secret is 'Keys of the bank itself, sealed: ''nostr'' signs zap receipts';

create table lnurl_invoice (
    account_id uuid not null,
    name text not null check (length(name) between 1 and 200),
    fingerprint text not null,
    payment_request text not null,
    expires_at timestamptz not null,
    primary key (account_id, name));
comment on table lnurl_invoice is
    'The invoice that an outside service gave for a request: asked again, the request pays this one and no other';
create index lnurl_invoice_ends on lnurl_invoice (expires_at);

create table zap (
    payment_hash bytea primary key check (octet_length(payment_hash) = 32),
    request text not null check (length(request) <= 20000),
    state smallint not null default 0 check (state between 0 and 3),
    receipt jsonb,
    tries smallint not null default 0,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    next_at timestamptz not null);
comment on table zap is 'state: 0 invoice not paid yet, 1 paid and to be told, 2 told, 3 nobody took it';
comment on column zap.request is 'Exactly as it came: its hash stands in the invoice, itself in the receipt';
create index zap_due on zap (next_at) where state < 2;

create table withdraw_link (
    id uuid primary key,
    account_id uuid not null,
    user_id uuid not null,
    wallet_id uuid not null,
    code_hash bytea not null unique check (octet_length(code_hash) = 32),
    title text not null check (length(title) between 1 and 140),
    min_sats bigint not null check (min_sats > 0),
    max_sats bigint not null check (max_sats >= min_sats),
    uses smallint not null check (uses between 1 and 100),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz);
comment on table withdraw_link is 'The code in the link is shown once; its SHA-256 is all that is kept';
create index withdraw_link_of_account on withdraw_link (account_id, id);

create table withdraw_use (
    link_id uuid not null references withdraw_link (id),
    n smallint not null,
    k1 bytea not null unique check (octet_length(k1) = 32),
    state smallint not null default 0 check (state between 0 and 2),
    payment_hash bytea check (octet_length(payment_hash) = 32),
    payment_request text,
    claimed_at timestamptz,
    look_at timestamptz,
    primary key (link_id, n),
    check (state = 0 or (payment_hash is not null and payment_request is not null)));
comment on table withdraw_use is 'state: 0 free, 1 taken by an invoice that is being paid, 2 paid';
create index withdraw_use_taken on withdraw_use (look_at) where state = 1;
create unique index withdraw_use_of_hash on withdraw_use (payment_hash) where state > 0;

create table address_page (
    account_id uuid primary key,
    success_message text check (length(success_message) between 1 and 144));
comment on table address_page is 'What a customer sets about being paid by name';
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("drop table address_page, withdraw_use, withdraw_link, zap, lnurl_invoice, link_secret")
