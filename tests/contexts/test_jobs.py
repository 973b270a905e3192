"""The queue's worker outlives its connections, and no job is forgotten."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import procrastinate

from hazina.kernel import jobs
from hazina.kernel.db import Database

CUT = """select pg_terminate_backend(pid) from pg_stat_activity
where query ilike '%procrastinate%' and pid <> pg_backend_pid()"""
FORGOTTEN = """
insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id)
select 'default', %(name)s::text, %(name)s::text, %(name)s::text, '{"timestamp": 0}', 'doing', max(id)
from procrastinate_workers"""
WAITING = """
insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
values ('default', %(name)s::text, %(name)s::text, %(name)s::text, '{"timestamp": 0}')"""
STUCK = "select count(*) > 0 from procrastinate_jobs where status = 'doing' and task_name like 'never%%'"

PATIENCE_S = 90.0
NEVER = "0 0 29 2 * 0"
"""But on leap days."""


class _Task:
    def __init__(self, queue: procrastinate.App, name: str, cron: str) -> None:
        self._ran = asyncio.Event()
        jobs.schedule(queue, name, cron, self._run)

    async def _run(self) -> None:
        self._ran.set()

    async def runs(self) -> None:
        """Waits until it has run again."""
        self._ran.clear()
        async with asyncio.timeout(PATIENCE_S):
            await self._ran.wait()


@contextlib.asynccontextmanager
async def _working(queue: procrastinate.App) -> AsyncIterator[None]:
    worker = asyncio.create_task(jobs.work(queue, 2, retake_every_s=0.5))
    try:
        yield
        assert not worker.done()
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def test_jobs_are_done_again_after_every_connection_was_cut(db: Database) -> None:
    queue = jobs.queue(db.url)
    task = _Task(queue, "every second", "* * * * * *")
    async with _working(queue):
        await task.runs()
        async with db.reading() as tx:
            assert await tx.execute(CUT) > 0
        await task.runs()


async def test_a_job_whose_end_was_lost_holds_nothing_back(db: Database) -> None:
    """Its worker lives and does not know it: alone it is done again; with the next waiting behind it, that is."""
    queue = jobs.queue(db.url)
    often, alone, followed = (
        _Task(queue, "every second", "* * * * * *"),
        _Task(queue, "never alone", NEVER),
        _Task(queue, "never followed", NEVER),
    )
    async with _working(queue):
        await often.runs()
        async with db.transaction() as tx:
            for name in ("never alone", "never followed"):
                await tx.execute(FORGOTTEN, {"name": name})
            await tx.execute(WAITING, {"name": "never followed"})
        await asyncio.gather(alone.runs(), followed.runs())
        async with asyncio.timeout(PATIENCE_S):
            while await _stuck(db):
                await asyncio.sleep(0.05)


async def _stuck(db: Database) -> bool:
    async with db.reading() as tx:
        return bool(await tx.one(bool, STUCK))
