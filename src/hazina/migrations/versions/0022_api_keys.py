"""API keys: what a program acts with for an account, within scopes and caps of its own."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0022", "0021", None, None

UP = """
create table api_key (
    id uuid primary key,
    user_id uuid not null references person (id),
    account_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    hash bytea not null unique check (octet_length(hash) = 32),
    scopes text[] not null check (cardinality(scopes) between 1 and 3),
    caps jsonb not null default '{}',
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz) with (fillfactor = 80);
comment on table api_key is 'The secret is shown once; its SHA-256 is all that is kept';
comment on column api_key.caps is 'Satoshi that may be spent in each window of so many seconds';
create index api_key_of_user on api_key (user_id, id);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("drop table api_key")
