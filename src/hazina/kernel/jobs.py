"""The job queue (procrastinate): what has a schedule, retries, or waits. Money never depends on it: the
state of a payment stands in its own row, and loops look at those.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, LiteralString

import procrastinate
import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, Status
from procrastinate.worker import Worker

log = structlog.get_logger("hazina.jobs")

STALLED_AFTER_S = 10
HEARTBEAT_S = 2
AGAIN_S = 1.0
RETAKE_EVERY_S = 10.0


class _Patient(PsycopgConnector):
    """Repeats a statement once whose connection broke under it: the next one comes from the pool, which looks
    whether it lives. Without this the end of a job that has run is never written down."""

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        try:
            await super().execute_query_async(query, **arguments)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.OperationalError):
                raise
            await super().execute_query_async(query, **arguments)


def queue(url: str) -> App:
    """The queue's door. Tasks are added by ``schedule`` before the worker runs."""
    return App(connector=_Patient(conninfo=url, min_size=1, max_size=4))


def schedule(app: App, name: str, cron: str, work: Callable[[], Awaitable[object]]) -> None:
    """Run ``work`` by the clock, once among all workers. ``cron``: minute, hour, day, month, weekday, second
    (the queue's own form has the second last); UTC."""
    assert len(cron.split()) == 6, "six fields"

    async def run(timestamp: int) -> None:
        await work()

    task = app.task(name=name, queueing_lock=name, lock=name)(run)
    app.periodic(cron=cron)(task)


@dataclass(slots=True)
class _Running:
    """The jobs that this process runs, and those that its worker was said to run and does not."""

    worker: int | None = None
    jobs: set[int] = field(default_factory=set)
    missed: set[int] = field(default_factory=set)

    async def note(self, call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
        assert context.job.id is not None
        self.worker = worker.worker_id
        self.jobs.add(context.job.id)
        try:
            return await call_next()
        finally:
            self.jobs.discard(context.job.id)

    def lost(self, doing: Iterable[Job]) -> list[Job]:
        """Seen twice: what begins or ends just now is in nobody's hands for a moment."""
        missed = {job.id: job for job in doing if job.id is not None and job.id not in self.jobs}
        lost = [job for number, job in missed.items() if number in self.missed]
        self.missed = set(missed)
        return lost


async def _retake(app: App, running: _Running) -> None:
    """Jobs whose worker was killed, or whose end could not be written down, stay "doing" for ever, and hold
    back all later ones of their name, unless somebody takes them up again. No job of the queue itself: it
    could be the one that is stuck."""
    waiting = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S))
    if running.worker is not None:
        mine = await app.job_manager.list_jobs_async(status=Status.DOING.value, worker_id=running.worker)
        waiting += running.lost(mine)
    for job in waiting:
        log.warning("job_retaken", job=job.id, task=job.task_name)
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:  # the next of its name waits already, and does the same
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


async def _retake_always(app: App, running: _Running, every_s: float) -> None:
    while True:
        try:
            await _retake(app, running)
        except (ConnectorException, psycopg.Error) as error:
            log.warning("retake_failed", why=str(error.__cause__ or error)[:200])
        await asyncio.sleep(every_s)


async def work(app: App, concurrency: int, *, retake_every_s: float = RETAKE_EVERY_S) -> None:
    """Run jobs for ever, with the queue opened anew after the database was away. Cancelling waits a little for
    those that run. Jobs that nobody runs are taken up again after two looks."""
    while True:
        try:
            async with app.open_async():
                await _work_once(app, concurrency, retake_every_s)
        except (ConnectorException, psycopg.Error) as error:
            log.warning("queue_lost", why=str(error.__cause__ or error)[:200])
        else:
            log.warning("queue_lost", why="the worker stopped: its connection was lost")
        await asyncio.sleep(AGAIN_S)


async def _work_once(app: App, concurrency: int, retake_every_s: float) -> None:
    running = _Running()
    retaking = asyncio.create_task(_retake_always(app, running, retake_every_s), name="retake jobs")
    try:
        await app.run_worker_async(
            concurrency=concurrency,
            install_signal_handlers=False,
            shutdown_graceful_timeout=5,
            delete_jobs=procrastinate.jobs.DeleteJobCondition.SUCCESSFUL,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=STALLED_AFTER_S,
            worker_middleware=[running.note],
        )
    finally:
        retaking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await retaking
