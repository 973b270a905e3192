"""The price in force: stored, read, gone stale."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hazina.dealer import Prices, PriceUnavailable, last_price, price_at
from hazina.dealer.store import put_price
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.money import Price


@pytest.fixture
def prices(db: Database, clock: ManualClock) -> Prices:
    return Prices(db, clock, feeds=())


async def set_price(db: Database, clock: ManualClock, cents: int, *, age: timedelta = timedelta(0)) -> bool:
    async with db.transaction() as tx:
        return await put_price(tx, Price(cents, "test", clock.now() - age))


async def test_before_the_first_price_there_is_none(prices: Prices) -> None:
    assert await prices.latest() is None
    with pytest.raises(PriceUnavailable) as refused:
        await prices.fresh()
    assert refused.value.blink == "PRICE_SERVICE_OFFLINE"
    assert await prices.refresh() is None, "without feeds there is no news"


async def test_a_price_grows_stale_after_a_minute(db: Database, prices: Prices, clock: ManualClock) -> None:
    await set_price(db, clock, 9_500_000)
    price = await prices.fresh()
    assert (price.cents_per_btc, price.source, price.at) == (9_500_000, "test", clock.now())
    clock.advance(timedelta(seconds=60))
    assert await prices.fresh() == price
    clock.advance(timedelta(seconds=1))
    with pytest.raises(PriceUnavailable):
        await prices.fresh()
    assert await prices.latest() == price, "for showing, the last one still serves"


async def test_memory_is_a_second_long(db: Database, prices: Prices, clock: ManualClock) -> None:
    await set_price(db, clock, 9_500_000, age=timedelta(seconds=5))
    first = await prices.latest()
    await set_price(db, clock, 9_600_000)
    assert await prices.latest() == first
    clock.advance(timedelta(seconds=1))
    newest = await prices.latest()
    assert newest is not None and newest.cents_per_btc == 9_600_000


async def test_only_what_is_newer_is_news(db: Database, clock: ManualClock) -> None:
    assert await set_price(db, clock, 2)
    assert not await set_price(db, clock, 3)
    assert not await set_price(db, clock, 1, age=timedelta(seconds=1))
    async with db.transaction() as tx:
        newest = await last_price(tx)
    assert newest is not None and newest.cents_per_btc == 2


async def test_history(db: Database, prices: Prices, clock: ManualClock) -> None:
    start = clock.now()
    for n in range(12):
        await set_price(db, clock, n + 1)
        clock.advance(timedelta(seconds=20))

    async def at(seconds: int) -> int | None:
        async with db.transaction() as tx:
            found = await price_at(tx, start + timedelta(seconds=seconds))
        return None if found is None else found.cents_per_btc

    assert [await at(s) for s in (-1, 0, 19, 20, 75, 10_000)] == [None, 1, 1, 2, 4, 12]

    assert await prices.sweep() == 0, "the last day stays whole"
    clock.advance(timedelta(days=1))
    assert await prices.sweep() == 8
    assert [await at(s) for s in (0, 59, 60, 200)] == [1, 1, 4, 10]
