"""The bank's Lightning node with the network behind it, and the bank's port to it.

The node and the money in it outlive every kill of the bank; its own restarts cut calls and streams, and
nothing else. Amounts are millisatoshi. What the port promises stands in ``hazina.payments.ports``; how
LND keeps it, in ``hazina.adapters.lnd``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hazina.kernel import bolt11
from hazina.kernel.money import Msats
from hazina.payments.ports import (
    Accepted,
    AlreadySettled,
    Balance,
    Cancelled,
    Capabilities,
    Change,
    Incoming,
    IncomingState,
    Issued,
    NodeInfo,
    NodeRefused,
    NodeSilent,
    Outgoing,
    OutgoingState,
    Paid,
    Reason,
    Refused,
    Unfit,
)
from simulation.database import Killed
from simulation.loop import EPOCH
from simulation.wire import Wire

if TYPE_CHECKING:
    from simulation.process import Process
    from simulation.world import World

NODE_KEY = hashlib.sha256(b"the bank's node").digest()
STREAM_LIFE_S = 900.0
FEATURES = frozenset({8, 14})


@dataclass
class Bill:
    """An invoice of ours at the node."""

    hash: bytes
    preimage: bytes
    amount: int | None
    bolt11: str
    secret: bytes
    expires_at: float
    state: IncomingState = IncomingState.OPEN
    received: int = 0
    settle_index: int = 0
    settled_at: float = 0.0
    hold: bool = False
    arrived: int = 0

    def said(self) -> Incoming:
        settled = self.state is IncomingState.SETTLED
        at = EPOCH + timedelta(seconds=self.settled_at) if settled else None
        preimage = self.preimage if settled else None
        return Incoming(self.hash, self.state, Msats(self.received), preimage, at, self.bolt11)


@dataclass
class Attempt:
    """A payment of ours at the node; the same hash again after a failure is a new one."""

    hash: bytes
    amount: int
    fee_max: int
    state: OutgoingState = OutgoingState.IN_FLIGHT
    fee: int = 0
    preimage: bytes | None = None
    reason: Reason | None = None

    def said(self) -> Outgoing:
        paid = self.state is OutgoingState.SUCCEEDED
        fee = Msats(self.fee) if paid else None
        return Outgoing(self.hash, self.state, Msats(self.amount), fee, self.preimage, self.reason)


@dataclass(frozen=True)
class Taken:
    """The node's answer to a send."""


@dataclass(frozen=True)
class SaidNo:
    reason: Reason
    text: str


