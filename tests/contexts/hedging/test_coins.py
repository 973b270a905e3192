"""Coins between the hot wallet and the exchange: the chain tells, the exchange tells, and the books follow both."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

import pytest
from tests.contexts.hedging.conftest import BTC, Hedging

from hazina.adapters.bitcoind import Bitcoind
from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import Chain, EventKind, FeeRate, Output, PayoutNews, Speed
from hazina.chain.store import emit, keep_rates
from hazina.hedging import Hedge, Kind, Mode, Move, State
from hazina.hedging.common import OWNER
from hazina.kernel.addresses import segwit
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.ledger import BANK
from hazina.payments import Payments
from hazina.safety import Rail, close

FEE = 1_000
PLACES = count(5_000)


@dataclass(slots=True)
class Coins:
    """The hedge of a bank whose chain tells what the test writes into its log."""

    hedging: Hedging
    db: Database
    payments: Payments

    @property
    def hedge(self) -> Hedge:
        return self.hedging.hedge

    async def tell(self, kind: EventKind, payout: PayoutNews | None = None, output: Output | None = None) -> None:
        async with self.db.transaction() as tx:
            await emit(tx, kind, SystemClock().now(), payout=payout, output=output)
        await self.payments.follow_chain()

    async def payouts(self) -> list[tuple[object, str, int]]:
        async with self.db.reading() as tx:
            return await tx.rows(lambda *row: row, "select id, address, sats from chain_payout")

    async def deposit(self) -> Move:
        """What the hedge has queued."""
        (move,) = [one for one in (await self.hedging.status()).under_way if one.kind is Kind.DEPOSIT]
        return move

    async def broadcast(self, move: Move, txid: str, fee: int = FEE) -> None:
        await self.tell(EventKind.PAYOUT_BROADCAST, PayoutNews(move.id, txid, 0, fee))
        await self.hedging.rounds()

    async def transit(self) -> int:
        """Satoshi between hot wallet and exchange, by the books."""
        return -await self.hedging.balance(BANK.TRANSIT_BTC) // 1_000

    async def hot(self) -> int:
        return -await self.hedging.balance(BANK.ONCHAIN_BTC) // 1_000


@pytest.fixture
async def coins(hedging: Hedging) -> AsyncIterator[Coins]:
    """Nothing lies at the exchange, one bitcoin in the hot wallet, and 10,000 dollars are owed."""
    whole = hedging.whole
    rpc = Rpc("http://127.0.0.1:9", user="nobody", password="none")
    node = Bitcoind(rpc, "none")
    chain = Chain(whole.bank.db, whole.clock, node, BitcoindWallets(rpc, "none"), Network.REGTEST)
    await hedging.post("/okx/balance", fundingSats=0)
    await hedging.hot(BTC)
    policy = replace(hedging.hedge.policy, onchain=True)
    hedging.hedge = replace(hedging.hedge, chain=chain, policy=policy)
    async with whole.bank.db.transaction() as tx:
        await keep_rates(tx, [FeeRate(speed, 2_000, True, whole.clock.now()) for speed in Speed])
    await hedging.owe(10_000)
    await hedging.hedge.switch(Mode.ON, "test")
    yield Coins(hedging, whole.bank.db, Payments(replace(whole.bank.payments.parts, chain=chain)))
    await node.close()


async def test_coins_go_there_and_become_collateral(coins: Coins) -> None:
    hedging = coins.hedging
    await hedging.rounds(3)
    move = await coins.deposit()
    assert (move.sats, move.state) == (26_666_667, State.ASKED)
    assert await coins.payouts() == [(move.id, (await hedging.there())["address"], move.sats)]
    assert (await hedging.there())["orders"] == [] and await coins.transit() == 0

    txid = secrets.token_hex(32)
    await coins.broadcast(move, secrets.token_hex(32))
    await coins.broadcast(move, txid, FEE + 500)  # replaced by one that pays more
    assert (await coins.deposit()).state is State.UNDER_WAY
    assert await coins.transit() == move.sats and await coins.hot() == BTC - move.sats - FEE - 500
    assert await hedging.balance(BANK.CHAIN_FEES_BTC) == -(FEE + 500) * 1_000
    await hedging.post("/okx/deposits", txId=txid, sats=move.sats, state=0)
    await hedging.rounds()
    assert await coins.transit() == move.sats
    await coins.tell(EventKind.PAYOUT_SETTLED, PayoutNews(move.id, txid, 0, FEE + 500))
    for state in (1, 2):
        await hedging.post("/okx/deposits", txId=txid, sats=move.sats, state=state)
        await hedging.rounds()
    assert await coins.transit() == 0
    status = await hedging.rest()
    assert status.seen is not None and status.seen["shortCents"] == 1_000_000
    assert [one.kind for one in await hedging.moves()] == [Kind.DEPOSIT, Kind.TRANSFER, Kind.ORDER]
    await hedging.agree()


async def test_a_deposit_that_is_lost_is_told_and_no_other_is_sent(coins: Coins) -> None:
    hedging = coins.hedging
    await hedging.rounds()
    move, txid = await coins.deposit(), secrets.token_hex(32)
    await coins.broadcast(move, txid)
    hedging.whole.clock.shift += timedelta(hours=2)
    await hedging.rounds(2)
    status = await hedging.status()
    assert [one.state for one in status.lost] == [State.LOST] and len(status.moves) == 1
    hedging.whole.clock.shift = timedelta(0)
    await hedging.rounds(2)
    assert len(await coins.payouts()) == 1 and await coins.transit() == move.sats
    await hedging.post("/okx/deposits", txId=txid, sats=move.sats, state=2)  # it was late, that is all
    status = await hedging.rest()
    assert not status.lost and status.seen is not None and status.seen["shortCents"] == 1_000_000
    await hedging.agree()


async def test_another_sum_arrives_than_was_sent(coins: Coins) -> None:
    """What is missing stays in transit, where somebody sees it."""
    hedging = coins.hedging
    await hedging.rounds()
    move, txid = await coins.deposit(), secrets.token_hex(32)
    await coins.broadcast(move, txid)
    await hedging.post("/okx/deposits", txId=txid, sats=move.sats - 5_000, state=2)
    status = await hedging.rest()
    first = (await hedging.moves())[0]
    assert (first.state, first.done_sats) == (State.DONE, move.sats - 5_000) and "arrived of" in (first.reason or "")
    assert status.transit_msats == 5_000_000
    await hedging.agree()


async def test_a_payout_that_is_cancelled_never_was(coins: Coins) -> None:
    hedging = coins.hedging
    await hedging.rounds()
    move = await coins.deposit()
    await coins.tell(EventKind.PAYOUT_CANCELLED, PayoutNews(move.id, reason="FEE_ROSE"))
    await hedging.rounds(2)
    moves = await hedging.moves()
    assert (moves[0].state, moves[0].reason) == (State.FAILED, "FEE_ROSE")
    assert await coins.transit() == 0 and await coins.hot() == BTC
    await hedging.agree()


async def test_nothing_goes_while_the_rail_is_closed_or_the_hot_wallet_is_short(coins: Coins) -> None:
    hedging = coins.hedging
    hedging.hedge = replace(hedging.hedge, policy=replace(hedging.hedge.policy, hot_kept_sats=BTC))
    await hedging.rounds(2)
    assert await coins.payouts() == []
    async with coins.db.transaction() as tx:
        await close(tx, Rail.ONCHAIN, by="test", reason="test", at=SystemClock().now())
    hedging.hedge = replace(hedging.hedge, policy=replace(hedging.hedge.policy, hot_kept_sats=0))
    await hedging.rounds(2)
    assert await coins.payouts() == [] and (await hedging.status()).moves == ()


@pytest.fixture
async def rich(coins: Coins) -> Coins:
    """Two bitcoin lie at the exchange, far too much; the bank's own address there is known."""
    await coins.hedging.post("/okx/balance", fundingSats=2 * BTC)
    text = segwit(0, secrets.token_bytes(20), Network.REGTEST)
    async with coins.db.transaction() as tx:
        await tx.execute(
            """insert into chain_address (address, script, place, owner, request, created_at)
            values (%(address)s, %(script)s, %(place)s, %(owner)s, %(owner)s, now())""",
            {"address": text, "script": text.encode(), "place": next(PLACES), "owner": OWNER},
        )
    return coins


