"""The watch over the chain on a real node, without the rest of the bank."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from hazina.adapters.bitcoind import Bitcoind as Adapter
from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import Chain, ChainEvent, EventKind, Output, Policy, store, verify
from hazina.chain.watcher import Watcher
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import public_id
from hazina.sandbox.real.bitcoind import MINER, Bitcoind, bitcoin

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
    wallet: str
    told: list[ChainEvent] = field(default_factory=list)

    async def look(self) -> list[tuple[EventKind, int]]:
        """What a look brings: kind and satoshi, in order."""
        await self.watcher.look()
        after = self.told[-1].seq if self.told else 0
        new = await self.chain.events(after, 1_000)
        self.told += new
        return [(one.kind, one.output.sats) for one in new if one.output]

    async def news(self, count: int = 1) -> list[tuple[EventKind, int]]:
        """What looks bring until so much has come: the node's wallet learns of its mempool a moment later."""
        found: list[tuple[EventKind, int]] = []
        async with asyncio.timeout(120):
            while len(found) < count:
                found += await self.look()
        return sorted(found, key=lambda one: (one[1], one[0].value))

    async def mine(self, blocks: int = 1) -> list[tuple[EventKind, int]]:
        await self.node.mine(blocks)
        return await self.look()

    async def address(self, owner: UUID | None = None) -> str:
        return (await self.chain.new_address(owner or public_id())).text

    async def output(self, txid: str, vout: int) -> Output | None:
        async with self.db.reading() as tx:
            return await store.output(tx, txid, vout)

    async def close(self) -> None:
        """All that was written must agree."""
        async with self.db.reading() as tx:
            broken = [one for one in await verify(tx) if not one.ok]
        await self.rpc.close()
        assert not broken, broken

    async def credited(self) -> int:
        """What a follower of the events has credited to customers: every SETTLED once, less every UNSETTLED."""
        weight = {SETTLED: 1, UNSETTLED: -1}
        return sum(weight.get(one.kind, 0) * (one.output.sats if one.output else 0) for one in self.told)

    async def in_chain(self, depth: int = 1) -> int:
        """What the node's wallet has got in blocks that deep."""
        got = await self.node.rpc("listreceivedbyaddress", depth, wallet=self.wallet)
        return sum(int(one["amount"] * 100_000_000) for one in got)

    async def pay_many(self, outputs: Sequence[tuple[str, int]]) -> str:
        """One transaction with these outputs."""
        amounts = {address: bitcoin(sats) for address, sats in outputs}
        txid: str = await self.node.rpc("sendmany", "", amounts, wallet=MINER)
        return txid

    async def rival(self, txid: str, *, fee_sats: int = 50_000, to: tuple[str, int] | None = None) -> str:
        """A signed transaction of the same coins, ``to`` somebody and back to the miner, with a higher fee: nobody was
        told of it yet."""
        old = (await self.node.rpc("gettransaction", txid, True, True, wallet=MINER))["decoded"]
        spent = [{"txid": one["txid"], "vout": one["vout"], "sequence": 1} for one in old["vin"]]
        worth = sum(int(one["value"] * 100_000_000) for one in old["vout"])
        paid = [] if to is None else [{to[0]: bitcoin(to[1])}]
        rest = worth - fee_sats - (0 if to is None else to[1])
        back = {await self.node.rpc("getnewaddress", wallet=MINER): bitcoin(rest)}
        raw = await self.node.rpc("createrawtransaction", spent, [*paid, back])
        signed = await self.node.rpc("signrawtransactionwithwallet", raw, wallet=MINER)
        assert signed["complete"]
        return str(signed["hex"])

    async def replace(self, txid: str) -> str:
        """Double-spend a payment that waits in the mempool; the new transaction's id."""
        return str(await self.node.rpc("sendrawtransaction", await self.rival(txid), "0"))

    async def reorganise(
        self, depth: int, *, rival: str | None = None, instead: int | None = None, empty: bool = True
    ) -> None:
        """The last blocks never were; the first of those in their place holds ``rival``, when there is one, or, when
        not ``empty``, what waits again."""
        first = await self.node.rpc("getblockhash", await self.node.height() - depth + 1)
        await self.node.rpc("invalidateblock", first)
        to = await self.node.rpc("getnewaddress", wallet=MINER)  # the same reward again would be the same block
        if rival is not None or empty:
            await self.node.rpc("generateblock", to, [rival] if rival else [])
        else:
            await self.node.mine(1, to)
        await self.node.mine_empty((depth + 1 if instead is None else instead) - 1)


async def posted(node: Bitcoind, db: Database, wallet: str, policy: Policy | None = None) -> Post:
    """Begun, at the tip."""
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    rpc = Rpc(node.url, user=node.user, password=node.password)
    chain = Chain(db, clock, Adapter(rpc, wallet), BitcoindWallets(rpc, wallet), Network.REGTEST, policy)
    post = Post(node, db, clock, rpc, chain, Watcher(chain.parts), wallet)
    try:
        await post.look()
    except BaseException:
        await rpc.close()
        raise
    return post


async def again(post: Post) -> Post:
    """The same bank in another process, which begins by what stands in the database."""
    return await posted(post.node, post.db, post.wallet, post.chain.parts.policy)


def a_wallet() -> str:
    """A name that no other test's wallet has."""
    return f"hazina-{uuid4().hex[:12]}"
