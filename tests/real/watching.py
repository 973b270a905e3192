"""The watch over the chain on a real node, without the rest of the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from hazina.adapters.bitcoind import Bitcoind as Adapter
from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import Chain, ChainEvent, EventKind, Output, Policy, store
from hazina.chain.watcher import Watcher
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import public_id
from hazina.sandbox.real.bitcoind import MINER, Bitcoind, bitcoin

HOT = "hazina"
SEEN, SETTLED = EventKind.OUTPUT_SEEN, EventKind.OUTPUT_SETTLED
UNSETTLED, DROPPED = EventKind.OUTPUT_UNSETTLED, EventKind.OUTPUT_DROPPED


@dataclass
class Post:
    """Looks at the chain when it is told to, and keeps what was told."""

    node: Bitcoind
    db: Database
    clock: ManualClock
    rpc: Rpc
    chain: Chain
    watcher: Watcher
    told: list[ChainEvent] = field(default_factory=list)

    async def look(self) -> list[tuple[EventKind, int]]:
        """What a look brings: kind and satoshi, in order."""
        await self.watcher.look()
        after = self.told[-1].seq if self.told else 0
        new = await self.chain.events(after, 1_000)
        self.told += new
        return [(one.kind, one.output.sats) for one in new if one.output]

    async def mine(self, blocks: int = 1) -> list[tuple[EventKind, int]]:
        await self.node.mine(blocks)
        return await self.look()

    async def address(self, owner: UUID | None = None) -> str:
        return (await self.chain.new_address(owner or public_id())).text

    async def output(self, txid: str, vout: int) -> Output | None:
        async with self.db.reading() as tx:
            return await store.output(tx, txid, vout)

    async def credited(self) -> int:
        """What a follower of the events has credited to customers: every SETTLED once, less every UNSETTLED."""
        weight = {SETTLED: 1, UNSETTLED: -1}
        return sum(weight.get(one.kind, 0) * (one.output.sats if one.output else 0) for one in self.told)

    async def in_chain(self, depth: int = 1) -> int:
        """What the node's wallet has got in blocks that deep."""
        got = await self.node.rpc("listreceivedbyaddress", depth, wallet=HOT)
        return sum(int(one["amount"] * 100_000_000) for one in got)

    async def pay_many(self, outputs: Sequence[tuple[str, int]]) -> str:
        """One transaction with these outputs."""
        amounts = {address: bitcoin(sats) for address, sats in outputs}
        txid: str = await self.node.rpc("sendmany", "", amounts, wallet=MINER)
        return txid

    async def double_spend(self, txid: str, *, to: str, sat_per_vbyte: float = 60) -> str:
        """Replace a payment of the miner's by another of the same coins, to ``to``; the new one's id."""
        old = await self.node.rpc("gettransaction", txid, True, True, wallet=MINER)
        spent = [{"txid": one["txid"], "vout": one["vout"]} for one in old["decoded"]["vin"]]
        worth = sum(one["value"] for one in old["decoded"]["vout"]) - old["fee"] * -1 * 0
        rival = await self.node.rpc(
            "createrawtransaction",
            [{**one, "sequence": 1} for one in spent],
            [{to: f"{worth - 1:.8f}"}, {await self.node.miner_address(): f"{0.99 - sat_per_vbyte * 3e-6:.8f}"}],
        )
        signed = await self.node.rpc("signrawtransactionwithwallet", rival, wallet=MINER)
        return str(await self.node.rpc("sendrawtransaction", signed["hex"], "0"))


async def posted(node: Bitcoind, db: Database, policy: Policy | None = None, wallet: str = HOT) -> Post:
    """Begun, at the tip."""
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    rpc = Rpc(node.url, user=node.user, password=node.password)
    chain = Chain(db, clock, Adapter(rpc, wallet), BitcoindWallets(rpc, wallet), Network.REGTEST, policy)
    post = Post(node, db, clock, rpc, chain, Watcher(chain.parts))
    await post.look()
    return post
