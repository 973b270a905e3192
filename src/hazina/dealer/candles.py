"""The history of the price: hours and days, and the buckets that Blink's charts show. Rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from hazina.dealer.model import Policy

HOUR, DAY = 3_600, 86_400
STEPS = (HOUR, DAY)
KEPT = {HOUR: timedelta(days=8), DAY: timedelta(days=5 * 366 + 31)}
"""How far back candles are wanted."""


class Range(Enum):
    """A chart: the bucket, its size of candles, how many buckets."""

    ONE_DAY = ("hour", HOUR, 24)
    ONE_WEEK = ("4 hours", HOUR, 42)
    ONE_MONTH = ("day", DAY, 30)
    ONE_YEAR = ("week", DAY, 52)
    FIVE_YEARS = ("month", DAY, 60)

    @property
    def bucket(self) -> str:
        return self.value[0]

    @property
    def step(self) -> int:
        return self.value[1]

    @property
    def count(self) -> int:
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Candle:
    """US cents for one bitcoin from ``at`` on."""

    at: datetime
    open: int
    high: int
    low: int
    close: int


@dataclass(frozen=True, slots=True)
class PricePoint:
    """US cents for one bitcoin at a moment."""

    at: datetime
    cents_per_btc: int


def opens(at: datetime, bucket: str) -> datetime:
    """When the bucket that holds ``at`` begins (UTC; weeks on Mondays)."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    match bucket:
        case "hour":
            return hour
        case "4 hours":
            return hour.replace(hour=hour.hour - hour.hour % 4)
        case "day":
            return hour.replace(hour=0)
        case "week":
            return hour.replace(hour=0) - timedelta(days=hour.weekday())
        case _:
            return hour.replace(day=1, hour=0)


def starts(wanted: Range, now: datetime) -> datetime:
    """The first bucket of a chart that ends now."""
    last = opens(now, wanted.bucket)
    if wanted is not Range.FIVE_YEARS:
        size = {"hour": 1, "4 hours": 4, "day": 24, "week": 168}[wanted.bucket]
        return last - timedelta(hours=size * (wanted.count - 1))
    months = last.year * 12 + last.month - 1 - (wanted.count - 1)
    return last.replace(year=months // 12, month=months % 12 + 1)


def points(candles: list[Candle], wanted: Range) -> list[PricePoint]:
    """The price at the beginning of each bucket that there is a candle of; ``candles`` are in order of time."""
    first: dict[datetime, PricePoint] = {}
    for candle in candles:
        first.setdefault(begin := opens(candle.at, wanted.bucket), PricePoint(begin, candle.open))
    return list(first.values())


def is_sound(candle: Candle, policy: Policy) -> bool:
    inside = candle.low <= min(candle.open, candle.close) and candle.high >= max(candle.open, candle.close)
    return inside and policy.cents_min <= candle.low and candle.high <= policy.cents_max
