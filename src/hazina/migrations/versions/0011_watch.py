"""What the watch remembers, and what lets it look at the new without reading the old."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0011", "0010", None, None

TABLES = """
create table invariant (
    name text primary key,
    state text not null check (state in ('holds', 'broken', 'unknown')),
    checked_at timestamptz,
    rows bigint not null default 0,
    said text not null default ''
);
comment on column invariant.checked_at is 'When it was last known: a look that learned nothing leaves it';

create table breach (
    id bigint generated always as identity primary key,
    invariant text not null,
    check_name text not null,
    description text not null,
    at timestamptz not null,
    seen_at timestamptz not null,
    broken bigint not null,
    offending jsonb not null,
    closure_id bigint references closure,
    ended_at timestamptz,
    ended_by text,
    check ((ended_at is null) = (ended_by is null))
);
create unique index breach_open on breach (invariant, check_name) where ended_at is null;
create index breach_of_closure on breach (closure_id) where ended_at is null;
"""

# Rows of these two come in the order of time, so a block range index is exact, tiny and nearly free.
INDEXES = """
create index entry_age on ledger.entry using brin (at) with (pages_per_range = 16, autosummarize = on);
create index txn_age on ledger.txn using brin (at) with (pages_per_range = 16, autosummarize = on);
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute("drop index ledger.entry_age; drop index ledger.txn_age; drop table breach; drop table invariant")
