"""The verbs of the dealer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from hazina.dealer import store
from hazina.dealer.errors import FeedUnavailable, PriceUnavailable
from hazina.dealer.model import Dropped, Policy, Tick, choose, flaw, is_fresh
from hazina.dealer.ports import Feed
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


@dataclass(frozen=True, slots=True)
class Prices:
    db: Database
    clock: Clock
    feeds: Sequence[Feed]
    policy: Policy = field(default_factory=Policy)
    _seen: _Seen = field(default_factory=_Seen, repr=False, compare=False)

    async def refresh(self) -> Price | None:
        """Ask every feed, store what is sound, choose the price. The new price, or None when there is
        no news. Never fails for a feed that is away."""
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
            price, apart = choose(await store.ticks_since(tx, since), last, now, self.policy)
            news = price is not None and await store.put_price(tx, price)
        for one in dropped + apart:
            log.warning("tick_dropped", source=one.source, reason=one.reason)
        self._seen.until = -1.0
        return price if news else None

    async def _ask(self, feed: Feed) -> Tick | Dropped:
        try:
            async with asyncio.timeout(self.policy.feed_timeout_s):
                return await feed.ticker()
        except FeedUnavailable as error:
            return Dropped(feed.name, str(error) or "away")
        except TimeoutError:
            return Dropped(feed.name, "no answer in time")

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

    async def sweep(self) -> int:
        """Thin out prices that are older than a day. Run it once a day: it looks at the last week."""
        before = self.clock.now() - timedelta(days=1)
        async with self.db.transaction() as tx:
            return await store.thin(tx, before - timedelta(days=7), before)
