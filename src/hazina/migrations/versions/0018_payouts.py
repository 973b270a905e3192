"""Payout queues, batches, wallets hot and cold.

Guards: a payout is never deleted, its address and amount never change, and it ends once (a settled one may come
back from a reorganisation). A signed transaction is never changed or deleted. A coin serves one batch that lives.
"""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0018", "0017", None, None

BATCHES = """
create table chain_batch (
    id uuid primary key,
    purpose smallint not null check (purpose between 1 and 4),
    state smallint not null check (state between 1 and 4),
    speed text,
    sats bigint not null default 0 check (sats >= 0),
    address text,
    parent uuid references chain_batch,
    created_at timestamptz not null,
    txid text check (txid ~ '^[0-9a-f]{64}$'),
    height int,
    settled_at timestamptz,
    trouble text,
    check (state <> 3 or (txid is not null and height is not null)),
    check ((purpose = 1) = (address is null))
) with (fillfactor = 80);
comment on table chain_batch is 'What one transaction of ours is for; its versions replace each other';
comment on column chain_batch.purpose is '1 payouts, 2 hot to cold, 3 cold to hot, 4 a child that pays for its parent';
comment on column chain_batch.state is '1 signed, 2 broadcast, 3 settled, 4 lost: its coins went elsewhere for good';
comment on column chain_batch.sats is 'What it moves between our own wallets; 0 for payouts';
comment on column chain_batch.address is 'Of our own, where the coins go; null for payouts';
comment on column chain_batch.txid is 'The version that is in the chain';
create index chain_batch_live on chain_batch (created_at) where state in (1, 2);
create unique index chain_batch_sweep on chain_batch (purpose) where purpose = 2 and state in (1, 2);
create unique index chain_batch_child on chain_batch (parent) where purpose = 4 and state in (1, 2);
create index chain_batch_settled on chain_batch (height) where state = 3;

create table chain_version (
    batch_id uuid not null references chain_batch,
    n int not null check (n > 0),
    txid text not null unique check (txid ~ '^[0-9a-f]{64}$'),
    raw bytea not null,
    fee bigint not null check (fee >= 0),
    vsize int not null check (vsize > 0),
    rate bigint not null check (rate >= 0),
    change_vout int,
    built_at timestamptz not null,
    broadcast_at timestamptz,
    primary key (batch_id, n)
) with (fillfactor = 80);
comment on table chain_version is 'A signed transaction, stored before it is told to anybody';
comment on column chain_version.fee is 'satoshi; rate: millisatoshi per virtual byte, as asked for';

create table chain_coin (
    txid text not null check (txid ~ '^[0-9a-f]{64}$'),
    vout int not null,
    batch_id uuid not null references chain_batch,
    sats bigint not null check (sats > 0),
    freed boolean not null default false
);
comment on table chain_coin is 'What each batch spends; freed with a lost batch';
create unique index chain_coin_once on chain_coin (txid, vout) where not freed;
create index chain_coin_batch on chain_coin (batch_id);
"""

PAYOUTS = """
create table chain_payout (
    id uuid primary key,
    address text not null,
    sats bigint not null check (sats > 0),
    speed text not null,
    fee_quoted bigint not null check (fee_quoted >= 0),
    state smallint not null default 0 check (state between 0 and 4),
    created_at timestamptz not null default clock_timestamp(),
    batch_id uuid references chain_batch,
    vout int,
    vbytes int,
    reason text,
    check ((state between 1 and 3) = (batch_id is not null and vout is not null and vbytes is not null)),
    check ((state = 4) = (reason is not null)),
    unique (batch_id, vout)
) with (fillfactor = 80);
comment on column chain_payout.state is '0 queued, 1 signed, 2 broadcast, 3 settled, 4 cancelled';
create index chain_payout_flying on chain_payout (batch_id) where state in (1, 2);
create index chain_payout_queued on chain_payout (speed, created_at) where state = 0;
"""

