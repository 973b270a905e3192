"""Facts for listeners, and the cursors of readers that keep theirs in the database."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None


def upgrade() -> None:
    op.execute(
        """
        create table fact (
            id bigint generated always as identity primary key,
            xid xid8 not null default pg_current_xact_id(),
            topic text not null,
            keys text[] not null,
            body jsonb not null,
            at timestamptz not null default now());
        create index fact_stream on fact (xid, id);
        create index fact_age on fact (at);

        create table cursor (
            reader text primary key,
            place text not null,
            at timestamptz not null default now());
        comment on table cursor is 'Where each reader of a stream (a node, the facts) has got to';
        """
    )


def downgrade() -> None:
    op.execute("drop table cursor; drop table fact")
