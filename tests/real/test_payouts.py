"""Payouts over a real node: batches, fees, replacements, crashes, reorganisations."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.real.banking import Desk, opened

from hazina.chain import EventKind
from hazina.chain.batch import PayoutState
from hazina.kernel.db import Database
from hazina.sandbox.real.bitcoind import Bitcoind


@pytest.fixture
async def desk(bitcoind: Bitcoind, db: Database) -> AsyncIterator[Desk]:
    made = await opened(bitcoind, db)
    yield made
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
