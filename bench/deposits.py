"""Deposits over a real bitcoind: how fast a block full of them is told of, and how fast an hour of such blocks after
the bank was away. Beside it, how long the node's own wallet needs for such a block."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from hazina.adapters.bitcoind import Bitcoind as Adapter
from hazina.adapters.bitcoind_rpc import Rpc, bitcoin
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import Chain
from hazina.chain.watcher import Watcher
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import public_id
from hazina.sandbox.real.bitcoind import MINER, Bitcoind
from tools import nodes

OUTPUTS = 1_000
HOUR = 6
"""Blocks."""
AT_ONCE = 20


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
        clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        adapter = Adapter(rpc, "hazina")
        chain = Chain(db, clock, adapter, BitcoindWallets(rpc, "hazina"), Network.REGTEST)
        try:
            return await _deposits(node, chain)
        finally:
            await adapter.close()
            await db.close()
            await node.close()


async def _deposits(node: Bitcoind, chain: Chain) -> dict[str, float]:
    watcher = Watcher(chain.parts)
    await watcher.look()
    began = time.perf_counter()
    addresses: list[str] = []
    for _ in range(OUTPUTS // AT_ONCE):
        made = await asyncio.gather(*(chain.new_address(public_id()) for _ in range(AT_ONCE)))
        addresses += [one.text for one in made]
    making = time.perf_counter() - began

    await _paid_and_mined(node, addresses)
    one_s, look_s = await _told(chain, watcher, OUTPUTS)
    for _ in range(HOUR):
        await _paid_and_mined(node, addresses)
    hour_s, _ = await _told(chain, watcher, OUTPUTS * (HOUR + 1))

    print(f"\n{OUTPUTS:,} addresses made in {making:.2f} s ({making / OUTPUTS * 1_000:.1f} ms each)")
    print(f"A block with {OUTPUTS:,} deposits: told after {one_s:.2f} s; the node's wallet has it after {look_s:.2f} s")
    print(f"An hour away, {HOUR} such blocks: told after {hour_s:.2f} s")
    return {
        "deposits1000_s": round(one_s, 3),
        "deposits1000_over_wallet": round(one_s / look_s, 2),
        "hour_away_s": round(hour_s, 3),
        "hour_away_over_block": round(hour_s / (HOUR * one_s), 2),
    }


async def _told(chain: Chain, watcher: Watcher, count: int) -> tuple[float, float]:
    """Seconds from the beginning of a look until ``count`` deposits are told in all, and until its end."""
    began = time.perf_counter()
    look = asyncio.create_task(watcher.look())
    while await _count(chain) < count:  # noqa: ASYNC110 (other connections write it)
        await asyncio.sleep(0.01)
    told = time.perf_counter() - began
    await look
    return told, time.perf_counter() - began


async def _paid_and_mined(node: Bitcoind, addresses: list[str]) -> None:
    """Every address is paid, and a block holds it all."""
    for start in range(0, len(addresses), OUTPUTS // 2):
        amounts = {address: bitcoin(10_000) for address in addresses[start : start + OUTPUTS // 2]}
        await node.rpc("sendmany", "", amounts, wallet=MINER)
    await node.rpc("generatetoaddress", 1, await node.miner_address())


async def _count(chain: Chain) -> int:
    async with chain.parts.db.reading() as tx:
        return int(await tx.value("select count(*) from chain_event where kind = 1"))
