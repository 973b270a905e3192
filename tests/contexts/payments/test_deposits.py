"""Deposits as the chain tells of them: booked once, taken back and booked again, and the books whole after every
step."""

from __future__ import annotations

import asyncio
import random
import secrets
from dataclasses import replace
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from tests.contexts.payments.coins import FEE, Coins, rows
from tests.contexts.whole import Person

from hazina.chain import EventKind, OnchainUnavailable, PayoutNews, TransferNews
from hazina.kernel.addresses import segwit
from hazina.kernel.bolt11 import Network
from hazina.kernel.money import Msats
from hazina.ledger import BANK
from hazina.payments import Direction, SendOnchain, Via


async def test_a_deposit_is_shown_then_credited_less_its_fee(coins: Coins, anna: Person) -> None:
    """Trap 18: the line that waits has another id than the one in the statement."""
    output = coins.output(anna, 50_000)
    await coins.book(EventKind.OUTPUT_SEEN, output)
    (waiting,) = await coins.pending(anna)
    assert rows([waiting]) == [("RECEIVE", 50_000 - FEE, FEE, "PENDING")]
    assert (waiting.initiation, waiting.settlement, waiting.address) == (Via.ONCHAIN, Via.ONCHAIN, output.address)
    assert await anna.sats() == (0, 0)
    assert await coins.statement(anna) == []

    await coins.settle(output)
    (line,) = await coins.statement(anna)
    assert rows([line]) == [("RECEIVE", 50_000 - FEE, FEE, "SUCCESS")]
    assert line.id != waiting.id
    assert (line.txid, line.vout, line.address) == (bytes.fromhex(output.txid), 0, output.address)
    assert await coins.pending(anna) == []
    assert await anna.sats() == (50_000 - FEE, 0)
    assert (await coins.own(BANK.ONCHAIN_BTC), await coins.own(BANK.FEES_BTC)) == (-50_000, FEE)
    await coins.proven()


async def test_above_a_million_a_deposit_is_free(coins: Coins, anna: Person) -> None:
    await coins.settle(coins.output(anna, 1_000_000))
    await coins.settle(coins.output(anna, 1_000_001))
    assert await anna.sats() == (2_000_001 - FEE, 0)


async def test_what_was_told_before_changes_nothing(coins: Coins, anna: Person) -> None:
    output = coins.output(anna, 50_000)
    for kind in (EventKind.OUTPUT_SEEN, EventKind.OUTPUT_SEEN, EventKind.OUTPUT_SETTLED, EventKind.OUTPUT_SETTLED):
        await coins.book(kind, output)
    async with coins.whole.bank.db.transaction() as tx:
        await tx.execute("update cursor set place = '0' where reader = 'chain'")  # a place that was lost
    await coins.payments.follow_chain()
    assert await anna.sats() == (50_000 - FEE, 0)
    await coins.proven()


async def test_many_followers_book_each_event_once(coins: Coins, anna: Person) -> None:
    for _ in range(30):
        await coins.tell(EventKind.OUTPUT_SETTLED, coins.output(anna, 10_000))
    await asyncio.gather(*(coins.payments.follow_chain() for _ in range(6)))
    await coins.payments.follow_chain()
    assert await anna.sats() == (30 * (10_000 - FEE), 0)
    await coins.proven()


async def test_a_dropped_deposit_vanishes_and_may_come_back(coins: Coins, anna: Person) -> None:
    output = coins.output(anna, 50_000)
    await coins.book(EventKind.OUTPUT_SEEN, output)
    await coins.book(EventKind.OUTPUT_DROPPED, output)
    assert await coins.pending(anna) == []
    await coins.book(EventKind.OUTPUT_SEEN, output)
    assert len(await coins.pending(anna)) == 1
    await coins.settle(output)
    assert await anna.sats() == (50_000 - FEE, 0)


async def test_trap_17_onc_05_dust_and_what_is_all_fee_stay_with_the_bank(coins: Coins, anna: Person) -> None:
    """Trap 17: never shown and never credited; nobody pays for them either."""
    for sats in (546, 4_999):
        await coins.book(EventKind.OUTPUT_SEEN, output := coins.output(anna, sats))
        assert await coins.pending(anna) == []
        await coins.settle(output)
    assert (await coins.statement(anna), await anna.sats()) == ([], (0, 0))
    assert (await coins.own(BANK.OWN_BTC), await coins.own(BANK.FEES_BTC)) == (546 + 4_999, 0)
    await coins.settle(coins.output(anna, 5_000))
    assert await anna.sats() == (2_500, 0)
    await coins.proven()


