"""The group writer: one connection, one queue, one commit for whatever has queued.

While a batch is being committed the next one gathers; nothing waits for a timer, and with one caller a
batch is one unit. Several processes, each with its own writer, stay exact: the row locks decide.

What can go wrong, and what becomes of it:

- A unit that raises (a bug; whatever a client can provoke is a code): the batch is rolled back and halved
  until the culprit stands alone. It gets its exception, the others are committed.
- Locks that are held too long by another session: the same, with less patience for the halves.
- The connection breaks: the same batch is handed in again on a new one. What was committed answers EXISTS.
- The database stays away: a refusal that says "nothing was moved" where that is sure, else OutcomeUnknown.
- The asker goes away: its unit stays, and may be committed. Ask again by id.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import structlog

from hazina.kernel.db import Raw, Tx
from hazina.kernel.errors import Refusal
from hazina.ledger import store
from hazina.ledger.apply import apply_in_pipeline
from hazina.ledger.errors import LedgerBusy, LedgerUnavailable, OutcomeUnknown
from hazina.ledger.model import BANK, Leg, Op, Registry, Result, Txn, Unit

log = structlog.get_logger("hazina.ledger")

SESSION = (
    "-c lock_timeout={lock_timeout_ms} -c statement_timeout=10000"
    " -c idle_in_transaction_session_timeout=15000 -c timezone=UTC"
)
LOCK_TIMEOUT_HALVES_MS = 100
"""A batch that met a held lock is halved; each half may wait only this long."""

TRIES = 4
"""Of a batch that lost against another session."""

LOST_RACE = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
SAME_MOMENT = frozenset({"23505"})
"""unique_violation: two processes, one id at one moment. The same batch again finds the other one's rows,
and answers by code."""

WAITED_TOO_LONG = frozenset({"55P03", "57014"})  # lock_not_available, query_canceled
CANNOT_WRITE = frozenset({"25006"})  # read_only_sql_transaction
CANNOT_WRITE_CLASSES = ("53", "58")  # insufficient resources (disk full), system error


@dataclass(frozen=True, slots=True)
class Limits:
    """``units_max`` and ``legs_max``: of one batch. ``queue_max``: units that may wait; more are refused.
    ``outage_s``: how long a batch waits for a database that went away."""

    units_max: int = 500
    legs_max: int = 2_000
    queue_max: int = 5_000
    outage_s: float = 5.0
    lock_timeout_ms: int = 1_000


@dataclass(slots=True)
class Figures:
    """Counted since the start."""

    units: int = 0
    batches: int = 0
    halvings: int = 0
    reconnects: int = 0


@dataclass(slots=True)
class Waiting:
    unit: Unit
    answer: asyncio.Future[Result]

    def tell(self, outcome: Result | BaseException) -> None:
        if self.answer.done():  # the caller went away
            return
        if isinstance(outcome, BaseException):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class Writer:
    """``url``: the database, as the program's role."""

    def __init__(self, url: str, registry: Registry, limits: Limits) -> None:
        self._url = url
        self._registry = registry
        self._limits = limits
        self._queue: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._raw: Raw | None = None
        self._committing = False
        self._away = False
        self._task: asyncio.Task[None] | None = None
        self.figures = Figures()

    @property
    def queued(self) -> int:
        return len(self._queue)

    async def open(self) -> None:
        """Connect and start. Raises psycopg.Error when the database is away."""
        assert self._task is None, "the writer is open"
        await self._connect()
        self._closing = False
        self._task = asyncio.create_task(self._work(), name="hazina-ledger-writer")

    async def close(self) -> None:
        """Take no more units, finish those that wait, stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None
        await self._disconnect()

    def submit(self, unit: Unit) -> asyncio.Future[Result]:
        """Queue the unit. Raises LedgerBusy when the queue is full, LedgerUnavailable when it is closed."""
        if self._task is None or self._closing:
            raise LedgerUnavailable
        if len(self._queue) >= self._limits.queue_max:
            raise LedgerBusy
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(unit, answer))
        self._wake.set()
        return answer

    async def _work(self) -> None:
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._next_batch()
            self.figures.batches += 1
            self.figures.units += len(batch)
            try:
                await self._settle(batch)
            except Exception:  # a bug of the writer's own: the askers must not wait for ever
                log.exception("writer_failed")
                await self._disconnect()
                _tell_all(batch, OutcomeUnknown)

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        legs = 0
        while self._queue and len(batch) < self._limits.units_max:
            legs += self._queue[0].unit.legs_n
            if batch and legs > self._limits.legs_max:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _settle(self, batch: Sequence[Waiting], *, in_doubt: bool = False, impatient: bool = False) -> None:
        """Tell every asker of the batch what became of its unit. ``in_doubt``: an earlier try may have
        been committed, so that "nothing was moved" would be a guess."""
        for attempt in range(TRIES):
            if not await self._connected():
                _tell_all(batch, OutcomeUnknown if in_doubt else LedgerUnavailable)
                return
            try:
                results = await self._commit([waiting.unit for waiting in batch], impatient)
            except Exception as caught:
                error = caught
                if self._raw is None or self._raw.closed:
                    in_doubt = in_doubt or self._committing
                    log.warning("writer_connection_lost", in_doubt=in_doubt, units=len(batch))
                elif _sqlstate(error) in LOST_RACE | SAME_MOMENT:
                    await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
                else:
                    break
            else:
                for waiting, result in zip(batch, results, strict=True):
                    # Without a transaction's id: lost to another unit, or to its own first try?
                    vague = in_doubt and waiting.unit.txn is None and not result.ok
                    waiting.tell(OutcomeUnknown() if vague else result)
                return
        await self._isolate(batch, error, in_doubt, impatient)

    async def _isolate(self, batch: Sequence[Waiting], error: Exception, in_doubt: bool, impatient: bool) -> None:
        """The batch as a whole does not go: halve it, or tell the one that is left why."""
        sqlstate = _sqlstate(error)
        if sqlstate in CANNOT_WRITE or sqlstate[:2] in CANNOT_WRITE_CLASSES:
            log.error("writer_cannot_write", sqlstate=sqlstate, units=len(batch))
            _tell_all(batch, OutcomeUnknown if in_doubt else LedgerUnavailable)
        elif len(batch) > 1:
            self.figures.halvings += 1
            impatient = impatient or sqlstate in WAITED_TOO_LONG
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                await self._settle(half, in_doubt=in_doubt, impatient=impatient)
        elif sqlstate in LOST_RACE | WAITED_TOO_LONG:
            _tell_all(batch, OutcomeUnknown if in_doubt else LedgerBusy)
        elif self._raw is None or self._raw.closed:
            _tell_all(batch, OutcomeUnknown if in_doubt else LedgerUnavailable)
        else:
            log.error("unit_failed", unit=str(batch[0].unit.id), error=type(error).__name__, sqlstate=sqlstate)
            batch[0].tell(error)

    async def _commit(self, units: Sequence[Unit], impatient: bool) -> list[Result]:
        """One try. After an error the transaction is rolled back, or the connection closed."""
        raw = self._raw
        assert raw is not None
        self._committing = False
        try:
            async with raw.pipeline():
                if impatient:
                    await raw.execute(f"set local lock_timeout = {LOCK_TIMEOUT_HALVES_MS}")
                results = await apply_in_pipeline(Tx(raw), self._registry, units)
                self._committing = True
                await raw.commit()
        except Exception:
            try:
                await raw.rollback()
            except psycopg.Error:
                await self._disconnect()
            raise
        return results

    async def _connected(self) -> bool:
        """A live connection, waiting up to ``outage_s`` for a new one; later batches only ask once."""
        if self._raw is not None and not self._raw.closed:
            return True
        await self._disconnect()
        time = asyncio.get_running_loop().time
        give_up = time() + (0 if self._away else self._limits.outage_s)
        wait = 0.05
        while True:
            try:
                await self._connect()
            except psycopg.Error:  # away, or a standby that takes no writes
                if time() >= give_up:
                    self._away = True
                    return False
                await asyncio.sleep(wait)
                wait = min(wait * 2, 0.5)
            else:
                self._away = False
                self.figures.reconnects += 1
                return True

    async def _connect(self) -> None:
        raw: Raw = await psycopg.AsyncConnection.connect(
            self._url,
            prepare_threshold=0,
            application_name="hazina writer",
            options=SESSION.format(lock_timeout_ms=self._limits.lock_timeout_ms),
            connect_timeout=5,
            keepalives_idle=30,
        )
        try:
            await self._warm(Tx(raw))
            await raw.rollback()
        except BaseException:
            await raw.close()
            raise
        self._raw = raw

    async def _warm(self, tx: Tx) -> None:
        """The first calls of a session compile and plan; let them be calls that are rolled back."""
        ref = uuid4()
        payer, payee = BANK.ISSUED_USD, BANK.ROUNDING_USD
        legs = (Leg(Op.HOLD, payer, payee, 1, ref), Leg(Op.POST, payer, payee, 1, ref))
        with contextlib.suppress(psycopg.errors.LockNotAvailable):
            await store.stored(tx, [ref])
            for claim in self._registry.claims:
                await store.take(tx, claim, [])
            await store.post(tx, [Txn(uuid4(), 0, legs)], [False])
            for effect in self._registry.effects:
                await store.write(tx, effect, [])

    async def _disconnect(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            with contextlib.suppress(psycopg.Error):
                await raw.close()


def _sqlstate(error: Exception) -> str:
    return (error.sqlstate or "") if isinstance(error, psycopg.Error) else ""


def _tell_all(batch: Sequence[Waiting], refusal: type[Refusal]) -> None:
    for waiting in batch:
        waiting.tell(refusal())
