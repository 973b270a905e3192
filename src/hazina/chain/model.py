"""Nouns of the chain and its pure rules. Amounts are integer satoshi; transaction and block ids are the 64
lower-case hexadecimal digits that nodes and explorers print."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from uuid import UUID

from hazina.kernel.bolt11 import Network

__all__ = [
    "Address",
    "ChainEvent",
    "EventKind",
    "FeeQuote",
    "FeeRate",
    "Found",
    "Output",
    "OutputState",
    "PayoutNews",
    "Place",
    "Policy",
    "Speed",
    "Standing",
    "TransferNews",
    "confirmations_needed",
]

COINBASE_CONFIRMATIONS = 101
"""A miner's reward can be spent from the hundredth block after its own (consensus rule)."""


@dataclass(frozen=True, slots=True)
class Address:
    """One of the bank's receiving addresses. ``owner`` None: the bank itself. Works for ever."""

    text: str
    owner: UUID | None
    created_at: datetime
    used_at: datetime | None = None
    """When the first payment to it was seen."""


class OutputState(Enum):
    SEEN = 0  # in the mempool, or in a block that is not deep enough
    SETTLED = 1
    DROPPED = 2  # replaced, double-spent or forgotten by the mempool; may come back
    DUST = 3  # below the minimum: recorded, never told, never credited


@dataclass(frozen=True, slots=True)
class Output:
    """A payment to one of our addresses; (txid, vout) names it."""

    txid: str
    vout: int
    address: str
    owner: UUID | None
    sats: int
    height: int | None
    """Of its block; None while it is in the mempool."""
    confirmations_needed: int
    coinbase: bool = False
    state: OutputState = OutputState.SEEN
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A payment to us as the node showed it: in a block, or in the mempool (``height`` None)."""

    txid: str
    vout: int
    address: str
    owner: UUID | None
    sats: int
    height: int | None = None
    coinbase: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.txid, self.vout


@dataclass(frozen=True, slots=True)
class Place:
    """A block of the chain. ``work``: of the whole chain up to it; more work wins."""

    height: int
    hash: str
    work: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the watch over the chain is, and how the node was when it last answered."""

    height: int
    """Of the newest block that was taken in."""
    node_height: int
    headers: int
    catching_up: bool
    moved_at: datetime
    looked_at: datetime
    done_at: datetime

    def trouble(self, now: datetime, policy: Policy) -> str | None:
        """What is wrong, for operators; None when all is well. Deposits that come meanwhile are late, not lost."""
        if now - self.looked_at > policy.silence_max:
            return f"the Bitcoin node has not answered since {self.looked_at:%Y-%m-%d %H:%M:%S} UTC"
        if (astray := self.astray(now, policy)) is not None:
            return astray
        if policy.tip_age_max is not None and now - self.moved_at > policy.tip_age_max:
            return f"no new block since {self.moved_at:%Y-%m-%d %H:%M} UTC"
        if now - self.done_at > policy.silence_max:
            return f"the watch is at block {self.height:,} of {self.node_height:,}"
        return None

    def astray(self, now: datetime, policy: Policy) -> str | None:
        """Why the node's chain is not today's, so that what it says of coins and fees is old: no payout is built on
        it. None: it is."""
        if self.catching_up:
            return f"the Bitcoin node is catching up: block {self.node_height:,} of {self.headers:,}"
        if self.node_height < self.height:
            return f"the Bitcoin node is at block {self.node_height:,}, behind the bank's {self.height:,}"
        if self.headers > self.node_height and now - self.moved_at > policy.silence_max:
            return f"the Bitcoin node is stuck at block {self.node_height:,} of {self.headers:,}"
        return None


class Speed(StrEnum):
    """How soon a payout should be in a block; the names are those of Blink's ``PayoutSpeed``."""

    FAST = "FAST"
    MEDIUM = "MEDIUM"
    SLOW = "SLOW"


@dataclass(frozen=True, slots=True)
class FeeRate:
    """Millisatoshi per virtual byte. ``estimated``: by the node; else it had no estimate."""

    speed: Speed
    msat_per_vb: int
    estimated: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class FeeQuote:
    """What the network would take for one payout, in whole satoshi, rounded up."""

    miner_sats: int
    msat_per_vb: int
    vbytes: int
    at: datetime
    """When the rate was read from the node."""


