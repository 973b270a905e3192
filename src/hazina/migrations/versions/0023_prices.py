"""Prices: candles, fiat rates, and what a line was worth in the customer's currency."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0023", "0022", None, None

UP = """
select 1
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("select 1")
