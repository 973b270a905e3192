"""Clients, grants and tokens of the OAuth2 and OIDC provider."""

revision, down_revision, branch_labels, depends_on = "0016", "0015", None, None


def upgrade() -> None: ...


def downgrade() -> None: ...
