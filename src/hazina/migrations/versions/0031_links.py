"""Money behind a URL: LNURL, Lightning Addresses, zaps."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0031", "0030", None, None

UP = """
select 1
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("select 1")
