"""The dealer on the sandbox's feeds, by the real adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.contexts.whole import ShiftedClock

from hazina.adapters.exchange import feed, histories
from hazina.adapters.fiat import rate_feed
from hazina.dealer import Policy, Prices
from hazina.kernel.db import Database
from hazina.settings import Settings


@dataclass(frozen=True, slots=True)
class Feeds:
    """The sandbox's feeds and what is done to them."""

    sandbox: httpx2.AsyncClient

    async def move(self, usd: str) -> None:
        (await self.sandbox.post("/sandbox/api/price", json={"usdPerBtc": usd})).raise_for_status()

    async def make(self, state: str, *names: str) -> None:
        for name in names:
            await self._set(feed=name, state=state)

    async def heal(self) -> None:
        await self._set(state="well")

    async def _set(self, **body: Any) -> None:
        (await self.sandbox.post("/sandbox/api/feeds", json=body)).raise_for_status()

    async def fault(self, action: str, provider: str = "exchange", call: str = "ticker", **more: object) -> None:
        body = {"provider": provider, "call": call, "action": action, **more}
        (await self.sandbox.post("/sandbox/api/faults", json=body)).raise_for_status()


@pytest.fixture
async def feeds(sandbox: httpx2.AsyncClient) -> AsyncIterator[Feeds]:
    """All of them well, at the price of 95,000 dollars."""
    found = Feeds(sandbox)
    await found.heal()
    await found.move("95000")
    yield found
    await found.heal()


@pytest.fixture
async def dealer(db: Database, outside: Settings, feeds: Feeds) -> AsyncIterator[Prices]:
    assert outside.price_feeds is not None and outside.rate_feeds is not None
    exchanges = tuple(feed(one.name, one.base_url) for one in outside.price_feeds)
    rates = [rate_feed(one.name, one.base_url) for one in outside.rate_feeds]
    policy = Policy(feed_timeout_s=5, rate_every_s=0, rate_retry_s=0)
    yield Prices(db, ShiftedClock(), exchanges, policy, rates, histories(exchanges))
    for close in (*(one.close for one in exchanges), *(one.close for one in rates)):
        await close()
