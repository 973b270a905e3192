"""Real PostgreSQL under virtual time: one statement at a time.

psycopg hands every conversation with the server to ``AsyncConnection.wait``. Here that first sleeps a
seeded delay, then talks to the server in place, while the virtual clock stands still. A statement that
does not come back is looked up in ``pg_blocking_pids``: when somebody's lock holds it up it is parked,
the others go on, and it is looked at again, first come first served, after every statement. So lock
waits are real, and the same seed meets the same ones.

Timeouts that PostgreSQL would measure on its own clock (lock_timeout, idle_in_transaction_session_timeout)
are switched off and kept here in virtual time. Pipelines are taken apart: each statement is a point where
others may come in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import psycopg_pool.base
import psycopg_pool.pool_async
import psycopg_pool.sched_async
from psycopg import sql, waiting
from psycopg.errors import LockNotAvailable, QueryCanceled
from psycopg.pq import ConnStatus, TransactionStatus

from hazina.kernel import background, events
from hazina.ledger import writer
from simulation.loop import GATE

if TYPE_CHECKING:
    from simulation.process import Process
    from simulation.world import World

READABLE, WRITABLE = 1, 2  # psycopg.waiting.Ready
PATIENCE_S = 0.003
"""How long a statement may be away before somebody asks whether a lock holds it up."""
STUCK_AFTER = 10_000
"""So many times patience: something is wrong with the simulation itself."""


class Killed(asyncio.CancelledError):
    """The process is dead. No ``except Exception`` sees this, so nothing is repaired or reported."""


@dataclass(eq=False)
class Session:
    """A connection, from the server's side."""

    conn: psycopg.AsyncConnection[Any]
    process: Process
    number: int
    writes: bool  # it is a group writer's
    lock_timeout_s: float
    idle_timeout_s: float
    idle_timer: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int:
        return self.conn.pgconn.backend_pid


@dataclass(eq=False)
class Parked:
    session: Session
    gen: Generator[int, int, Any]
    state: int
    answer: asyncio.Future[Any]
    timer: asyncio.TimerHandle | None = None
    too_long: bool = False

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


