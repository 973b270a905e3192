"""Accounts and their wallets."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0006", "0005", None, None


def upgrade() -> None:
    op.execute(
        """
        create table account (
            id uuid primary key,
            user_id uuid not null unique references person (id),
            username text unique check (username ~ '^[0-9a-z_]{3,50}$'),
            level smallint not null check (level between 0 and 3),
            status text not null check (status in ('active', 'locked', 'closed')),
            default_wallet_id uuid not null,
            display_currency text not null,
            created_at timestamptz not null
        ) with (fillfactor = 80);

        create table wallet (
            id uuid primary key,
            account_id uuid not null references account (id),
            asset smallint not null,
            ledger_account bigint not null unique,
            created_at timestamptz not null,
            unique (account_id, asset));

        alter table account add foreign key (default_wallet_id) references wallet (id)
            deferrable initially deferred;
        """
    )


def downgrade() -> None:
    op.execute(
        "alter table account drop constraint account_default_wallet_id_fkey; drop table wallet; drop table account"
    )
