"""A payout machine on a real node, without the rest of the bank: what payments would hand in is handed in here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import ChainEvent, EventKind, Policy, Speed, submit_payout
from hazina.chain.batch import Batch, Payout, PayoutPolicy
from hazina.chain.effects import PAYOUT
from hazina.chain.payout_store import batch, payout
from hazina.chain.payouts import Payouts
from hazina.chain.store import events_after
from hazina.chain.verify import PAYOUT_SCANS
from hazina.kernel import checks
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.ledger.store import write
from hazina.sandbox.real.bitcoind import Bitcoind

HOT = "hot"


@dataclass
class Desk:
    """Queues payouts, runs rounds, mines, and tells what the node has."""

    node: Bitcoind
    rpc: Rpc
    db: Database
    clock: ManualClock
    payouts: Payouts

    async def submit(self, address: str, sats: int, speed: Speed = Speed.FAST, *, quoted: int = 10_000) -> UUID:
        payout_id = new_id()
        await self.submit_as(payout_id, address, sats, speed, quoted=quoted)
        return payout_id

    async def submit_as(
        self, payout_id: UUID, address: str, sats: int, speed: Speed = Speed.FAST, *, quoted: int = 10_000
    ) -> None:
        row = submit_payout(payout_id, address, sats, speed, quoted, self.clock.now())
        async with self.db.transaction() as tx:
            await write(tx, PAYOUT, [row.values])

    async def many(self, count: int, sats: int = 10_000, speed: Speed = Speed.FAST) -> list[UUID]:
        return [await self.submit(await self.outside(), sats + n, speed) for n in range(count)]

    async def outside(self) -> str:
        return str(await self.node.rpc("getnewaddress", wallet="outside"))

    async def round(self, later: timedelta = timedelta(minutes=2)) -> None:
        self.clock.advance(later)
        await self.payouts.round()

    async def mine(self, blocks: int = 1) -> None:
        """Blocks, and what the watcher would write of them."""
        await self.node.mine(blocks)
        await self.told_height()

    async def told_height(self) -> None:
        tip = {"height": await self.node.height(), "hash": await self.node.rpc("getbestblockhash")}
        async with self.db.transaction() as tx:
            await tx.execute("delete from chain_block")
            await tx.execute("insert into chain_block (height, hash, work) values (%(height)s, %(hash)s, 1)", tip)

    async def rate(self, msat_per_vb: int, *speeds: Speed) -> None:
        async with self.db.transaction() as tx:
            for speed in speeds or tuple(Speed):
                await tx.execute(
                    """insert into chain_fee_rate values (%(speed)s, %(rate)s, false, %(at)s)
                    on conflict (speed) do update set msat_per_vb = excluded.msat_per_vb, at = excluded.at""",
                    {"speed": speed.value, "rate": msat_per_vb, "at": self.clock.now() + timedelta(days=365)},
                )

    def with_policy(self, **changes: Any) -> None:
        self.payouts = replace(self.payouts, policy=replace(self.payouts.policy, **changes))

    async def holds(self) -> None:
        """What must hold of payouts, derived from the log."""
        async with self.db.reading() as tx:
            found = await checks.run(tx, PAYOUT_SCANS)
        assert all(one.ok for one in found), [one for one in found if not one.ok]

    async def payout(self, payout_id: UUID) -> Payout:
        async with self.db.reading() as tx:
            found = await payout(tx, payout_id)
        assert found is not None
        return found

    async def batch_of(self, payout_id: UUID) -> Batch:
        batch_id = (await self.payout(payout_id)).batch_id
        assert batch_id is not None
        return await self.batch(batch_id)

    async def batch(self, batch_id: UUID) -> Batch:
        async with self.db.reading() as tx:
            found = await batch(tx, batch_id)
        assert found is not None
        return found

    async def events(self, kind: EventKind) -> list[ChainEvent]:
        async with self.db.reading() as tx:
            return [one for one in await events_after(tx, 0, 1_000) if one.kind is kind]

    async def received(self, address: str, depth: int = 0) -> int:
        """Satoshi that the outside wallet got on an address: over all transactions that count now."""
        got = await self.node.rpc("getreceivedbyaddress", address, depth, wallet="outside")
        return int(got * 100_000_000)


async def opened(node: Bitcoind, db: Database, *, coins: int = 3, sats: int = 100_000_000) -> Desk:
    """A hot wallet with so many confirmed coins."""
    await node.rpc("createwallet", HOT)
    await node.rpc("createwallet", "outside")
    for _ in range(coins):
        await node.send(await node.rpc("getnewaddress", wallet=HOT), sats)
    await node.mine(1)
    rpc = Rpc(node.url, user=node.user, password=node.password)
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    payouts = Payouts(db, clock, BitcoindWallets(rpc, HOT), PayoutPolicy(), Policy())
    desk = Desk(node, rpc, db, clock, payouts)
    await desk.told_height()
    return desk


class Stricter(Bitcoind):
    """A node whose mempool takes nothing under 5 sat/vB: what a node does when the network is full."""

    strict = False

    def _configure(self) -> None:
        super()._configure()
        if self.strict:
            with (self.folder / "bitcoin.conf").open("a") as file:
                file.write("minrelaytxfee=0.00005\n")