class Node:
    """What the node knows. Every method is one moment."""

    name = "lnd-1"

    def __init__(self, world: World) -> None:
        self.world = world
        self.bills: dict[bytes, Bill] = {}
        self.attempts: dict[bytes, Attempt] = {}
        self.begun: list[Attempt] = []  # in order
        self.ended: list[Attempt] = []  # every attempt that ended, in order
        self.paid: dict[bytes, int] = {}  # how often a hash was paid
        self.settled: list[Bill] = []
        self.streams: list[asyncio.Queue[Change | Exception]] = []
        self.up = True

    # -- being paid ------------------------------------------------------------------------------

    def issue(self, preimage: bytes, amount: int | None, description: str, expiry_s: int) -> Issued:
        payment_hash = hashlib.sha256(preimage).digest()
        bill = self.bills.get(payment_hash)
        if bill is None:
            secret = self.world.faults.octets(32)
            text = write_invoice(self.world, NODE_KEY, payment_hash, secret, amount, description, expiry_s)
            bill = Bill(payment_hash, preimage, amount, text, secret, self.world.now + expiry_s)
            self.bills[payment_hash] = bill
        return Issued(payment_hash, bill.bolt11, bill.secret)

    def issue_hold(self, payment_hash: bytes, amount: int | None, description: str, expiry_s: int) -> Issued:
        if payment_hash not in self.bills:
            secret = self.world.faults.octets(32)
            text = write_invoice(self.world, NODE_KEY, payment_hash, secret, amount, description, expiry_s)
            ends = self.world.now + expiry_s
            self.bills[payment_hash] = Bill(payment_hash, b"", amount, text, secret, ends, hold=True)
        bill = self.bills[payment_hash]
        return Issued(payment_hash, bill.bolt11, bill.secret)

    def settle(self, payment_hash: bytes, preimage: bytes) -> NodeRefused | None:
        bill = self.bills.get(payment_hash)
        if bill is None or hashlib.sha256(preimage).digest() != payment_hash:
            return NodeRefused("no such invoice")
        if bill.state is IncomingState.SETTLED:
            return None
        if bill.state is not IncomingState.HELD:
            return NodeRefused("nothing is held")
        bill.preimage = preimage
        self.htlc_settles(payment_hash, bill.arrived)
        return None

    def held(self) -> list[bytes]:
        return [bill.hash for bill in self.bills.values() if bill.hold and bill.state is IncomingState.HELD]

    def cancel(self, payment_hash: bytes) -> Cancelled | AlreadySettled:
        bill = self.bills.get(payment_hash)
        if bill is None:
            return Cancelled()
        if bill.state is IncomingState.SETTLED:
            return AlreadySettled()
        bill.state = IncomingState.CANCELLED
        return Cancelled()

    def incoming(self, payment_hash: bytes) -> Incoming | None:
        bill = self.bills.get(payment_hash)
        return None if bill is None else bill.said()

    def htlc_arrives(self, payment_hash: bytes, amount: int) -> bool:
        """Somebody outside pays: held for a moment if the node takes it. Too little, too late, twice: no."""
        bill = self.bills.get(payment_hash)
        if bill is None or bill.state is not IncomingState.OPEN or self.world.now >= bill.expires_at:
            return False
        if bill.amount is not None and not bill.amount <= amount <= 2 * bill.amount:
            return False
        bill.state, bill.arrived = IncomingState.HELD, amount
        return True

    def htlc_settles(self, payment_hash: bytes, amount: int) -> bool:
        bill = self.bills[payment_hash]
        if bill.state is not IncomingState.HELD:
            return False
        self.settled.append(bill)
        bill.state, bill.received = IncomingState.SETTLED, amount
        bill.settle_index, bill.settled_at = len(self.settled), self.world.now
        self.world.trace("node received", payment_hash.hex(), amount)
        self._tell(Change(bill.said(), str(bill.settle_index)))
        return True

    # -- paying ----------------------------------------------------------------------------------

    def pay(self, text: str, amount: int | None, fee_max: int, not_after: datetime) -> Taken | SaidNo:
        says = bolt11.decode(text)
        moment = EPOCH + timedelta(seconds=self.world.now)
        if moment > not_after:
            return SaidNo(Reason.OTHER, "macaroon has expired")
        known = self.attempts.get(says.payment_hash)
        if known is not None and known.state is not OutgoingState.FAILED:
            return SaidNo(Reason.OTHER, "payment is in transition, or paid")
        if says.payment_hash in self.bills:
            return SaidNo(Reason.OWN_INVOICE, "self-payments not allowed")
        if moment.timestamp() > says.expires_at:
            return SaidNo(Reason.EXPIRED, "invoice expired")
        msat = says.amount_msat if says.amount_msat is not None else amount
        assert msat is not None, "the bank names an amount where the invoice has none"
        attempt = Attempt(says.payment_hash, msat, fee_max)
        self.attempts[says.payment_hash] = attempt
        self.begun.append(attempt)
        self.world.trace("node sends", says.payment_hash.hex(), msat)
        self.world.payee_of(says.payment_hash).approached(attempt)
        return Taken()

    def outgoing(self, payment_hash: bytes) -> Outgoing:
        known = self.attempts.get(payment_hash)
        return Outgoing(payment_hash, OutgoingState.UNKNOWN) if known is None else known.said()

    def succeed(self, attempt: Attempt, preimage: bytes, fee: int) -> None:
        attempt.state, attempt.preimage, attempt.fee = OutgoingState.SUCCEEDED, preimage, fee
        self.paid[attempt.hash] = self.paid.get(attempt.hash, 0) + 1
        self._ended(attempt)

    def fail(self, attempt: Attempt, reason: Reason) -> None:
        attempt.state, attempt.reason = OutgoingState.FAILED, reason
        self._ended(attempt)

    def _ended(self, attempt: Attempt) -> None:
        self.world.trace("node ended", attempt.hash.hex(), attempt.state.value, attempt.fee)
        self.ended.append(replace(attempt))
        self._tell(Change(attempt.said(), None))

    def paid_since(self, place: int) -> Paid:
        """In order of their start: one that has not ended keeps the place back."""
        later = self.begun[place:]
        paid = [one for one in later if one.state is OutgoingState.SUCCEEDED]
        waits = next((n for n, one in enumerate(later) if one.state is OutgoingState.IN_FLIGHT), len(later))
        again = frozenset(one.hash for one in later[waits:] if one.state is OutgoingState.SUCCEEDED)
        return Paid(tuple(one.said() for one in paid), str(place + waits), again)

    # -- the truth -------------------------------------------------------------------------------

    def received_msat(self) -> int:
        return sum(bill.received for bill in self.settled)

    def paid_msat(self) -> int:
        return sum(one.amount + one.fee for one in self.ended if one.state is OutgoingState.SUCCEEDED)

    # -- streams ---------------------------------------------------------------------------------

    def _tell(self, change: Change) -> None:
        for stream in self.streams if self.up else ():
            for _ in range(self.world.faults.copies()):
                stream.put_nowait(change)

    def fall(self) -> None:
        """The node's process ends. HTLCs that are out go on deciding."""
        self.up = False
        for stream in self.streams:
            stream.put_nowait(NodeSilent("the node went away"))

    def rise(self) -> None:
        self.up = True


