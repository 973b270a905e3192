"""What every test stands on: a real PostgreSQL for each worker process, the real migrations, no way
out of this machine, no warning and no failed background task that passes unseen.

A test that takes ``db`` commits for real; its rows are deleted afterwards (rows that migrations made
are put back). Nothing is patched, and no provider is imitated in-process: the sandbox serves their
own protocols.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import structlog
from psycopg import sql

from hazina import migrations
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.embedded import OWNER_ROLE, PROGRAM_ROLE, Cluster

hypothesis.settings.register_profile(
    "fast",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("deep", max_examples=1000, deadline=None, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


LONG_FIRST = ("simulation", "real", "faults", "processes", "ops", "browser")
"""Folders whose files take minutes: they begin first, so that no worker ends alone with one of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """All modules and tests are there, and stay: the collector need not walk through them with each test, which
    took it a sixth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, *gc.get_threshold()[1:])


# -- no way out ----------------------------------------------------------------------------------


def _is_here(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Connections leave this machine never, names are not looked up. (uvloop has its own sockets: tests
    stay on asyncio's loop.)"""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise RuntimeError(f"a test reached for the outside: {address}")
        connect(self, address)

    def guarded_look_up(host: Any, *more: Any, **named: Any) -> Any:
        if not _is_here(host):
            raise RuntimeError(f"a test asked for the address of {host}")
        return look_up(host, *more, **named)

    guard = pytest.MonkeyPatch()
    guard.setattr(socket.socket, "connect", guarded_connect)
    guard.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    guard.undo()


UNEXPECTED = ("unexpected", "request failed")
"""What the bank's doors log when they answer that something is wrong with the bank itself."""


class Unexpected(list[str]):
    """What was said of them in this test. A test that makes such a thing on purpose looks, and empties it."""

    def __call__(self, _: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if event["event"] in UNEXPECTED:
            self.append(f"{event['event']}: {event.get('exc_info')!r} {event.get('path')}")
        return event


_unexpected = Unexpected()
_drawn = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[_unexpected, *structlog.get_config()["processors"][:-1], _drawn])


@pytest.fixture
def unexpected() -> Unexpected:
    return _unexpected


@pytest.fixture(autouse=True)
async def no_unseen_failures() -> AsyncIterator[None]:
    """A background task that died without anybody looking fails the test that started it; so does a request that the
    bank could only answer with an apology."""
    loop = asyncio.get_running_loop()
    seen: list[dict[str, Any]] = []
    _unexpected.clear()
    loop.set_exception_handler(lambda _, context: seen.append(context))
    yield
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert not _unexpected, f"the bank did not expect this: {_unexpected}"
    if seen:
        first = seen[0]
        raise AssertionError(f"a background task failed unseen: {first.get('message')}") from first.get("exception")


@pytest.fixture(autouse=True, scope="session")
async def collect_at_the_end() -> AsyncIterator[None]:
    """Failures that still wait in reference cycles speak before the session ends."""
    yield
    gc.collect()


# -- the database --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """This worker's own PostgreSQL, without promises about power cuts. Its superuser is OWNER_ROLE.
    HAZINA_TEST_POSTGRES may name the program folder of another version, such as /usr/lib/postgresql/15/bin."""
    folder = Path(tempfile.mkdtemp(prefix="hazina-test-"))
    other = os.environ.get("HAZINA_TEST_POSTGRES")
    running = Cluster(folder / "pg", durable=False, shared_buffers_mb=128, programs=Path(other) if other else None)
    running.start()
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def owner_url(cluster: Cluster) -> str:
    """The migrated database, as its superuser: for what the program itself may not do."""
    url = cluster.url(OWNER_ROLE)
    migrations.migrate(url, PROGRAM_ROLE)
    return url


@pytest.fixture(scope="session")
def program_url(cluster: Cluster, owner_url: str) -> str:
    """The same database as the program's own role."""
    return cluster.url()


@pytest.fixture(scope="session")
def wipe(owner_url: str) -> bytes:
    """One script that empties every table and puts back what migrations put there. In replica mode
    foreign keys and the append-only triggers do not fire."""
    with psycopg.connect(owner_url) as connection:
        found = connection.execute(
            """SELECT n.nspname, c.relname,
                      array(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                            AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum)
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('public', 'ledger')
                 AND c.relname <> 'alembic_version' ORDER BY 1, 2"""
        ).fetchall()
        connection.execute("CREATE SCHEMA IF NOT EXISTS made_by_migrations")
        script: list[sql.Composable] = [
            sql.SQL("SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '60s'")
        ]
        for schema, table, columns in found:
            here, kept = sql.Identifier(schema, table), sql.Identifier("made_by_migrations", f"{schema}_{table}")
            script.append(sql.SQL("DELETE FROM {}").format(here))
            if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(here)).fetchone():
                names = sql.SQL(", ").join(map(sql.Identifier, columns))
                connection.execute(sql.SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(kept, names, here))
                put_back = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}")
                script.append(put_back.format(here, names, names, kept))
        return sql.SQL("; ").join(script).as_bytes(connection)


@pytest.fixture(scope="session")
async def database(program_url: str, wipe: bytes) -> AsyncIterator[Database]:
    pool = Database(program_url, size=10)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def db(database: Database, owner_url: str, wipe: bytes) -> AsyncIterator[Database]:
    """The database, as the program's own role; empty before, emptied after."""
    yield database
    with psycopg.connect(owner_url) as connection:
        connection.execute(wipe)


# -- time ----------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    """Stands still until the test advances it."""
    return ManualClock()


# -- the browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Any]:
    """Chromium, once for each worker."""
    from playwright.async_api import async_playwright  # the import takes a second

    path = os.environ.get("HAZINA_CHROMIUM") or shutil.which("chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield running
        await running.close()


@pytest.fixture
async def page(browser: Any) -> AsyncIterator[Any]:
    """A page in a fresh browser profile. What the page says as an error fails the test."""
    context = await browser.new_context(locale="en-GB", timezone_id="UTC")
    opened = await context.new_page()
    complaints: list[str] = []
    watch(opened, complaints)
    yield opened
    with contextlib.suppress(Exception):
        await context.close()
    assert not complaints, f"the page complained: {complaints}"


def watch(page: Any, complaints: list[str]) -> None:
    """Collect console errors and uncaught exceptions of ``page``."""
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
