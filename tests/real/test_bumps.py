"""Transactions of ours that are late: replaced, paid for by a child, evicted, reorganised, lost."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from tests.real.banking import HOT, Desk, Stricter, opened

from hazina.chain import EventKind
from hazina.chain.batch import BatchState, PayoutState, Purpose
from hazina.chain.payout_store import live
from hazina.kernel.db import Database
from hazina.sandbox.real.bitcoind import MINER, Bitcoind
from tools import nodes

LATE = timedelta(minutes=31)


@pytest.fixture
async def desk(bitcoind: Bitcoind, db: Database) -> AsyncIterator[Desk]:
    made = await opened(bitcoind, db)
    await made.rate(2_000)
    try:
        yield made
        await made.holds()
    finally:
        await made.rpc.close()


async def settled_once(desk: Desk, *ids: UUID) -> None:
    await desk.mine(2)
    await desk.round(timedelta(0))
    for payout_id in ids:
        payout = await desk.payout(payout_id)
        assert payout.state is PayoutState.SETTLED, payout
        assert await desk.received(payout.address, 1) == payout.sats
    assert await desk.node.mempool() == []


async def shares(desk: Desk, kind: EventKind, txid: str) -> int:
    told = [one.payout for one in await desk.events(kind) if one.payout and one.payout.txid == txid]
    return sum(one.fee_share_sats or 0 for one in told)


async def test_a_late_batch_is_replaced_by_the_same_payouts_at_a_higher_fee(desk: Desk) -> None:
    ids = await desk.many(3)
    await desk.round()
    await desk.rate(20_000)
    await desk.round(timedelta(minutes=1))
    assert len((await desk.batch_of(ids[0])).versions) == 1, "not late yet"
    await desk.round(LATE)
    batch = await desk.batch_of(ids[0])
    old, new = batch.versions
    assert await desk.node.mempool() == [new.txid]
    assert new.fee / new.vsize >= 20 > old.fee / old.vsize
    assert await shares(desk, EventKind.PAYOUT_BROADCAST, new.txid) == new.fee
    await desk.round(LATE)
    assert len((await desk.batch(batch.id)).versions) == 2, "nothing better to offer"
    await settled_once(desk, *ids)
    assert await shares(desk, EventKind.PAYOUT_SETTLED, new.txid) == new.fee


async def test_the_version_that_was_replaced_is_mined_after_all(desk: Desk) -> None:
    ids = await desk.many(2)
    await desk.round()
    await desk.rate(20_000)
    await desk.round(LATE)
    old, new = (await desk.batch_of(ids[0])).versions
    await desk.node.rpc("generateblock", await desk.node.miner_address(), [old.raw.hex()])
    assert new.txid not in await desk.node.mempool()
    await settled_once(desk, *ids)
    batch = await desk.batch_of(ids[0])
    assert (batch.state, batch.txid) == (BatchState.SETTLED, old.txid)
    assert await shares(desk, EventKind.PAYOUT_SETTLED, old.txid) == old.fee
    assert await shares(desk, EventKind.PAYOUT_SETTLED, new.txid) == 0


async def spend_outside(desk: Desk, txid: str, vout: int, sats: int, fee: int, *, ways: int) -> str:
    """The payee spends what it was paid before it has a block, to many addresses: much fee, at a low rate."""
    amount = f"{(sats - fee) // ways / 100_000_000:.8f}"
    outputs = [{await desk.outside(): amount} for _ in range(ways)]
    raw = await desk.node.rpc("createrawtransaction", [{"txid": txid, "vout": vout}], outputs, wallet="outside")
    signed = await desk.node.rpc("signrawtransactionwithwallet", raw, wallet="outside")
    sent: str = await desk.node.rpc("sendrawtransaction", signed["hex"], "0")
    return sent


async def test_where_a_payee_has_built_upon_it_a_child_pays_for_both(desk: Desk) -> None:
    first = await desk.submit(await desk.outside(), 20_000_000)
    await desk.round()
    parent = (await desk.batch_of(first)).newest
    foreign = await spend_outside(desk, parent.txid, 0, 20_000_000, 30_000, ways=60)
    await desk.rate(20_000)
    await desk.round(LATE)
    assert set(await desk.node.mempool()) > {parent.txid, foreign}, "a replacement would have to outbid the payee"
    async with desk.db.reading() as tx:
        (child,) = [one for one in await live(tx) if one.purpose is Purpose.CHILD]
    both = (child.newest.fee + parent.fee) / (child.newest.vsize + parent.vsize)
    assert 20 <= both < 21
    await desk.round(LATE)
    assert len((await desk.batch(child.id)).versions) == 1, "one child is enough"
    await desk.mine(2)
    await desk.round()
    assert (await desk.payout(first)).state is PayoutState.SETTLED
    moved = [one.transfer for one in await desk.events(EventKind.TRANSFER_SETTLED) if one.transfer]
    assert [(one.direction, one.sats, one.fee_sats) for one in moved] == [("bump", 0, child.newest.fee)]


async def test_a_batch_on_unconfirmed_change_is_bumped_at_its_end(bitcoind: Bitcoind, db: Database) -> None:
    """One coin, two batches: the second spends the change of the first, so the first can no longer be replaced."""
    desk = await opened(bitcoind, db, coins=1)
    await desk.rate(2_000)
    (first,) = await desk.many(1)
    await desk.round()
    (second,) = await desk.many(1)
    await desk.round()
    parent, child = await desk.batch_of(first), await desk.batch_of(second)
    assert {coin.txid for coin in child.coins} == {parent.newest.txid}
    await desk.rate(20_000)
    await desk.round(LATE)
    parent, child = await desk.batch(parent.id), await desk.batch(child.id)
    assert len(parent.versions) == 1 and len(child.versions) > 1
    both = (child.newest.fee + parent.newest.fee) / (child.newest.vsize + parent.newest.vsize)
    assert both >= 20
    await settled_once(desk, first, second)
    await desk.holds()
    await desk.rpc.close()


async def test_f14_forgotten_by_the_mempool_it_is_told_again_and_outbids_a_higher_floor(db: Database) -> None:
    with TemporaryDirectory(prefix="hazina-strict-") as folder:
        node = Stricter(await to_thread(nodes.bitcoind), Path(folder))
        await node.start()
        desk = await opened(node, db)
        await desk.rate(2_000)
        ids = await desk.many(3)
        await desk.round()
        node.strict = True
        await node.stop()
        await node.start()
        for wallet in (HOT, "outside"):
            await node.rpc("loadwallet", wallet)
        assert await node.mempool() == [], "its fee is under what the node takes now"
        await desk.round()
        batch = await desk.batch_of(ids[0])
        assert len(batch.versions) == 2 and await node.mempool() == [batch.newest.txid]
        assert batch.newest.fee / batch.newest.vsize >= 5
        await settled_once(desk, *ids)
        await desk.holds()
        await desk.rpc.close()
        await node.close()


async def test_onc_06_a_mempool_that_was_lost_is_told_the_same_transaction(desk: Desk) -> None:
    """bitcoind killed with its mempool, and a wallet that never heard of it."""
    ids = await desk.many(2)
    await desk.round()
    batch = await desk.batch_of(ids[0])
    await desk.node.kill()
    (desk.node.folder / "regtest" / "mempool.dat").unlink(missing_ok=True)
    await desk.node.start()
    for wallet in (HOT, "outside"):
        await desk.node.rpc("loadwallet", wallet)
    await desk.round()
    assert await desk.node.mempool() == [batch.newest.txid]
    assert len((await desk.batch(batch.id)).versions) == 1
    await settled_once(desk, *ids)


async def test_f13_a_reorganisation_of_our_own_transaction(desk: Desk) -> None:
    ids = await desk.many(2)
    await desk.round()
    await settled_once(desk, *ids)
    await desk.node.reorganise(2)
    await desk.told_height()
    await desk.round()
    assert {(await desk.payout(i)).state for i in ids} == {PayoutState.BROADCAST}
    assert len(await desk.events(EventKind.PAYOUT_UNSETTLED)) == 2
    await settled_once(desk, *ids)
    assert len(await desk.events(EventKind.PAYOUT_SETTLED)) == 4
    assert len(await desk.events(EventKind.PAYOUT_UNSETTLED)) == 2


async def double_spend(desk: Desk, txid: str) -> None:
    """The block of ``txid`` never was; in its place a block in which the sender's coins went elsewhere."""
    made: Any = await desk.node.rpc("getrawtransaction", txid, True)
    inputs = [{"txid": one["txid"], "vout": one["vout"]} for one in made["vin"]]
    spent = []
    for one in inputs:
        before: Any = await desk.node.rpc("getrawtransaction", one["txid"], True)
        output = before["vout"][one["vout"]]
        spent.append({**one, "scriptPubKey": output["scriptPubKey"]["hex"], "amount": str(output["value"])})
    whole = sum(one["value"] for one in made["vout"])
    address = await desk.node.rpc("getnewaddress", wallet=MINER)
    raw = await desk.node.rpc("createrawtransaction", inputs, [{address: f"{whole:.8f}"}])
    signed = await desk.node.rpc("signrawtransactionwithwallet", raw, spent, wallet=MINER)
    assert signed["complete"]
    await desk.node.rpc("invalidateblock", await desk.node.rpc("getbestblockhash"))
    await desk.node.rpc("generateblock", await desk.node.rpc("getnewaddress", wallet=MINER), [signed["hex"]])


async def test_when_our_coin_is_double_spent_for_good_its_payouts_start_again(bitcoind: Bitcoind, db: Database) -> None:
    desk = await opened(bitcoind, db, coins=1)
    desk.with_policy(final=4)
    (coin,) = await bitcoind.rpc("listunspent", wallet=HOT)
    ids = await desk.many(2)
    await desk.round()
    lost = await desk.batch_of(ids[0])
    await double_spend(desk, coin["txid"])
    await bitcoind.send(await bitcoind.rpc("getnewaddress", wallet=HOT), 50_000_000)
    await desk.mine(1)
    await desk.round()
    assert {(await desk.payout(i)).batch_id for i in ids} == {lost.id}, "it may come back: nothing is paid again yet"
    assert (await desk.batch(lost.id)).trouble
    await desk.mine(3)
    await desk.round()
    assert (await desk.batch(lost.id)).state is BatchState.LOST
    await settled_once(desk, *ids)
    await desk.holds()
    await desk.rpc.close()
