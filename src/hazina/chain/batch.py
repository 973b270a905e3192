"""Payouts, the transactions that carry them, and the rules of both. All amounts are satoshi, all rates
millisatoshi per virtual byte.

A **batch** is what one transaction is for: payouts, a sweep, a refill, or a child that pays for its parent. Its
**versions** are signed transactions that replace each other: every one spends all coins of the first, so exactly
one can ever be in the chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import UUID

from hazina.chain.model import Policy, Speed
from hazina.chain.ports import Coin, Signed, To, Unsigned
from hazina.kernel.bolt11 import Network


class PayoutState(IntEnum):
    QUEUED = 0
    SIGNED = 1
    BROADCAST = 2
    SETTLED = 3
    CANCELLED = 4


class BatchState(IntEnum):
    SIGNED = 1
    BROADCAST = 2
    SETTLED = 3
    LOST = 4  # its coins went elsewhere, for good


class Purpose(IntEnum):
    PAYOUTS = 1
    SWEEP = 2  # hot to cold
    REFILL = 3  # cold to hot
    CHILD = 4  # spends an output of its parent to pay for both


@dataclass(frozen=True, slots=True)
class PayoutPolicy:
    """``interval``: how long the first payout of a queue waits for company; ``bump_after``: how long
    a version may stay without a block before a higher fee is looked at.

    ``loss_max``: what the bank adds to the fee that a customer was quoted, at most; a payout whose fee would cost
    more waits, and is cancelled whole after ``patience``. ``depth``: blocks until a payout is told as settled;
    ``final``: until nobody looks any more (as deep as a coinbase must be before it is spent).
    """

    interval: dict[Speed, timedelta] = field(
        default_factory=lambda: {
            Speed.FAST: timedelta(minutes=1), Speed.MEDIUM: timedelta(minutes=10), Speed.SLOW: timedelta(hours=1)
        }
    )  # fmt: skip
    bump_after: dict[Speed, timedelta] = field(
        default_factory=lambda: {
            Speed.FAST: timedelta(minutes=30), Speed.MEDIUM: timedelta(hours=2), Speed.SLOW: timedelta(hours=24)
        }
    )  # fmt: skip
    patience: timedelta = timedelta(hours=24)
    loss_max: int = 20_000
    batch_max: int = 500
    depth: int = 2
    final: int = 100
    bump_step: int = 1_000
    bump_ratio: float = 1.25
    """A bump is worth it when the rate asked for now is this many times the one paid."""

    @classmethod
    def of(cls, network: Network) -> PayoutPolicy:
        """What is usual on this network: where blocks are made when somebody wants one, nobody waits for company."""
        if network is not Network.REGTEST:
            return cls()
        return cls(interval={speed: timedelta(seconds=n) for speed, n in zip(Speed, (1, 5, 10), strict=True)})


@dataclass(frozen=True, slots=True)
class Payout:
    id: UUID
    address: str
    sats: int
    speed: Speed
    fee_quoted: int
    state: PayoutState
    created_at: datetime
    batch_id: UUID | None = None
    vout: int | None = None
    vbytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    n: int
    txid: str
    raw: bytes
    fee: int
    vsize: int
    rate: int
    change_vout: int | None
    built_at: datetime
    broadcast_at: datetime | None


@dataclass(frozen=True, slots=True)
class Batch:
    """``versions`` oldest first, ``coins`` of all of them. ``sats``: what it moves between our own wallets."""

    id: UUID
    purpose: Purpose
    state: BatchState
    speed: Speed | None
    sats: int
    address: str | None
    parent: UUID | None
    created_at: datetime
    txid: str | None
    height: int | None
    trouble: str | None
    versions: tuple[Version, ...]
    coins: tuple[Coin, ...]

    @property
    def newest(self) -> Version:
        return self.versions[-1]


class Overtaken(Exception):
    """Somebody else was quicker: a payout was cancelled or is in another batch, a coin is spent by another, a
    version was added. What we built is thrown away."""


class WrongTransaction(AssertionError):
    """The node built something else than was asked for. It is thrown away, and somebody is called."""


def checked(
    signed: Signed | Unsigned,
    wanted: Sequence[To],
    *,
    must_spend: Iterable[Coin] = (),
    fee_max: int,
    whole: bool = False,
) -> int | None:
    """Hold what the node built against what was asked for, before it is stored: the outputs in order, at most
    one more (change), every coin of the versions before, the fee at most ``fee_max``. ``whole``: the fee
    came out of the only output. The place of the change, if there is any.

    :raises WrongTransaction:
    """
    made = [(one.address, one.sats + (signed.fee if whole else 0)) for one in signed.outputs]
    if made[: len(wanted)] != [(one.address, one.sats) for one in wanted]:
        raise WrongTransaction("an output differs from the payout")
    if len(made) > len(wanted) + (not whole):
        raise WrongTransaction("an output that nobody asked for")
    spent = {(coin.txid, coin.vout) for coin in signed.coins}
    if len(spent) != len(signed.coins) or not spent >= {(coin.txid, coin.vout) for coin in must_spend}:
        raise WrongTransaction("a replacement must spend every coin of the version before")
    if signed.fee != sum(coin.sats for coin in signed.coins) - sum(one.sats for one in signed.outputs):
        raise WrongTransaction("the fee is not what is left")
    if not 0 <= signed.fee <= fee_max:
        raise WrongTransaction("the fee is beyond the cap")
    return len(wanted) if len(made) > len(wanted) else None


def raised(old: int, wanted: int, step: int, cap: int) -> int | None:
    """The rate of a replacement that asks for ``wanted``: at least ``step`` above the old one (BIP 125's rule 4).
    None: the cap does not allow it."""
    rate = max(wanted, old + step)
    return rate if rate <= cap else None


def fee(vbytes: int, rate: int) -> int:
    """Satoshi, rounded up."""
    return -(-vbytes * rate // 1_000)


def carrying(parent_vbytes: int, parent_fee: int, vbytes: int, wanted: int) -> int:
    """The rate of a child of ``vbytes`` that pays ``wanted`` for itself and for a parent which the mempool does not
    have: nobody else counts the parent in."""
    return max(wanted, -(-(fee(parent_vbytes + vbytes, wanted) - parent_fee) * 1_000 // vbytes))


def rate_of(fee_sats: int, vbytes: int) -> int:
    """What a transaction pays, rounded down."""
    assert vbytes > 0, "a transaction has a size"
    return fee_sats * 1_000 // vbytes


def output_vbytes(script_bytes: int) -> int:
    """Amount, length of the script, script."""
    return 8 + (1 if script_bytes < 253 else 3) + script_bytes


def shares(fee_sats: int, vbytes: Sequence[int]) -> list[int]:
    """The fee of a batch, shared in proportion to the size of each payout's output; the sum is exact. Odd
    satoshi go to the largest remainders, the first of equals first."""
    assert fee_sats >= 0 and vbytes and min(vbytes) > 0, "there is a fee to share, and somebody to share it"
    total = sum(vbytes)
    whole = [fee_sats * one // total for one in vbytes]
    odd = fee_sats - sum(whole)
    by_remainder = sorted(range(len(vbytes)), key=lambda n: (-(fee_sats * vbytes[n] % total), n))
    for n in by_remainder[:odd]:
        whole[n] += 1
    return whole


def rate_wanted(stored: int | None, least: int, policy: Policy) -> int:
    """The rate to build at: the stored one or the fallback, never under what the mempool asks for or our floor,
    never over our cap."""
    rate = policy.rate_fallback if stored is None else stored
    return min(max(rate, least, policy.rate_floor), policy.rate_cap)


def due(oldest: datetime, count: int, speed: Speed, now: datetime, policy: PayoutPolicy) -> bool:
    """Whether a queue's batch is built now."""
    return count >= policy.batch_max or now - oldest >= policy.interval[speed]


def together(queued: Sequence[Payout], most: int) -> list[Payout]:
    """Those of a queue that can share a transaction, oldest first: one payout an address (bitcoind's rule)."""
    seen: set[str] = set()
    chosen: list[Payout] = []
    for payout in queued:
        if payout.address not in seen and len(chosen) < most:
            seen.add(payout.address)
            chosen.append(payout)
    return chosen


def affordable(queued: Sequence[Payout], available: int) -> list[Payout]:
    """Those that a purse of ``available`` can pay, oldest first; one that is too large for it lets others pass."""
    chosen: list[Payout] = []
    for payout in queued:
        if payout.sats <= available:
            available -= payout.sats
            chosen.append(payout)
    return chosen


def loss(payout: Payout, rate: int) -> int:
    """What the bank would add to the quoted fee at this rate, about: a share of a batch is mostly the output."""
    return fee(SHARE_VBYTES, rate) - payout.fee_quoted


SHARE_VBYTES = output_vbytes(34) + 25
"""The largest usual output and some of what all share."""