@dataclass
class Server:
    """The database of one simulation. ``admin`` is its superuser, outside of the game."""

    url: str
    admin: psycopg.Connection[Any]
    world: World | None = None
    sessions: dict[psycopg.AsyncConnection[Any], Session] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    listeners: list[tuple[Process, Callable[[str, str], None]]] = field(default_factory=list)
    statements: int = 0
    commits: int = 0
    lock_waits: int = 0
    away: bool = False
    _kept: list[tuple[str, str]] | None = None

    # -- connections -----------------------------------------------------------------------------

    async def connect(self, connect: Any, conninfo: str, options: str, named: dict[str, Any]) -> Any:
        process = _process()
        await self._delay(process, "connect")
        if self.away:
            raise psycopg.OperationalError("the database is away")
        conn = await connect(conninfo, options=_without_timeouts(options), **named)
        if not process.alive:
            conn.pgconn.finish()
            raise Killed
        self.world_.number += 1
        self.sessions[conn] = Session(
            conn,
            process,
            self.world_.number,
            named.get("application_name") == "hazina writer",
            _timeout(options, "lock_timeout") or 5.0,
            _timeout(options, "idle_in_transaction_session_timeout") or 15.0,
        )
        return conn

    @property
    def world_(self) -> World:
        assert self.world is not None, "a seed runs"
        return self.world

    def end_sessions(self, of: Process | None = None) -> None:
        """As the server sees dead clients: roll back, let go of the locks."""
        self._end([s for s in self.sessions.values() if of is None or s.process is of])

    def _end(self, sessions: list[Session]) -> None:
        gone = []
        for session in sessions:
            self.sessions.pop(session.conn, None)
            self._idle_ends(session)
            for one in [p for p in self.parked if p.session is session]:
                self.parked.remove(one)
                one.stop_timer()
                if not one.answer.done():
                    one.answer.set_exception(psycopg.OperationalError("the connection was lost"))
            if session.conn.pgconn.status == ConnStatus.OK:
                gone.append(session.pid)
                session.conn.pgconn.finish()
        if gone:
            self.admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid = any(%s)", [gone])
            while self.admin.execute("select 1 from pg_stat_activity where pid = any(%s)", [gone]).fetchone():
                pass  # locks are let go of at the very end
            self._look_at_parked()

    # -- statements ------------------------------------------------------------------------------

    async def run(self, conn: psycopg.AsyncConnection[Any], gen: Generator[int, int, Any]) -> Any:
        """One conversation. Whatever comes between the answer and the next step is the next step's delay."""
        session = self.sessions.get(conn)
        if session is None:  # it was cut off meanwhile
            if not _process().alive:
                raise Killed
            conn.pgconn.finish()
            raise psycopg.OperationalError("the connection was lost")
        self._idle_ends(session)
        try:
            fate = await self._delay(session.process, "statement", session)
            if fate == "lost before":
                self._end([session])
            answer = await self._converse(session, gen)
            if fate == "lost after":
                self._end([session])
                raise psycopg.OperationalError("the connection was lost")
            if not session.process.alive:
                raise Killed
        except BaseException:
            if not session.process.alive:
                raise Killed from None
            self._idle_begins(session)
            raise
        self._idle_begins(session)
        return answer

    async def _converse(self, session: Session, gen: Generator[int, int, Any]) -> Any:
        self.statements += 1
        try:
            state = next(gen)
            done, found = self._drive(session, gen, state)
        except StopIteration as end:
            done, found = True, end.value
        except psycopg.Error:
            self._after(session)
            raise
        if done:
            self._after(session)
            return found
        self.lock_waits += 1
        loop = asyncio.get_running_loop()
        parked = Parked(session, gen, found, loop.create_future())
        parked.timer = loop.call_later(session.lock_timeout_s, self._give_up, parked, context=self.world_.context)
        self.parked.append(parked)
        self.world_.trace("parked", session.process.name, session.number)
        try:
            return await parked.answer
        except asyncio.CancelledError:
            if parked in self.parked:  # the asker went away: psycopg would cancel the query
                self.admin.execute("select pg_cancel_backend(%s)", [session.pid])
                self._settle(parked, stubborn=True)
            raise

    def _drive(self, session: Session, gen: Generator[int, int, Any], state: int) -> tuple[bool, Any]:
        """(True, answer), or (False, what it waits for) when a lock holds it up."""
        for _ in range(STUCK_AFTER):
            ready = _ready(session.conn.pgconn.socket, state, PATIENCE_S)
            if not ready:
                if self._blocked(session.pid):
                    return False, state
                continue
            try:
                state = gen.send(ready)
            except StopIteration as end:
                return True, end.value
        raise AssertionError("a statement does not come back, and no lock holds it up")

    def _blocked(self, pid: int) -> bool:
        """Some lock is in the way, and not in a circle: PostgreSQL breaks those itself, at once."""
        edges: dict[int, list[int]] = {}
        todo = [pid]
        while todo:
            one = todo.pop()
            if one in edges:
                continue
            found = self.admin.execute("select pg_blocking_pids(%s)", [one]).fetchone()
            edges[one] = found[0] if found else []
            if pid in edges[one]:
                return False
            todo += edges[one]
        return bool(edges[pid])

    def _after(self, session: Session) -> None:
        if session.writes and session.conn.pgconn.transaction_status == TransactionStatus.IDLE:
            self.commits += 1
            self._notify()
        self._look_at_parked()

    def _look_at_parked(self) -> None:
        again = bool(self.parked)
        while again:
            again = False
            for one in list(self.parked):
                if one in self.parked and self._settle(one):
                    again = True

    def _settle(self, parked: Parked, *, stubborn: bool = False) -> bool:
        """True when it came back, with an answer or an error."""
        pgconn = parked.session.conn.pgconn
        if not stubborn and not _ready(pgconn.socket, READABLE, 0) and self._blocked(parked.session.pid):
            return False
        try:
            done, found = self._drive(parked.session, parked.gen, parked.state)
            if not done:
                parked.state = found
                return False
            if not parked.answer.done():
                parked.answer.set_result(found)
        except psycopg.Error as error:
            if parked.too_long and isinstance(error, QueryCanceled):
                error = LockNotAvailable("canceling statement due to lock timeout")
            if not parked.answer.done():
                parked.answer.set_exception(error)
        parked.stop_timer()
        self.parked.remove(parked)
        return True

    def _give_up(self, parked: Parked) -> None:
        """lock_timeout, in virtual time."""
        if parked in self.parked:
            parked.too_long = True
            self.world_.trace("lock timeout", parked.session.process.name, parked.session.number)
            self.admin.execute("select pg_cancel_backend(%s)", [parked.session.pid])
            self._settle(parked, stubborn=True)
            self._look_at_parked()

    # -- time outside of statements --------------------------------------------------------------

    async def _delay(self, process: Process, what: str, session: Session | None = None) -> str:
        """A moment on the way; now and then a long one. What becomes of the connection meanwhile."""
        if not process.alive:
            raise Killed
        world = self.world_
        seconds, fate = world.faults.database(what)
        world.trace(what, process.name, session.number if session else 0, fate)
        await asyncio.sleep(seconds)
        if not process.alive:
            raise Killed
        return fate

    def _idle_begins(self, session: Session) -> None:
        status = session.conn.pgconn.transaction_status
        if session.conn in self.sessions and status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            session.idle_timer = asyncio.get_running_loop().call_later(
                session.idle_timeout_s, self._idle_too_long, session, context=self.world_.context
            )

    def _idle_ends(self, session: Session) -> None:
        if session.idle_timer is not None:
            session.idle_timer.cancel()
            session.idle_timer = None

    def _idle_too_long(self, session: Session) -> None:
        """idle_in_transaction_session_timeout, in virtual time."""
        self.world_.trace("idle in transaction", session.process.name, session.number)
        self._end([session])

    # -- LISTEN and NOTIFY -----------------------------------------------------------------------

    async def listen(self, url: str, channels: Any, heard: Callable[[str, str], None], gap: Callable[[], None]) -> None:
        """In place of ``hazina.kernel.db.listen``: told after commits of the writers, not always."""
        process = _process()
        entry = (process, heard)
        await self._delay(process, "listen")
        self.listeners.append(entry)
        gap()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.listeners.remove(entry)

    def _notify(self) -> None:
        for process, heard in self.listeners:
            seconds = self.world_.faults.notification()
            if seconds is not None and process.alive:
                asyncio.get_running_loop().call_later(seconds, heard, "", "", context=process.context)

    # -- between seeds ---------------------------------------------------------------------------

    def begin(self, world: World) -> None:
        """An empty bank, as the migrations left it."""
        patience(busy=True)
        self.world, self.statements, self.commits, self.lock_waits, self.away = world, 0, 0, 0, False
        self.sessions, self.parked, self.listeners = {}, [], []
        if self._kept is None:
            self._kept = _keep(self.admin)
        _wipe(self.admin, self._kept)

    def finish(self) -> None:
        self.end_sessions()
        self.world = None


