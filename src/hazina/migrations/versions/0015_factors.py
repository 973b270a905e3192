"""Passkeys, wallet keys, signatures, devices as ways to log in."""

revision, down_revision, branch_labels, depends_on = "0015", "0014", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
