"""A process is killed (kill -9) in the middle of each commit that moves coins, and what it began happens once, or not
at all and then once: by whoever comes after it, or by the customer who asks again."""

from __future__ import annotations

import asyncio
import pickle
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from tests.contexts.payments.coins import FEE, Coins
from tests.contexts.payments.test_withdrawals import order, outside
from tests.contexts.whole import Person

from hazina.access import Caller
from hazina.chain import EventKind, PayoutNews
from hazina.ledger import BANK
from hazina.payments import SendOnchain
from hazina.settings import Bitcoind, Settings

WORKER = Path(__file__).with_name("coin_worker.py")
PATIENCE_S = 60


class Machine:
    """Starts the worker, and kills it while it writes to a table."""

    def __init__(self, settings: Settings, owner_url: str) -> None:
        self.settings = settings
        self.owner_url = owner_url

    async def killed_at(self, table: str, wish: tuple[Caller, SendOnchain] | None = None) -> None:
        connection = await psycopg.AsyncConnection.connect(self.owner_url, autocommit=True)
        async with connection as owner, self._slow(owner, table):
            worker = await asyncio.create_subprocess_exec(
                sys.executable, str(WORKER), stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            assert worker.stdin is not None
            worker.stdin.write(pickle.dumps((self.settings, wish)))
            worker.stdin.close()
            try:
                pid = await self._asleep(owner, worker)
            finally:
                if worker.returncode is None:
                    worker.kill()
                await worker.wait()
            await owner.execute("select pg_terminate_backend(%s, 5000)", (pid,))

    @asynccontextmanager
    async def _slow(self, owner: psycopg.AsyncConnection[tuple[object, ...]], table: str) -> AsyncIterator[None]:
        where = sql.Identifier(*table.split("."))
        await owner.execute(
            "create function slow_write() returns trigger language plpgsql as "
            "'begin perform pg_sleep(600); return new; end'"
        )
        slow = "create trigger slow_write before insert or update on {} for each row execute function slow_write()"
        await owner.execute(sql.SQL(slow).format(where))
        try:
            yield
        finally:
            await owner.execute(sql.SQL("drop trigger slow_write on {}").format(where))
            await owner.execute("drop function slow_write()")

    async def _asleep(
        self, owner: psycopg.AsyncConnection[tuple[object, ...]], worker: asyncio.subprocess.Process
    ) -> object:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                cursor = await owner.execute("select pid from pg_stat_activity where wait_event = 'PgSleep'")
                if row := await cursor.fetchone():
                    return row[0]
                assert worker.returncode is None, "the worker ended before it wrote"
                await asyncio.sleep(0.05)


@pytest.fixture
def machine(outside_settings: Settings, owner_url: str) -> Machine:
    return Machine(outside_settings, owner_url)


@pytest.fixture
def outside_settings(outside: Settings, program_url: str) -> Settings:
    where = Bitcoind(url="http://127.0.0.1:9", user="nobody", password=SecretStr("none"), wallet="none")
    return outside.model_copy(update={"database_url": SecretStr(program_url), "bitcoind": where})


@pytest.fixture
async def rich(coins: Coins, anna: Person) -> Person:
    await coins.settle(coins.output(anna, 202_500))
    await coins.rates(2)
    return anna


@pytest.mark.parametrize("table", ["deposit", "ledger.entry", "fact"])
async def test_killed_while_a_deposit_is_credited(coins: Coins, anna: Person, machine: Machine, table: str) -> None:
    await coins.tell(EventKind.OUTPUT_SETTLED, coins.output(anna, 50_000))
    await machine.killed_at(table)
    assert await anna.sats() == (0, 0)
    await coins.proven()
    await coins.payments.follow_chain()
    assert await anna.sats() == (50_000 - FEE, 0)
    await coins.proven()


async def test_killed_while_a_deposit_is_taken_back(coins: Coins, rich: Person, machine: Machine) -> None:
    output = coins.output(rich, 50_000)
    await coins.settle(output)
    await coins.tell(EventKind.OUTPUT_UNSETTLED, output)
    await machine.killed_at("ledger.entry")
    assert await rich.sats() == (247_500, 0)
    await coins.payments.follow_chain()
    assert (await rich.sats(), await coins.own(BANK.REVERSED_BTC)) == ((200_000, 0), 0)
    await coins.proven()


@pytest.mark.parametrize("table", ["ledger.hold", "chain_payout"])
async def test_onc_07_killed_while_a_withdrawal_is_begun(
    coins: Coins, rich: Person, machine: Machine, table: str
) -> None:
    """Nothing of it stands; the customer asks again with the same key, and it is one payout."""
    wish = order(rich, outside(), 50_000, key="once")
    await machine.killed_at(table, (rich.caller, wish))
    assert (await coins.payouts(), await rich.sats()) == ([], (200_000, 0))
    await coins.proven()
    for _ in range(2):
        assert (await coins.payments.send_onchain(rich.caller, wish)).status == "SUCCESS"
    assert len(await coins.payouts()) == 1
    await coins.proven()


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (EventKind.PAYOUT_BROADCAST, "withdrawal"),
        (EventKind.PAYOUT_SETTLED, "payment"),
        (EventKind.PAYOUT_CANCELLED, "limit_use"),
    ],
)
async def test_killed_while_news_of_a_payout_is_booked(
    coins: Coins, rich: Person, machine: Machine, kind: EventKind, table: str
) -> None:
    await coins.payments.send_onchain(rich.caller, order(rich, outside(), 50_000))
    payout_id, _, _, fee = (await coins.payouts())[0]
    news = PayoutNews(payout_id, secrets.token_hex(32), 0, fee - 7)
    if kind is EventKind.PAYOUT_SETTLED:
        await coins.book(EventKind.PAYOUT_BROADCAST, news)
    before = await rich.sats()
    await coins.tell(kind, replace(news, reason="x"))
    await machine.killed_at(table)
    assert await rich.sats() == before
    await coins.proven()
    await coins.payments.follow_chain()
    await coins.payments.follow_chain()
    assert await coins.own(BANK.CHAIN_FEES_BTC) == (0 if kind is EventKind.PAYOUT_CANCELLED else 7)
    await coins.proven()
