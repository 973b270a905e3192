"""One pool, one transaction type, one retry rule, one guard.

SQL is written as SQL and run by psycopg: what a line costs is what it says, and the ledger's own
functions are called the same way as everything else (``docs/decisions/0002-sql.md``).

A step takes ``tx: Tx`` first and touches only the database. ``outside_call`` is the first line of
every adapter: while a transaction is open nobody may go over the network, because a slow provider
would then hold our locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import args_row, tuple_row
from psycopg_pool import AsyncConnectionPool

T = TypeVar("T")
Raw = psycopg.AsyncConnection[tuple[Any, ...]]

RETRY_SQLSTATES = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
SESSION_OPTIONS = (
    "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=15000 -c timezone=UTC"
)

_open: contextvars.ContextVar[Tx | None] = contextvars.ContextVar("hazina_open_transaction", default=None)


class TransactionOpen(RuntimeError):
    """Someone went outside, or opened a second transaction, while one was open."""


def outside_call(name: str) -> None:
    """Refuse to go on while this task has a transaction open.

    The mark is the transaction itself, not a bare flag: a task born inside the block copies the
    context, and would otherwise be refused for ever.
    """
    if (tx := _open.get()) is not None and tx.open:
        raise TransactionOpen(f"{name} was called while a transaction is open")


@dataclass(slots=True)
class Tx:
    """An open transaction. ``raw`` is psycopg's own connection, for pipelines and COPY."""

    raw: Raw
    open: bool = True
    kept: dict[Any, Any] = field(default_factory=dict)
    """What several steps of one transaction would each look up; ends with it."""

    async def rows(self, make: Callable[..., T], query: LiteralString, values: Any = None) -> list[T]:
        """Every row, each given to ``make`` by position."""
        async with self.raw.cursor(row_factory=args_row(make)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()

    async def one(self, make: Callable[..., T], query: LiteralString, values: Any = None) -> T | None:
        """The one row, or None. More than one is a broken invariant."""
        found = await self.rows(make, query, values)
        assert len(found) <= 1, "more than one row where one was expected"
        return found[0] if found else None

    async def value(self, query: LiteralString, values: Any = None) -> Any:
        """First column of the first row, or None."""
        async with self.raw.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(query, values)
            row = await cursor.fetchone()
            return None if row is None else row[0]

    async def execute(self, query: LiteralString, values: Any = None) -> int:
        """Run a statement; how many rows it touched."""
        return (await self.raw.execute(query, values)).rowcount


class Database:
    """The pool. Built once in ``app``; everything else receives it. Hands a freed connection to the
    longest waiter, so that nobody starves under load."""

    def __init__(self, url: str, size: int = 10, name: str = "hazina") -> None:
        self.url = url
        self.pool: AsyncConnectionPool[Raw] = AsyncConnectionPool(
            url,
            min_size=min(2, size),
            max_size=size,
            timeout=5,
            max_lifetime=1800,
            open=False,
            name=name,
            kwargs={"autocommit": True, "prepare_threshold": 3, "application_name": name, "options": SESSION_OPTIONS},
        )

    async def open(self) -> None:
        await self.pool.open(wait=True, timeout=30)

    async def close(self) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Commits at the end of the block, rolls back on an exception."""
        async with self.reading() as tx, tx.raw.transaction():
            yield tx

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """For looking only, where each statement may see its own moment: without BEGIN and COMMIT, which
        cost as much as the look itself."""
        outer = _open.get()
        if outer is not None and outer.open:
            raise TransactionOpen("a transaction is already open")
        async with self.pool.connection() as raw:
            tx = Tx(raw)
            token = _open.set(tx)
            try:
                yield tx
            finally:
                tx.open = False
                _open.reset(token)

    async def again(self, step: Callable[[Tx], Awaitable[T]], *, tries: int = 5) -> T:
        """``step`` in a transaction of its own; once more, with jitter, after a deadlock."""
        for attempt in range(tries):
            try:
                async with self.transaction() as tx:
                    return await step(tx)
            except psycopg.Error as error:
                if error.sqlstate not in RETRY_SQLSTATES or attempt == tries - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")


async def listen(url: str, channels: Sequence[str], heard: Callable[[str, str], None], gap: Callable[[], None]) -> None:
    """Listen for ever on a connection of its own. ``gap`` runs after every (re)connect: whatever was
    notified while we were away is lost, so read what was missed."""
    wait = 0.1
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            connection = await psycopg.AsyncConnection.connect(
                url, autocommit=True, keepalives_idle=30, application_name="hazina listen"
            )
            async with connection:
                for name in channels:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(name)))
                gap()
                wait = 0.1
                while True:
                    async for notice in connection.notifies(timeout=30):
                        heard(notice.channel, notice.payload)
                    await connection.execute("SELECT 1")  # a dead peer shows here
        await asyncio.sleep(wait)
        wait = min(wait * 2, 5)
