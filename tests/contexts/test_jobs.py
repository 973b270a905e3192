"""The queue's worker outlives its connections."""

from __future__ import annotations

import asyncio

from hazina.kernel import jobs
from hazina.kernel.db import Database

CUT = """select pg_terminate_backend(pid) from pg_stat_activity
where query ilike '%procrastinate%' and pid <> pg_backend_pid()"""


async def test_jobs_are_done_again_after_every_connection_was_cut(db: Database) -> None:
    ran = asyncio.Event()

    async def job() -> None:
        ran.set()

    async def runs() -> None:
        ran.clear()
        async with asyncio.timeout(30):
            await ran.wait()

    queue = jobs.queue(db.url)
    jobs.schedule(queue, "every second", "* * * * * *", job)
    worker = asyncio.create_task(jobs.work(queue, 2))
    try:
        await runs()
        async with db.reading() as tx:
            assert await tx.execute(CUT) > 0
        await runs()
        assert not worker.done()
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