def patience(*, busy: bool) -> None:
    """How often the bank's idle parts look whether something happened. Rounds in which nothing does are
    what a quiet day would cost."""
    background.LEAD_RETRY_S = background.LEAD_PROOF_S = 15.0 if busy else 900.0
    events.POLL_S = 60.0 if busy else 3_600.0


def _process() -> Process:
    process = GATE.get()
    assert process is not None, "only the bank talks to its database"
    return process  # type: ignore[return-value]  # every gate is a process


def _ready(fd: int, state: int, timeout: float) -> int:
    reads, writes, _ = select.select([fd] if state & 1 else [], [fd] if state & 2 else [], [], timeout)
    return (READABLE if reads else 0) | (WRITABLE if writes else 0)


_TIMEOUT = r"-c {}=(\d+)"


def _timeout(options: str, name: str) -> float | None:
    found = re.search(_TIMEOUT.format(name), options)
    return int(found[1]) / 1000 if found else None


def _without_timeouts(options: str) -> str:
    return re.sub(r"-c (lock_timeout|statement_timeout|idle_in_transaction_session_timeout)=\d+ ?", "", options)


TABLES: LiteralString = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname in ('public', 'ledger') and c.relname <> 'alembic_version'
        and pg_relation_size(c.oid) > 0 order by 1, 2
