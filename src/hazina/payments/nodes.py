"""The bank's Lightning nodes: which are well, and which one takes a new payment or a new invoice.

What a node has begun stays with it: a payment is pinned to its node by its row, under the one guard of its hash,
and an invoice by its row. Only new work is chosen: by health, by what the channels can move, by weight. The same
hash among the same nodes falls to the same one, so a quote and its payment meet.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import Clock
from hazina.kernel.money import Msats
from hazina.payments.errors import LightningUnavailable
from hazina.payments.ports import Balance, Capabilities, Lightning, NodeInfo, NodeRefused, NodeSilent, Unfit

log = structlog.get_logger("hazina.payments")

LOOK_S = 1.0
BALANCE_S = 5.0
EXAMINE_S = 60.0


class NodesUnfit(Exception):
    """A Lightning node of the settings must not be used."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A node, and how much of the new work is its share. ``resting``: none of it."""

    lightning: Lightning
    weight: int = 1
    resting: bool = False


@dataclass(slots=True)
class Pulse:
    """What was last learned of a node, and when, in steady seconds. A look a second is enough, however many
    payments ask. ``forgot``: it does not know a payment that it surely made (see ``attempts.trusted``)."""

    at: float = -1e9
    up: bool = False
    info: NodeInfo | None = None
    balance_at: float = -1e9
    balance: Balance | None = None
    examined_at: float = -1e9
    unfit: tuple[Unfit, ...] | None = None
    trusted_at: float = -1e9
    forgot: bool = False


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """A node as the bank sees it now, for operators."""

    name: str
    up: bool
    resting: bool
    forgot: bool
    info: NodeInfo | None
    unfit: tuple[Unfit, ...]


