-- The books: accounts, transactions, entries, holds.
-- An account belongs to one asset. Amounts are 64-bit whole numbers of the asset's minor unit.

create schema ledger;

-- Accounts below 1000 are the bank's own and have fixed numbers.
create sequence ledger.account_id start with 1000;

create table ledger.account (
    id bigint primary key,
    asset smallint not null check (asset > 0),
    floor bigint check (floor <= 0),                    -- null: may fall without limit
    balance bigint not null default 0,
    held bigint not null default 0,                     -- part of the balance that open holds reserve
    seq bigint not null default 0,                      -- number of entries
    closed boolean not null default false,              -- no transfers, no new holds; open holds may end
    constraint account_held check (held >= 0),
    constraint account_floor check (floor is null or balance - held >= floor)
) with (fillfactor = 50);                               -- room on the page: an update touches no index

-- The legs stand in the transaction's own row, one array each: one row instead of up to twenty, and
-- "the same id with another body" is plain equality. Price: US cents for one bitcoin.
create table ledger.txn (
    id uuid primary key,                                -- made by the asker
    kind smallint not null,
    op smallint[] not null,                             -- 1 transfer, 2 hold, 3 post a hold, 4 void a hold
    src bigint[] not null,
    dst bigint[] not null,
    amount bigint[] not null,
    ref uuid[] not null,                                -- the hold's own id; all zeros for a transfer
    price_cents bigint,
    price_source text,
    price_at timestamptz,
    meta jsonb,
    at timestamptz not null,
    constraint txn_legs check (cardinality(op) between 1 and 20),
    constraint txn_price check (num_nulls(price_cents, price_source, price_at) in (0, 3) and price_cents > 0)
);

-- One row for every change of an account row, so an account's entries are a chain: balance_after and
-- held_after follow from the entry before. A hold changes only `held`. No foreign keys: they would
-- nearly double the cost of a posting, and `post` is the only writer; the verifier checks the rest.
create table ledger.entry (
    account_id bigint not null,
    seq bigint not null,
    amount bigint not null,
    balance_after bigint not null,
    held bigint not null,                               -- change of what is held
    held_after bigint not null,
    at timestamptz not null,                            -- clock after the locks: never runs back along seq
    txn_id uuid not null,
    leg smallint not null,
    asset smallint not null,
    primary key (account_id, seq)
);

-- State: 0 open, 1 posted, 2 voided. `taken` is what the payee got when it was posted.
create table ledger.hold (
    id uuid primary key,                                -- made by the asker
    src bigint not null,
    dst bigint not null,
    amount bigint not null check (amount > 0),
    state smallint not null check (state between 0 and 2),
    taken bigint not null default 0,
    opened_by uuid not null,
    closed_by uuid,
    constraint hold_taken check (taken between 0 and amount and (taken > 0) = (state = 1)),
    constraint hold_closed check ((state = 0) = (closed_by is null))
) with (fillfactor = 80);

-- The bank's own accounts, without floors (hazina.ledger.BANK): lightning, rounding and fees in
-- bitcoin (asset 1); issued and rounding in dollars (asset 2).
insert into ledger.account (id, asset, floor) values (1, 1, null), (2, 1, null), (3, 1, null), (4, 2, null), (5, 2, null);
