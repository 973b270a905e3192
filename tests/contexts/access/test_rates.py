"""``kernel.rates``: points in a window, then a pause; exact among many at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hazina.kernel import rates
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.rates import Rate

THREE = Rate("three", points=3, window_s=60, block_s=600)
FIVE = Rate("five", points=5, window_s=60, block_s=60)


async def take(db: Database, clock: ManualClock, *wanted: tuple[Rate, str]) -> int:
    async with db.transaction() as tx:
        return await rates.take(tx, wanted, clock.now())


async def test_points_then_a_pause_then_points_again(db: Database, clock: ManualClock) -> None:
    assert [await take(db, clock, (THREE, "k")) for _ in range(3)] == [0, 0, 0]
    clock.advance(timedelta(seconds=59))
    assert await take(db, clock, (THREE, "k")) == 600, "the pause begins with the first too many"
    clock.advance(timedelta(seconds=100))
    assert await take(db, clock, (THREE, "k")) == 500, "and does not grow by asking"
    assert await take(db, clock, (THREE, "other")) == 0
    clock.advance(timedelta(seconds=500))
    assert [await take(db, clock, (THREE, "k")) for _ in range(4)] == [0, 0, 0, 600]


async def test_a_pause_that_ends_with_the_window_begins_anew_by_no_asking(db: Database, clock: ManualClock) -> None:
    """As Blink locks the key of a request: for an hour from its first use, however often it is used again."""
    once = Rate("once", points=1, window_s=3600, block_s=None)
    assert await take(db, clock, (once, "k")) == 0
    for waits in (3599, 1801, 1):
        async with db.transaction() as tx:
            assert await rates.take(tx, [(once, "k")], clock.now() + timedelta(seconds=3600 - waits)) == waits
    clock.advance(timedelta(seconds=3600))
    assert await take(db, clock, (once, "k")) == 0


async def test_a_window_starts_with_its_first_point(db: Database, clock: ManualClock) -> None:
    await take(db, clock, (THREE, "k"))
    await take(db, clock, (THREE, "k"))
    clock.advance(timedelta(seconds=60))
    assert [await take(db, clock, (THREE, "k")) for _ in range(3)] == [0, 0, 0]


async def test_of_several_the_longest_wait_counts(db: Database, clock: ManualClock) -> None:
    for _ in range(3):
        assert await take(db, clock, (THREE, "k"), (FIVE, "k")) == 0
    assert await take(db, clock, (FIVE, "k"), (THREE, "k")) == 600


async def test_a_point_comes_back_but_ends_no_pause(db: Database, clock: ManualClock) -> None:
    async def give_back() -> None:
        async with db.transaction() as tx:
            await rates.give_back(tx, [(THREE, "k")], clock.now())

    for _ in range(10):
        assert await take(db, clock, (THREE, "k")) == 0
        await give_back()
    await give_back()
    assert [await take(db, clock, (THREE, "k")) for _ in range(4)] == [0, 0, 0, 600]
    await give_back()
    assert await take(db, clock, (THREE, "k")) == 600


async def test_many_at_once_get_exactly_the_points(db: Database, clock: ManualClock) -> None:
    async def one(n: int) -> int:
        wanted = [(FIVE, "a"), (FIVE, "b")]
        return await take(db, clock, *(wanted if n % 2 else reversed(wanted)))

    waits = await asyncio.gather(*[one(n) for n in range(30)])
    assert waits.count(0) == 5


async def test_windows_that_ended_are_swept(db: Database, clock: ManualClock) -> None:
    await take(db, clock, (FIVE, "k"))
    clock.advance(timedelta(seconds=30))
    await take(db, clock, (FIVE, "other"))
    clock.advance(timedelta(seconds=31))
    async with db.transaction() as tx:
        assert await rates.sweep(tx, clock.now()) == 1
        assert await tx.value("select key from rate_use") == "other"
