"""Reading: what the bank owes in dollars, and how things stand at the exchange."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hazina.chain import payouts_open
from hazina.dealer import PriceUnavailable
from hazina.hedging import store
from hazina.hedging.common import Parts
from hazina.hedging.errors import Blind
from hazina.hedging.model import BP, Look
from hazina.hedging.ports import VenueRefused, VenueSilent
from hazina.kernel.db import Tx
from hazina.kernel.money import Asset
from hazina.ledger import BANK, balances


@dataclass(frozen=True, slots=True)
class Liability:
    """US cents. ``customers``: what they have in dollars. ``in_dollars``: the part of it that was issued against
    dollars which the bank took in: those are there. ``owed``: the rest, which stands against bitcoin."""

    customers: int
    in_dollars: int

    @property
    def owed(self) -> int:
        return max(self.customers - self.in_dollars, 0)


async def liability(tx: Tx) -> Liability:
    """As all balances of an asset sum to zero, the bank's few accounts tell what the many owe."""
    found = {id_: one.balance for id_, one in (await balances(tx, list(BANK))).items() if one.asset is Asset.USD}
    return Liability(-sum(found.values()), max(-found.get(BANK.ISSUED_USD, 0), 0))


async def look(parts: Parts) -> Look:
    """All that a decision needs, read now. Raises Blind."""
    try:
        ours = await parts.prices.fresh()
    except PriceUnavailable:
        raise Blind("the price of bitcoin is not known") from None
    venue = parts.venue
    async with parts.db.reading() as tx:
        turns = await store.turns(tx)
    try:
        unfit = await venue.fit()
        if unfit is not None:
            raise Blind(unfit)
        instrument, mark, position, trading, funding = await asyncio.gather(
            venue.instrument(), venue.mark(), venue.position(), venue.trading(), venue.funding()
        )
    except VenueSilent as error:
        raise Blind(f"the exchange does not say: {error}") from error
    except VenueRefused as error:
        raise Blind(f"the exchange refuses: {error}") from error
    if not instrument.live:
        raise Blind("the exchange does not trade the swap now")
    if abs(mark.cents_per_btc - ours.cents_per_btc) * BP > ours.cents_per_btc * parts.policy.price_apart_bp:
        raise Blind(f"the exchange's price ({mark.cents_per_btc / 100:,.2f}) is far from ours "
                    f"({ours.cents_per_btc / 100:,.2f})")  # fmt: skip
    async with parts.db.reading() as tx:
        owed = (await liability(tx)).owed
    return Look(parts.clock.now(), owed, mark, instrument, position, trading, funding, turns)


async def booked_there(tx: Tx) -> int:
    """What the books say lies at the exchange, in millisatoshi."""
    return -(await balances(tx, [BANK.EXCHANGE_BTC]))[BANK.EXCHANGE_BTC].balance


async def in_transit(tx: Tx) -> int:
    """What is between hot wallet and exchange by the books, in millisatoshi."""
    return -(await balances(tx, [BANK.TRANSIT_BTC]))[BANK.TRANSIT_BTC].balance


async def hot_sats(tx: Tx) -> int:
    """What the hot wallet has by the books, without what customers' withdrawals will take of it."""
    found = (await balances(tx, [BANK.ONCHAIN_BTC]))[BANK.ONCHAIN_BTC]
    return -found.balance // 1_000 - await payouts_open(tx)
