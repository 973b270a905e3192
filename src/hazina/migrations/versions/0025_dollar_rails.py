"""Dollar wallets on every rail."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0025", "0024", None, None

HOOKS = """
create table invoice_hook (
    payment_hash bytea primary key check (octet_length(payment_hash) = 32),
    url text not null check (char_length(url) <= 2048),
    expires_at timestamptz not null,
    told_at timestamptz
) with (fillfactor = 80);
comment on table invoice_hook is 'Who is told once that an invoice was paid, or that it expired';
comment on column invoice_hook.told_at is 'When whoever delivers took it over';
create index invoice_hook_waiting on invoice_hook (expires_at) where told_at is null;
"""

DEPOSITS = """
alter table deposit
    add column asset smallint not null default 1,
    add column fee_cents bigint not null default 0 check (fee_cents >= 0),
    add column credit_cents bigint not null default 0 check (credit_cents >= 0),
    add column owed_cents bigint not null default 0 check (owed_cents between 0 and credit_cents),
    add column ripe boolean not null default false,
    add check (not ripe or (state = 0 and asset = 2));
comment on column deposit.asset is 'Of the wallet that it is for';
comment on column deposit.credit_cents is 'What a dollar wallet gets: a guess until it is settled, then for good';
comment on column deposit.owed_cents is 'Reversed, but spent before; owed_msat is what that was in bitcoin';
comment on column deposit.ripe is 'Deep enough, and waits for a price to be exchanged at';
create index deposit_ripe on deposit (seen_at) where ripe;
"""

# A quote for a dollar wallet is asked for in cents (then sats is 0), or in satoshi.
QUOTES = """
alter table chain_quote
    add column cents bigint not null default 0,
    add column miner_cents bigint check (miner_cents >= 0),
    add column bank_cents bigint check (bank_cents >= 0),
    add check ((miner_cents is null) = (bank_cents is null)),
    drop constraint chain_quote_pkey,
    add primary key (wallet_id, address, sats, cents, speed);
"""


def upgrade() -> None:
    for script in (HOOKS, DEPOSITS, QUOTES):
        op.execute(script)


def downgrade() -> None:
    op.execute(
        """
        delete from chain_quote;
        alter table chain_quote drop column cents, drop column miner_cents, drop column bank_cents,
            add primary key (wallet_id, address, sats, speed);
        alter table deposit drop column asset, drop column fee_cents, drop column credit_cents,
            drop column owed_cents, drop column ripe;
        drop table invoice_hook
        """
    )