async def test_onc_04_each_output_of_one_transaction_is_a_deposit_of_its_own(coins: Coins, anna: Person) -> None:
    other, txid = await coins.whole.person(), secrets.token_hex(32)
    for vout, (person, sats) in enumerate([(anna, 20_000), (anna, 20_000), (other, 30_000), (None, 70_000)]):
        await coins.tell(EventKind.OUTPUT_SETTLED, coins.output(person, sats, txid=txid, vout=vout))
    await coins.payments.follow_chain()
    assert await anna.sats() == (2 * (20_000 - FEE), 0)
    assert await other.sats() == (30_000 - FEE, 0)
    assert (await coins.own(BANK.OWN_BTC), await coins.own(BANK.ONCHAIN_BTC)) == (70_000, -140_000)
    await coins.proven()


async def test_f13_a_reorganisation_takes_back_and_credits_again_once(coins: Coins, anna: Person) -> None:
    output, own = coins.output(anna, 50_000), coins.output(None, 9_000)
    for one in (output, own):
        await coins.settle(one)
    for one in (output, own):
        await coins.book(EventKind.OUTPUT_UNSETTLED, one)
    assert await anna.sats() == (0, 0)
    assert [await coins.own(one) for one in (BANK.ONCHAIN_BTC, BANK.FEES_BTC, BANK.OWN_BTC)] == [0, 0, 0]
    assert len(await coins.pending(anna)) == 1
    await coins.proven()
    for one in (output, own):
        await coins.settle(one)
    assert await anna.sats() == (50_000 - FEE, 0)
    assert rows(await coins.statement(anna)) == [
        ("RECEIVE", 47_500, FEE, "SUCCESS"),
        ("SEND", -47_500, 0, "SUCCESS"),
        ("RECEIVE", 47_500, FEE, "SUCCESS"),
    ]
    await coins.proven()


async def test_f13_what_was_spent_before_a_reorganisation_is_owed_and_collected_first(
    coins: Coins, anna: Person
) -> None:
    other, output = await coins.whole.person(), coins.output(anna, 50_000)
    await coins.settle(output)
    await anna.give(other, 40_000)
    await coins.book(EventKind.OUTPUT_UNSETTLED, output)
    assert (await anna.sats(), await other.sats()) == ((0, 0), (40_000, 0))
    assert await coins.own(BANK.REVERSED_BTC) == -40_000
    await coins.proven()
    await coins.settle(output)
    assert (await anna.sats(), await coins.own(BANK.REVERSED_BTC)) == ((7_500, 0), 0)
    assert sum(one.amount for one in await coins.statement(anna)) == 7_500_000
    await coins.proven()

    await coins.book(EventKind.OUTPUT_UNSETTLED, output)  # and once more, with a double spend in the end
    await coins.book(EventKind.OUTPUT_DROPPED, output)
    assert (await anna.sats(), await coins.own(BANK.REVERSED_BTC)) == ((0, 0), -40_000)
    assert await coins.pending(anna) == []
    await coins.proven()


async def test_a_deposit_all_spent_is_reversed_without_a_line(coins: Coins, anna: Person) -> None:
    other, output = await coins.whole.person(), coins.output(anna, 50_000)
    await coins.settle(output)
    await anna.give(other, 47_500)
    for kind in (EventKind.OUTPUT_UNSETTLED, EventKind.OUTPUT_SETTLED):
        await coins.book(kind, output)
    assert (await anna.sats(), await coins.own(BANK.REVERSED_BTC)) == ((0, 0), 0)
    assert [one.direction for one in await coins.statement(anna)] == [Direction.SEND, Direction.RECEIVE]
    await coins.proven()


async def test_money_that_is_spent_while_it_is_taken_back(coins: Coins, anna: Person) -> None:
    """Whoever comes first: what is gone is owed, and nobody's balance falls under zero."""
    other = await coins.whole.person()
    for _ in range(5):
        output = coins.output(anna, 20_000)
        await coins.settle(output)
        await coins.tell(EventKind.OUTPUT_UNSETTLED, output)
        given = (anna.give(other, 6_000) for _ in range(3))
        await asyncio.gather(coins.payments.follow_chain(), *given, return_exceptions=True)
        await coins.payments.follow_chain()
        await coins.proven()
    held = (await anna.sats())[0] + (await other.sats())[0]
    assert await coins.own(BANK.REVERSED_BTC) == -held


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_events_leaves_the_books_whole(coins: Coins, anna: Person, seed: int) -> None:
    chance = random.Random(seed)
    people = [anna, await coins.whole.person()]
    outputs = [coins.output(chance.choice([*people, None]), chance.choice([600, 6_000, 90_000])) for _ in range(8)]
    last: dict[str, EventKind] = {}
    for _ in range(60):
        output, kind = chance.choice(outputs), chance.choice(list(EventKind)[:4])
        was = last.get(output.txid)
        if kind is EventKind.OUTPUT_DROPPED and was is EventKind.OUTPUT_SETTLED:
            continue  # the chain tells of the reorganisation first
        if kind is not EventKind.OUTPUT_SEEN or was is not EventKind.OUTPUT_SETTLED:
            last[output.txid] = kind
        await coins.tell(kind, output)
        if chance.random() < 0.3:
            await coins.payments.follow_chain()
            payer, payee = chance.sample(people, 2)
            if (has := (await payer.sats())[0]) > 0:
                await payer.give(payee, chance.randint(1, has))
    await coins.payments.follow_chain()
    await coins.proven()
    settled = sum(one.sats for one in outputs if last.get(one.txid) is EventKind.OUTPUT_SETTLED)
    assert await coins.own(BANK.ONCHAIN_BTC) == -settled
    for person in people:
        assert sum(one.amount for one in await coins.statement(person)) // 1_000 == (await person.sats())[0]


