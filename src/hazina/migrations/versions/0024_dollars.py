"""Dollars: quotes, and exchange between bitcoin and dollars."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0024", "0023", None, None

# The dealer's two accounts, and what the bank earns in dollars.
ACCOUNTS = """
insert into ledger.account (id, asset, floor) values (11, 1, null), (12, 2, null), (13, 2, null);
"""

QUOTES = """
create table exchange_quote (
    id uuid primary key,
    account_id uuid not null,
    side smallint not null check (side in (1, 2)),
    msat bigint not null check (msat > 0),
    cents bigint not null check (cents > 0),
    price_cents bigint not null,
    price_source text not null,
    price_at timestamptz not null,
    subject text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_by uuid
) with (fillfactor = 80);
comment on table exchange_quote is 'What the dealer offered: exactly these amounts, to one account, once';
comment on column exchange_quote.side is 'Of the customer, about dollars: 1 buys, 2 sells';
comment on column exchange_quote.subject is 'What it is for, where it is for one thing only';
comment on column exchange_quote.used_by is 'The unit that used it';
create index exchange_quote_of on exchange_quote (subject, account_id) where subject is not null and used_by is null;
create index exchange_quote_age on exchange_quote (expires_at);
"""

PAYMENTS = """
alter table payment add column to_asset smallint, add column to_amount bigint check (to_amount > 0),
    add column route_max bigint check (route_max >= 0),
    add check ((to_asset is null) = (to_amount is null)), add check (to_asset <> asset);
comment on column payment.to_asset is 'What the payee gets, where it is another asset than the payer gives';
comment on column payment.route_max is 'What the route may cost, msat, where the payer gives dollars';
alter table invoice add column cents bigint check (cents > 0), add column asset smallint not null default 1;
comment on column invoice.asset is 'Of the wallet';
comment on column invoice.cents is 'What a dollar wallet is credited, whatever bitcoin costs when it is paid';
"""


def upgrade() -> None:
    for script in (ACCOUNTS, QUOTES, PAYMENTS):
        op.execute(script)


def downgrade() -> None:
    op.execute(
        """
        alter table invoice drop column cents, drop column asset;
        alter table payment drop column to_asset, drop column to_amount, drop column route_max;
        drop table exchange_quote;
        alter table ledger.account disable trigger no_delete;
        delete from ledger.account where id between 11 and 13;
        alter table ledger.account enable trigger no_delete
        """
    )
