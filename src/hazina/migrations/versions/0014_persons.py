"""Personal data apart, factors of e-mail and TOTP, devices, step-up, audit."""

revision, down_revision, branch_labels, depends_on = "0014", "0013", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
