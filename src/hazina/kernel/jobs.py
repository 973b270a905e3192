"""The job queue (procrastinate): what has a schedule, retries, or waits. Money never depends on it: the
state of a payment stands in its own row, and loops look at those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import procrastinate
import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException

log = structlog.get_logger("hazina.jobs")

STALLED_AFTER_S = 10
HEARTBEAT_S = 2
AGAIN_S = 1.0


def queue(url: str) -> App:
    """The queue's door. Tasks are added by ``schedule`` before the worker runs."""
    return App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=4))


def schedule(app: App, name: str, cron: str, work: Callable[[], Awaitable[object]]) -> None:
    """Run ``work`` by the clock, once among all workers. ``cron``: minute, hour, day, month, weekday, second
    (the queue's own form has the second last); UTC."""
    assert len(cron.split()) == 6, "six fields"

    async def run(timestamp: int) -> None:
        await work()

    task = app.task(name=name, queueing_lock=name, lock=name)(run)
    app.periodic(cron=cron)(task)


def retry_stalled(app: App) -> None:
    """Jobs whose worker was killed stay "doing" for ever unless somebody takes them up again."""

    async def look() -> None:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
            log.warning("job_retaken", job=job.id, task=job.task_name)
            await app.job_manager.retry_job(job)

    schedule(app, "hazina.retry_stalled", "* * * * * */20", look)


async def work(app: App, concurrency: int) -> None:
    """Run jobs for ever, with the queue opened anew after the database was away. Cancelling waits a little for
    those that run."""
    while True:
        try:
            async with app.open_async():
                await app.run_worker_async(
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=5,
                    delete_jobs=procrastinate.jobs.DeleteJobCondition.SUCCESSFUL,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALLED_AFTER_S,
                )
        except (ConnectorException, psycopg.Error) as error:
            log.warning("queue_lost", why=str(error.__cause__ or error)[:200])
        else:
            log.warning("queue_lost", why="the worker stopped: its connection was lost")
        await asyncio.sleep(AGAIN_S)
