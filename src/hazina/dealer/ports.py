"""What the dealer needs from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hazina.dealer.candles import Candle
from hazina.dealer.errors import FeedUnavailable
from hazina.dealer.model import Tick

__all__ = ["Candle", "CandleFeed", "Feed", "FeedUnavailable", "RateFeed", "RateTable", "Tick"]


class Feed(Protocol):
    @property
    def name(self) -> str:
        """The source's name in our books."""
        ...

    async def ticker(self) -> Tick:
        """Best bid and ask for one bitcoin, in whole US cents, with the source's own time. Raises
        ``FeedUnavailable``. Makes no judgement of the numbers: the dealer does."""
        ...


class CandleFeed(Protocol):
    @property
    def name(self) -> str: ...

    async def candles(self, step: int, since: datetime) -> list[Candle]:
        """The first candles of ``step`` seconds from ``since`` on, as many as one answer holds; the one that is not
        over may be among them. Raises ``FeedUnavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class RateTable:
    """What a source says a dollar costs: units of each currency, times 10^9."""

    per_usd: Mapping[str, int]
    at: datetime


class RateFeed(Protocol):
    @property
    def name(self) -> str: ...

    async def rates(self) -> RateTable:
        """Raises ``FeedUnavailable``. What is no number above zero is left out."""
        ...
