"""A process is killed (kill -9) at each step of the hedge that moves money, in the middle of the commit or between the
exchange's deed and its answer: whoever comes after it finishes, and everything was asked for once."""

from __future__ import annotations

import secrets
from decimal import Decimal
from subprocess import Popen
from typing import LiteralString

import pytest
from pydantic import SecretStr
from tests.contexts.hedging.conftest import BTC, Hedging
from tests.contexts.hedging.test_coins import FEE, Coins, coins
from tests.contexts.payments.conftest import workers
from tests.contexts.payments.machine import Machine

from hazina.chain import EventKind, PayoutNews
from hazina.hedging import Kind, Mode, State
from hazina.ledger import BANK
from hazina.settings import Bitcoind, Settings

__all__ = ["coins", "workers"]

BOOKING: tuple[tuple[str, LiteralString], ...] = (
    ("hedge_bill", "true"),
    ("ledger.entry", "true"),
    ("hedge", "new.bill is not null"),
)


@pytest.fixture
def machine(workers: Popen[bytes], outside: Settings, program_url: str, owner_url: str) -> Machine:
    where = Bitcoind(url="http://127.0.0.1:9", user="nobody", password=SecretStr("none"), wallet="none")
    settings = outside.model_copy(update={"database_url": SecretStr(program_url), "bitcoind": where})
    return Machine(workers, settings, owner_url)


async def test_killed_before_an_order_is_stored_nothing_is_asked(hedged: Hedging, machine: Machine) -> None:
    await hedged.owe(11_000)
    await hedged.fresh()
    await machine.killed_at("hedge_move", "hedge", "new.kind = 1")
    assert len((await hedged.there())["orders"]) == 1
    await hedged.rest()
    there = await hedged.there()
    assert (int(Decimal(there["contracts"])), len(there["orders"])) == (-110, 2)
    await hedged.agree()


@pytest.mark.parametrize("call", ["order.place", "transfer"])
async def test_usd_07_killed_between_deed_and_answer(hedged: Hedging, machine: Machine, call: str) -> None:
    rows, owed = ("orders", 11_000) if call == "order.place" else ("transfers", 20_000)

    async def done() -> bool:
        return len((await hedged.there())[rows]) == 2

    await hedged.fault(call, "drop_reply", seconds=300, times=1)
    await hedged.owe(owed)
    await hedged.fresh()
    await machine.killed_when(done, "hedge")
    assert [one.state for one in (await hedged.status()).under_way] == [State.ASKED]
    await hedged.rest()
    there = await hedged.there()
    assert (int(Decimal(there["contracts"])) * 100, len(there["orders"]), len(there[rows])) == (-owed, 2, 2)
    await hedged.agree()


async def test_killed_while_funding_is_booked(hedged: Hedging, machine: Machine) -> None:
    for n, (table, when) in enumerate(BOOKING):
        await hedged.post("/okx/funding", rate="0.0001")
        await machine.killed_at(table, "hedge", when)
        assert await hedged.balance(BANK.HEDGE_FUNDING_BTC) == n * 2_000_000
        await hedged.rest()
        assert await hedged.balance(BANK.HEDGE_FUNDING_BTC) == (n + 1) * 2_000_000
    await hedged.agree()


async def test_killed_while_the_books_are_opened(hedging: Hedging, machine: Machine) -> None:
    await hedging.hedge.switch(Mode.ON, "test")
    await machine.killed_at("ledger.entry", "hedge")
    await hedging.rounds(2)
    assert await hedging.balance(BANK.EXCHANGE_BTC) == -2 * BTC * 1_000
    await hedging.agree()


async def test_usd_07_killed_while_a_deposit_is_queued(coins: Coins, machine: Machine) -> None:
    await coins.hedging.fresh()
    await machine.killed_at("chain_payout", "hedge")
    assert (await coins.payouts(), (await coins.hedging.status()).moves) == ([], ())
    await coins.hedging.rounds(2)
    assert len(await coins.payouts()) == 1


async def test_killed_while_news_of_a_deposit_are_booked(coins: Coins, machine: Machine) -> None:
    hedging, txid = coins.hedging, secrets.token_hex(32)
    await hedging.rounds()
    move = await coins.deposit()
    await coins.tell(EventKind.PAYOUT_BROADCAST, PayoutNews(move.id, txid, 0, FEE))
    await machine.killed_at("ledger.entry", "hedge")
    assert await coins.transit() == 0 and (await coins.deposit()).state is State.ASKED
    await hedging.rounds(2)
    assert await coins.transit() == move.sats and await coins.hot() == BTC - move.sats - FEE
    await hedging.post("/okx/deposits", txId=txid, sats=move.sats, state=2)
    await machine.killed_at("hedge_coins", "hedge")
    assert await coins.transit() == move.sats
    await hedging.rest()
    assert await coins.transit() == 0
    assert [one.kind for one in await hedging.moves()] == [Kind.DEPOSIT, Kind.TRANSFER, Kind.ORDER]
    await hedging.agree()
