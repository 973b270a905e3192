"""Nouns of the chain and its pure rules. Amounts are integer satoshi; transaction and block ids are the 64
lower-case hexadecimal digits that nodes and explorers print."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from uuid import UUID

__all__ = [
    "Address",
    "ChainEvent",
    "EventKind",
    "FeeQuote",
    "FeeRate",
    "Output",
    "OutputState",
    "PayoutNews",
    "Policy",
    "Speed",
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


def confirmations_needed(sats: int, coinbase: bool, policy: Policy) -> int:
    """How deep a transaction that brings us ``sats`` in all must be before it is credited."""
    depth = next(depth for largest, depth in policy.tiers if largest is None or sats <= largest)
    return max(depth, COINBASE_CONFIRMATIONS) if coinbase else depth
