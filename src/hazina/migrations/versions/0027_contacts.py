"""Contacts, notification settings, and what an account may ask about itself."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0027", "0026", None, None

UP = """
select 1
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("select 1")
