"""The bank's Bitcoin node, and the bank's ports to it.

What the ports promise stands in ``hazina.chain.ports``; how bitcoind keeps it, in ``hazina.adapters.bitcoind`` and
``bitcoind_wallet``: what these ask for in several calls is several here. The node's own restarts cut calls, empty its
memory of locks, and hide its mempool until that is loaded again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hazina.chain.ports import (
    Given,
    Header,
    Labelled,
    NodeInfo,
    NodeRefused,
    NodeSilent,
    Order,
    Pending,
    Purse,
    Signed,
    Standing,
    Unsigned,
)
from hazina.kernel.bolt11 import Network
from simulation.blockchain import WORK, Block
from simulation.purse import DESCRIPTOR, NAME, HotWallet
from simulation.wire import Wire

if TYPE_CHECKING:
    from simulation.process import Process
    from simulation.world import World

VERSION = 290_300
NO_SUCH = -5


class BitcoinNode:
    """What the node knows. Every method is one moment."""

    def __init__(self, world: World) -> None:
        self.chain = world.blockchain
        self.wallet = HotWallet(world)
        self.up = self.loaded = True

    def fall(self) -> None:
        """Its process ends; the mempool is on its disk."""
        self.up = self.loaded = False
        self.wallet.locks.clear()

    def rise(self) -> None:
        self.up = True

    def load(self) -> None:
        """Its mempool is what others have, again."""
        self.loaded = True

    def info(self) -> NodeInfo:
        tip = self.chain.tip
        return NodeInfo(
            Network.REGTEST, VERSION, tip.height, tip.height, tip.hash, tip.work, False, 0, self.loaded,
            self.chain.floor,
        )  # fmt: skip

    def header(self, block: str) -> Header | None:
        known = self.chain.blocks.get(block)
        return None if known is None else self._header(known)

    def headers(self, first: int, last: int) -> list[Header]:
        return [self._header(block) for block in self.chain.active[first : last + 1]]

    def _header(self, block: Block) -> Header:
        active = block.height < len(self.chain.active) and self.chain.active[block.height].hash == block.hash
        return Header(block.hash, block.height, WORK * (block.height + 1), active)

    def block(self, block: str) -> bytes:
        known = self.chain.blocks.get(block)
        if known is None:
            raise NodeRefused(NO_SUCH, "Block not found")
        return known.raw

    def fee_rate(self, blocks: int) -> int | None:
        if self.chain.market <= 1_000:
            return None
        return max(self.chain.market * 2 // (blocks // 6 + 2), self.chain.floor)

    def open_wallet(self, make: bool) -> str | None:
        self.wallet.made = self.wallet.made or make
        return DESCRIPTOR if self.wallet.made else None

    def labelled(self, label: str) -> list[Labelled]:
        return [one for one in self.wallet.receiving if one.label == label]

    def publish(self, raw: bytes) -> str | None:
        return self.chain.take(self.wallet.signed[raw])

    def in_mempool(self, txids: Sequence[str]) -> set[str]:
        return set(txids) & set(self.chain.mempool) if self.loaded else set()

    def pending(self, sats_min: int, limit: int) -> list[Pending]:
        return self.wallet.pending(sats_min, limit) if self.loaded else []

    def standing(self, txid: str) -> Standing | None:
        found = self.wallet.standing(txid)
        return found if found is None or self.loaded else replace(found, in_mempool=False)


class BitcoinPort:
    """``chain.ports.Bitcoin`` and ``chain.ports.Wallets`` for one process of the bank."""

    wallet = hot = NAME

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._wire = Wire(
            world, process, "bitcoin", world.faults.bitcoin, lambda: world.bitcoin.up, NodeSilent, NodeRefused
        )

    @property
    def _node(self) -> BitcoinNode:
        return self._world.bitcoin

    # -- chain.ports.Bitcoin ---------------------------------------------------------------------

    async def info(self) -> NodeInfo:
        return await self._wire.call("info", self._node.info)

    async def hint(self, timeout_s: float) -> bool:
        await asyncio.sleep(timeout_s * self._world.faults.hint())
        return True

    async def open_wallet(self, *, make: bool) -> str | None:
        return await self._wire.call("open_wallet", lambda: self._node.open_wallet(make))

    async def address(self, label: str) -> list[Labelled]:
        found = await self._wire.call("labelled", lambda: self._node.labelled(label))
        if not found:
            await self.next_address(label)
            found = await self._wire.call("labelled", lambda: self._node.labelled(label))
        return found

    async def next_address(self, label: str) -> str:
        return await self._wire.call("next_address", lambda: self._node.wallet.next_address(label))

    async def made(self) -> int:
        return await self._wire.call("made", lambda: len(self._node.wallet.receiving))

    async def addresses(self, first: int, last: int) -> list[Labelled]:
        return await self._wire.call("addresses", lambda: self._node.wallet.receiving[first : last + 1])

    async def header(self, block: str) -> Header | None:
        return await self._wire.call("header", lambda: self._node.header(block))

    async def headers(self, first: int, last: int) -> list[Header]:
        return await self._wire.call("headers", lambda: self._node.headers(first, last))

    async def block(self, block: str) -> bytes:
        return await self._wire.call("block", lambda: self._node.block(block))

    async def pending(self, sats_min: int, limit: int) -> list[Pending]:
        return await self._wire.call("pending", lambda: self._node.pending(sats_min, limit))

    async def in_mempool(self, txids: Sequence[str]) -> set[str]:
        return await self._wire.call("in_mempool", lambda: self._node.in_mempool(txids))

    async def fee_rate(self, blocks: int) -> int | None:
        return await self._wire.call("fee_rate", lambda: self._node.fee_rate(blocks))

    # -- chain.ports.Wallets ---------------------------------------------------------------------

    async def sign(self, order: Order) -> Signed:
        return await self._wire.call("sign", lambda: self._node.wallet.sign(order))

    async def judge(self, raw: bytes) -> str | None:
        return await self._wire.call("judge", lambda: self._node.chain.refuses(self._node.wallet.signed[raw]))

    async def publish(self, raw: bytes) -> str | None:
        return await self._wire.call("publish", lambda: self._node.publish(raw))

    async def publish_together(self, raws: list[bytes]) -> str | None:
        txs = [self._node.wallet.signed[raw] for raw in raws]
        return await self._wire.call("publish_together", lambda: self._node.chain.take_together(txs))

    async def standing(self, wallet: str, txid: str) -> Standing | None:
        return await self._wire.call("standing", lambda: self._node.standing(txid))

    async def spends(self, wallet: str, since: str | None) -> tuple[list[str], str | None]:
        return await self._wire.call("spends", lambda: self._node.wallet.spends(since))

    async def least_rate(self) -> int:
        return await self._wire.call("least_rate", lambda: self._node.chain.floor)

    async def purse(self, wallet: str) -> Purse:
        return await self._wire.call("purse", self._node.wallet.purse)

    async def locked(self, wallet: str) -> list[tuple[str, int]]:
        return await self._wire.call("locked", lambda: list(self._node.wallet.locks))

    async def lock(self, wallet: str, coins: list[tuple[str, int]], *, on: bool) -> None:
        if coins:
            await self._wire.call("lock", lambda: self._node.wallet.lock(coins, on))

    async def own_address(self, wallet: str) -> str:
        return await self._wire.call("own_address", self._node.wallet.own_address)

    async def owns(self, wallet: str, address: str) -> bool:
        return await self._wire.call("owns", lambda: address in self._node.wallet.own)

    # -- of cold wallets: there are none ---------------------------------------------------------

    async def first_address(self, descriptor: str) -> str:
        raise NodeRefused(NO_SUCH, "no cold wallets here")

    async def watch(self, wallet: str, descriptor: str) -> None:
        raise NodeRefused(NO_SUCH, "no cold wallets here")

    async def draft(self, wallet: str, order: Order) -> Unsigned:
        raise NodeRefused(NO_SUCH, "no cold wallets here")

    async def read(self, psbt: str) -> Given:
        raise NodeRefused(NO_SUCH, "no cold wallets here")

    async def finish(self, ours: str, theirs: str) -> Signed:
        raise NodeRefused(NO_SUCH, "no cold wallets here")
