"""Payout queues, batches, wallets hot and cold."""

revision, down_revision, branch_labels, depends_on = "0018", "0017", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
