"""Books of one's own: a database with nothing but the ledger in it, as its owner."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from hazina.kernel.embedded import OWNER_ROLE, Cluster
from hazina.migrations import HERE

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
