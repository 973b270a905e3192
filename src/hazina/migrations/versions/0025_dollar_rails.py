"""Dollar wallets on every rail."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0025", "0024", None, None

UP = """
select 1
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("select 1")
