"""Lightning Addresses that were paid, what their services say to the payer, and the phones of quiz rewards."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0032", "0031", None, None

UP = """
alter table payment add column address text;
comment on column payment.address is 'The Lightning Address elsewhere that it was ordered to be paid to';
alter table line add column payee bytea check (octet_length(payee) = 33);
comment on column line.payee is 'The public key of the Lightning node that was paid';

create table lnurl_action (
    account_id uuid not null,
    payment_hash bytea not null check (octet_length(payment_hash) = 32),
    action jsonb not null,
    kept_at timestamptz not null,
    primary key (account_id, payment_hash));
comment on table lnurl_action is 'What a payee''s service wants shown to the payer once it is paid (LUD-09, LUD-10)';
create index lnurl_action_age on lnurl_action (kept_at);

alter table quiz_claim add column phone bytea check (octet_length(phone) = 32);
comment on column quiz_claim.phone is 'A keyed hash of the phone that it is rewarded for: once, whoever has that phone';
create unique index quiz_claim_of_phone on quiz_claim (phone, quiz_id) where phone is not null;
"""

DOWN = """
drop index quiz_claim_of_phone; alter table quiz_claim drop column phone;
drop table lnurl_action;
alter table payment drop column address;
alter table line drop column payee;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
