"""Time is passed in. Tests advance a ``ManualClock``; nothing else asks the machine what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hazina.kernel.db import Database


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, with zone UTC."""
        ...

    def steady(self) -> float:
        """Seconds that only grow: for waiting and for measuring."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def steady(self) -> float:
        return time.monotonic()


class DatabaseClock:
    """The database's time of day, carried on by this machine's steady clock. So all processes of a bank agree
    on expiries and leases, whatever the clocks of their machines say or jump to. Until ``ask`` was called it
    is this machine's.
    """

    TRIP_MAX_S = 1.0

    def __init__(self) -> None:
        self._seen = datetime.now(UTC)
        self._seen_at = self.steady()
        self._asked = False

    async def ask(self, db: Database) -> None:
        """Set the clock by the database's; again and again, for steady clocks drift. A slow answer says too
        little and is taken only when there was none before. Raises psycopg.Error."""
        began = self.steady()
        async with db.reading() as tx:
            said: datetime = await tx.value("select clock_timestamp()")
        ended = self.steady()
        if ended - began <= self.TRIP_MAX_S or not self._asked:
            self._seen, self._seen_at, self._asked = said.astimezone(UTC), (began + ended) / 2, True

    def now(self) -> datetime:
        return self._seen + timedelta(seconds=self.steady() - self._seen_at)

    def steady(self) -> float:
        return time.clock_gettime(STEADY)


STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, where there is such a clock: a lease must not outlive its sleep."""


class ManualClock:
    """Stands still until it is advanced."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._steady = 0.0

    def now(self) -> datetime:
        return self._now

    def steady(self) -> float:
        return self._steady

    def advance(self, by: timedelta) -> None:
        self._now += by
        self._steady += by.total_seconds()
