"""SQL of the dealer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from hazina.dealer.exchange import Quote, Side
from hazina.dealer.model import Tick
from hazina.kernel.db import Tx
from hazina.kernel.money import Cents, Msats, Price

# -- prices -------------------------------------------------------------------------------------


async def put_tick(tx: Tx, source: str, tick: Tick) -> None:
    """The newest of this source; an older one that comes late changes nothing."""
    await tx.execute(
        """
        insert into price_tick as t (source, bid, ask, at) values (%(source)s, %(bid)s, %(ask)s, %(at)s)
        on conflict (source) do update set bid = excluded.bid, ask = excluded.ask, at = excluded.at
        where excluded.at >= t.at
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


# -- quotes -------------------------------------------------------------------------------------

_QUOTE: LiteralString = """
select id, account_id, side, msat, cents, price_cents, price_source, price_at, created_at, expires_at, subject
from exchange_quote
"""


def _quote(*r: Any) -> Quote:
    price = Price(*r[5:8])
    return Quote(r[0], r[1], Side(r[2]), Msats(r[3]), Cents(r[4]), price, *r[8:])


async def keep_quote(tx: Tx, quote: Quote) -> None:
    """One that is for something takes the place of what was offered for the same before."""
    if quote.subject is not None:
        await tx.execute(
            """delete from exchange_quote where subject = %(subject)s and account_id = %(account)s and side = %(side)s
            and used_by is null and (msat = %(msat)s or cents = %(cents)s)""",
            {
                "subject": quote.subject,
                "account": quote.account_id,
                "side": quote.side,
                "msat": quote.msats.n,
                "cents": quote.cents.n,
            },
        )
    await tx.execute(
        """
        insert into exchange_quote (id, account_id, side, msat, cents, price_cents, price_source, price_at,
            created_at, expires_at, subject)
        values (%(id)s, %(account)s, %(side)s, %(msat)s, %(cents)s, %(price_cents)s, %(source)s, %(price_at)s,
            %(created_at)s, %(expires_at)s, %(subject)s)
        """,
        {
            "id": quote.id,
            "account": quote.account_id,
            "side": quote.side,
            "msat": quote.msats.n,
            "cents": quote.cents.n,
            "price_cents": quote.price.cents_per_btc,
            "source": quote.price.source,
            "price_at": quote.price.at,
            "created_at": quote.created_at,
            "expires_at": quote.expires_at,
            "subject": quote.subject,
        },
    )


async def quote(tx: Tx, account_id: UUID, quote_id: UUID) -> Quote | None:
    values = {"id": quote_id, "account": account_id}
    return await tx.one(_quote, _QUOTE + " where id = %(id)s and account_id = %(account)s", values)


async def quotes_for(tx: Tx, account_id: UUID, side: Side, subject: str, now: datetime) -> list[Quote]:
    return await tx.rows(
        _quote,
        _QUOTE
        + """ where subject = %(subject)s and account_id = %(account)s and side = %(side)s and used_by is null
        and expires_at > %(now)s order by created_at desc limit 20""",
        {"subject": subject, "account": account_id, "side": side, "now": now},
    )


async def forget_quotes(tx: Tx, before: datetime) -> int:
    return await tx.execute("delete from exchange_quote where expires_at < %(before)s", {"before": before})
