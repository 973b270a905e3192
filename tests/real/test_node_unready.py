"""A node that cannot serve the bank yet, or not any more: in its initial download, or pruned under what the bank has
seen. The start or the doctor says so by name, and nothing is promised or paid on its account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.real.watching import SETTLED, Post, posted

from hazina.adapters.bitcoind import Bitcoind as Adapter
from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import Chain, NodeUnfit, OnchainUnavailable, PayoutState, Speed, submit_payout
from hazina.chain.effects import PAYOUT
from hazina.chain.payout_store import payout
from hazina.chain.ports import NodeRefused, NodeSilent
from hazina.chain.watcher import Watcher
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id, public_id
from hazina.ledger.store import write
from hazina.ops import doctor
from hazina.sandbox.real.bitcoind import Bitcoind
from tools import nodes

NOBODY = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202"
TWO_DAYS_S = 2 * 86_400


class Told(Bitcoind):
    """A node that is told more than usual in its settings."""

    changed: tuple[tuple[str, str], ...] = ()

    def _configure(self) -> None:
        super()._configure()
        file = self.folder / "bitcoin.conf"
        text = file.read_text()
        for old, new in self.changed:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text)


class OnSignet(Told):
    """A public test network's node that has never met another: it has the first block and waits for the rest."""

    changed = (("regtest=1\n[regtest]\n", "signet=1\n[signet]\nconnect=0\n"),)

    async def _load_miner(self) -> None:
        """Nobody mines there at will."""


class Pruned(Told):
    """Its files of blocks are small, so that there is something to throw away."""

    changed = (("txindex=1\n", "prune=1\nfastprune=1\n"),)


@asynccontextmanager
async def of_kind(kind: type[Told]) -> AsyncIterator[Told]:
    with TemporaryDirectory(prefix="hazina-unready-") as folder:
        node = kind(await asyncio.to_thread(nodes.bitcoind), Path(folder))
        await node.start()
        try:
            yield node
        finally:
            await node.close()


async def said(chain: Chain) -> dict[str, tuple[doctor.Verdict, str]]:
    """What the doctor finds of the chain."""
    return {one.name: (one.verdict, one.said) for one in await doctor.bitcoin(chain)}


async def state_of(db: Database, payout_id: Any) -> PayoutState:
    async with db.reading() as tx:
        found = await payout(tx, payout_id)
    assert found is not None
    return found.state


async def round_of(post: Post) -> None:
    post.clock.advance(post.chain.payouts.policy.interval[Speed.FAST])
    await post.chain.refresh_rates()
    await post.chain.payouts.round()


async def test_f12_a_node_that_is_catching_up_is_waited_for(db: Database) -> None:
    """It slept for two days. Money in its mempool is shown and not credited, payouts wait, and then all goes on."""
    async with of_kind(Told) as node:
        post = await posted(node, db, "hazina")
        await node.send(await post.address(), 5_000_000)
        await post.news()
        await post.mine(3)
        await node.stop()
        node.changed = (("server=1\n", f"server=1\nmocktime={int(time.time()) + TWO_DAYS_S}\n"),)
        await node.start()

        height = await node.height()
        late = await node.send(await post.address(), 50_000)
        await post.news()
        stuck = f"the Bitcoin node is catching up: block {height:,} of {height:,}"
        assert await post.chain.trouble() == stuck
        assert (await said(post.chain))["deposits"] == (doctor.Verdict.BAD, stuck)
        row = submit_payout(payout_id := new_id(), NOBODY, 20_000, Speed.FAST, 5_000, post.clock.now())
        async with db.transaction() as tx:
            await write(tx, PAYOUT, [row.values])
        for _ in range(2):
            await round_of(post)
        assert await state_of(db, payout_id) is PayoutState.QUEUED and await node.mempool() == [late]
        assert await post.credited() == 5_000_000

        assert await post.mine(2) == [(SETTLED, 50_000)]
        assert await post.chain.trouble() is None
        await round_of(post)
        assert await state_of(db, payout_id) is PayoutState.BROADCAST and len(await node.mempool()) == 1
        await post.close()


async def test_f12_no_address_is_given_out_before_the_initial_download_is_done(db: Database) -> None:
    async with of_kind(OnSignet) as node:
        rpc = Rpc(node.url, user=node.user, password=node.password)
        chain = Chain(db, ManualClock(), Adapter(rpc, "hazina"), BitcoindWallets(rpc, "hazina"), Network.SIGNET)
        await chain.start()
        with pytest.raises(NodeSilent, match="initial download"):
            await Watcher(chain.parts).look()
        with pytest.raises(OnchainUnavailable):
            await chain.new_address(public_id())
        assert (await said(chain))["deposits"] == (
            doctor.Verdict.BAD, "the Bitcoin node is catching up: block 0 of 0"
        )  # fmt: skip
        await rpc.close()


async def test_f12_a_node_that_pruned_what_the_bank_has_not_seen_is_refused(db: Database) -> None:
    """The bank was down for longer than the node keeps blocks."""
    async with of_kind(Pruned) as node:
        post = await posted(node, db, "hazina")
        await node.send(await post.address(), 50_000)
        await post.news()
        assert await post.mine(2) == [(SETTLED, 50_000)]
        seen = await node.height()
        await node.mine(600, NOBODY)
        await node.rpc("pruneblockchain", 300)
        begins = int((await node.rpc("getblockchaininfo"))["pruneheight"])
        named = f"pruned blocks .* it needs {seen + 1:,} and newer, the node begins at {begins:,}"
        assert begins > seen + 1
        with pytest.raises(NodeRefused, match="pruned data"):
            await post.look()  # a watch that was at work; it looks again, at the node itself
        for start in (post.look, post.chain.start):
            with pytest.raises(NodeUnfit, match=named):
                await start()
        verdict, text = (await said(post.chain))["bitcoin"]
        assert verdict is doctor.Verdict.BAD and "Start it with -reindex" in text
        assert await post.credited() == 50_000
        await post.close()
