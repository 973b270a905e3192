"""Jobs by the clock run when their six fields say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hazina.kernel import jobs

SOME_NIGHT = datetime(2026, 3, 1, 2, 0, 5, tzinfo=UTC).timestamp()


async def nothing() -> None:
    """A job."""


@pytest.mark.parametrize(
    ("cron", "first", "then"),
    [
        ("* * * * * */20", "02:00:20", "02:00:40"),
        ("17 3 * * * 0", "03:17:00", "03:17:00"),  # the second one is on the next day
        ("0 * * * * 30", "02:00:30", "03:00:30"),
    ],
)
def test_seconds_come_last(cron: str, first: str, then: str) -> None:
    queue = jobs.queue("postgresql://nowhere")
    jobs.schedule(queue, "some job", cron, nothing)
    (task,) = queue.periodic_registry.periodic_tasks.values()
    times = task.croniter
    times.set_current(SOME_NIGHT)
    assert [times.get_next(datetime).strftime("%H:%M:%S") for _ in range(2)] == [first, then]
