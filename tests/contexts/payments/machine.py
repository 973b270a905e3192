"""A process that is killed (kill -9) in the middle of a commit, at the table and the row that a test names."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from tests.contexts.payments.money_worker import Wish

from hazina.settings import Settings

WORKER = Path(__file__).with_name("money_worker.py")
PATIENCE_S = 60
REAL: dict[str, LiteralString] = {
    "ledger.entry": "(new.account_id not in (4, 5) or abs(new.amount) > 1)",
    "ledger.hold": "new.amount > 1",
    "ledger.txn": "new.kind > 0",
}
"""What is no call of a group writer that warms its connection up."""


@contextmanager
def nursery() -> Iterator[subprocess.Popen[bytes]]:
    """Where the processes come from that are killed."""
    with subprocess.Popen(
        [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


class Machine:
    """Starts a worker, and kills it while it writes to a table."""

    def __init__(self, workers: subprocess.Popen[bytes], settings: Settings, owner_url: str) -> None:
        self.workers = workers
        self.settings = settings
        self.owner_url = owner_url

    async def killed_at(self, table: str, wish: Wish = "follow_chain", when: LiteralString = "true") -> None:
        """``when``: of the row ``new``."""
        connection = await psycopg.AsyncConnection.connect(self.owner_url, autocommit=True)
        async with connection as owner, self._slow(owner, table, when):
            worker = await asyncio.to_thread(self._start, wish)
            try:
                backend = await self._asleep(owner, worker)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            await owner.execute("select pg_terminate_backend(%s, 5000)", (backend,))

    async def killed_when(self, there: Callable[[], Awaitable[bool]], wish: Wish) -> None:
        """When the world outside is so: the process waits for an answer."""
        worker = await asyncio.to_thread(self._start, wish)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await there():
                    os.kill(worker, 0)
                    await asyncio.sleep(0.05)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    def _start(self, wish: Wish) -> int:
        tell, hear = self.workers.stdin, self.workers.stdout
        assert tell is not None and hear is not None
        tell.write(pickle.dumps((self.settings, wish)))
        tell.flush()
        return int(hear.readline())

    @asynccontextmanager
    async def _slow(
        self, owner: psycopg.AsyncConnection[tuple[object, ...]], table: str, when: LiteralString
    ) -> AsyncIterator[None]:
        where = sql.Identifier(*table.split("."))
        await owner.execute(
            "create function slow_write() returns trigger language plpgsql as "
            "'begin perform pg_sleep(600); return new; end'"
        )
        slow = sql.SQL(
            "create trigger slow_write before insert or update on {} for each row when ({} and ({})) "
            "execute function slow_write()"
        )
        await owner.execute(slow.format(where, sql.SQL(REAL.get(table, "true")), sql.SQL(when)))
        try:
            yield
        finally:
            await owner.execute(sql.SQL("drop trigger slow_write on {}").format(where))
            await owner.execute("drop function slow_write()")

    async def _asleep(self, owner: psycopg.AsyncConnection[tuple[object, ...]], worker: int) -> object:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                cursor = await owner.execute(
                    """select pid from pg_stat_activity where wait_event = 'PgSleep'
                    and datname = current_database()"""
                )
                if row := await cursor.fetchone():
                    return row[0]
                os.kill(worker, 0)  # raises ProcessLookupError: it ended before it wrote
                await asyncio.sleep(0.05)
