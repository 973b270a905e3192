"""Deposits and withdrawals of customers on a real bitcoind. Each test ends with the books proven and the node's wallet
equal to them, to the satoshi."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from tests.contexts.payments.dollars import Has, has, rate
from tests.contexts.payments.real_chain import Town, town_on
from tests.contexts.phones import Phones
from tests.contexts.whole import Person
from tests.real.bitcoind import running_bitcoind

from hazina.kernel.db import Database
from hazina.kernel.money import Cents, Msats
from hazina.ledger import BANK
from hazina.payments import SendOnchain
from hazina.sandbox.real.bitcoind import Bitcoind
from hazina.settings import Settings

LATE = timedelta(minutes=31)


@pytest.fixture(scope="module")
async def node() -> AsyncIterator[Bitcoind]:
    async with running_bitcoind() as running:
        await running.rpc("createwallet", "outside")
        yield running


@pytest.fixture
async def town(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient, node: Bitcoind
) -> AsyncIterator[Town]:
    """A bank with a wallet of its own on the node."""
    await node.mine(1)
    async with town_on(node, program_url, outside, phones, sandbox) as made:
        yield made


@pytest.fixture
async def anna(town: Town) -> Person:
    return await town.whole.person()


async def test_onc_01_a_deposit_waits_for_its_depth_and_leaves_again(town: Town, anna: Person) -> None:
    address = await town.payments.address(anna.caller, anna.btc.id)
    await town.node.send(address, 2_000_000)
    await town.seen(anna)
    (line,) = await town.payments.pending_deposits(anna.caller, None)
    assert (await town.payments.confirmations(line), await anna.sats()) == ((0, 3), (0, 0))
    await town.mine(2)
    assert (await town.payments.confirmations(line), await anna.sats()) == ((2, 3), (0, 0))
    await town.mine(1)
    assert await anna.sats() == (2_000_000, 0)
    await town.equal()

    to = await town.outside()
    sent = await town.withdraw(anna, to, 300_000)
    assert sent.status == "SUCCESS" and sent.line is not None and sent.line.status.name == "PENDING"
    await town.round()
    assert await town.node.mempool() != []
    await town.equal()
    await town.settle()
    assert await town.received(to) == 300_000
    assert await anna.sats() == (2_000_000 - 300_000 - sent.line.fee // 1_000, 0)
    await town.equal()


async def test_onc_04_one_transaction_pays_many_and_one_batch_pays_many(town: Town, anna: Person) -> None:
    people = [anna, *[await town.whole.person() for _ in range(4)]]
    amounts = {await town.payments.address(one.caller, one.btc.id): 0.01 for one in people}
    amounts[await town.payments.address(anna.caller, anna.btc.id, fresh=True)] = 0.00004  # dust
    await town.node.rpc("sendmany", "", amounts, wallet="miner")
    await town.seen(anna)
    await town.mine(6)
    assert {await one.sats() for one in people} == {(997_500, 0)}
    tos = [await town.outside() for _ in people]
    await asyncio.gather(*(town.withdraw(one, to, 100_000) for one, to in zip(people, tos, strict=True)))
    await town.round()
    assert len(await town.node.mempool()) == 1, "one batch"
    await town.settle()
    assert {await town.received(to) for to in tos} == {100_000}
    saved = await town.own(BANK.CHAIN_FEES_BTC)
    assert saved > 0, "a batch costs less than five quotes"
    await town.equal()


async def test_send_all_leaves_nothing(town: Town, anna: Person) -> None:
    await town.fund(anna, 1_500_000)
    to = await town.outside()
    sent = await town.withdraw(anna, to, None)
    assert sent.line is not None
    await town.round()
    await town.settle()
    assert await anna.sats() == (0, 0)
    assert await town.received(to) == 1_500_000 - sent.line.fee // 1_000
    await town.equal()


@pytest.mark.parametrize("double_spend", [False, True])
@pytest.mark.parametrize("depth", [3, 6])
async def test_f13_a_reorganisation_under_a_spent_deposit(
    town: Town, anna: Person, depth: int, double_spend: bool
) -> None:
    other = await town.whole.person()
    await town.node.send(await town.payments.address(anna.caller, anna.btc.id), 900_000)
    await town.seen(anna)
    await town.mine(2)
    assert await anna.sats() == (897_500, 0)
    await anna.give(other, 500_000)
    await town.mine(depth - 2)

    await town.node.reorganise(depth, double_spend=double_spend)
    await town.look()
    assert (await anna.sats(), await other.sats()) == ((0, 0), (500_000, 0))
    assert await town.own(BANK.REVERSED_BTC) == -500_000
    await town.mine(6)
    if double_spend:
        assert (await anna.sats(), await town.own(BANK.REVERSED_BTC)) == ((0, 0), -500_000)
        assert await town.payments.pending_deposits(anna.caller, None) == []
    else:
        assert (await anna.sats(), await town.own(BANK.REVERSED_BTC)) == ((397_500, 0), 0)
    await town.equal()


async def test_a_dollar_wallet_is_paid_and_pays_in_bitcoin(town: Town, anna: Person) -> None:
    """With a reorganisation between, that undoes what was credited and partly spent."""
    other, to = await town.whole.person(), await town.outside()
    await town.node.send(await town.payments.address(anna.caller, anna.usd.id), 900_000)
    await town.seen(anna)
    await town.whole.bank.prices.refresh()
    await town.mine(2)
    bought = (await has(anna)).cents
    assert bought == (await rate(town.whole)).cents_bought(Msats.from_sats(897_500)).n
    order = SendOnchain(anna.usd.id, await town.payments.address(other.caller, other.usd.id), Cents(bought // 3))
    await town.payments.send_onchain(anna.caller, order)
    await town.equal()
    await town.node.reorganise(2)
    await town.look()
    assert (await has(anna), (await has(other)).cents) == (Has(0, 0), bought // 3)
    await town.mine(6)
    assert await has(anna) == Has(0, bought - bought // 3)

    at = await rate(town.whole)
    sent = await town.payments.send_onchain(anna.caller, SendOnchain(anna.usd.id, to, Cents(20_000)))
    assert sent.line is not None
    await town.round()
    assert await town.node.mempool() != []
    await town.equal()
    await town.settle()
    assert await town.received(to) == at.msats_for_selling(Cents(20_000)).sats_floor
    assert await has(anna) == Has(0, bought - bought // 3 + sent.line.amount)
    await town.equal()


async def test_f14_a_replaced_payout_costs_the_bank_and_not_the_customer(town: Town, anna: Person) -> None:
    await town.fund(anna, 3_000_000)
    to = await town.outside()
    sent = await town.withdraw(anna, to, 400_000)
    assert sent.line is not None
    await town.round()
    first = await town.node.mempool()
    async with town.db.transaction() as tx:
        await tx.execute("update chain_fee_rate set msat_per_vb = 25000, at = at + interval '1 day'")
    town.clock.shift += LATE
    await town.chain.payouts.round()
    await town.payments.follow_chain()
    bumped = await town.node.mempool()
    assert len(bumped) == 1 and bumped != first
    assert await town.own(BANK.CHAIN_FEES_BTC) < 0
    await town.equal()
    await town.mine(3)
    await town.chain.payouts.round()
    await town.payments.follow_chain()
    assert await town.received(to) == 400_000
    line = await town.payments.line(anna.caller, anna.btc.id, sent.line.id)
    assert (line.txid, line.fee, line.status.name) == (bytes.fromhex(bumped[0]), sent.line.fee, "SUCCESS")
    await town.equal()


async def test_f12_a_node_that_was_away_loses_nothing(town: Town, anna: Person) -> None:
    """While it is away money is taken in and promised; when it is back, all of it moves."""
    await town.fund(anna, 2_000_000)
    address, to = await town.payments.address(anna.caller, anna.btc.id), await town.outside()
    await town.node.stop()
    with pytest.raises(Exception):  # noqa: B017  # the watch says so and looks again
        await town.look()
    sent = await town.withdraw(anna, to, 100_000)
    assert sent.status == "SUCCESS"
    await town.node.start()
    await town.node.rpc("loadwallet", "outside")
    await town.node.send(address, 50_000)
    await town.seen(anna)
    await town.round()
    await town.settle()
    assert await town.received(to) == 100_000
    assert (await anna.sats())[0] == 2_000_000 + 47_500 - 100_000 - (sent.line.fee // 1_000 if sent.line else 0)
    await town.equal()
