"""SQL of candles, of rates between currencies, and of how the feeds do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hazina.dealer.candles import STEPS, Candle
from hazina.dealer.currencies import FiatRate, RateTick, currency
from hazina.kernel.db import Tx
from hazina.kernel.money import Price

# -- feeds --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeedState:
    """How a feed did when it was last asked. ``good_at``: when it was last used."""

    source: str
    asked_at: datetime
    good_at: datetime | None
    reason: str | None


async def keep_feeds(tx: Tx, said: Mapping[str, str | None], now: datetime) -> None:
    """By source: why it was not used, or None."""
    await tx.execute(
        """
        insert into price_feed as f (source, asked_at, good_at, reason)
        select source, %(now)s, case when reason is null then %(now)s end, reason
        from jsonb_to_recordset(%(rows)s::jsonb) as r(source text, reason text) order by source
        on conflict (source) do update
        set asked_at = excluded.asked_at, reason = excluded.reason, good_at = coalesce(excluded.good_at, f.good_at)
        """,
        {"rows": json.dumps([{"source": s, "reason": why} for s, why in said.items()]), "now": now},
    )


async def feeds(tx: Tx) -> dict[str, FeedState]:
    query = "select source, asked_at, good_at, reason from price_feed"
    return {one.source: one for one in await tx.rows(FeedState, query)}


# -- candles ------------------------------------------------------------------------------------


async def put_in_candles(tx: Tx, price: Price) -> None:
    """The price belongs to its hour and its day."""
    await tx.execute(
        """
        insert into candle as c (step, at, open, high, low, close, source)
        select step, date_bin(make_interval(secs => step), %(at)s, timestamptz '2001-01-01 00:00Z'),
            %(cents)s, %(cents)s, %(cents)s, %(cents)s, 'own' from unnest(%(steps)s::int[]) as step
        on conflict (step, at) do update
        set high = greatest(c.high, excluded.close), low = least(c.low, excluded.close), close = excluded.close
        """,
        {"at": price.at, "cents": price.cents_per_btc, "steps": list(STEPS)},
    )


async def add_candles(tx: Tx, step: int, source: str, found: Iterable[Candle]) -> int:
    """Those that are missing; how many."""
    rows = [{"at": c.at.isoformat(), "open": c.open, "high": c.high, "low": c.low, "close": c.close} for c in found]
    return await tx.execute(
        """
        insert into candle (step, at, open, high, low, close, source)
        select %(step)s, at, open, high, low, close, %(source)s
        from jsonb_to_recordset(%(rows)s::jsonb)
            as r(at timestamptz, open bigint, high bigint, low bigint, close bigint) order by at
        on conflict (step, at) do nothing
        """,
        {"step": step, "source": source, "rows": json.dumps(rows)},
    )


async def candles_since(tx: Tx, step: int, since: datetime) -> list[Candle]:
    query = "select at, open, high, low, close from candle where step = %(step)s and at >= %(since)s order by at"
    return await tx.rows(Candle, query, {"step": step, "since": since})


async def missing_since(tx: Tx, step: int, since: datetime, until: datetime) -> list[datetime]:
    """Beginnings of candles that there are none of, oldest first."""
    return await tx.rows(
        lambda at: at,
        """
        select g.at from generate_series(%(since)s::timestamptz, %(until)s::timestamptz,
            make_interval(secs => %(step)s)) as g(at)
        where not exists (select from candle c where c.step = %(step)s and c.at = g.at) order by g.at
        """,
        {"step": step, "since": since, "until": until},
    )


async def forget_candles(tx: Tx, step: int, before: datetime) -> int:
    query = "delete from candle where step = %(step)s and at < %(before)s"
    return await tx.execute(query, {"step": step, "before": before})


# -- rates --------------------------------------------------------------------------------------


async def put_rates(tx: Tx, source: str, found: Mapping[str, RateTick]) -> None:
    """The newest of this source for each currency."""
    rows = [{"currency": code, "per_usd": tick.per_usd, "at": tick.at.isoformat()} for code, tick in found.items()]
    await tx.execute(
        """
        insert into rate_tick as t (source, currency, per_usd, at)
        select %(source)s, currency, per_usd, at
        from jsonb_to_recordset(%(rows)s::jsonb) as r(currency text, per_usd bigint, at timestamptz) order by currency
        on conflict (source, currency) do update set per_usd = excluded.per_usd, at = excluded.at
        where excluded.at >= t.at
        """,
        {"source": source, "rows": json.dumps(rows)},
    )


async def rates_since(tx: Tx, since: datetime, sources: Iterable[str]) -> dict[str, dict[str, RateTick]]:
    """By currency, what each of these sources says."""
    found: dict[str, dict[str, RateTick]] = {}
    rows = await tx.rows(
        lambda source, code, per_usd, at: (source, code, RateTick(per_usd, at)),
        "select source, currency, per_usd, at from rate_tick where at >= %(since)s and source = any(%(sources)s)",
        {"since": since, "sources": list(sources)},
    )
    for source, code, tick in rows:
        found.setdefault(code, {})[source] = tick
    return found


async def set_rates(tx: Tx, chosen: Mapping[str, tuple[RateTick, str]]) -> int:
    """How many are news."""
    rows = [
        {"currency": code, "per_usd": tick.per_usd, "source": source, "at": tick.at.isoformat()}
        for code, (tick, source) in chosen.items()
    ]
    return await tx.execute(
        """
        insert into fiat_rate as f (currency, per_usd, source, at)
        select currency, per_usd, source, at from jsonb_to_recordset(%(rows)s::jsonb)
            as r(currency text, per_usd bigint, source text, at timestamptz) order by currency
        on conflict (currency) do update set per_usd = excluded.per_usd, source = excluded.source, at = excluded.at
        where excluded.at >= f.at and (excluded.per_usd, excluded.source, excluded.at) <> (f.per_usd, f.source, f.at)
        """,
        {"rows": json.dumps(rows)},
    )


async def all_rates(tx: Tx) -> dict[str, FiatRate]:
    found = await tx.rows(
        lambda code, per_usd, source, at: FiatRate(currency(code), per_usd, source, at),
        "select currency, per_usd, source, at from fiat_rate order by currency",
    )
    return {rate.currency.code: rate for rate in found}
