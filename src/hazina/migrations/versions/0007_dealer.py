"""The price of one bitcoin: the newest tick of each source, and what the bank went by."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0007", "0006", None, None


def upgrade() -> None:
    op.execute(
        """
        create table price_tick (
            source text primary key,
            bid bigint not null check (bid > 0),
            ask bigint not null check (ask >= bid),
            at timestamptz not null);

        create table price (
            at timestamptz primary key,
            cents_per_btc bigint not null check (cents_per_btc > 0),
            source text not null);
        comment on table price is 'USD cents for 1 BTC; the newest row is the price in force';
        """
    )


def downgrade() -> None:
    op.execute("drop table price; drop table price_tick")
