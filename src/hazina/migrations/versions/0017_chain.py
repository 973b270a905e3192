"""Addresses, outputs and the cursor of the chain watcher."""

revision, down_revision, branch_labels, depends_on = "0017", "0016", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
