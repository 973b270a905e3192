"""Payouts over a real node: batches, fees, crashes, what the node will not pay."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from prometheus_client import REGISTRY
from tests.real.banking import HOT, Desk, opened

from hazina.chain import EventKind, Speed
from hazina.chain.batch import PayoutState
from hazina.chain.ports import NodeSilent
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.safety import Rail, Safety, close, closures
from hazina.sandbox.real.bitcoind import Bitcoind

HOUR = timedelta(hours=1)


def short_sats() -> float | None:
    return REGISTRY.get_sample_value("hazina_chain_hot_wallet_short_sats", {"speed": "fast"})


@pytest.fixture
async def desk(bitcoind: Bitcoind, db: Database) -> AsyncIterator[Desk]:
    made = await opened(bitcoind, db)
    try:
        yield made
        await made.holds()
    finally:
        await made.rpc.close()


async def test_a_queue_waits_for_company_and_shares_one_transaction(desk: Desk) -> None:
    first = await desk.submit(await desk.outside(), 20_000)
    await desk.payouts.round()
    assert (await desk.payout(first)).state is PayoutState.QUEUED, "the interval is not over"
    second = await desk.submit(await desk.outside(), 30_000)
    await desk.round()
    one, two = await desk.payout(first), await desk.payout(second)
    assert one.state is two.state is PayoutState.BROADCAST and one.batch_id == two.batch_id
    batch = await desk.batch_of(first)
    assert await desk.node.mempool() == [batch.newest.txid]
    told = await desk.events(EventKind.PAYOUT_BROADCAST)
    news = {one.payout.payout_id: one.payout for one in told if one.payout}
    assert {(news[i].txid, news[i].vout) for i in (first, second)} == {(batch.newest.txid, 0), (batch.newest.txid, 1)}
    assert sum(one.fee_share_sats or 0 for one in news.values()) == batch.newest.fee
    await desk.mine(2)
    await desk.round()
    assert (await desk.payout(first)).state is PayoutState.SETTLED
    assert await desk.received(one.address, 2) == 20_000 and await desk.received(two.address, 2) == 30_000
    assert len(await desk.events(EventKind.PAYOUT_SETTLED)) == 2
    await desk.round()
    assert len(await desk.events(EventKind.PAYOUT_SETTLED)) == 2, "told once"


async def paid_once(desk: Desk, ids: Sequence[UUID]) -> None:
    """Each is settled, and the outside wallet has each amount once, whatever the blocks and the mempool hold."""
    await desk.mine(2)
    await desk.round()
    await desk.mine(1)
    await desk.round()
    for payout_id in ids:
        payout = await desk.payout(payout_id)
        assert payout.state is PayoutState.SETTLED, payout
        assert await desk.received(payout.address) == payout.sats
    assert await desk.node.mempool() == []


async def test_onc_07_two_workers_and_a_payout_that_is_handed_in_twice(desk: Desk) -> None:
    ids = await desk.many(6)
    ids += await desk.many(3, 50_000, Speed.MEDIUM)
    again = await desk.payout(ids[0])
    await desk.submit_as(again.id, again.address, again.sats)
    desk.clock.advance(HOUR)
    other = replace(desk.payouts)
    await asyncio.gather(desk.payouts.round(), other.round(), desk.payouts.round(), other.round())
    await desk.round()
    assert {(await desk.payout(i)).state for i in ids} == {PayoutState.BROADCAST}
    assert len({(await desk.payout(i)).batch_id for i in ids}) == len(await desk.node.mempool())
    await paid_once(desk, ids)
    assert len(await desk.events(EventKind.PAYOUT_SETTLED)) == len(ids)


@pytest.mark.parametrize(
    ("method", "when"),
    [("sign", "after"), ("judge", "after"), ("publish", "before"), ("publish", "after")],
)
async def test_onc_06_killed_at_each_step_it_is_paid_once(desk: Desk, program_url: str, method: str, when: str) -> None:
    """After signing and before storing; stored and not broadcast; broadcast and not recorded."""
    ids = await desk.many(3)
    desk.clock.advance(HOUR)
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.real.payout_worker", program_url, desk.node.url, desk.node.user,
        desk.node.password, desk.clock.now().isoformat(), method, when,
    )  # fmt: skip
    assert await asyncio.wait_for(worker.wait(), 60) == -9
    stored = {(await desk.payout(i)).state for i in ids}
    assert stored == {PayoutState.SIGNED if method == "publish" else PayoutState.QUEUED}
    assert len(await desk.node.mempool()) == (when == "after" and method == "publish")
    await desk.round()
    assert len(await desk.node.mempool()) == 1
    assert {(await desk.payout(i)).state for i in ids} == {PayoutState.BROADCAST}
    assert len(await desk.events(EventKind.PAYOUT_BROADCAST)) == len(ids)
    locked = await desk.node.rpc("listlockunspent", wallet=HOT)
    assert locked == [], "coins of a transaction that was thrown away are free again"
    await paid_once(desk, ids)


async def test_cancelled_while_queued_and_never_after(desk: Desk) -> None:
    kept, dropped = await desk.many(2)
    assert await desk.payouts.cancel(dropped)
    assert not await desk.payouts.cancel(dropped), "once"
    await desk.round()
    assert not await desk.payouts.cancel(kept)
    assert not await desk.payouts.cancel(new_id())
    assert [one.payout.payout_id for one in await desk.events(EventKind.PAYOUT_CANCELLED) if one.payout] == [dropped]
    await paid_once(desk, [kept])
    assert await desk.received((await desk.payout(dropped)).address) == 0


async def test_what_the_node_will_never_pay_is_cancelled_alone(desk: Desk) -> None:
    good = await desk.many(5)
    dust = await desk.submit(await desk.outside(), 100)
    foreign = await desk.submit("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", 20_000)
    broken = await desk.submit("bcrt1qnotanaddress", 20_000)
    await desk.round()
    for bad in (dust, foreign, broken):
        payout = await desk.payout(bad)
        assert payout.state is PayoutState.CANCELLED and (payout.reason or "").startswith("NOT_PAYABLE: "), payout
    assert len(await desk.node.mempool()) == 1
    told = {
        one.payout.payout_id: one.payout.reason for one in await desk.events(EventKind.PAYOUT_CANCELLED) if one.payout
    }
    assert told.keys() == {dust, foreign, broken} and "too small" in (told[dust] or "")
    await paid_once(desk, good)


async def test_one_address_twice_takes_two_transactions(desk: Desk) -> None:
    address = await desk.outside()
    first, second = await desk.submit(address, 20_000), await desk.submit(address, 30_000)
    await desk.round()
    assert {(await desk.payout(i)).state for i in (first, second)} == {PayoutState.BROADCAST, PayoutState.QUEUED}
    await desk.round()
    await desk.mine(2)
    await desk.round()
    assert {(await desk.payout(i)).state for i in (first, second)} == {PayoutState.SETTLED}
    assert await desk.received(address) == 50_000


async def test_too_little_in_the_hot_wallet_waits_and_alarms(bitcoind: Bitcoind, db: Database) -> None:
    desk = await opened(bitcoind, db, coins=1)
    small = await desk.submit(await desk.outside(), 30_000_000)
    large = await desk.submit(await desk.outside(), 500_000_000)
    other = await desk.submit(await desk.outside(), 40_000_000)
    await desk.round()
    assert (await desk.payout(large)).state is PayoutState.QUEUED
    assert short_sats() == 500_000_000
    assert {(await desk.payout(i)).state for i in (small, other)} == {PayoutState.BROADCAST}
    await bitcoind.send(await bitcoind.rpc("getnewaddress", wallet=HOT), 600_000_000)
    await desk.mine(1)
    await desk.round()
    assert short_sats() == 0
    await paid_once(desk, [small, large, other])
    await desk.holds()
    await desk.rpc.close()


async def test_f15_a_spike_is_honoured_within_the_loss_or_the_payout_given_back_whole(desk: Desk) -> None:
    """ONC-09: the quote was low; the bank adds at most ``loss_max`` to it."""
    await desk.rate(100_000)
    honoured = await desk.submit(await desk.outside(), 50_000, quoted=300)
    await desk.round()
    share = [one.payout.fee_share_sats or 0 for one in await desk.events(EventKind.PAYOUT_BROADCAST) if one.payout]
    assert 300 * 20 < share[0] <= 300 + desk.payouts.policy.loss_max
    await desk.rate(500_000)
    waits, patient = await desk.submit(await desk.outside(), 50_000, quoted=300), await desk.many(1)
    await desk.round()
    assert (await desk.payout(waits)).state is PayoutState.QUEUED
    await desk.round(desk.payouts.policy.patience)
    given_back = await desk.payout(waits)
    assert (given_back.state, given_back.reason) == (PayoutState.CANCELLED, "FEE_ROSE")
    await desk.rate(5_000)
    await desk.round()
    await paid_once(desk, [honoured])
    assert (await desk.payout(patient[0])).state in (PayoutState.SETTLED, PayoutState.CANCELLED)


async def test_a_closed_rail_builds_nothing(desk: Desk) -> None:
    ids = await desk.many(2)
    async with desk.db.transaction() as tx:
        await close(tx, Rail.ONCHAIN, by="test", reason="a test", at=desk.clock.now())
    await desk.round()
    assert {(await desk.payout(i)).state for i in ids} == {PayoutState.QUEUED}
    assert await desk.node.mempool() == []


async def test_the_node_away_delays_and_loses_nothing(desk: Desk) -> None:
    """F12."""
    ids = await desk.many(2)
    await desk.node.stop()
    for _ in range(3):
        with pytest.raises(NodeSilent):
            await desk.round()
    assert {(await desk.payout(i)).state for i in ids} == {PayoutState.QUEUED}
    await desk.node.start()
    for wallet in (HOT, "outside"):
        await desk.node.rpc("loadwallet", wallet)
    await desk.round()
    await paid_once(desk, ids)


async def test_onc_05_dust_is_spent_at_nobodys_cost(desk: Desk) -> None:
    """Hundreds of coins too small to be worth their fee: neither batches nor their fees know of them."""
    addresses = [await desk.node.rpc("getnewaddress", wallet=HOT) for _ in range(60)]
    made = await desk.node.rpc("sendmany", "", dict.fromkeys(addresses, "0.00001"), wallet="miner")
    await desk.mine(1)
    outputs = (await desk.node.rpc("getrawtransaction", made, True))["vout"]
    async with desk.db.transaction() as tx:
        for one in outputs:
            if (address := one["scriptPubKey"]["address"]) in addresses:
                values = {"address": address, "txid": made, "vout": one["n"], "place": one["n"]}
                await tx.execute(
                    """insert into chain_address (address, script, place, created_at)
                    values (%(address)s, convert_to(%(address)s, 'utf8'), %(place)s, now())""",
                    values,
                )
                await tx.execute(
                    """insert into chain_output (txid, vout, address, sats, state, needed, coinbase, seen_at)
                    values (%(txid)s, %(vout)s, %(address)s, 1000, 3, 1, false, now())""",
                    values,
                )
    ids = [await desk.submit(await desk.outside(), 99_000_000), await desk.submit(await desk.outside(), 99_900_000)]
    await desk.round()
    assert len(await desk.node.rpc("listlockunspent", wallet=HOT)) == 60
    batch = await desk.batch_of(ids[0])
    assert made not in {coin.txid for coin in batch.coins}
    await paid_once(desk, ids)
    await desk.round()
    assert len(await desk.node.rpc("listlockunspent", wallet=HOT)) == 60


async def test_coins_that_left_by_another_hand_stop_payouts(desk: Desk) -> None:
    """A payment by hand, or by a thief; a database from before the last payouts looks the same to the node."""
    await desk.round()
    paid = await desk.many(1)
    await desk.round()
    await desk.node.rpc("sendtoaddress", await desk.outside(), "0.1", wallet=HOT)
    waiting = await desk.many(2)
    await desk.round()
    assert {(await desk.payout(i)).state for i in waiting} == {PayoutState.QUEUED}
    async with desk.db.reading() as tx:
        (closure,) = await closures(tx)
    assert closure.rail is Rail.ONCHAIN and "(1)" in closure.reason
    safety = Safety(desk.db, desk.clock)
    for name in ("amina", "baraka"):
        await safety.add_operator(name, f"{name} and twelve more", by="test")
        await safety.lift(Rail.ONCHAIN, name, f"{name} and twelve more")
    await desk.round()
    await paid_once(desk, [*paid, *waiting])


async def test_a_database_from_before_the_last_payouts_pays_nothing_again(
    desk: Desk, owner_url: str, wipe: bytes
) -> None:
    payout_id, address = new_id(), await desk.outside()
    await desk.submit_as(payout_id, address, 20_000)
    await desk.round()
    assert await desk.received(address) == 20_000
    with psycopg.connect(owner_url) as connection:
        connection.execute(wipe)
    await desk.told_height()
    await desk.submit_as(payout_id, address, 20_000)
    for _ in range(3):
        await desk.round()
    await desk.mine(1)
    await desk.round()
    assert await desk.received(address) == 20_000
    assert (await desk.payout(payout_id)).state is PayoutState.QUEUED