@pytest.mark.parametrize("trouble", ["drop_reply", "error"])
async def test_usd_07_coins_come_back_once(rich: Coins, trouble: str) -> None:
    hedging = rich.hedging
    await hedging.fault("withdraw", trouble, times=1)
    status = await hedging.rest()
    assert status.seen is not None and status.seen["shortCents"] == 1_000_000
    (gone,) = (await hedging.there())["withdrawals"]
    (move,) = [one for one in await hedging.moves() if one.kind is Kind.WITHDRAWAL]
    assert (move.state, move.done_sats, move.fee_sats) == (State.DONE, -move.sats, 10_000)
    assert gone["clientId"] == move.client_id and await rich.transit() == -move.sats
    await hedging.agree()
    output = Output(secrets.token_hex(32), 0, gone["to"], OWNER, -move.sats, 100, 1)
    await rich.tell(EventKind.OUTPUT_SETTLED, output=output)
    await hedging.rounds()
    assert await rich.transit() == 0 and await rich.hot() == BTC - move.sats
    for kind in (EventKind.OUTPUT_UNSETTLED, EventKind.OUTPUT_SETTLED):  # a reorganisation, and back
        await rich.tell(kind, output=output)
    await hedging.rounds(2)
    assert await rich.transit() == 0 and await rich.hot() == BTC - move.sats
    await hedging.agree()


async def test_a_withdrawal_that_is_stuck_is_waited_for(rich: Coins) -> None:
    hedging = rich.hedging
    await hedging.moods(withdrawals="stuck")
    await hedging.rounds(6)
    assert [(one.kind, one.state) for one in (await hedging.status()).under_way] == [(Kind.WITHDRAWAL, State.UNDER_WAY)]
    await hedging.moods(finish=True)
    await hedging.rounds(2)
    assert len((await hedging.there())["withdrawals"]) == 1
    assert (await hedging.status()).blind is None
    await hedging.agree()


async def test_a_withdrawal_that_fails_moved_nothing(rich: Coins) -> None:
    hedging = rich.hedging
    await hedging.moods(withdrawals="failed")
    await hedging.rounds(6)
    moves = [one for one in await hedging.moves() if one.kind is Kind.WITHDRAWAL]
    assert [one.state for one in moves] == [State.FAILED] and await rich.transit() == 0
    await hedging.agree()
