"""How often somebody may do something: so many points in a window, then a pause.

Counted in PostgreSQL, so that the count holds across processes and restarts. This is for nuisance
and cost (codes, log-ins, invoices); limits on money are claims of the unit that moves it.

A count must survive the refusal it leads to. So ``take`` answers with a number instead of raising:
commit first, refuse afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hazina.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Rate:
    """``points`` in ``window_s`` seconds from the first; who asks for more pauses ``block_s`` seconds. None:
    until the window ends, which asking makes no longer."""

    name: str
    points: int
    window_s: int
    block_s: int | None

    def __post_init__(self) -> None:
        assert self.points > 0 and self.window_s > 0 and (self.block_s is None or self.block_s > 0)


async def take(tx: Tx, wanted: Iterable[tuple[Rate, str]], at: datetime) -> int:
    """Take one point of each rate for its key. 0, or how many seconds to wait before the next try.

    Rows are locked in order of (name, key): two callers with the same keys never wait in a circle.
    """
    wait = 0
    for rate, key in sorted(wanted, key=lambda pair: (pair[0].name, pair[1])):
        used, ends_at = await _take_one(tx, rate, key, at)
        if used > rate.points:
            wait = max(wait, math.ceil((ends_at - at).total_seconds()), 1)
    return wait


async def _take_one(tx: Tx, rate: Rate, key: str, at: datetime) -> tuple[int, datetime]:
    found = await tx.one(
        lambda used, ends_at: (used, ends_at),
        """
        insert into rate_use as r (name, key, used, ends_at) values (%(name)s, %(key)s, 1, %(window)s)
        on conflict (name, key) do update set
            used = case when r.ends_at <= %(at)s then 1 else least(r.used, %(points)s) + 1 end,
            ends_at = case when r.ends_at <= %(at)s then excluded.ends_at
                           when r.used = %(points)s then coalesce(%(block)s, r.ends_at)
                           else r.ends_at end
        returning used, ends_at
        """,
        {
            "name": rate.name,
            "key": key,
            "at": at,
            "points": rate.points,
            "window": at + timedelta(seconds=rate.window_s),
            "block": None if rate.block_s is None else at + timedelta(seconds=rate.block_s),
        },
    )
    assert found is not None
    return found


async def give_back(tx: Tx, given: Iterable[tuple[Rate, str]], at: datetime) -> None:
    """Return one point of each: what was asked for turned out to be harmless."""
    for rate, key in sorted(given, key=lambda pair: (pair[0].name, pair[1])):
        await tx.execute(
            """
            update rate_use set used = used - 1
            where name = %(name)s and key = %(key)s and used between 1 and %(points)s and ends_at > %(at)s
            """,
            {"name": rate.name, "key": key, "points": rate.points, "at": at},
        )


async def sweep(tx: Tx, before: datetime) -> int:
    """Forget windows that ended before ``before``; what somebody is counting now waits for the next time."""
    return await tx.execute(
        """
        delete from rate_use where (name, key) in (
            select name, key from rate_use where ends_at < %(before)s for update skip locked)
        """,
        {"before": before},
    )
