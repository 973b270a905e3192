"""The hedge of the bank's dollars."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0026", "0025", None, None

# Coins at the exchange, coins between it and the hot wallet, and what the hedge earned or cost: by the position
# itself, by funding payments, by fees.
ACCOUNTS = """
insert into ledger.account (id, asset, floor)
values (20, 1, null), (21, 1, null), (22, 1, null), (23, 1, null), (24, 1, null);
"""

PAYER = """
alter table chain_payout add column payer text;
comment on column chain_payout.payer is
    'A context of the bank that sends its own coins; null: a customer''s withdrawal';
"""

# While the hedge is off, there is nothing that the invariant of the hedge could be true of.
WATCH = """
alter table invariant drop constraint invariant_state_check;
alter table invariant add constraint invariant_state_check
    check (state in ('holds', 'broken', 'unknown', 'not applicable'));
"""

HEDGE = """
create table hedge (
    one boolean primary key default true check (one),
    mode text not null default 'off' check (mode in ('off', 'on', 'closing')),
    switched_at timestamptz,
    switched_by text,
    opened_at timestamptz,
    bill text,
    chain_seq bigint not null default 0,
    short_cents bigint not null default 0,
    turns bigint not null default 0,
    differs_since timestamptz,
    outside_since timestamptz,
    look jsonb,
    looked_at timestamptz,
    blind text,
    blind_since timestamptz
) with (fillfactor = 50);
comment on table hedge is 'One row: how the hedge stands';
comment on column hedge.opened_at is 'When the balance at the exchange was taken into the books';
comment on column hedge.bill is 'The newest bill of the exchange that was booked';
comment on column hedge.short_cents is 'The position that the bills add up to, US cents of face value';
comment on column hedge.turns is 'Grows when something is asked for, and when it ends: an older look decides nothing';
comment on column hedge.look is 'What the last round saw';
comment on column hedge.blind is 'Why nothing is ordered or moved now; null: all is seen';
insert into hedge default values;

create table hedge_move (
    id uuid primary key,
    kind smallint not null check (kind between 1 and 4),
    lane smallint not null check (lane between 1 and 3),
    state smallint not null check (state between 0 and 4),
    created_at timestamptz not null,
    asked_at timestamptz not null,
    cents bigint not null default 0,
    sats bigint not null default 0,
    address text,
    txids text[] not null default '{}',
    fee_sats bigint not null default 0 check (fee_sats >= 0),
    done_cents bigint not null default 0,
    done_sats bigint not null default 0,
    reason text,
    ended_at timestamptz,
    check ((kind = 1) = (cents <> 0) and (kind = 1) = (sats = 0)),
    check ((state in (2, 3)) = (ended_at is not null))
) with (fillfactor = 70);
comment on table hedge_move is 'What was asked of the exchange; stored before it is asked';
comment on column hedge_move.kind is '1 order, 2 transfer at the exchange, 3 deposit, 4 withdrawal';
comment on column hedge_move.state is '0 asked, 1 under way, 2 done, 3 failed, 4 lost';
create unique index hedge_move_open on hedge_move (lane) where state in (0, 1, 4);
create index hedge_move_newest on hedge_move (created_at);

create table hedge_bill (
    id text primary key,
    kind smallint not null,
    at timestamptz not null,
    msats bigint not null,
    fee_msats bigint not null,
    short_cents bigint not null,
    said text not null
);
comment on table hedge_bill is 'Each change of the trading account''s balance, as booked';
create index hedge_bill_at on hedge_bill (at);

create table hedge_coins (
    id text primary key,
    at timestamptz not null,
    sats bigint not null,
    fee_sats bigint not null,
    move_id uuid
);
comment on table hedge_coins is
    'Coins that came to the exchange or left it, as booked; what was there before is here too';
"""


def upgrade() -> None:
    for script in (ACCOUNTS, PAYER, WATCH, HEDGE):
        op.execute(script)


def downgrade() -> None:
    op.execute(
        """
        drop table hedge_coins; drop table hedge_bill; drop table hedge_move; drop table hedge;
        alter table chain_payout drop column payer;
        delete from invariant where state = 'not applicable';
        alter table invariant drop constraint invariant_state_check;
        alter table invariant add constraint invariant_state_check check (state in ('holds', 'broken', 'unknown'));
        alter table ledger.account disable trigger no_delete;
        delete from ledger.account where id between 20 and 24;
        alter table ledger.account enable trigger no_delete
        """
    )
