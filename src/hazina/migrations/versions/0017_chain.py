"""Addresses, outputs and the cursor of the chain watcher; the log of what happened on the chain."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0017", "0016", None, None

ADDRESSES = """
create table chain_wallet (
    one boolean primary key default true check (one),
    name text not null,
    descriptor text not null,
    opened_at timestamptz not null
);
comment on table chain_wallet is 'The hot wallet whose addresses these are: no other is ever taken for it';

create table chain_address (
    address text primary key,
    script bytea not null unique,
    place int not null unique,
    owner uuid,
    request uuid unique,
    created_at timestamptz not null,
    used_at timestamptz
) with (fillfactor = 90);
comment on column chain_address.request is 'For what it was asked; its label on the node bears this, too';
comment on column chain_address.place is 'Index on the wallet''s receiving descriptor';
create index chain_address_of on chain_address (owner, place desc) where request is not null;
"""

OUTPUTS = """
create table chain_output (
    txid text not null check (txid ~ '^[0-9a-f]{64}$'),
    vout int not null check (vout >= 0),
    address text not null references chain_address (address),
    owner uuid,
    sats bigint not null check (sats > 0),
    state smallint not null,
    needed smallint not null check (needed > 0),
    coinbase boolean not null,
    height int,
    seen_at timestamptz not null,
    settled_at timestamptz,
    primary key (txid, vout),
    check (state <> 1 or height is not null)
) with (fillfactor = 80);
comment on column chain_output.state is '0 seen, 1 settled, 2 dropped, 3 dust';
create index chain_output_open on chain_output (owner, seen_at desc) where state = 0;
create index chain_output_height on chain_output (height);
create index chain_output_ripe on chain_output ((height + needed)) where state = 0 and height is not null;
create index chain_output_waiting on chain_output (seen_at) where state = 0 and height is null;
"""

CURSOR = """
create table chain_block (
    height int primary key,
    hash text not null check (hash ~ '^[0-9a-f]{64}$'),
    work numeric(80) not null
);
comment on table chain_block is 'The newest blocks that were scanned; the highest is the cursor';

create table chain_node (
    one boolean primary key default true check (one),
    height int not null,
    headers int not null,
    catching_up boolean not null,
    best text not null,
    moved_at timestamptz not null,
    looked_at timestamptz not null,
    done_at timestamptz not null
);
comment on column chain_node.moved_at is 'When its tip last changed';
comment on column chain_node.looked_at is 'When it last answered';
comment on column chain_node.done_at is 'When every block and the mempool were last taken in';

create table chain_fee_rate (
    speed text primary key,
    msat_per_vb bigint not null check (msat_per_vb > 0),
    estimated boolean not null,
    at timestamptz not null
);
"""

EVENTS = """
create table chain_event (
    seq bigint generated always as identity primary key,
    kind smallint not null,
    at timestamptz not null,
    body jsonb not null
);
"""


def upgrade() -> None:
    for script in (ADDRESSES, OUTPUTS, CURSOR, EVENTS):
        op.execute(script)


def downgrade() -> None:
    op.execute(
        """drop table chain_event; drop table chain_fee_rate; drop table chain_node; drop table chain_block;
        drop table chain_output; drop table chain_address; drop table chain_wallet"""
    )
