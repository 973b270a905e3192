"""The bank's clock is the database's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hazina.kernel.clock import DatabaseClock
from hazina.kernel.db import Database


class Slow(DatabaseClock):
    """Every look at the steady clock is two seconds after the one before."""

    looks = 0

    def steady(self) -> float:
        self.looks += 1
        return 2.0 * self.looks


async def test_it_says_what_the_database_says(db: Database) -> None:
    clock = DatabaseClock()
    await clock.ask(db)
    async with db.reading() as tx:
        said = await tx.value("select clock_timestamp()")
    assert abs(clock.now() - said) < timedelta(seconds=0.5)
    assert clock.now().tzinfo is UTC


async def test_it_goes_on_by_itself_and_does_not_trust_a_slow_answer(db: Database) -> None:
    clock = Slow()
    await clock.ask(db)
    first = clock.now()
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=10)
    await clock.ask(db)  # two seconds under way: what was known is better
    assert clock.now() - first == timedelta(seconds=2 * 3)
