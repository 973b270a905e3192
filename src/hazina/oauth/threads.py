"""Where Authlib runs: it is synchronous, so each of its requests has a thread, a connection and a transaction.

A reply commits and an exception rolls back: Authlib makes replies of its own errors, and "this refresh token was
seen twice, so its family ends" must be committed though the answer is a refusal.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg_pool import ConnectionPool

from hazina.kernel.db import RETRY_SQLSTATES, SESSION_OPTIONS, outside_call

T = TypeVar("T")
SyncTx: TypeAlias = psycopg.Connection[tuple[Any, ...]]

SIZE = 4
"""Threads and connections. More do not help: what a token costs is signing, under the interpreter's lock."""
TRIES = 5

_open: ContextVar[SyncTx] = ContextVar("hazina_oauth_transaction")


def current() -> SyncTx:
    """The transaction of this request. Authlib's hooks get no place to pass it through."""
    return _open.get()


class Threads:
    """Connects when first used, so that a process that serves nobody holds no connection."""

    def __init__(self, url: str, size: int = SIZE) -> None:
        self._pool: ConnectionPool[SyncTx] = ConnectionPool(
            url,
            min_size=0,
            max_size=size + 1,  # one for ``alone``
            timeout=5,
            max_idle=60,
            open=False,
            name="hazina oauth",
            kwargs={"application_name": "hazina oauth", "options": SESSION_OPTIONS, "prepare_threshold": 3},
        )
        self._workers = ThreadPoolExecutor(size, "oauth")

    async def run(self, work: Callable[[], T]) -> T:
        """``work`` in a thread, in a transaction of its own; once more after a deadlock. It goes on to its end
        when the asker goes away. Raises psycopg.OperationalError when the database is away."""
        outside_call("oauth")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, copy_context().run, self._work, work)

    def _work(self, work: Callable[[], T]) -> T:
        if self._pool.closed:
            self._pool.open()
        for attempt in range(TRIES):
            try:
                with self._pool.connection() as connection:
                    mark = _open.set(connection)
                    try:
                        return work()
                    finally:
                        _open.reset(mark)
            except psycopg.Error as error:
                if error.sqlstate not in RETRY_SQLSTATES or attempt == TRIES - 1:
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    def alone(self, work: Callable[[SyncTx], T]) -> T:
        """From within a thread: in a transaction beside the request's own, for what must stand whatever becomes of
        that. One at a time."""
        with self._pool.connection() as connection:
            return work(connection)

    async def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._pool.close)
