"""Work that goes on beside the requests: loops, one-at-a-time watches, and the job queue.

Loops run in every worker and are safe to run twice; what must have one owner at a time (a node's
stream) is led: its worker holds an advisory lock for as long as its database connection lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Awaitable, Callable

import psycopg
import structlog

log = structlog.get_logger("hazina.background")

LEAD_RETRY_S = 2.0
LEAD_PROOF_S = 5.0


async def every(seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
    """``work`` again and again, ``seconds`` of rest between (with jitter, so that several workers spread
    out). A failure is told and does not end the loop."""
    while True:
        try:
            await work()
        except Exception as error:
            log.warning("loop_stumbled", loop=name, error=type(error).__name__, why=str(error)[:300])
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))


def lock_number(name: str) -> int:
    """A 63-bit number for PostgreSQL's advisory locks."""
    return int.from_bytes(hashlib.sha256(b"hazina:" + name.encode()).digest()[:8]) >> 1


async def lead(url: str, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` while we, of all workers, hold the lock ``name``; for ever.

    A leader that lost its connection stops ``work`` at once. One that is frozen keeps the lock: what
    it would have done is also found by the loops of the others, only later.
    """
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                url, autocommit=True, keepalives_idle=30, application_name=f"hazina lead {name}"
            )
            async with connection:
                await _lead_while_connected(connection, name, work)
        except psycopg.OperationalError as error:
            log.warning("lead_lost", lead=name, why=str(error)[:200])
        await asyncio.sleep(LEAD_RETRY_S)


async def _lead_while_connected(
    connection: psycopg.AsyncConnection[tuple[object, ...]], name: str, work: Callable[[], Awaitable[None]]
) -> None:
    number = lock_number(name)
    while True:
        row = await (await connection.execute("select pg_try_advisory_lock(%s)", (number,))).fetchone()
        if row and row[0]:
            break
        await asyncio.sleep(LEAD_RETRY_S)
    task = asyncio.ensure_future(work())
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=LEAD_PROOF_S)
            if done:
                task.result()
                return
            await connection.execute("select 1")
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
