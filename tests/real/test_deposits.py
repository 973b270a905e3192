"""Deposits on a real node: seen, settled, dropped, reversed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.real.watching import SEEN, SETTLED, Post, posted

from hazina.kernel.db import Database
from hazina.kernel.ids import public_id
from hazina.sandbox.real.bitcoind import Bitcoind


@pytest.fixture
async def post(bitcoind: Bitcoind, db: Database) -> AsyncIterator[Post]:
    made = await posted(bitcoind, db)
    yield made
    await made.rpc.close()


async def test_onc_01_a_payment_is_pending_until_it_is_deep_enough_for_its_amount(post: Post) -> None:
    for sats, needed in ((50_000, 2), (5_000_000, 3), (20_000_000, 6)):
        owner = public_id()
        txid = await post.node.send(await post.address(owner), sats)
        assert await post.look() == [(SEEN, sats)]
        assert [one.height for one in await post.chain.outputs([owner])] == [None]
        for depth in range(1, needed):
            assert await post.mine() == [], f"at depth {depth}"
        assert [one.confirmations_needed for one in await post.chain.outputs([owner])] == [needed]
        assert await post.mine() == [(SETTLED, sats)]
        assert await post.chain.outputs([owner]) == []
        assert post.told[-1].output and post.told[-1].output.txid == txid and post.told[-1].output.owner == owner
        assert await post.look() == [], "told once"