WALLETS = """
create table chain_spends (
    one boolean primary key default true check (one),
    newest text not null
);
comment on table chain_spends is 'Up to this transaction the hot wallet''s own list of spends was held against ours';

create table chain_foreign_spend (
    txid text primary key,
    seen_at timestamptz not null
);
comment on table chain_foreign_spend is 'Transactions that spend coins of the hot wallet, not made by the bank';

create table chain_cold (
    id uuid primary key,
    name text not null unique,
    descriptor text not null,
    first_address text not null,
    proposed_by text not null,
    proposed_at timestamptz not null,
    confirmed_by text,
    confirmed_at timestamptz,
    retired_at timestamptz,
    check ((confirmed_by is null) = (confirmed_at is null)),
    check (confirmed_by is null or confirmed_by <> proposed_by)
);
comment on table chain_cold is 'Watch-only wallets; coins are swept to the one that is confirmed and not retired';
create unique index chain_cold_one on chain_cold ((true)) where confirmed_at is not null and retired_at is null;

create table chain_draft (
    id uuid primary key,
    cold_id uuid not null references chain_cold,
    sats bigint not null check (sats > 0),
    address text not null,
    psbt text not null,
    txid text not null check (txid ~ '^[0-9a-f]{64}$'),
    fee bigint not null check (fee >= 0),
    rate bigint not null,
    state smallint not null default 0 check (state between 0 and 2),
    drafted_by text not null,
    drafted_at timestamptz not null,
    ended_by text,
    ended_at timestamptz,
    batch_id uuid references chain_batch,
    check ((ended_by is null) = (state = 0)),
    check (state <> 1 or (ended_by <> drafted_by and batch_id is not null))
);
comment on table chain_draft is 'Cold to hot: proposed by one operator, released with its signatures by another';
comment on column chain_draft.state is '0 open, 1 released, 2 dropped';
"""

GUARDS = """
create function chain_refuse() returns trigger language plpgsql as $$
begin
    raise exception '%: % is refused', tg_table_name, lower(tg_op) using errcode = 'insufficient_privilege';
end $$;

create trigger no_delete before delete or truncate on chain_payout for each statement execute function chain_refuse();
create trigger no_delete before delete or truncate on chain_batch for each statement execute function chain_refuse();
create trigger no_delete before delete or truncate on chain_version for each statement execute function chain_refuse();
create trigger no_delete before delete or truncate on chain_cold for each statement execute function chain_refuse();
create trigger no_delete before delete or truncate on chain_draft for each statement execute function chain_refuse();

create function chain_payout_keeps() returns trigger language plpgsql as $$
begin
    if row(new.id, new.address, new.sats, new.speed, new.fee_quoted, new.created_at)
       is distinct from row(old.id, old.address, old.sats, old.speed, old.fee_quoted, old.created_at)
       or old.state = 4
       or new.state = 4 and old.state <> 0
       or old.batch_id is not null and new.batch_id is not null
          and row(new.batch_id, new.vout, new.vbytes) is distinct from row(old.batch_id, old.vout, old.vbytes) then
        raise exception 'a payout cannot be changed this way' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger keeps before update on chain_payout for each row execute function chain_payout_keeps();

create function chain_version_keeps() returns trigger language plpgsql as $$
begin
    if row(new.batch_id, new.n, new.txid, new.raw, new.fee, new.vsize, new.rate, new.built_at)
       is distinct from row(old.batch_id, old.n, old.txid, old.raw, old.fee, old.vsize, old.rate, old.built_at) then
        raise exception 'a signed transaction is never changed' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger keeps before update on chain_version for each row execute function chain_version_keeps();
"""


def upgrade() -> None:
    for script in (BATCHES, PAYOUTS, WALLETS, GUARDS):
        op.execute(script)


def downgrade() -> None:
    op.execute(
        """
        drop table chain_draft; drop table chain_cold; drop table chain_foreign_spend; drop table chain_spends;
        drop table chain_payout;
        drop table chain_coin; drop table chain_version; drop table chain_batch;
        drop function chain_version_keeps(); drop function chain_payout_keeps(); drop function chain_refuse()
        """
    )
