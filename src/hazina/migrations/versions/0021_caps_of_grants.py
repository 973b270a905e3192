"""Spending caps of grants."""

revision, down_revision, branch_labels, depends_on = "0021", "0020", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
