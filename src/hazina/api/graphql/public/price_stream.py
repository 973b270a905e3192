"""One stream of prices for all subscribers of a process.

Whatever is told of the price is made once for each currency while the price stands, however many listen: they get the
same event, and with it its encoded answer (``graphql/stream.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hazina.api.bank import Bank
from hazina.api.graphql.errors import refused
from hazina.api.graphql.public.prices import old_price, realtime_price
from hazina.api.graphql.stream import Shared
from hazina.api.graphql.verbs import Payload
from hazina.dealer import PriceUnavailable, UnknownCurrency, sat_price

FRESH_S = 1.0
"""For so long an event is told without a look at the price."""
KEPT_MAX = 1_000
"""Subscribers choose a currency, and older ones any amount."""


@dataclass(slots=True)
class PriceStream:
    bank: Bank
    _events: dict[str, tuple[float, Shared]] = field(default_factory=dict)
    _making: dict[str, asyncio.Task[Shared]] = field(default_factory=dict)

    async def realtime(self, currency: str) -> Shared:
        """Of the subscription ``realtimePrice``. Raises UnknownCurrency."""

        async def make() -> Payload:
            return {"errors": [], "realtimePrice": await realtime_price(self.bank, currency)}

        return await self._get(f"realtime {currency}", _or_away(make))

    async def old(self, sats: int) -> Shared:
        """Of the subscription ``price``."""

        async def make() -> Payload:
            return {"errors": [], "price": old_price(sat_price(await self.bank.prices.fresh()), sats)}

        return await self._get(f"old {sats}", _or_away(make))

    async def updates(self, currency: str) -> list[Shared]:
        """Of ``myUpdates``: the older form first, for dollars. None of them while the price in this currency is not
        known: an update is never null."""

        async def make() -> Payload:
            return {"errors": [], "update": await realtime_price(self.bank, currency)}

        async def make_old() -> Payload:
            return {"errors": [], "update": old_price(sat_price(await self.bank.prices.fresh()), 1)}

        try:
            shown = [await self._get(f"update {currency}", make)]
            return [await self._get("old update", make_old), *shown] if currency == "USD" else shown
        except (PriceUnavailable, UnknownCurrency):
            return []

    async def _get(self, key: str, make: Callable[[], Awaitable[Payload]]) -> Shared:
        now, kept = asyncio.get_running_loop().time(), self._events.get(key)
        if kept is not None and now < kept[0]:
            return kept[1]
        if key not in self._making:  # one of those who come at the same moment makes it for all
            self._making[key] = asyncio.create_task(self._make(key, make))
        return await asyncio.shield(self._making[key])

    async def _make(self, key: str, make: Callable[[], Awaitable[Payload]]) -> Shared:
        try:
            made, kept = await make(), self._events.pop(key, None)
        finally:
            del self._making[key]
        event = kept[1] if kept is not None and kept[1] == made else Shared(made)
        if len(self._events) >= KEPT_MAX:
            del self._events[next(iter(self._events))]
        self._events[key] = (asyncio.get_running_loop().time() + FRESH_S, event)
        return event


def _or_away(make: Callable[[], Awaitable[Payload]]) -> Callable[[], Awaitable[Payload]]:
    async def made() -> Payload:
        try:
            return await make()
        except PriceUnavailable as refusal:
            return {"errors": [refused(refusal)]}

    return made
