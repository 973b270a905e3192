"""Dollar wallets on every rail."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0025", "0024", None, None

HOOKS = """
create table invoice_hook (
    payment_hash bytea primary key check (octet_length(payment_hash) = 32),
    url text not null check (char_length(url) <= 2048),
    expires_at timestamptz not null,
    told_at timestamptz
) with (fillfactor = 80);
comment on table invoice_hook is 'Who is told once that an invoice was paid, or that it expired';
comment on column invoice_hook.told_at is 'When whoever delivers took it over';
create index invoice_hook_waiting on invoice_hook (expires_at) where told_at is null;
"""


def upgrade() -> None:
    op.execute(HOOKS)


def downgrade() -> None:
    op.execute("drop table invoice_hook")
