"""A process is killed (kill -9) in the middle of each commit that moves coins, and what it began happens once, or not
at all and then once: by whoever comes after it, or by the customer who asks again."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from subprocess import Popen

import pytest
from pydantic import SecretStr
from tests.contexts.payments.coins import FEE, Coins
from tests.contexts.payments.dollars import Has, has
from tests.contexts.payments.machine import Machine
from tests.contexts.payments.test_withdrawals import order, outside
from tests.contexts.whole import Person

from hazina.chain import EventKind, PayoutNews
from hazina.dealer import dealing
from hazina.dealer.store import put_price
from hazina.kernel.money import Cents, Msats
from hazina.ledger import BANK
from hazina.payments import SendOnchain
from hazina.settings import Bitcoind, Settings


@pytest.fixture
def machine(workers: Popen[bytes], outside_settings: Settings, owner_url: str) -> Machine:
    return Machine(workers, outside_settings, owner_url)


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


# --- dollars ----------------------------------------------------------------------------------------


@pytest.fixture
async def dollars(coins: Coins, anna: Person) -> Person:
    """Anna with 500 dollars, at a price that is young for as long as a worker may take to begin."""
    await coins.whole.bank.prices.refresh()
    price = await coins.whole.bank.prices.fresh()
    async with coins.whole.bank.db.transaction() as tx:
        await put_price(tx, replace(price, at=price.at + timedelta(minutes=2)))
    await coins.whole.bank.prices.refresh()
    await coins.whole.bank.payments.issue_dollars(anna.usd.id, Cents(50_000), None)
    await coins.rates(2)
    return anna


@pytest.mark.parametrize("waited", [False, True])
async def test_killed_while_a_deposit_becomes_dollars(
    coins: Coins, dollars: Person, machine: Machine, waited: bool
) -> None:
    """Told just now, or ripe and waiting for a price."""
    output = replace(coins.output(dollars, 52_500), owner=dollars.usd.id)
    if waited:
        coins.whole.clock.shift += timedelta(minutes=5)
        await coins.settle(output)
        coins.whole.clock.shift = timedelta(0)
    else:
        await coins.tell(EventKind.OUTPUT_SETTLED, output)
    await machine.killed_at("ledger.entry")
    assert await has(dollars) == Has(0, 50_000)
    await coins.proven()
    for _ in range(2):
        await coins.payments.follow_chain()
    bought = (await dealing(coins.whole.bank.prices)).cents_bought(Msats.from_sats(50_000)).n
    assert await has(dollars) == Has(0, 50_000 + bought)
    await coins.proven()


async def test_killed_while_dollars_are_taken_back(coins: Coins, dollars: Person, machine: Machine) -> None:
    output = replace(coins.output(dollars, 52_500), owner=dollars.usd.id)
    await coins.settle(output)
    credited = await has(dollars)
    await coins.tell(EventKind.OUTPUT_UNSETTLED, output)
    await machine.killed_at("ledger.entry")
    assert await has(dollars) == credited
    await coins.payments.follow_chain()
    assert (await has(dollars), await coins.own(BANK.REVERSED_BTC)) == (Has(0, 50_000), 0)
    await coins.proven()


async def test_killed_while_a_withdrawal_of_dollars_is_begun(coins: Coins, dollars: Person, machine: Machine) -> None:
    """Nothing of it stands; the customer asks again with the same key, and it is one payout."""
    wish = SendOnchain(dollars.usd.id, outside(), Cents(10_000), key="once")
    await machine.killed_at("chain_payout", (dollars.caller, wish))
    assert (await coins.payouts(), await has(dollars)) == ([], Has(0, 50_000))
    await coins.proven()
    for _ in range(2):
        assert (await coins.payments.send_onchain(dollars.caller, wish)).status == "SUCCESS"
    assert len(await coins.payouts()) == 1
    await coins.proven()


async def test_killed_while_the_end_of_a_withdrawal_of_dollars_is_booked(
    coins: Coins, dollars: Person, machine: Machine
) -> None:
    """What is given back is one void, as with bitcoin: see above."""
    await coins.payments.send_onchain(dollars.caller, SendOnchain(dollars.usd.id, outside(), Cents(10_000)))
    payout_id, _, sats, fee = (await coins.payouts())[0]
    news = PayoutNews(payout_id, secrets.token_hex(32), 0, fee - 7)
    await coins.book(EventKind.PAYOUT_BROADCAST, news)
    held = await has(dollars)
    await coins.tell(EventKind.PAYOUT_SETTLED, news)
    await machine.killed_at("ledger.entry")
    assert await has(dollars) == held
    await coins.proven()
    for _ in range(2):
        await coins.payments.follow_chain()
    assert await has(dollars) == Has(0, 50_000 - held.held_cents)
    assert await coins.own(BANK.ONCHAIN_BTC) == sats + fee - 7
    await coins.proven()
