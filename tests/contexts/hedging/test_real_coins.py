"""The bank's own deposit to the exchange over a real bitcoind: queued, signed, mined, seen, credited, put to work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from tests.contexts.hedging.conftest import BTC, Hedging, hedge_of
from tests.contexts.payments.real_chain import Town, town_on
from tests.contexts.phones import Phones
from tests.real.bitcoind import running_bitcoind

from hazina.hedging import Kind, Mode, State
from hazina.kernel.db import Database
from hazina.kernel.money import Msats
from hazina.ledger import BANK
from hazina.payments import SendInternal
from hazina.sandbox.real.bitcoind import sats
from hazina.settings import Settings


@pytest.fixture
async def town(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> AsyncIterator[Town]:
    """A bank with a wallet on a node of its own."""
    async with running_bitcoind() as node, town_on(node, program_url, outside, phones, sandbox) as made:
        yield made


@pytest.fixture
async def hedging(town: Town) -> AsyncIterator[Hedging]:
    """Nothing lies at the exchange."""
    async with hedge_of(town.whole) as made:
        made.hedge = replace(made.hedge, policy=replace(made.hedge.policy, onchain=True))
        await made.post("/okx/balance", fundingSats=0)
        yield made


async def transit(hedging: Hedging) -> int:
    """Satoshi between hot wallet and exchange, by the books."""
    return -await hedging.balance(BANK.TRANSIT_BTC) // 1_000


async def arrived(town: Town, address: str) -> tuple[str, int, int] | None:
    """What the node knows of the exchange's address: transaction, satoshi, confirmations; of the mempool, too."""
    for txid in await town.node.mempool():
        for out in (await town.node.rpc("getrawtransaction", txid, True))["vout"]:
            if out["scriptPubKey"].get("address") == address:
                return txid, sats(out["value"]), 0
    found = await town.node.rpc("scantxoutset", "start", [f"addr({address})"])
    for one in found["unspents"]:
        return one["txid"], sats(one["amount"]), found["height"] - one["height"] + 1
    return None


async def test_the_banks_own_deposit_goes_over_the_chain_and_becomes_collateral(town: Town, hedging: Hedging) -> None:
    """A customer's bitcoin comes in and becomes dollars; the bank sends coins to the exchange, which are really there,
    once; books, node and exchange agree at each step."""
    anna = await town.whole.person()
    await town.fund(anna, BTC)
    await hedging.fresh()
    order = SendInternal(anna.btc.id, anna.usd.id, Msats.from_sats(BTC // 5))
    assert (await town.payments.send_internal(anna.caller, order)).status == "SUCCESS"
    owed = -await hedging.balance(BANK.DEALER_USD)
    assert 990_000 < owed < 1_000_000
    await hedging.hedge.switch(Mode.ON, "test")
    await hedging.rounds(3)
    (move,) = (await hedging.status()).under_way
    assert move.address is not None
    assert (move.kind, move.state) == (Kind.DEPOSIT, State.ASKED) and await town.node.mempool() == []
    assert move.address == (await hedging.there())["address"]

    await town.round()
    town.clock.shift = timedelta(0)
    seen = await arrived(town, move.address)
    assert seen is not None
    txid, came, depth = seen
    assert (came, depth) == (move.sats, 0)
    await hedging.rounds()
    assert ((await hedging.status()).under_way[0].state, await transit(hedging)) == (State.UNDER_WAY, move.sats)
    await town.equal()
    for blocks, told in ((0, 0), (1, 1), (2, 2)):
        if blocks:
            await town.mine(blocks)
            await town.round(timedelta(0))
        await hedging.post("/okx/deposits", txId=txid, sats=came, state=told)
        await hedging.rounds()
    assert await transit(hedging) == 0
    status = await hedging.rest()
    assert status.seen is not None and abs(status.seen["shortCents"] - owed) <= 10_000
    assert [one.kind for one in await hedging.moves()][:2] == [Kind.DEPOSIT, Kind.TRANSFER]
    assert await arrived(town, move.address) == (txid, move.sats, 3), "and no other was sent"
    await hedging.agree()
    await town.equal()
