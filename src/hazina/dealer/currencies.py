"""The currencies that amounts are shown in. Rules.

Only dollars and bitcoin are held and exchanged; every other currency is a way to say what they are worth.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from importlib import resources
from uuid import NAMESPACE_URL, UUID, uuid5

from hazina.dealer.errors import UnknownCurrency
from hazina.dealer.model import MSAT_PER_BTC, Policy, ratio
from hazina.kernel.money import SAT_PER_BTC, Asset, Cents, Msats, Price

RATE_SCALE = 10**9
CENTS_PER_DOLLAR = 100
DOLLARS = "USD"
SAT_OFFSET, CENT_OFFSET = 12, 6
SAFE_MAX = 2**53 - 1
"""Clients read these numbers as JavaScript's."""


@dataclass(frozen=True, slots=True)
class Currency:
    """As CLDR has it in English. ``digits``: of its minor unit, by ISO 4217. ``flag``: an emoji; empty for a currency
    of several countries."""

    code: str
    name: str
    symbol: str
    flag: str
    digits: int


@functools.cache
def all_currencies() -> Mapping[str, Currency]:
    """By code, in its order. Written by ``tools/currencies.py``."""
    text = resources.files("hazina.dealer").joinpath("currencies.json").read_text(encoding="utf-8")
    return {one["code"]: Currency(**one) for one in json.loads(text)}


def currency(code: str) -> Currency:
    """Raises UnknownCurrency."""
    if (found := all_currencies().get(code)) is None:
        raise UnknownCurrency(f"{UnknownCurrency.message[:-1]}: {code[:10]}.")
    return found


@dataclass(frozen=True, slots=True)
class FiatRate:
    """What a dollar costs: ``per_usd`` is units of the currency, times 10^9. No bid and ask: for showing only."""

    currency: Currency
    per_usd: int
    source: str
    at: datetime | None = None
    """None: for ever, as of the dollar."""

    @property
    def minor_per_dollar(self) -> tuple[int, int]:
        """As a fraction, so that nothing is rounded on the way."""
        return self.per_usd * 10**self.currency.digits, RATE_SCALE

    def is_fresh(self, now: datetime, policy: Policy) -> bool:
        return self.at is None or self.at >= now - timedelta(seconds=policy.rate_shown_s)


def dollar() -> FiatRate:
    return FiatRate(currency(DOLLARS), RATE_SCALE, DOLLARS)


# -- amounts ------------------------------------------------------------------------------------


def display_minor(amount: Msats | Cents, price: Price, rate: FiatRate) -> int:
    """In minor units of the currency: rounded once, to the nearest, exact halves down, never 0 for something."""
    times, over = rate.minor_per_dollar
    if amount.asset is Asset.BTC:
        times, over = times * price.cents_per_btc, over * MSAT_PER_BTC
    return ratio(amount.n, times, over * CENTS_PER_DOLLAR)


def display_amount(amount: Msats | Cents, price: Price, rate: FiatRate | None = None) -> str:
    """Signed, in major units with the currency's digits: "-12.34", "-1235" for a currency without a minor unit."""
    rate = rate or dollar()
    return in_major(display_minor(amount, price, rate), rate.currency.digits)