async def test_the_banks_own_coins_move_between_its_wallets(coins: Coins) -> None:
    await coins.settle(coins.output(None, 1_000_000))
    sweep = TransferNews(uuid4(), "to_cold", 600_000, 300, secrets.token_hex(32))
    await coins.book(EventKind.TRANSFER_BROADCAST, sweep)
    await coins.book(EventKind.TRANSFER_BROADCAST, replace(sweep, sats=599_800, fee_sats=500))  # a bump
    await coins.book(EventKind.TRANSFER_SETTLED, replace(sweep, sats=599_800, fee_sats=500))
    assert (await coins.own(BANK.ONCHAIN_BTC), await coins.own(BANK.COLD_BTC)) == (-399_700, -599_800)
    back = TransferNews(uuid4(), "to_hot", 100_000, 200, secrets.token_hex(32))
    await coins.book(EventKind.TRANSFER_SETTLED, back)
    await coins.book(EventKind.TRANSFER_BROADCAST, TransferNews(uuid4(), "bump", 0, 700, secrets.token_hex(32)))
    assert (await coins.own(BANK.ONCHAIN_BTC), await coins.own(BANK.COLD_BTC)) == (-499_000, -499_600)
    assert await coins.own(BANK.CHAIN_FEES_BTC) == -1_400
    await coins.proven()


async def test_what_comes_for_nobody_known_is_the_banks(coins: Coins, anna: Person) -> None:
    await coins.settle(replace(coins.output(anna, 50_000), owner=uuid4()))
    assert (await anna.sats(), await coins.own(BANK.OWN_BTC)) == ((0, 0), 50_000)
    await coins.proven()


async def test_an_address_needs_a_node(coins: Coins, anna: Person) -> None:
    with pytest.raises(OnchainUnavailable):
        await coins.whole.bank.payments.address(anna.caller, anna.btc.id)


@pytest.mark.parametrize(
    ("harm", "noticed"),
    [
        ("update deposit set state = 0", {"deposit-booked", "deposit-told", "deposit-shared"}),
        ("update deposit set sats = sats + 1, fee_sats = fee_sats + 1", {"deposit-booked"}),
        ("update deposit set txns = '{}'", {"deposit-booked", "deposit-shared", "posting-has-output"}),
        ("update deposit set owed_msat = 1", {"deposit-shared"}),
        ("delete from deposit", {"posting-has-output"}),
        ("insert into chain_output select encode(txid, 'hex'), vout + 1, address, wallet_id, sats, 1, 2, false, 9,"
         " now(), now() from deposit", {"output-credited"}),
        ("delete from chain_event where kind = 3", {"deposit-told"}),
        ("update line set fee = 0 where address is not null", {"line-agrees"}),
        ("update withdrawal set miner_sats = miner_sats + 1", {"withdrawal-booked"}),
        ("update withdrawal set txns = '{}'", {"withdrawal-booked", "posting-has-output"}),
        ("delete from withdrawal", {"withdrawal-booked", "posting-has-output"}),
    ],
)  # fmt: skip
async def test_what_is_harmed_is_noticed(
    coins: Coins, anna: Person, owner_url: str, harm: LiteralString, noticed: set[str]
) -> None:
    """Each check can fail."""
    await coins.rates(2)
    await coins.settle(coins.output(anna, 200_000))
    wish = SendOnchain(anna.btc.id, segwit(0, b"2" * 20, Network.REGTEST), Msats.from_sats(50_000))
    await coins.payments.send_onchain(anna.caller, wish)
    ((payout_id, _, _, fee),) = await coins.payouts()
    await coins.book(EventKind.PAYOUT_BROADCAST, PayoutNews(payout_id, secrets.token_hex(32), 0, fee + 9))
    await coins.proven()
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("set session_replication_role = replica")
        owner.execute(harm)
    found = {one.name for one in await coins.checks() if not one.ok}
    assert noticed <= found, found
