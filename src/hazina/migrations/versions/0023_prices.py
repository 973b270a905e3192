"""Prices: candles, fiat rates, how the feeds do, and what a line was worth in the customer's currency."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0023", "0022", None, None

UP = """
create table price_feed (
    source text primary key,
    asked_at timestamptz not null,
    good_at timestamptz,
    reason text) with (fillfactor = 50);
comment on table price_feed is 'How each feed did when it was last asked; no reason: what it said was used';

create table candle (
    step int not null check (step in (3600, 86400)),
    at timestamptz not null,
    open bigint not null check (open > 0),
    high bigint not null,
    low bigint not null check (low > 0),
    close bigint not null,
    source text not null,
    primary key (step, at),
    check (high >= greatest(open, close) and low <= least(open, close))) with (fillfactor = 80);
comment on table candle is 'USD cents for 1 BTC in an hour or a day (UTC, in seconds) from its beginning on';

create table rate_tick (
    source text,
    currency text check (currency ~ '^[A-Z]{3}$'),
    per_usd bigint not null check (per_usd > 0),
    at timestamptz not null,
    primary key (source, currency));

create table fiat_rate (
    currency text primary key check (currency ~ '^[A-Z]{3}$'),
    per_usd bigint not null check (per_usd > 0),
    source text not null,
    at timestamptz not null);
comment on column fiat_rate.per_usd is 'Units of the currency for one US dollar, times 10^9';

create function display_rate(wanted text) returns bigint language sql stable as $$
    select case when wanted = 'USD' then 1000000000 else (select per_usd from fiat_rate where currency = wanted) end
$$;

alter table line add column display_rate bigint check (display_rate > 0);
comment on column line.display_rate is
    'Units of display_currency for one US dollar, times 10^9, when the line was made';
"""

DOWN = """
alter table line drop column display_rate;
drop function display_rate(text);
drop table fiat_rate;
drop table rate_tick;
drop table candle;
drop table price_feed
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
