"""The bank's own fees: named strategies, summed in order. Pure; amounts in whole satoshi.

A strategy sees what it is asked about and the bank fee so far, so that an exemption can take back all before
it. The bank's fee is never under zero; what the miners take comes on top. Parts of a satoshi are rounded up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from enum import Enum
from typing import Protocol
from uuid import UUID

BASIS = 10_000


class Network(Enum):
    INTRALEDGER = "intraledger"
    LIGHTNING = "lightning"
    ONCHAIN = "onchain"


class Way(Enum):
    SEND = "send"
    RECEIVE = "receive"


@dataclass(frozen=True, slots=True)
class Matter:
    """What a fee is asked for. ``cents``: its value in US cents. ``imbalance_sats``: what came in over
    Lightning less what came in on-chain, net, in the last days. ``sats_per_vbyte``: of the transaction."""

    amount_sats: int
    cents: int = 0
    role: str | None = None
    account_id: UUID | None = None
    validated_merchant: bool = False
    imbalance_sats: int = 0
    miner_sats: int = 0
    sats_per_vbyte: int = 1

    def __post_init__(self) -> None:
        assert self.amount_sats >= 0 and self.miner_sats >= 0 and self.sats_per_vbyte > 0


class Strategy(Protocol):
    def fee(self, matter: Matter, so_far: int) -> int:
        """What this adds to the bank's fee; less than zero takes back."""
        ...


def share(amount: int, basis_points: int) -> int:
    """``basis_points`` ten-thousandths of ``amount``, rounded up."""
    return -(-amount * basis_points // BASIS)


@dataclass(frozen=True, slots=True)
class Flat:
    sats: int

    def fee(self, matter: Matter, so_far: int) -> int:
        return self.sats


@dataclass(frozen=True, slots=True)
class Percentage:
    basis_points: int

    def fee(self, matter: Matter, so_far: int) -> int:
        return share(matter.amount_sats, self.basis_points)


@dataclass(frozen=True, slots=True)
class Tier:
    """``up_to_sats`` None: everything above."""

    up_to_sats: int | None
    sats: int


@dataclass(frozen=True, slots=True)
class TieredFlat:
    """The first tier that the amount fits in; nothing above the last."""

    tiers: tuple[Tier, ...]

    def fee(self, matter: Matter, so_far: int) -> int:
        fits = (t.sats for t in self.tiers if t.up_to_sats is None or matter.amount_sats <= t.up_to_sats)
        return next(fits, 0)


@dataclass(frozen=True, slots=True)
class ExemptAccount:
    """Takes back all of the bank's fee before it."""

    roles: frozenset[str] = frozenset()
    account_ids: frozenset[UUID] = frozenset()
    validated_merchants: bool = False

    def fee(self, matter: Matter, so_far: int) -> int:
        exempt = (
            matter.role in self.roles
            or matter.account_id in self.account_ids
            or (self.validated_merchants and matter.validated_merchant)
        )
        return -so_far if exempt else 0


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Asks for a share of that part of the amount which brings Lightning and the chain further apart than
    ``threshold_sats``."""

    threshold_sats: int = 10_000_000
    basis_points: int = 20
    min_sats: int = 0

    def fee(self, matter: Matter, so_far: int) -> int:
        part = min(max(matter.imbalance_sats + matter.amount_sats - self.threshold_sats, 0), matter.amount_sats)
        return max(self.min_sats, share(part, self.basis_points))


@dataclass(frozen=True, slots=True)
class PercentageAboveThreshold:
    """Of the whole amount, when it is worth more than the threshold."""

    basis_points: int = 30
    threshold_cents: int = 10_000

    def fee(self, matter: Matter, so_far: int) -> int:
        return share(matter.amount_sats, self.basis_points) if matter.cents > self.threshold_cents else 0


@dataclass(frozen=True, slots=True)
class ExponentialDecay:
    """A rate that falls from ``max_rate`` at ``base_sats`` towards ``min_rate`` at ``start_sats``, and above that
    is ``terminal_divisor`` over the amount; drawn towards ``target_rate`` as the network gets dear (from
    ``calm_sats_per_vbyte`` to ``dear_sats_per_vbyte``); plus the miners' fee times ``factor`` over the fee rate
    plus ``offset``. Rates are fractions of the amount."""

    min_rate: Decimal
    max_rate: Decimal
    speed: Decimal
    target_rate: Decimal
    terminal_divisor: Decimal
    factor: Decimal
    offset: Decimal
    rate_cap: Decimal
    base_sats: int = 0
    start_sats: int = 4_000_000
    calm_sats_per_vbyte: int = 1
    dear_sats_per_vbyte: int = 100
    min_sats: int = 100

    def fee(self, matter: Matter, so_far: int) -> int:
        with localcontext(prec=40):
            amount = Decimal(matter.amount_sats)
            rate = self._rate(amount)
            span = Decimal(self.dear_sats_per_vbyte - self.calm_sats_per_vbyte)
            dear = min(max((matter.sats_per_vbyte - self.calm_sats_per_vbyte) / span, Decimal(0)), Decimal(1))
            rate += (self.target_rate - rate) * dear
            wanted = amount * rate + matter.miner_sats * (self.factor / matter.sats_per_vbyte + self.offset)
            return max(self.min_sats, int(min(wanted, amount * self.rate_cap).to_integral_value("ROUND_CEILING")))

    def _rate(self, amount: Decimal) -> Decimal:
        if amount >= self.start_sats:
            return self.terminal_divisor / amount
        way = max(amount - self.base_sats, Decimal(0)) / (self.start_sats - self.base_sats)
        return self.min_rate + (self.max_rate - self.min_rate) * (-self.speed * way).exp()


BANKS_OWN = ExemptAccount(roles=frozenset({"bankowner", "dealer"}))
Schedule = Mapping[tuple[Network, Way], Sequence[Strategy]]
DEFAULT: Schedule = {
    (Network.ONCHAIN, Way.RECEIVE): (
        TieredFlat((Tier(1_000_000, 2_500), Tier(None, 0))),
        ExemptAccount(BANKS_OWN.roles, validated_merchants=True),
    ),
    (Network.ONCHAIN, Way.SEND): (
        TieredFlat((Tier(1_000_000, 5_000), Tier(None, 10_000))),
        Imbalance(),
        BANKS_OWN,
    ),
}
"""Blink's; what is not named costs nothing."""


@dataclass(frozen=True, slots=True)
class Fee:
    """``bank_sats`` is the bank's, ``miner_sats`` what the network takes."""

    bank_sats: int
    miner_sats: int = 0
    parts: tuple[int, ...] = field(default=())

    @property
    def total_sats(self) -> int:
        return self.bank_sats + self.miner_sats


def fee_of(schedule: Schedule, network: Network, way: Way, matter: Matter) -> Fee:
    """The strategies of this network and direction, in their order."""
    parts: list[int] = []
    for strategy in schedule.get((network, way), ()):
        parts.append(strategy.fee(matter, sum(parts)))
    return Fee(max(sum(parts), 0), matter.miner_sats, tuple(parts))
