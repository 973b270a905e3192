"""Payouts over a real bitcoind: what a batch of 500 takes, and what its payouts pay beside single sends."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import Payouts, Speed, submit_payout
from hazina.chain.effects import PAYOUT
from hazina.chain.payout_store import live
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.ledger.store import write
from hazina.sandbox.real.bitcoind import Bitcoind
from tools import nodes

BATCH = 500
SINGLES = 20
SATS = 50_000
RATE = 5


def run(url: str) -> dict[str, float]:
    """Ratios and seconds by name."""
    return asyncio.run(_measured(url))


async def _measured(url: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="hazina-bench-") as folder:
        node = Bitcoind(await asyncio.to_thread(nodes.bitcoind), Path(folder))
        await node.start()
        db = Database(url)
        await db.open()
        rpc = Rpc(node.url, user=node.user, password=node.password)
        try:
            return await _batch(node, db, rpc)
        finally:
            await rpc.close()
            await db.close()
            await node.close()


async def _batch(node: Bitcoind, db: Database, rpc: Rpc) -> dict[str, float]:
    for name in ("hot", "outside"):
        await node.rpc("createwallet", name)
    await node.rpc("keypoolrefill", BATCH + SINGLES, wallet="outside")
    for _ in range(SINGLES + 5):
        await node.send(await node.rpc("getnewaddress", wallet="hot"), 10_000_000)
    await node.mine(1)
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    payouts = Payouts(db, clock, BitcoindWallets(rpc, "hot"))
    rows: list[dict[str, Any]] = []
    for _ in range(BATCH):
        address = await node.rpc("getnewaddress", wallet="outside")
        rows.append(submit_payout(new_id(), address, SATS, Speed.FAST, 1_000, clock.now()).values)
    async with db.transaction() as tx:
        await write(tx, PAYOUT, rows)
    began = time.perf_counter()
    assert await payouts.build(Speed.FAST, RATE * 1_000) is not None, "a batch was built"
    took = time.perf_counter() - began
    async with db.reading() as tx:
        (batch,) = await live(tx)
    fee, vsize = batch.newest.fee, batch.newest.vsize
    single = 0
    for _ in range(SINGLES):
        to = await node.rpc("getnewaddress", wallet="outside")
        sent = await node.named("sendtoaddress", wallet="hot", address=to, amount="0.0005", fee_rate=RATE)
        single += int((await node.rpc("getmempoolentry", sent))["fees"]["base"] * 100_000_000)
    ratio = (fee / BATCH) / (single / SINGLES)
    print(f"\nA batch of {BATCH} payouts at {RATE} sat/vB: built, signed, stored and broadcast")
    print(f"  {took:.2f} s, {vsize:,} vB, {fee / BATCH:.0f} sat a payout; a single send {single / SINGLES:.0f} sat")
    return {"payouts500_s": round(took, 3), "payout_fee_over_single": round(ratio, 3)}
