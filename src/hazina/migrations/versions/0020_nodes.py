"""Several Lightning nodes: calls that were not answered, hold invoices, each node's last payment."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0020", "0019", None, None

UP = """
alter table payment add column calls smallint not null default 0 check (calls >= 0);
comment on column payment.calls is 'Sends that were begun and not answered: one may still be on its way';
create index payment_paid_by on payment (node, id desc) where kind = 3 and state = 2;

create table hold_invoice (
    payment_hash bytea primary key references invoice (payment_hash),
    node text not null,
    expires_at timestamptz not null,
    take_until timestamptz,
    refused text
);
create index hold_invoice_young on hold_invoice (node, expires_at);
comment on table hold_invoice is 'Invoices whose money is held until the bank takes it or gives it back';
create index invoice_taking on invoice (expires_at) where state = 4;
comment on column invoice.state is '0 open, 1 closing, 2 paid, 3 cancelled, 4 taking what is held';
"""
DOWN = """
update invoice set state = 0 where state = 4;
drop index invoice_taking;
drop table hold_invoice;
drop index payment_paid_by;
alter table payment drop column calls;
comment on column invoice.state is '0 open, 1 closing, 2 paid, 3 cancelled';
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
