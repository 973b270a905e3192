"""The price from three exchanges, asked by the real adapters; faults and nonsense on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from hazina.adapters.exchange import feed
from hazina.dealer import Policy, Prices, PriceUnavailable
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.settings import Settings


@pytest.fixture
async def prices(db: Database, outside: Settings) -> AsyncIterator[Prices]:
    feeds = [feed(one.name, one.base_url) for one in outside.price_feeds]
    yield Prices(db, SystemClock(), feeds, Policy(feed_timeout_s=2))
    for one in feeds:
        await one.close()


async def move(sandbox: httpx2.AsyncClient, usd: str) -> None:
    (await sandbox.post("/sandbox/api/price", json={"usdPerBtc": usd})).raise_for_status()


async def fault(sandbox: httpx2.AsyncClient, action: str, **more: object) -> None:
    body = {"provider": "exchange", "call": "ticker", "action": action, **more}
    (await sandbox.post("/sandbox/api/faults", json=body)).raise_for_status()


async def cents(prices: Prices) -> int:
    return (await prices.fresh()).cents_per_btc


async def test_the_price_follows_the_exchanges(prices: Prices, sandbox: httpx2.AsyncClient) -> None:
    await move(sandbox, "95123.45")
    news = await prices.refresh()
    assert news is not None
    assert (news.cents_per_btc, news.source) == (9_512_345, "bitstamp+coinbase+kraken")
    assert await prices.fresh() == news

    await move(sandbox, "31000")
    await prices.refresh()
    assert await cents(prices) == 3_100_000


async def test_one_exchange_is_enough(prices: Prices, sandbox: httpx2.AsyncClient) -> None:
    await move(sandbox, "95000")
    await fault(sandbox, "error", times=1)
    await fault(sandbox, "hang", times=1)
    await prices.refresh()
    assert await cents(prices) == 9_500_000


@pytest.mark.parametrize("action", ["error", "empty", "cut", "drop_reply"])
async def test_without_any_there_is_no_price(prices: Prices, sandbox: httpx2.AsyncClient, action: str) -> None:
    await fault(sandbox, action)
    assert await prices.refresh() is None
    with pytest.raises(PriceUnavailable):
        await prices.fresh()


async def test_a_mistaken_unit_is_not_believed(db: Database, prices: Prices, sandbox: httpx2.AsyncClient) -> None:
    await move(sandbox, "95000")
    await prices.refresh()
    for nonsense in ("95000000", "95", "0.01", "1000000000"):
        await move(sandbox, nonsense)
        await prices.refresh()
        assert await cents(prices) == 9_500_000
    async with db.transaction() as tx:
        assert await tx.value("select max(ask) - min(bid) from price_tick") == 100
    await move(sandbox, "95000")


async def test_two_workers_refresh_at_once(db: Database, prices: Prices, sandbox: httpx2.AsyncClient) -> None:
    other = Prices(db, SystemClock(), prices.feeds)
    await move(sandbox, "95000")
    await asyncio.gather(*[one.refresh() for one in (prices, other) * 4])
    assert await cents(prices) == await cents(other) == 9_500_000
