"""The database goes away and comes back: what is told must be true."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.ledger.conftest import LEDGER_SQL

from hazina.kernel.db import Database
from hazina.kernel.embedded import OWNER_ROLE, Cluster
from hazina.kernel.ids import new_id
from hazina.kernel.money import Cents
from hazina.ledger import BANK, Books, Code, LedgerUnavailable, Limits, OutcomeUnknown, Txn, Unit, transfer


@pytest.fixture
def small_cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="hazina-outage-"))
    cluster = Cluster(folder / "pg", durable=False, shared_buffers_mb=16).start()
    with psycopg.connect(cluster.url(OWNER_ROLE)) as connection:
        for part in sorted(LEDGER_SQL.glob("*.sql")):
            connection.execute(part.read_text(), prepare=False)
    yield cluster
    cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def lone_books(small_cluster: Cluster) -> AsyncIterator[Books]:
    opened = Books(Database(small_cluster.url(OWNER_ROLE)), limits=Limits(outage_s=0.3))
    await opened.open()
    yield opened
    await opened.close()


def issue(cents: int) -> Unit:
    id_ = new_id()
    return Unit(id_, Txn(id_, 1, (transfer(BANK.ISSUED_USD, BANK.ROUNDING_USD, Cents(cents)),)))


async def test_away_and_back(small_cluster: Cluster, lone_books: Books) -> None:
    assert (await lone_books.commit(issue(5))).code == Code.POSTED
    small_cluster.stop()
    missed = [issue(1) for _ in range(5)]
    for answer in await asyncio.gather(*[lone_books.commit(one) for one in missed], return_exceptions=True):
        assert isinstance(answer, LedgerUnavailable)
    with pytest.raises(LedgerUnavailable):
        await lone_books.commit(missed[0])
    small_cluster.start()
    assert (await lone_books.commit(missed[0])).code == Code.POSTED, "nothing was moved before"


async def test_a_restart_is_waited_for(small_cluster: Cluster) -> None:
    patient = Books(Database(small_cluster.url(OWNER_ROLE)), limits=Limits(outage_s=90))
    await patient.open()
    small_cluster.stop()
    asked = [asyncio.create_task(patient.commit(issue(1))) for _ in range(5)]
    await asyncio.sleep(0.1)
    small_cluster.start()
    assert [answer.code for answer in await asyncio.gather(*asked)] == [Code.POSTED] * 5
    await patient.close()


async def test_a_database_that_takes_no_writes(small_cluster: Cluster, lone_books: Books) -> None:
    with psycopg.connect(small_cluster.url(OWNER_ROLE), autocommit=True) as owner:
        owner.execute("alter system set default_transaction_read_only = on")
        owner.execute("select pg_reload_conf()")
        missed = await first_that_is_refused(lone_books)
        owner.execute("alter system reset default_transaction_read_only")
        owner.execute("select pg_reload_conf()")
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(LedgerUnavailable):  # until the server has read its settings again
                    assert (await lone_books.commit(missed)).code == Code.POSTED
                    break


async def first_that_is_refused(books: Books) -> Unit:
    """The server reads its settings again a moment later."""
    async with asyncio.timeout(60):
        while True:
            unit = issue(1)
            try:
                assert (await books.commit(unit)).code == Code.POSTED
            except LedgerUnavailable:
                return unit


async def test_nobody_knows(small_cluster: Cluster, lone_books: Books) -> None:
    """The database goes while it commits, and does not come back in time."""
    unsure = issue(1)
    with psycopg.connect(small_cluster.url(OWNER_ROLE), autocommit=True) as owner:
        # A commit that waits for a standby is on disk already, and not yet answered.
        owner.execute("alter database hazina set synchronous_commit = on")
        owner.execute("alter system set synchronous_standby_names = 'nobody'")
        owner.execute("select pg_reload_conf()")
        owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hazina writer'")
        task = asyncio.create_task(lone_books.commit(unsure))
        while owner.execute("select 1 from pg_stat_activity where wait_event = 'SyncRep'").fetchone() is None:
            await asyncio.sleep(0.01)
        owner.execute("alter system reset synchronous_standby_names")
    small_cluster.stop()
    with pytest.raises(OutcomeUnknown):
        await task
    small_cluster.start()
    assert (await lone_books.commit(unsure)).code == Code.EXISTS
