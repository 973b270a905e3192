"""SQL of the dealer."""

from __future__ import annotations

from datetime import datetime

from hazina.dealer.model import Tick
from hazina.kernel.db import Tx
from hazina.kernel.money import Price


async def put_tick(tx: Tx, source: str, tick: Tick) -> None:
    """The newest of this source; an older one that comes late changes nothing."""
    await tx.execute(
        """
        insert into price_tick as t (source, bid, ask, at) values (%(source)s, %(bid)s, %(ask)s, %(at)s)
        on conflict (source) do update set bid = excluded.bid, ask = excluded.ask, at = excluded.at
        where excluded.at > t.at
        """,
        {"source": source, "bid": tick.bid, "ask": tick.ask, "at": tick.at},
    )


async def ticks_since(tx: Tx, since: datetime) -> dict[str, Tick]:
    """The newest tick of each source that is not older than ``since``."""
    found = await tx.rows(
        lambda source, bid, ask, at: (source, Tick(bid, ask, at)),
        "select source, bid, ask, at from price_tick where at >= %(since)s",
        {"since": since},
    )
    return dict(found)


async def put_price(tx: Tx, price: Price) -> bool:
    """True when it is news: newer than every price before."""
    return (
        await tx.execute(
            """
            insert into price (at, cents_per_btc, source)
            select %(at)s, %(cents)s, %(source)s where not exists (select 1 from price where at >= %(at)s)
            on conflict (at) do nothing
            """,
            {"at": price.at, "cents": price.cents_per_btc, "source": price.source},
        )
        == 1
    )


async def last_price(tx: Tx) -> Price | None:
    query = "select cents_per_btc, source, at from price order by at desc limit 1"
    return await tx.one(Price, query)


async def price_at(tx: Tx, at: datetime) -> Price | None:
    """The price that was in force at a moment."""
    query = "select cents_per_btc, source, at from price where at <= %(at)s order by at desc limit 1"
    return await tx.one(Price, query, {"at": at})


async def thin(tx: Tx, since: datetime, before: datetime) -> int:
    """Keep the first price of each minute in that time: enough for a chart. How many went."""
    return await tx.execute(
        """
        delete from price where at >= %(since)s and at < %(before)s and at not in (
            select min(at) from price where at >= %(since)s and at < %(before)s group by date_trunc('minute', at))
        """,
        {"since": since, "before": before},
    )