"""
"""Those that anything was ever written to since they were made or emptied."""


def _keep(admin: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """What the migrations have put into tables, aside; their names."""
    tables = admin.execute(TABLES).fetchall()
    admin.execute("create schema kept")
    for schema, table in tables:
        query = sql.SQL("create table {} as select * from {}")
        admin.execute(query.format(sql.Identifier("kept", f"{schema}_{table}"), sql.Identifier(schema, table)))
    return [(schema, table) for schema, table in tables]


def _wipe(admin: psycopg.Connection[Any], kept: list[tuple[str, str]]) -> None:
    """Empty the tables that were used, put back what migrations put there, and restart the numbers."""
    used = sorted({*admin.execute(TABLES).fetchall(), *kept})
    with admin.transaction():
        admin.execute("set local session_replication_role = replica")
        names = sql.SQL(", ").join(sql.Identifier(*one) for one in used)
        admin.execute(sql.SQL("truncate {} cascade").format(names))
        for schema, table in kept:
            query = sql.SQL("insert into {} select * from {}")
            admin.execute(query.format(sql.Identifier(schema, table), sql.Identifier("kept", f"{schema}_{table}")))
        admin.execute("select setval(seqrelid, seqstart, false) from pg_sequence")


# -- taking psycopg's place ----------------------------------------------------------------------------


def install(server: Server) -> None:
    """For the rest of this (operating-system) process, asynchronous connections go through ``server``."""
    original: Any = psycopg.AsyncConnection.__dict__["connect"].__func__

    async def connect(cls: Any, conninfo: str = "", /, *, options: str = "", **named: Any) -> Any:
        named.pop("connect_timeout", None)
        named.pop("keepalives_idle", None)
        return await server.connect(original.__get__(cls), conninfo, options, named)

    async def wait(self: Any, gen: Any, interval: float = 0, timeout: float | None = None) -> Any:
        return await server.run(self, gen)

    async def wait_conn(gen: Any, interval: float = 0, timeout: float | None = None) -> Any:
        try:
            fd, state = next(gen)
            while True:
                fd, state = gen.send(_ready(fd, state, 10))
        except StopIteration as end:
            return end.value

    @contextlib.asynccontextmanager
    async def pipeline(self: Any) -> AsyncIterator[None]:
        yield None

    ours: list[tuple[Any, str, Any]] = [
        (psycopg.AsyncConnection, "connect", classmethod(connect)),
        (psycopg.AsyncConnection, "wait", wait),
        (psycopg.AsyncConnection, "pipeline", pipeline),
        (waiting, "wait_conn_async", wait_conn),
        (events, "listen", server.listen),
        (writer, "LOCK_TIMEOUT_HALVES_MS", 0),  # virtual time keeps it
    ]
    pools = (psycopg_pool.base, psycopg_pool.pool_async, psycopg_pool.sched_async)
    ours += [(module, "monotonic", lambda: asyncio.get_running_loop().time()) for module in pools]
    for owner, name, value in ours:
        setattr(owner, name, value)