@dataclass(frozen=True, slots=True)
class Nodes:
    """Every node of this bank; names are unique."""

    seats: Sequence[Seat]
    clock: Clock
    network: Network
    pulses: Mapping[str, Pulse] = field(default_factory=dict)

    @classmethod
    def build(cls, seats: Sequence[Seat], clock: Clock, network: Network) -> Nodes:
        names = [seat.lightning.name for seat in seats]
        assert seats and len(set(names)) == len(names), "a node's name stands in the books"
        return cls(tuple(seats), clock, network, {name: Pulse() for name in names})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(seat.lightning.name for seat in self.seats)

    def all(self) -> list[Lightning]:
        return [seat.lightning for seat in self.seats]

    def of(self, name: str) -> Lightning:
        """The node that a payment or an invoice belongs to. Raises NodeSilent when the settings no longer name it:
        its money waits, as with any node that does not answer."""
        found = next((seat.lightning for seat in self.seats if seat.lightning.name == name), None)
        if found is None:
            raise NodeSilent(f"the settings name no node {name}")
        return found

    # --- health

    async def up(self, name: str) -> bool:
        """Does it answer, see the chain, and may it be used? A payment sent to a node that cannot see the chain
        may hang for ever, so nothing is sent while it does not answer."""
        pulse, now = self.pulses[name], self.clock.steady()
        if now - pulse.at > LOOK_S:
            node = self.of(name)
            try:
                if await self._examine(node, pulse):
                    pulse.info = await node.info()
                    pulse.up = pulse.info.synced
                else:
                    pulse.up = False
            except (NodeSilent, NodeRefused):
                pulse.up = False
            pulse.at = self.clock.steady()
        return pulse.up

    async def _examine(self, node: Lightning, pulse: Pulse) -> bool:
        """Once, and again now and then while something forbids its use."""
        if pulse.unfit is None or (pulse.unfit and self.clock.steady() - pulse.examined_at > EXAMINE_S):
            pulse.unfit = tuple(await node.unfit(self.network.value))
            pulse.examined_at = self.clock.steady()
            for one in pulse.unfit:
                log.error("node_unfit", node=node.name, code=one.code, why=one.text)
        return not pulse.unfit

    async def start(self) -> None:
        """A node that answers must be fit; one that does not is looked at when it does.

        :raises NodesUnfit: names each node and why.
        """
        await asyncio.gather(*(self.up(name) for name in self.names))
        wrong = [f"{name}: {one.text} ({one.code})" for name, pulse in self.pulses.items() for one in pulse.unfit or ()]
        if wrong:
            raise NodesUnfit("The bank does not start with such a Lightning node. " + "; ".join(wrong) + ".")

    async def any_up(self) -> bool:
        return any([await self.up(name) for name in self.names])

    async def must_be_up(self) -> None:
        """Raises LightningUnavailable before anything is moved."""
        if not await self.any_up():
            raise LightningUnavailable()

    async def standing(self) -> list[NodeStanding]:
        found = []
        for seat in self.seats:
            name = seat.lightning.name
            up, pulse = await self.up(name), self.pulses[name]
            found.append(NodeStanding(name, up, seat.resting, pulse.forgot, pulse.info, pulse.unfit or ()))
        return found

    async def keys(self) -> list[bytes]:
        """Public keys of the nodes, as far as they are known."""
        found = [one.info.pubkey for one in await self.standing() if one.info is not None]
        if not found:
            raise LightningUnavailable()
        return found

    # --- choosing

    async def for_sending(
        self, payment_hash: bytes, amount: Msats, *, quoted_by: str | None = None, avoid: Collection[str] = (),
        any_amount: bool = False,
    ) -> Lightning:  # fmt: skip
        """The node that will make a new payment of at most ``amount``, fee included. ``quoted_by`` goes first;
        nodes to ``avoid`` (the payment failed there) last. Raises LightningUnavailable."""
        open_ = [seat for seat in await self._open() if seat.lightning.can.any_amount or not any_amount]
        open_ = [seat for seat in open_ if not self.pulses[seat.lightning.name].forgot]
        if not open_:
            raise LightningUnavailable()
        if len(open_) == 1:
            return open_[0].lightning
        named = {seat.lightning.name: seat for seat in open_}
        if quoted_by in named and quoted_by not in avoid:
            return named[quoted_by].lightning
        fresh = [seat for seat in open_ if seat.lightning.name not in avoid] or open_
        room = {seat.lightning.name: (await self._balance(seat.lightning)).can_send for seat in fresh}
        enough = [seat for seat in fresh if not room[seat.lightning.name] < amount]
        if enough:
            return pick(enough, payment_hash).lightning
        return max(fresh, key=lambda seat: room[seat.lightning.name]).lightning

    async def for_receiving(
        self, key: bytes, amount: Msats | None, *, hold: bool = False, hashed: bool = False
    ) -> Lightning:
        """The node that will make a new invoice; ``key``: anything that spreads them; ``hashed``: over the hash of a
        description. Raises LightningUnavailable."""
        wanted = amount or Msats(0)
        open_ = [
            seat for seat in await self._open() if _can_issue(seat.lightning.can, wanted, hold, hashed)
        ]  # fmt: skip
        if not open_:
            raise LightningUnavailable()
        if len(open_) == 1:
            return open_[0].lightning
        room = {seat.lightning.name: (await self._balance(seat.lightning)).can_receive for seat in open_}
        enough = [seat for seat in open_ if room[seat.lightning.name] > wanted]
        return pick(enough or open_, key).lightning

    async def _open(self) -> list[Seat]:
        """Seats that take new work. When all that are up rest, nothing is taken."""
        return [seat for seat in self.seats if not seat.resting and await self.up(seat.lightning.name)]

    async def _balance(self, node: Lightning) -> Balance:
        pulse = self.pulses[node.name]
        if pulse.balance is None or self.clock.steady() - pulse.balance_at > BALANCE_S:
            try:
                pulse.balance = await node.balance()
            except (NodeSilent, NodeRefused):
                pulse.balance = NOTHING
            pulse.balance_at = self.clock.steady()
        return pulse.balance


NOTHING = Balance(Msats(0), Msats(0), Msats(0), Msats(0))


def _can_issue(can: Capabilities, amount: Msats, hold: bool, hashed: bool) -> bool:
    return (can.hold or not hold) and (can.msats or amount.n % 1_000 == 0) and (can.description_hash or not hashed)


def pick(seats: Sequence[Seat], key: bytes) -> Seat:
    """One of them by weight; the same key picks the same among the same."""
    point = int.from_bytes(hashlib.sha256(key).digest()) % sum(seat.weight for seat in seats)
    for seat in seats:
        point -= seat.weight
        if point < 0:
            return seat
    raise AssertionError("weights are positive")
