"""Quotes that are kept: made, found again, forgotten. They are used up by a claim of the unit that exchanges."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hazina.dealer import store
from hazina.dealer.errors import DealerOffline
from hazina.dealer.exchange import Quote, Rate, Side, Term, may_deal, rate
from hazina.dealer.service import Prices
from hazina.kernel.db import Tx
from hazina.kernel.ids import new_id
from hazina.kernel.money import Cents, Msats

KEPT = timedelta(days=1)
"""A quote that expired is kept for a while: the record of what was offered."""


async def dealing(prices: Prices, term: Term = Term.IMMEDIATE) -> Rate:
    """The rate to exchange at now. Raises DealerOffline while there is no young price."""
    price = await prices.latest()
    if price is None or not may_deal(price, prices.clock.now(), prices.policy):
        raise DealerOffline()
    return rate(price, term, prices.policy)


def offer(
    prices: Prices, at: Rate, account_id: UUID, side: Side, msats: Msats, cents: Cents, subject: str | None = None
) -> Quote:
    """A quote of these amounts that stands from now on for as long as the policy says; it is not kept yet."""
    now = prices.clock.now()
    ends = now + timedelta(seconds=prices.policy.quote_life_s)
    return Quote(new_id(), account_id, side, msats, cents, at.price, now, ends, subject)


async def keep(tx: Tx, quote: Quote) -> None:
    await store.keep_quote(tx, quote)


async def find(tx: Tx, account_id: UUID, quote_id: UUID) -> Quote | None:
    """Of this account, whether it can still be used or not."""
    return await store.quote(tx, account_id, quote_id)


async def find_for(tx: Tx, account_id: UUID, side: Side, subject: str, prices: Prices) -> list[Quote]:
    """What stands for this subject and can be used, newest first."""
    return await store.quotes_for(tx, account_id, side, subject, prices.clock.now())


async def forget(prices: Prices) -> int:
    """Drop quotes that ended long ago; how many."""
    async with prices.db.transaction() as tx:
        return await store.forget_quotes(tx, prices.clock.now() - KEPT)
