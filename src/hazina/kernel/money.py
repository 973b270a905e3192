"""Amounts: integer minor units with the asset in the type.

Adding msats to cents is a type error under mypy and at run time. Nothing here is a float;
exchange between assets happens only in ``dealer``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import total_ordering
from typing import ClassVar, Self


class Asset(IntEnum):
    """What an account holds. The number is the one stored in the ledger."""

    BTC = 1  # minor unit: millisatoshi
    USD = 2  # minor unit: cent


MSAT_PER_SAT = 1_000
SAT_PER_BTC = 100_000_000
AMOUNT_MAX = 10**18
"""Largest single amount that the ledger takes, in minor units (it stores 64-bit integers)."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Amount:
    """A whole number of one asset's minor unit; may be negative (a difference, a balance)."""

    n: int
    asset: ClassVar[Asset]

    def __post_init__(self) -> None:
        if type(self.n) is not int:
            raise TypeError(f"{type(self).__name__} takes an int, not {type(self.n).__name__}")

    def _same(self, other: object) -> int:
        if type(other) is not type(self):
            raise TypeError(f"{type(self).__name__} and {type(other).__name__} do not mix")
        return other.n

    def __add__(self, other: Self) -> Self:
        return type(self)(self.n + self._same(other))

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.n - self._same(other))

    def __neg__(self) -> Self:
        return type(self)(-self.n)

    def __lt__(self, other: Self) -> bool:
        return self.n < self._same(other)

    def __bool__(self) -> bool:
        return self.n != 0


class Msats(Amount):
    """Millisatoshi: 1 sat = 1,000."""

    __slots__ = ()
    asset = Asset.BTC

    @classmethod
    def from_sats(cls, sats: int) -> Msats:
        return cls(sats * MSAT_PER_SAT)

    @property
    def sats_floor(self) -> int:
        """Whole satoshi, rounded toward minus infinity: what a customer may see of a balance."""
        return self.n // MSAT_PER_SAT

    @property
    def sats_ceil(self) -> int:
        """Whole satoshi, rounded up: what a customer is asked to pay."""
        return -(-self.n // MSAT_PER_SAT)


class Cents(Amount):
    """US cents: 1 dollar = 100."""

    __slots__ = ()
    asset = Asset.USD


AMOUNT_OF: dict[Asset, type[Msats] | type[Cents]] = {Asset.BTC: Msats, Asset.USD: Cents}


def amount_of(asset: Asset, n: int) -> Msats | Cents:
    """The amount of ``n`` minor units of ``asset``."""
    return AMOUNT_OF[asset](n)


@dataclass(frozen=True, slots=True)
class Price:
    """What one bitcoin cost, in US cents, where that was read and when."""

    cents_per_btc: int
    source: str
    at: datetime
