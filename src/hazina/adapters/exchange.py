"""BTC/USD tickers of three exchanges, each in its own format. Prices are read as decimals and become
whole cents: a bid is rounded down, an ask up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Protocol

from hazina.dealer.ports import FeedUnavailable, Tick
from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient, NoAnswer

TIMEOUT_S = 5.0
DOLLARS_MAX = Decimal(10**12)


class Format(Protocol):
    """How one exchange is asked and read."""

    path: str
    query: Mapping[str, str]

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        """Bid, ask and, where the exchange tells it, the time. Raises for anything else."""
        ...


class Kraken:
    """Errors come with HTTP 200; the pair has another name than was asked; no time."""

    path = "/0/public/Ticker"
    query: Mapping[str, str] = {"pair": "XBTUSD"}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        if said["error"]:
            raise ValueError("an error with HTTP 200")
        book = said["result"]["XXBTZUSD"]
        return book["b"][0], book["a"][0], None


class Coinbase:
    path = "/products/BTC-USD/ticker"
    query: Mapping[str, str] = {}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        at = datetime.fromisoformat(said["time"])
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        return said["bid"], said["ask"], at.astimezone(UTC)


class Bitstamp:
    path = "/api/v2/ticker/btcusd/"
    query: Mapping[str, str] = {}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        return said["bid"], said["ask"], datetime.fromtimestamp(int(said["timestamp"]), UTC)


FORMATS: Mapping[str, Format] = {"kraken": Kraken(), "coinbase": Coinbase(), "bitstamp": Bitstamp()}
"""By the exchange's name in the settings."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One source of the price."""

    name: str
    format: Format
    http: HttpClient

    async def close(self) -> None:
        await self.http.close()

    async def ticker(self) -> Tick:
        """Raises ``FeedUnavailable``."""
        outside_call(f"{self.name}.ticker")
        try:
            answer = await self.http.call("GET", self.format.path, query=self.format.query)
            if answer.status != 200:
                raise FeedUnavailable(f"{self.name} answered HTTP {answer.status}.")
            bid, ask, at = self.format.read(answer.json())
            return Tick(_cents(bid, ROUND_FLOOR), _cents(ask, ROUND_CEILING), at or datetime.now(UTC))
        except (NoAnswer, LookupError, TypeError, ValueError, OverflowError, OSError) as error:
            raise FeedUnavailable(f"{self.name} gave no price that can be read.") from error


def feed(name: str, base_url: str) -> Exchange:
    """The exchange ``name`` at ``base_url``. Raises ``ValueError`` for a name that is not known."""
    if name not in FORMATS:
        raise ValueError(f"unknown exchange {name!r}: there are {', '.join(FORMATS)}")
    return Exchange(name, FORMATS[name], HttpClient(name, base_url, timeout_s=TIMEOUT_S))


def _cents(value: Any, rounding: str) -> int:
    """Dollars as text or number, never a float (JSON is read with decimals)."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("not a number")
    try:
        dollars = Decimal(value)
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not dollars.is_finite() or not 0 < dollars < DOLLARS_MAX:
        raise ValueError("no price")
    return int((dollars * 100).to_integral_value(rounding=rounding))
