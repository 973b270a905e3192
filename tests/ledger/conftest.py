"""Books of one's own for the proof; books with test claims for the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.ledger.kinds import CAP, CHANGE, NOTE, TABLES

from hazina.kernel.db import Database
from hazina.kernel.embedded import OWNER_ROLE, PROGRAM_ROLE, Cluster
from hazina.ledger import Books, verify
from hazina.migrations import HERE

GRANTS = """
grant usage on schema kinds to {0};
grant select, insert, update, delete on all tables in schema kinds to {0};
"""
LEDGER_SQL = HERE / "sql" / "0002_ledger"


@pytest.fixture(scope="session")
def books_url(cluster: Cluster) -> str:
    """The proof deletes behind the guards, and mutants change functions: not in everybody's database."""
    url = cluster.url(OWNER_ROLE)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create database books")
    url = make_conninfo(url, dbname="books")
    with psycopg.connect(url) as connection:
        for part in sorted(LEDGER_SQL.glob("*.sql")):
            connection.execute(part.read_text(), prepare=False)
    return url


@pytest.fixture
def kinds(owner_url: str) -> Iterator[psycopg.Connection]:
    """The tables of ``tests.ledger.kinds`` in the tests' database; the owner's connection to look at them."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(TABLES, prepare=False)
        connection.execute(sql.SQL(GRANTS).format(sql.Identifier(PROGRAM_ROLE)), prepare=False)
        yield connection
        connection.execute("drop schema kinds cascade")


@pytest.fixture
async def books(db: Database, kinds: psycopg.Connection) -> AsyncIterator[Books]:
    opened = Books(db, claims=[CAP, CHANGE], effects=[NOTE])
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other_books(db: Database, kinds: psycopg.Connection) -> AsyncIterator[Books]:
    """A second writer on the same database, as another process has."""
    opened = Books(db, claims=[CAP, CHANGE], effects=[NOTE])
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def clean(db: Database, books: Books) -> AsyncIterator[None]:
    """After the test, the books must be in order."""
    yield
    async with db.transaction() as tx:
        assert [(check.name, check.offending) for check in await verify(tx) if not check.ok] == []
