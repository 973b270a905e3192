"""What the bank itself asks for a payment: held and charged beside the route's fee."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0013", "0012", None, None


def upgrade() -> None:
    op.execute("alter table payment add column bank_fee bigint not null default 0 check (bank_fee >= 0)")


def downgrade() -> None:
    op.execute("alter table payment drop column bank_fee")
