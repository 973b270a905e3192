"""The map of merchants; feedback."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0028", "0027", None, None

UP = """
create table merchant (
    id uuid primary key,
    account_id uuid not null references account (id),
    username text not null,
    title text not null check (length(title) between 3 and 100),
    latitude double precision not null check (latitude between -90 and 90),
    longitude double precision not null check (longitude between -180 and 180),
    created_at timestamptz not null,
    validated_at timestamptz,
    deleted_at timestamptz,
    deleted_by text,
    check ((deleted_at is null) = (deleted_by is null)));
comment on table merchant is 'Suggested by anyone; on the map once an operator has looked';
create index merchant_of_account on merchant (account_id) where deleted_at is null;
create index merchant_pending on merchant (id) where deleted_at is null and validated_at is null;
create index merchant_on_map on merchant (id) where deleted_at is null and validated_at is not null;

create table feedback (
    id uuid primary key,
    account_id uuid not null references account (id),
    text text not null,
    created_at timestamptz not null);
create index feedback_of_account on feedback (account_id);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("drop table feedback; drop table merchant")