@dataclass(frozen=True, slots=True)
class PayoutNews:
    """``fee_share_sats``: what this payout bears of its transaction's fee; the shares of a batch sum to it. A
    replacement is told as one more PAYOUT_BROADCAST; the last one told before PAYOUT_SETTLED may be another than
    that which settles, whose own ids and share come with it. ``reason``: why it was cancelled."""

    payout_id: UUID
    txid: str | None = None
    vout: int | None = None
    fee_share_sats: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TransferNews:
    """The bank's own coins on the move. ``direction``: ``to_cold``, ``to_hot`` or ``bump`` (``sats`` 0: only a fee,
    paid by the hot wallet). ``sats`` arrive, ``fee_sats`` go to the miners; the wallet left paid both. A replacement
    is told as one more TRANSFER_BROADCAST of the same id; what TRANSFER_SETTLED says is what became true."""

    transfer_id: UUID
    direction: str
    sats: int
    fee_sats: int
    txid: str


class EventKind(Enum):
    OUTPUT_SEEN = 1
    OUTPUT_DROPPED = 2
    OUTPUT_SETTLED = 3
    OUTPUT_UNSETTLED = 4  # a reorganisation took its depth away
    PAYOUT_BROADCAST = 10
    PAYOUT_SETTLED = 11
    PAYOUT_UNSETTLED = 12
    PAYOUT_CANCELLED = 13
    TRANSFER_BROADCAST = 20
    TRANSFER_SETTLED = 21


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """What happened, told in order: ``seq`` grows in the order of commits and may have gaps."""

    seq: int
    kind: EventKind
    at: datetime
    output: Output | None = None
    payout: PayoutNews | None = None
    transfer: TransferNews | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the bank decides about the chain."""

    tiers: tuple[tuple[int | None, int], ...] = ((1_000_000, 2), (10_000_000, 3), (None, 6))
    """(largest amount in sats, confirmations): the first that fits the whole that one transaction brings us."""
    deposit_sats_min: int = 5_000
    """Smaller outputs are dust."""
    targets: dict[Speed, int] = field(default_factory=lambda: {Speed.FAST: 2, Speed.MEDIUM: 6, Speed.SLOW: 144})
    """Blocks within which each speed aims to be mined."""
    rate_floor: int = 1_000
    rate_cap: int = 500_000
    rate_fallback: int = 5_000
    """Millisatoshi per vB: bounds of every rate, and the one where the node has no estimate (a young chain)."""
    rate_age_max: timedelta = timedelta(hours=1)
    """Older stored rates quote nothing: ``OnchainUnavailable``."""
    poll: timedelta = timedelta(seconds=2)
    """Between two looks at the chain when nothing hints at news."""
    silence_max: timedelta = timedelta(seconds=75)
    """A node that is silent or stuck, or a watch that is behind, for longer is trouble that somebody is told of."""
    tip_age_max: timedelta | None = timedelta(minutes=90)
    """So is a chain without a new block: about one in eight thousand gaps is longer. None: blocks are made when
    somebody wants one."""

    @classmethod
    def of(cls, network: Network) -> Policy:
        """What is usual on this network."""
        return cls(tip_age_max=None) if network is Network.REGTEST else cls()


PAYER_VBYTES = 11 + 68 + 31
"""A transaction's own bytes, one P2WPKH coin spent and a P2WPKH change output (BIP 141): what a payout that shares
with nobody costs besides its own output."""
OUTPUT_SCRIPT_BYTES_MAX = 34
"""The largest script of an address: P2WSH and P2TR."""


def quoted(rate: FeeRate, script_bytes: int) -> FeeQuote:
    """What a payout to a script of this size costs at most: alone in its transaction."""
    vbytes = PAYER_VBYTES + 9 + script_bytes
    return FeeQuote(-(-vbytes * rate.msat_per_vb // 1_000), rate.msat_per_vb, vbytes, rate.at)


def chosen_rate(estimate: int | None, least: int, policy: Policy) -> int:
    """The node's estimate, or the fallback; never under what its mempool takes (``least``) or our floor, never over
    our cap."""
    wanted = policy.rate_fallback if estimate is None else estimate
    return min(max(wanted, least, policy.rate_floor), policy.rate_cap)


def confirmations_needed(sats: int, coinbase: bool, policy: Policy) -> int:
    """How deep a transaction that brings us ``sats`` in all must be before it is credited."""
    depth = next(depth for largest, depth in policy.tiers if largest is None or sats <= largest)
    return max(depth, COINBASE_CONFIRMATIONS) if coinbase else depth
