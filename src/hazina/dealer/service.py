"""The verbs of the dealer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from hazina.dealer import store, store_history
from hazina.dealer.candles import PricePoint, Range
from hazina.dealer.errors import FeedUnavailable, PriceUnavailable
from hazina.dealer.fiat import Rates
from hazina.dealer.history import History
from hazina.dealer.model import AWAY, LATE, Dropped, Policy, Tick, choose, flaw, is_fresh, sources_needed
from hazina.dealer.ports import CandleFeed, Feed, RateFeed
from hazina.dealer.store_history import FeedState
from hazina.kernel import metrics
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database
from hazina.kernel.money import Price

log = structlog.get_logger("hazina.dealer")

CACHE_S = 1.0
"""For so long a price that was read is taken from memory."""


@dataclass(slots=True)
class _Seen:
    price: Price | None = None
    until: float = -1.0
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of bitcoin; beside it what other currencies are worth, and the history."""

    db: Database
    clock: Clock
    feeds: Sequence[Feed]
    policy: Policy = field(default_factory=Policy)
    rate_feeds: Sequence[RateFeed] = ()
    candle_feeds: Sequence[CandleFeed] = ()
    rates: Rates = field(init=False, repr=False, compare=False)
    history: History = field(init=False, repr=False, compare=False)
    _seen: _Seen = field(default_factory=_Seen, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", Rates(self.db, self.clock, self.rate_feeds, self.policy))
        object.__setattr__(self, "history", History(self.db, self.clock, self.candle_feeds, self.policy))

    async def refresh(self) -> Price | None:
        """Ask every feed, store what is sound, choose the price. The new price, or None when there is
        no news. Never fails for a feed that is away."""
        if not await self._is_due():
            return None
        asked = await asyncio.gather(*(self._ask(feed) for feed in self.feeds))
        answers = {feed.name: answer for feed, answer in zip(self.feeds, asked, strict=True)}
        now = self.clock.now()
        dropped: list[Dropped] = []
        async with self.db.transaction() as tx:
            last = await store.last_price(tx)
            for source, answer in sorted(answers.items()):  # in order: several workers do this at once
                if isinstance(answer, Dropped):
                    dropped.append(answer)
                elif (reason := flaw(answer, last, now, self.policy)) is not None:
                    dropped.append(Dropped(source, reason))
                else:
                    await store.put_tick(tx, source, answer)
            since = now - timedelta(seconds=self.policy.stale_s)
            ticks = {source: tick for source, tick in (await store.ticks_since(tx, since)).items() if source in answers}
            least = sources_needed(len(answers), self.policy)
            price, apart = choose(ticks, last, now, self.policy, least)
            why = {one.source: one.reason for one in apart + dropped}
            await store_history.keep_feeds(tx, {source: why.get(source) for source in answers}, now)
            news = price is not None and await store.put_price(tx, price)
            if price is not None and news:
                await store_history.put_in_candles(tx, price)
        self._tell(why)
        self._seen.until = -1.0
        return price if news else None

    def _tell(self, why: dict[str, str]) -> None:
        """What is dropped is counted each time, and said once."""
        for source, reason in why.items():
            metrics.PRICE_DROPPED.labels(source, reason).inc()
            if self._seen.reasons.get(source) != reason:
                log.warning("tick_dropped", source=source, reason=reason)
        for source in self._seen.reasons.keys() - why.keys():
            log.warning("tick_again", source=source)
        self._seen.reasons = why

    async def _is_due(self) -> bool:
        if not self.policy.feed_every_s:
            return True
        since = self.clock.now() - timedelta(seconds=self.policy.feed_every_s)
        return any(state is None or state.asked_at <= since for state in (await self._states(self.feeds)).values())

    async def _ask(self, feed: Feed) -> Tick | Dropped:
        try:
            async with asyncio.timeout(self.policy.feed_timeout_s):
                return await feed.ticker()
        except FeedUnavailable:
            return Dropped(feed.name, AWAY)
        except TimeoutError:
            return Dropped(feed.name, LATE)

    async def latest(self) -> Price | None:
        """The last price, however old; None before the first. At most a second behind."""
        if self.clock.steady() >= self._seen.until:
            async with self.db.reading() as tx:
                self._seen.price = await store.last_price(tx)
            self._seen.until = self.clock.steady() + CACHE_S
        return self._seen.price

    async def fresh(self) -> Price:
        """The price to deal at. Raises PriceUnavailable when there is none, or only an old one."""
        price = await self.latest()
        if price is None or not is_fresh(price, self.clock.now(), self.policy):
            raise PriceUnavailable
        return price

    async def chart(self, wanted: Range) -> list[PricePoint]:
        """The history, oldest first, and the price of now behind it while it is known."""
        found, price = list(await self.history.points(wanted)), await self.latest()
        if price is not None and is_fresh(price, self.clock.now(), self.policy):
            found.append(PricePoint(price.at, price.cents_per_btc))
        return found

    async def feed_states(self) -> dict[str, FeedState | None]:
        """How each configured feed of prices and rates did when it was last asked; None: never yet."""
        return {**await self._states(self.feeds), **await self._states(self.rate_feeds)}

    async def _states(self, feeds: Sequence[Feed] | Sequence[RateFeed]) -> dict[str, FeedState | None]:
        async with self.db.reading() as tx:
            states = await store_history.feeds(tx)
        return {feed.name: states.get(feed.name) for feed in feeds}

    async def sweep(self) -> int:
        """Thin out prices that are older than a day. Run it once a day: it looks at the last week."""
        await self.history.sweep()
        before = self.clock.now() - timedelta(days=1)
        async with self.db.transaction() as tx:
            return await store.thin(tx, before - timedelta(days=7), before)
