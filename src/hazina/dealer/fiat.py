"""Rates of the currencies that amounts are shown in, from the feeds that are configured."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from hazina.dealer import store_history as store
from hazina.dealer.currencies import (
    DOLLARS,
    Currency,
    FiatRate,
    RateTick,
    all_currencies,
    choose_rate,
    currency,
    dollar,
    rate_flaw,
)
from hazina.dealer.errors import FeedUnavailable, PriceUnavailable, UnknownCurrency
from hazina.dealer.model import AWAY, LATE, Policy
from hazina.dealer.ports import RateFeed, RateTable
from hazina.kernel import metrics
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx

log = structlog.get_logger("hazina.dealer")

CACHE_S = 5.0


@dataclass(slots=True)
class _Seen:
    rates: dict[str, FiatRate] = field(default_factory=dict)
    until: float = -1.0
    reasons: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rates:
    db: Database
    clock: Clock
    feeds: Sequence[RateFeed]
    policy: Policy
    _seen: _Seen = field(default_factory=_Seen, repr=False, compare=False)

    async def refresh(self) -> int:
        """Ask the feeds whose time has come, among all workers; how many rates are news. Never fails for a feed that
        is away: the last rates go on."""
        async with self.db.reading() as tx:
            states = await store.feeds(tx)
        due = [feed for feed in self.feeds if self._is_due(states.get(feed.name))]
        if not due:
            return 0
        answers = await asyncio.gather(*(self._ask(feed) for feed in due))
        now = self.clock.now()
        async with self.db.transaction() as tx:
            last = await store.all_rates(tx)
            said: dict[str, str | None] = {}
            for feed, answer in sorted(zip(due, answers, strict=True), key=lambda one: one[0].name):
                if isinstance(answer, str):
                    said[feed.name] = answer
                else:
                    good, said[feed.name] = self._sift(answer, last, now)
                    await store.put_rates(tx, feed.name, good)
            await store.keep_feeds(tx, said, now)
            news = await self._choose(tx, now)
        for source, reason in said.items():
            self._tell(source, reason)
        self._seen.until = -1.0
        return news

    def _is_due(self, state: store.FeedState | None) -> bool:
        if state is None:
            return True
        rest_s = self.policy.rate_every_s if state.reason is None else self.policy.rate_retry_s
        return self.clock.now() >= state.asked_at + timedelta(seconds=rest_s)

    async def _ask(self, feed: RateFeed) -> RateTable | str:
        try:
            async with asyncio.timeout(self.policy.feed_timeout_s):
                return await feed.rates()
        except FeedUnavailable:
            return AWAY
        except TimeoutError:
            return LATE

    def _sift(
        self, table: RateTable, last: dict[str, FiatRate], now: datetime
    ) -> tuple[dict[str, RateTick], str | None]:
        """What can be used; and why most of it cannot, if so."""
        known = all_currencies()
        ticks = {code: RateTick(n, table.at) for code, n in table.per_usd.items() if code in known and code != DOLLARS}
        flaws = {code: rate_flaw(tick, last.get(code), now, self.policy) for code, tick in ticks.items()}
        good = {code: tick for code, tick in ticks.items() if flaws[code] is None}
        if 2 * len(good) > len(ticks):
            return good, None
        common = Counter(flaw for flaw in flaws.values() if flaw is not None).most_common(1)
        return good, common[0][0] if common else "empty"

    async def _choose(self, tx: Tx, now: datetime) -> int:
        since = now - timedelta(seconds=self.policy.rate_stale_s)
        said = await store.rates_since(tx, since, [feed.name for feed in self.feeds])
        chosen = {code: one for code, ticks in said.items() if (one := choose_rate(ticks, self.policy)) is not None}
        return await store.set_rates(tx, chosen)

    def _tell(self, source: str, reason: str | None) -> None:
        if reason is not None:
            metrics.PRICE_DROPPED.labels(source, reason).inc()
        if reason != self._seen.reasons.get(source):
            log.warning("rates_dropped" if reason else "rates_again", source=source, reason=reason)
        self._seen.reasons[source] = reason

    async def all(self) -> dict[str, FiatRate]:
        """The last rate of each currency, however old; a few seconds behind. The dollar is none of them."""
        now = self.clock.steady()
        if now >= self._seen.until:
            if self._seen.rates:  # who else asks meanwhile takes what there is
                self._seen.until = now + CACHE_S
            async with self.db.reading() as tx:
                self._seen.rates = await store.all_rates(tx)
            self._seen.until = now + CACHE_S
        return self._seen.rates

    async def last(self, code: str) -> FiatRate | None:
        """However old; None where there never was one."""
        return dollar() if code == DOLLARS else (await self.all()).get(code)

    async def of(self, code: str) -> FiatRate:
        """The rate to show amounts with. Raises UnknownCurrency for what is no currency or has never had a rate,
        PriceUnavailable where the last one is a week old."""
        named = currency(code)
        rate = await self.last(code)
        if rate is None:
            raise UnknownCurrency(f"{UnknownCurrency.message[:-1]}: {named.code}.")
        if not rate.is_fresh(self.clock.now(), self.policy):
            raise PriceUnavailable(f"What a dollar is in {named.code} is not known at present.")
        return rate

    async def currencies(self) -> list[Currency]:
        """Those that amounts can be shown in, by code."""
        now, rates = self.clock.now(), [dollar(), *(await self.all()).values()]
        return sorted((one.currency for one in rates if one.is_fresh(now, self.policy)), key=lambda one: one.code)