def write_invoice(
    world: World,
    key: bytes,
    payment_hash: bytes,
    secret: bytes,
    amount: int | None,
    description: str,
    expiry_s: int,
) -> str:
    return bolt11.encode(
        bolt11.Invoice11(
            network=bolt11.Network.REGTEST,
            timestamp=int((EPOCH + timedelta(seconds=world.now)).timestamp()),
            payment_hash=payment_hash,
            payment_secret=secret,
            payee=b"",
            amount_msat=amount,
            description=description,
            description_hash=None,
            expiry_s=expiry_s,
            min_final_cltv=80,
            features=FEATURES,
            route_hints=(),
            fallbacks=(),
            metadata=None,
        ),
        key,
    )


class LightningPort:
    """``payments.ports.Lightning`` for one process of the bank."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._wire = Wire(
            world, process, "lightning", world.faults.network, lambda: world.node.up, NodeSilent, NodeRefused
        )

    @property
    def name(self) -> str:
        return self._world.node.name

    @property
    def can(self) -> Capabilities:
        return Capabilities(description_hash=False)

    async def issue(
        self, *, preimage: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        assert description_hash is None
        msat = amount.n if amount else None
        return await self._wire.call("issue", lambda: self._world.node.issue(preimage, msat, description, expiry_s))

    async def issue_hold(
        self, *, payment_hash: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        assert description_hash is None
        msat = amount.n if amount else None
        return await self._wire.call(
            "issue_hold", lambda: self._world.node.issue_hold(payment_hash, msat, description, expiry_s)
        )

    async def settle(self, payment_hash: bytes, preimage: bytes) -> None:
        said = await self._wire.call("settle", lambda: self._world.node.settle(payment_hash, preimage))
        if said is not None:
            raise said

    async def held(self) -> list[bytes]:
        return await self._wire.call("held", self._world.node.held)

    async def cancel(self, payment_hash: bytes) -> Cancelled | AlreadySettled:
        return await self._wire.call("cancel", lambda: self._world.node.cancel(payment_hash))

    async def incoming(self, payment_hash: bytes) -> Incoming | None:
        return await self._wire.call("incoming", lambda: self._world.node.incoming(payment_hash))

    async def pay(
        self, bolt11: str, *, amount: Msats | None, fee_max: Msats, timeout_s: int, not_after: datetime
    ) -> Accepted | Refused:
        """After a refusal the node's own record is asked, as the adapter does: it alone says whether
        something left."""
        msat = amount.n if amount else None
        said = await self._wire.call("pay", lambda: self._world.node.pay(bolt11, msat, fee_max.n, not_after))
        if isinstance(said, SaidNo):
            known = await self.outgoing(_hash_of(bolt11))
            if known.state is OutgoingState.UNKNOWN:
                return Refused(said.reason, said.text)
        return Accepted()

    async def outgoing(self, payment_hash: bytes) -> Outgoing:
        return await self._wire.call("outgoing", lambda: self._world.node.outgoing(payment_hash))

    async def quote(self, bolt11: str, amount: Msats | None, timeout_s: int) -> Msats | None:
        return await self._wire.call("quote", lambda: self._world.faults.quote(), timeout_s + 10)

    async def changes(self, cursor: str | None) -> AsyncGenerator[Change, None]:
        world, node = self._world, self._world.node
        place = int(cursor or 0)
        queue: asyncio.Queue[Change | Exception] = asyncio.Queue()

        def begin() -> None:
            for change in self._after(place):
                queue.put_nowait(change)
            node.streams.append(queue)

        await self._wire.call("changes", begin)
        until = world.loop.time() + STREAM_LIFE_S
        try:
            while True:
                try:
                    async with asyncio.timeout(max(until - world.loop.time(), 0.001)):
                        news = await queue.get()
                except TimeoutError:
                    return
                if not self._process.alive:
                    raise Killed
                if isinstance(news, Exception):
                    raise news
                await asyncio.sleep(world.faults.network("news")[0])
                yield news
        finally:
            node.streams.remove(queue)

    def _after(self, place: int) -> list[Change]:
        return [Change(bill.said(), str(bill.settle_index)) for bill in self._world.node.settled[place:]]

    async def settled_since(self, cursor: str | None) -> list[Change]:
        return await self._wire.call("settled_since", lambda: self._after(int(cursor or 0)))

    async def paid_since(self, cursor: str | None) -> Paid:
        return await self._wire.call("paid_since", lambda: self._world.node.paid_since(int(cursor or 0)))

    async def info(self) -> NodeInfo:
        key = b"\x02" + bytes(32)
        return await self._wire.call("info", lambda: NodeInfo(key, "bcrt", "node", 100, True, "simulated"), 5)

    async def balance(self) -> Balance:
        much = Msats.from_sats(10**9)
        return await self._wire.call("balance", lambda: Balance(much, much, Msats(0), Msats(0)))

    async def unfit(self, network: str) -> list[Unfit]:
        return []


def _hash_of(text: str) -> bytes:
    return bolt11.decode(text).payment_hash


__all__ = ["Attempt", "Bill", "LightningPort", "Node", "NodeRefused", "write_invoice"]
