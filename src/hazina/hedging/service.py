"""The hedge's door: the round that keeps it, the switch, how it stands, what it earned and cost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from hazina.chain import Chain
from hazina.dealer import Prices
from hazina.hedging import following, reading, sending, store
from hazina.hedging.common import OWNER, NotBooked, Parts
from hazina.hedging.errors import Blind, HedgeNotSet
from hazina.hedging.model import LANES as LANE_OF
from hazina.hedging.model import Kind, Lane, Look, Mode, Move, Policy, State, in_band, leverage_pct, ratio_bp
from hazina.hedging.ports import Venue, VenueRefused, VenueSilent
from hazina.hedging.reading import Liability
from hazina.hedging.store import Day, Standing
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database
from hazina.kernel.money import Price
from hazina.ledger import Books

log = structlog.get_logger("hazina.hedging")

DAYS_MAX = 400
MOVES_SHOWN = 20
SILENT = timedelta(minutes=2)
"""A look that is older than this says nothing about now."""
OUTSIDE = timedelta(minutes=5)
"""So long may the position be outside of its band before somebody is told."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the hedge stands, as the database has it. ``seen``: what the last round saw, numbers by name (cents, sats,
    hundredths); ``blind``: why nothing is done now; ``outside``: the position is out of its band for too long."""

    set_up: bool
    mode: Mode
    switched_by: str | None
    liability: Liability
    seen: dict[str, Any] | None
    seen_at: datetime | None
    blind: str | None
    outside: bool
    differs: datetime | None
    """Since when position or balance are not what the books say; None: they are, or only for a moment."""
    under_way: tuple[Move, ...]
    moves: tuple[Move, ...]
    booked_msats: int
    transit_msats: int
    liquidated_cents: int
    """In the last day."""
    onchain: bool

    @property
    def lost(self) -> list[Move]:
        return [one for one in self.under_way if one.state is State.LOST]


@dataclass(frozen=True, slots=True)
class Hedge:
    """``venue`` None: the settings name no exchange, and there is nothing but the risk to show."""

    db: Database
    clock: Clock
    books: Books
    prices: Prices
    venue: Venue | None
    chain: Chain | None
    policy: Policy = field(default_factory=Policy)

    def _parts(self) -> Parts:
        if self.venue is None:
            raise HedgeNotSet()
        return Parts(self.db, self.clock, self.books, self.prices, self.venue, self.chain, self.policy)

    async def run(self) -> None:
        """For ever; for the one worker that leads. Two at once do no harm: the database lets one of them act."""
        while True:
            try:
                await self.round()
            except Exception as error:  # the database is away, or a bug: nothing is decided without a whole round
                log.warning("hedge_stumbled", error=type(error).__name__, why=str(error)[:300])
            await asyncio.sleep(self.policy.every.total_seconds())

    async def round(self) -> None:
        """See everything, book what happened, and do what is to be done; safe to run at any time, and by two."""
        if self.venue is None:
            return
        parts = self._parts()
        async with self.db.reading() as tx:
            standing = await store.standing(tx)
        if standing.mode is Mode.OFF and standing.opened_at is None:
            return
        seen: Look | None = None
        blind: str | None = None
        try:
            seen = await self._see(parts, standing)
        except Blind as why:
            blind = str(why)
        except (VenueSilent, VenueRefused) as error:
            blind = f"the exchange does not say: {error}"
        except NotBooked as error:
            log.error("hedge_not_booked", why=str(error))
            blind = f"the books do not take what the exchange says: {error}"
        await self._note(standing, seen, blind)
        if seen is not None and blind is None:
            await self._act(parts, standing, seen)

    async def _see(self, parts: Parts, standing: Standing) -> Look:
        """:raises Blind, VenueSilent, VenueRefused, NotBooked:"""
        price = await self._price()
        if standing.opened_at is None and not await following.open_books(parts, price):
            raise Blind("the balance at the exchange moves: it is taken into the books as soon as it rests")
        await following.follow_chain(parts, price)
        await sending.look_up(parts)
        await following.follow_coins(parts, price)
        await following.follow_bills(parts, price)
        seen = await reading.look(parts)
        await self._compare(seen)
        return seen

    async def _price(self) -> Price:
        """For the books: the last one, however old. What is decided needs a young one."""
        price = await self.prices.latest()
        if price is None:
            raise Blind("the price of bitcoin is not known")
        return price

    async def _compare(self, seen: Look) -> None:
        """Is what the exchange says what the books say? Not while something is under way that one of the two knows
        first. A difference may last for a moment; one that stays means that we do not know what is there."""
        async with self.db.transaction() as tx:
            standing = await store.standing(tx)
            lanes = {LANE_OF[one.kind] for one in await store.open_moves(tx) if one.kind is not Kind.DEPOSIT}
            booked = await reading.booked_there(tx)
            apart = []
            if Lane.ORDER not in lanes and seen.position.short != standing.short_cents:
                apart.append(f"the position is {seen.position.short / 100:,.2f}, by the bills it should be "
                             f"{standing.short_cents / 100:,.2f}")  # fmt: skip
            if not lanes and abs(seen.there.n - booked) >= 1_000:
                apart.append(
                    f"the balance is {seen.there.n / 1_000:,.3f} sat, in the books it is {booked / 1_000:,.3f}"
                )
            since = None if not apart else standing.differs_since or self.clock.now()
            await store.differs(tx, since)
        if since is not None and self.clock.now() - since > self.policy.differs_after:
            raise Blind("; ".join(apart))

    async def _note(self, standing: Standing, seen: Look | None, blind: str | None) -> None:
        now = self.clock.now()
        said = None if seen is None else _said(seen)
        outside = False
        if seen is not None and standing.mode is not Mode.OFF:
            owed = seen.owed if standing.mode is Mode.ON else 0
            outside = not in_band(owed, seen.position.short, seen.instrument.lot, self.policy)
        async with self.db.transaction() as tx:
            await store.seen(tx, said, blind, now)
            if seen is not None:
                await store.outside(tx, (standing.outside_since or now) if outside else None)
        if blind is not None and blind != standing.blind:
            log.error("hedge_blind", why=blind)
        elif blind is None and standing.blind is not None:
            log.info("hedge_sees_again")

    async def _act(self, parts: Parts, standing: Standing, seen: Look) -> None:
        if standing.mode is Mode.OFF:
            return
        if standing.mode is Mode.CLOSING:
            seen = replace(seen, owed=0)
        async with self.db.reading() as tx:
            busy = {LANE_OF[one.kind] for one in await store.open_moves(tx)}
            mode = (await store.standing(tx)).mode
        if mode is not standing.mode:
            return  # switched meanwhile
        moved = False
        if Lane.TRANSFER not in busy:
            moved = await sending.transfer(parts, seen)
        if Lane.ORDER not in busy and not moved:
            moved = await sending.order(parts, seen)
        if standing.mode is Mode.CLOSING and not busy and not moved and seen.position.short == 0:
            async with self.db.transaction() as tx:
                await store.switch(tx, Mode.OFF, "the hedge itself: the position is closed", self.clock.now())
        elif not busy and not moved and standing.mode is Mode.ON:
            await sending.onchain(parts, seen)

    # --- for operators ---------------------------------------------------------------------------

    async def switch(self, mode: Mode, by: str) -> None:
        """:raises HedgeNotSet:"""
        if self.venue is None and mode is not Mode.OFF:
            raise HedgeNotSet()
        async with self.db.transaction() as tx:
            await store.switch(tx, mode, by, self.clock.now())
        log.info("hedge_switched", mode=mode.value, by=by)

    async def status(self) -> Status:
        return await status(self.db, self.clock, self.venue is not None, self.chain is not None and self.policy.onchain)

    async def days(self, days: int) -> Sequence[Day]:
        """What the exchange billed, by day (UTC), newest first."""
        days = min(days, DAYS_MAX)
        async with self.db.reading() as tx:
            return await store.days(tx, self.clock.now() - timedelta(days=days), days + 1)

    async def address(self) -> str | None:
        """Where coins come back to, for people to confirm at the exchange; None without a Bitcoin node.

        :raises OnchainUnavailable:
        """
        return None if self.chain is None else (await self.chain.new_address(OWNER, OWNER)).text


async def status(db: Database, clock: Clock, set_up: bool, onchain: bool) -> Status:
    """As ``Hedge.status``, for whoever has no exchange at hand."""
    now = clock.now()
    async with db.reading() as tx:
        standing = await store.standing(tx)
        owed = await reading.liability(tx)
        under_way = await store.open_moves(tx)
        moves = await store.newest_moves(tx, MOVES_SHOWN)
        booked, transit = await reading.booked_there(tx), await reading.in_transit(tx)
        liquidated = await store.liquidated_since(tx, now - timedelta(days=1))
    blind = standing.blind
    on = standing.mode is not Mode.OFF
    if on and blind is None and (standing.looked_at is None or now - standing.looked_at > SILENT):
        blind = "no worker has looked for more than two minutes"
    differs = standing.differs_since
    if differs is not None and now - differs <= Policy().differs_after:
        differs = None
    outside = standing.outside_since is not None and now - standing.outside_since > OUTSIDE
    return Status(
        set_up, standing.mode, standing.switched_by, owed, standing.look, standing.looked_at, blind, outside, differs,
        tuple(under_way), tuple(moves), booked, transit, liquidated, onchain,
    )  # fmt: skip


def _said(seen: Look) -> dict[str, Any]:
    """What is kept of a look, in whole numbers."""
    return {
        "owedCents": seen.owed,
        "shortCents": seen.position.short,
        "ratioBp": ratio_bp(seen),
        "leveragePct": leverage_pct(seen),
        "equitySats": seen.trading.equity.sats_floor,
        "cashMsats": seen.trading.cash.n,
        "fundingSats": seen.funding.sats_floor,
        "unrealisedSats": seen.position.upl.sats_floor,
        "liquidationCents": seen.position.liquidation,
        "priceCents": seen.price.cents_per_btc,
        "lotCents": seen.instrument.lot,
    }
