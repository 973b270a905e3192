"""Deposits and withdrawals as payments."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0019", "0018", None, None

# The bank's own accounts for coins: hot, cold, what reversed deposits are owed, fees of the chain, its own money.
ACCOUNTS = """
insert into ledger.account (id, asset, floor)
values (6, 1, null), (7, 1, null), (8, 1, null), (9, 1, null), (10, 1, null);
"""

LINES = """
alter table line add column address text, add column vout int,
    add column txid bytea check (octet_length(txid) = 32);
create index line_of_address on line (wallet_id, address, id desc) where address is not null;
"""

DEPOSITS = """
create table deposit (
    txid bytea not null check (octet_length(txid) = 32),
    vout int not null check (vout >= 0),
    id uuid not null unique,
    address text not null,
    account_id uuid,
    wallet_id uuid,
    sats bigint not null check (sats > 0),
    fee_sats bigint not null check (fee_sats >= 0),
    credit_sats bigint not null check (credit_sats >= 0),
    display_currency text,
    state smallint not null,
    rounds int not null default 0,
    owed_msat bigint not null default 0 check (owed_msat >= 0),
    txns uuid[] not null default '{}',
    height int,
    confirmations_needed int,
    seen_at timestamptz not null,
    primary key (txid, vout),
    check ((account_id is null) = (wallet_id is null)),
    check (credit_sats = 0 or (wallet_id is not null and credit_sats = sats - fee_sats))
) with (fillfactor = 80);
comment on table deposit is 'Each output that paid an address of ours';
comment on column deposit.id is 'Of the pending line that its customer sees';
comment on column deposit.credit_sats is 'What the customer gets; 0: the bank keeps it (no owner, dust, all fee)';
comment on column deposit.state is '0 pending, 1 settled, 2 dropped';
comment on column deposit.rounds is 'How often it was settled: once, and once more after each reorganisation';
comment on column deposit.owed_msat is 'Reversed, but spent before: collected from the next credit';
comment on column deposit.txns is 'Transactions of the books that booked or reversed it';
create index deposit_pending on deposit (account_id, id desc) where state = 0 and credit_sats > 0;
"""

WITHDRAWALS = """
create table withdrawal (
    payment_id uuid primary key,
    address text not null,
    speed text not null,
    miner_sats bigint not null check (miner_sats >= 0),
    share_sats bigint not null check (share_sats >= 0),
    txid bytea check (octet_length(txid) = 32),
    vout int,
    broadcast_at timestamptz,
    txns uuid[] not null default '{}',
    check ((txid is null) = (broadcast_at is null) and (txid is null) = (vout is null))
) with (fillfactor = 80);
comment on column withdrawal.miner_sats is 'What the customer pays for the miners, as quoted';
comment on column withdrawal.share_sats is 'The miners'' fee as booked so far: quoted, then real';
comment on column withdrawal.txns is 'Transactions of the books that booked the difference';

create table chain_quote (
    wallet_id uuid not null,
    address text not null,
    sats bigint not null,
    speed text not null,
    miner_sats bigint not null check (miner_sats >= 0),
    bank_sats bigint not null check (bank_sats >= 0),
    at timestamptz not null,
    primary key (wallet_id, address, sats, speed));
create index chain_quote_age on chain_quote (at);

create table chain_transfer (
    transfer_id uuid primary key,
    sats bigint not null,
    fee_sats bigint not null,
    txns uuid[] not null default '{}');
comment on table chain_transfer is 'Coins moved between the bank''s own wallets, as booked';
"""


def upgrade() -> None:
    for script in (ACCOUNTS, LINES, DEPOSITS, WITHDRAWALS):
        op.execute(script)


def downgrade() -> None:
    op.execute(
        """
        drop table chain_transfer; drop table chain_quote; drop table withdrawal; drop table deposit;
        alter table line drop column txid, drop column vout, drop column address;
        alter table ledger.account disable trigger no_delete;
        delete from ledger.account where id between 6 and 10;
        alter table ledger.account enable trigger no_delete
        """
    )