def in_major(minor: int, digits: int = 2) -> str:
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an amount of a currency is worth. ``id`` is the same for the same question at the same price."""

    id: UUID
    at: datetime
    sats: int
    cents: int


def estimate(amount: Decimal, price: Price, rate: FiatRate) -> Estimate:
    """``amount`` is in major units, not negative."""
    numerator, denominator = amount.as_integer_ratio()
    cents = ratio(numerator, CENTS_PER_DOLLAR * RATE_SCALE, denominator * rate.per_usd)
    sats = ratio(
        numerator, CENTS_PER_DOLLAR * RATE_SCALE * SAT_PER_BTC, denominator * rate.per_usd * price.cents_per_btc
    )
    mark = f"hazina:estimate:{amount}:{rate.currency.code}:{price.at.isoformat()}"
    return Estimate(uuid5(NAMESPACE_URL, mark), price.at, sats, cents)


# -- the price as Blink's clients read it --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DisplayPrice:
    """Minor units of a currency for one minor unit of a wallet (a satoshi, a cent): base / 10^offset."""

    base: int
    offset: int
    currency_unit: str = "MINOR"

    @property
    def formatted_amount(self) -> str:
        """The quotient as a plain decimal number."""
        whole, part = divmod(self.base, 10**self.offset)
        tail = f"{part:0{self.offset}d}".rstrip("0")
        return f"{whole}.{tail}" if tail else str(whole)


@dataclass(frozen=True, slots=True)
class RealtimePrice:
    id: UUID
    at: datetime
    currency: Currency
    btc_sat: DisplayPrice
    usd_cent: DisplayPrice


def _quotient(times: int, over: int, offset: int) -> DisplayPrice:
    """The nearest with that offset; with a smaller one where clients could not read the number any more."""
    while (base := (2 * times * 10**offset + over) // (2 * over)) > SAFE_MAX:
        offset -= 1
    return DisplayPrice(base, offset)


def sat_price(price: Price, rate: FiatRate | None = None) -> DisplayPrice:
    """For one satoshi. Exact in dollars: no digit is lost."""
    times, over = (rate or dollar()).minor_per_dollar
    return _quotient(price.cents_per_btc * times, over * CENTS_PER_DOLLAR * SAT_PER_BTC, SAT_OFFSET)


def cent_price(rate: FiatRate | None = None) -> DisplayPrice:
    """For one US cent."""
    times, over = (rate or dollar()).minor_per_dollar
    return _quotient(times, over * CENTS_PER_DOLLAR, CENT_OFFSET)


def display_price(amount: Msats | Cents, price: Price, rate: FiatRate | None = None) -> DisplayPrice:
    """``settlementPrice`` of a line in this wallet's asset."""
    return cent_price(rate) if amount.asset is Asset.USD else sat_price(price, rate)


def realtime_price(price: Price, rate: FiatRate | None = None) -> RealtimePrice:
    """``RealtimePrice``: its id is the same for the same moment and currency."""
    rate = rate or dollar()
    mark = f"hazina:price:{rate.currency.code}:{price.at.isoformat()}"
    return RealtimePrice(uuid5(NAMESPACE_URL, mark), price.at, rate.currency, sat_price(price, rate), cent_price(rate))


# -- which rates are taken -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateTick:
    """What a source says of one currency."""

    per_usd: int
    at: datetime


def rate_flaw(tick: RateTick, last: FiatRate | None, now: datetime, policy: Policy) -> str | None:
    """Why a rate cannot be used, or None."""
    if not 0 < tick.per_usd <= policy.rate_max * RATE_SCALE:
        return "out of bounds"
    if tick.at > now + timedelta(seconds=policy.rate_ahead_max_s):
        return "from the future"
    if tick.at < now - timedelta(seconds=policy.rate_stale_s):
        return "stale"
    if last is not None and last.is_fresh(now, policy):
        low, high = sorted((tick.per_usd, last.per_usd))
        if high >= low * policy.jump_max:
            return "too far from the last rate"
    return None


def choose_rate(ticks: Mapping[str, RateTick], policy: Policy) -> tuple[RateTick, str] | None:
    """The median of those that agree, and whose they are; None while they do not: the last rate goes on. Street
    rates lie apart from official ones, so more is allowed than for bitcoin."""
    if not ticks:
        return None
    middle = _median([tick.per_usd for tick in ticks.values()])
    near = {
        source: tick
        for source, tick in sorted(ticks.items())
        if abs(tick.per_usd - middle) * 10_000 <= middle * policy.rate_apart_max_bp
    }
    if 2 * len(near) <= len(ticks):
        return None
    chosen = _median([tick.per_usd for tick in near.values()])
    return RateTick(chosen, max(tick.at for tick in near.values())), "+".join(near)


def _median(numbers: list[int]) -> int:
    """The lower one of two in the middle: a rate that somebody said."""
    return sorted(numbers)[(len(numbers) - 1) // 2]
