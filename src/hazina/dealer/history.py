"""The history of the price: candles of our own prices, and of an exchange where we have none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from hazina.dealer import store_history as store
from hazina.dealer.candles import DAY, KEPT, STEPS, Candle, PricePoint, Range, is_sound, opens, points, starts
from hazina.dealer.errors import FeedUnavailable
from hazina.dealer.model import Policy
from hazina.dealer.ports import CandleFeed
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database

log = structlog.get_logger("hazina.dealer")

CACHE_S = 30.0
ROUNDS_MAX = 10
"""Answers that one back-filling takes from one source: five years are two or three."""


@dataclass(slots=True)
class _Seen:
    points: dict[Range, tuple[float, list[PricePoint]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    db: Database
    clock: Clock
    sources: Sequence[CandleFeed]
    policy: Policy
    _seen: _Seen = field(default_factory=_Seen, repr=False, compare=False)

    async def points(self, wanted: Range) -> list[PricePoint]:
        """The price at the beginning of each bucket, oldest first; half a minute behind at most."""
        kept = self._seen.points.get(wanted)
        if kept is not None and self.clock.steady() < kept[0]:
            return kept[1]
        async with self.db.reading() as tx:
            candles = await store.candles_since(tx, wanted.step, starts(wanted, self.clock.now()))
        found = points(candles, wanted)
        self._seen.points[wanted] = (self.clock.steady() + CACHE_S, found)
        return found

    async def backfill(self) -> int:
        """Get the candles that are missing from the first source that has them; how many came. What no source has
        stays a gap, and is asked for again the next time."""
        added = sum([await self._fill(step) for step in STEPS])
        if added:
            log.info("history_filled", candles=added)
            self._seen.points.clear()
        return added

    async def _fill(self, step: int) -> int:
        added = 0
        for source in self.sources:
            missing = await self._missing(step)
            for _ in range(ROUNDS_MAX):
                if not missing:
                    return added
                candles = await self._ask(source, step, missing[0])
                if not candles:
                    break
                async with self.db.transaction() as tx:
                    added += await store.add_candles(tx, step, source.name, candles)
                newest = max(one.at for one in candles)
                missing = [at for at in await self._missing(step) if at > newest]
        return added

    async def _missing(self, step: int) -> list[datetime]:
        """Only what is over: the present fills by itself."""
        bucket = "day" if step == DAY else "hour"
        now = opens(self.clock.now(), bucket)
        async with self.db.reading() as tx:
            return await store.missing_since(tx, step, now - KEPT[step], now - timedelta(seconds=step))

    async def _ask(self, source: CandleFeed, step: int, since: datetime) -> list[Candle]:
        try:
            async with asyncio.timeout(self.policy.history_timeout_s):
                said = await source.candles(step, since)
        except (FeedUnavailable, TimeoutError) as error:
            log.warning("history_not_filled", source=source.name, why=str(error)[:200])
            return []
        now = opens(self.clock.now(), "day" if step == DAY else "hour")
        sound = [one for one in said if is_sound(one, self.policy) and since <= one.at < now]
        return [one for one in sound if one.at.timestamp() % step == 0]

    async def sweep(self) -> int:
        """Drop candles that no chart reaches."""
        async with self.db.transaction() as tx:
            return sum([await store.forget_candles(tx, step, self.clock.now() - KEPT[step]) for step in STEPS])
