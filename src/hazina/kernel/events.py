"""Facts: what happened, told to whoever listens.

A fact is a row written in the same commit as the thing it tells of. A reader follows by cursor,
so nothing is lost and nothing needs a job; one NOTIFY a batch only wakes it up. Rows are read only
when their transaction is older than every running one, because ids do not follow commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from hazina.kernel.db import Database, Tx, listen
from hazina.kernel.units import EffectKind, Row

log = structlog.get_logger("hazina.events")

CHANNEL = "hazina_facts"
BATCH = 1_000
POLL_S = 5.0
"""A lost notification costs at most this long."""

FACT = EffectKind(
    "fact",
    """
    with told as (
        insert into fact (topic, keys, body)
        select topic, keys, body from jsonb_to_recordset(%(rows)s::jsonb) as r(topic text, keys text[], body jsonb)
        returning 1)
    select pg_notify('hazina_facts', '') from (select 1 from told limit 1) as once
    """,
)


def fact(topic: str, keys: Iterable[str], **body: Any) -> Row:
    """A row that tells ``topic`` to everyone who follows one of ``keys``. ``body`` must be JSON."""
    return Row("fact", {"topic": topic, "keys": list(keys), "body": body})


async def tell(tx: Tx, topic: str, keys: Iterable[str], **body: Any) -> None:
    """The same where there is no unit: told when ``tx`` commits."""
    await tx.execute(FACT.write, {"rows": json.dumps([fact(topic, keys, **body).values])})


@dataclass(frozen=True, slots=True)
class Cursor:
    """Place in the stream: the writing transaction, then the row. Kept by the reader."""

    xid: int
    id: int


@dataclass(frozen=True, slots=True)
class Fact:
    xid: int
    id: int
    topic: str
    keys: tuple[str, ...]
    body: dict[str, Any]
    at: datetime

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.xid, self.id)


async def facts_after(tx: Tx, after: Cursor, limit: int = BATCH) -> list[Fact]:
    """Facts behind ``after``, in the stream's order; only what no running transaction can overtake."""
    return await tx.rows(
        lambda xid, id_, topic, keys, body, at: Fact(xid, id_, topic, tuple(keys), body, at),
        """
        select xid::text::bigint, id, topic, keys, body, at from fact
        where (xid, id) > (%(xid)s::text::xid8, %(id)s) and xid < pg_snapshot_xmin(pg_current_snapshot())
        order by xid, id limit %(limit)s
        """,
        {"xid": str(after.xid), "id": after.id, "limit": limit},
    )


async def now_cursor(tx: Tx) -> Cursor:
    """The end of the stream as it stands: everything written later comes behind it."""
    return Cursor(int(await tx.value("select (pg_snapshot_xmin(pg_current_snapshot())::text::bigint) - 1")), 2**62)


async def unread_for(tx: Tx) -> float:
    """For how many seconds the oldest fact that no reader may see yet has been waiting: a transaction that
    runs too long holds all of them back."""
    waits = await tx.value(
        """select extract(epoch from clock_timestamp() - min(at))::float8 from fact
        where xid >= pg_snapshot_xmin(pg_current_snapshot())"""
    )
    return float(waits or 0)


async def forget_facts(tx: Tx, before: datetime) -> int:
    """Drop facts that every reader has long passed."""
    return await tx.execute("delete from fact where at < %(before)s", {"before": before})


class Hub:
    """One a process: reads the stream once and hands each fact to the subscribers of its keys."""

    def __init__(self, db: Database, *, queue: int = 200) -> None:
        self._db = db
        self._size = queue
        self._queues: dict[str, set[asyncio.Queue[Fact]]] = defaultdict(set)
        self._wake = asyncio.Event()
        self._cursor: Cursor | None = None

    async def run(self) -> None:
        """For ever: listen, read, hand out."""
        async with self._db.transaction() as tx:
            self._cursor = await now_cursor(tx)
        listener = asyncio.create_task(
            listen(self._db.url, [CHANNEL], lambda *_: self._wake.set(), self._wake.set), name="hazina-listen"
        )
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
                self._wake.clear()
                await self._read()
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _read(self) -> None:
        assert self._cursor is not None
        while True:
            try:
                async with self._db.reading() as tx:
                    facts = await facts_after(tx, self._cursor)
            except Exception as error:  # the database is away: say so, and look again when it is back
                log.warning("facts_not_read", error=type(error).__name__)
                return
            for one in facts:
                self._cursor = one.cursor
                self._hand_out(one)
            if len(facts) < BATCH:
                return

    def _hand_out(self, one: Fact) -> None:
        for queue in {q for key in one.keys for q in self._queues.get(key, ())}:
            if queue.full():  # a subscriber that does not read: it gets the newest, and loses the oldest
                queue.get_nowait()
            queue.put_nowait(one)

    def tell(self, one: Fact) -> None:
        """Hand out something that is no row (a price tick): this process only."""
        self._hand_out(one)

    @contextmanager
    def follow(self, keys: Iterable[str]) -> Iterator[asyncio.Queue[Fact]]:
        """A queue of the facts of ``keys`` for the length of the block. Follow first, read the present
        state second: then nothing falls between."""
        queue: asyncio.Queue[Fact] = asyncio.Queue(self._size)
        names = set(keys)
        for key in names:
            self._queues[key].add(queue)
        try:
            yield queue
        finally:
            for key in names:
                self._queues[key].discard(queue)
                if not self._queues[key]:
                    del self._queues[key]

    async def subscribe(self, keys: Iterable[str]) -> AsyncIterator[Fact]:
        """The facts of ``keys``, as they come, for ever."""
        with self.follow(keys) as queue:
            while True:
                yield await queue.get()
