"""Deposits and withdrawals as payments."""

revision, down_revision, branch_labels, depends_on = "0019", "0018", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
