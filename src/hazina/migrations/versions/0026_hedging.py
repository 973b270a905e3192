"""The hedge of the bank's dollars."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0026", "0025", None, None

UP = """
select 1
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("select 1")
