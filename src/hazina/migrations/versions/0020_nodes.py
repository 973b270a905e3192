"""Several Lightning nodes: which one holds a payment, and how they stand."""

revision, down_revision, branch_labels, depends_on = "0020", "0019", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
