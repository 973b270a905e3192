"""Public feeds of exchanges: the ticker of each in its own format, and old candles of those that give them.

Prices are read as decimals and become whole cents: a bid is rounded down, an ask up. All are in dollars, none in
a coin that stands for dollars. What an exchange does not date is dated by its arrival, less the age that a cache on
the way has given it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Protocol

from hazina.dealer.ports import Candle, FeedUnavailable, Tick
from hazina.kernel.db import outside_call
from hazina.kernel.http import Answered, HttpClient, NoAnswer

TIMEOUT_S = 5.0
CANDLES_TIMEOUT_S = 20.0
DOLLARS_MAX = Decimal(10**12)
UNREADABLE = (NoAnswer, LookupError, TypeError, ValueError, OverflowError, OSError)
"""What reading an answer of a stranger may raise."""


class Format(Protocol):
    """How one exchange is asked and read. Readers raise for anything else than what they read."""

    url: str
    """Where it is in the world."""
    path: str
    query: Mapping[str, str]

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        """Bid, ask and, where the exchange tells it, the time."""
        ...


class History(Protocol):
    """How one exchange tells old candles, oldest first."""

    def ask(self, step: int, since: datetime) -> tuple[str, Mapping[str, str]]:
        """Path and query."""
        ...

    def candles(self, said: Any) -> Iterator[tuple[Any, Any, Any, Any, Any]]:
        """Unix seconds, open, high, low, close."""
        ...


class Kraken:
    """Errors come with HTTP 200; the pair has another name than was asked; no time. Of old candles the newest 720."""

    url = "https://api.kraken.com"
    path = "/0/public/Ticker"
    query: Mapping[str, str] = {"pair": "XBTUSD"}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        book = self._result(said)["XXBTZUSD"]
        return book["b"][0], book["a"][0], None

    def ask(self, step: int, since: datetime) -> tuple[str, Mapping[str, str]]:
        # its "since" is exclusive
        asked = {"pair": "XBTUSD", "interval": str(step // 60), "since": str(int(since.timestamp()) - 1)}
        return "/0/public/OHLC", asked

    def candles(self, said: Any) -> Iterator[tuple[Any, Any, Any, Any, Any]]:
        for row in self._result(said)["XXBTZUSD"]:
            yield row[0], row[1], row[2], row[3], row[4]

    def _result(self, said: Any) -> Any:
        if said["error"]:
            raise ValueError("an error with HTTP 200")
        return said["result"]


class Coinbase:
    url = "https://api.exchange.coinbase.com"
    path = "/products/BTC-USD/ticker"
    query: Mapping[str, str] = {}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        at = datetime.fromisoformat(said["time"])
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        return said["bid"], said["ask"], at.astimezone(UTC)


class Bitstamp:
    """Has candles since 2011, a thousand at a time."""

    url = "https://www.bitstamp.net"
    path = "/api/v2/ticker/btcusd/"
    query: Mapping[str, str] = {}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        return said["bid"], said["ask"], datetime.fromtimestamp(int(said["timestamp"]), UTC)

    def ask(self, step: int, since: datetime) -> tuple[str, Mapping[str, str]]:
        return "/api/v2/ohlc/btcusd/", {"step": str(step), "limit": "1000", "start": str(int(since.timestamp()))}

    def candles(self, said: Any) -> Iterator[tuple[Any, Any, Any, Any, Any]]:
        for row in said["data"]["ohlc"]:
            yield row["timestamp"], row["open"], row["high"], row["low"], row["close"]


class Bitfinex:
    """An array of numbers without a time; an error is an array too."""

    url = "https://api-pub.bitfinex.com"
    path = "/v2/ticker/tBTCUSD"
    query: Mapping[str, str] = {}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        if said[0] == "error":
            raise ValueError("an error")
        return said[0], said[2], None


class Okx:
    """The perpetual swap in dollars: the spot market there is in a coin."""

    url = "https://www.okx.com"
    path = "/api/v5/market/ticker"
    query: Mapping[str, str] = {"instId": "BTC-USD-SWAP"}

    def read(self, said: Any) -> tuple[Any, Any, datetime | None]:
        if said["code"] != "0":
            raise ValueError("an error with HTTP 200")
        book = said["data"][0]
        return book["bidPx"], book["askPx"], datetime.fromtimestamp(int(book["ts"]) / 1000, UTC)


FORMATS: Mapping[str, Format] = {
    "kraken": Kraken(),
    "coinbase": Coinbase(),
    "bitstamp": Bitstamp(),
    "bitfinex": Bitfinex(),
    "okx": Okx(),
}
"""By the exchange's name in the settings."""
HISTORIES: Mapping[str, History] = {"bitstamp": Bitstamp(), "kraken": Kraken()}
"""Those that tell old candles, the one that goes back furthest first."""


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
            bid, ask, at = self.format.read(_said(self.name, answer))
            arrived = datetime.now(UTC) - timedelta(seconds=answer.age_s)
            return Tick(_cents(bid, ROUND_FLOOR), _cents(ask, ROUND_CEILING), at or arrived)
        except UNREADABLE as error:
            raise FeedUnavailable(f"{self.name} gave no price that can be read.") from error


@dataclass(frozen=True, slots=True)
class Candles:
    """One source of old prices."""

    name: str
    format: History
    http: HttpClient

    async def candles(self, step: int, since: datetime) -> list[Candle]:
        """Raises ``FeedUnavailable``."""
        outside_call(f"{self.name}.candles")
        path, query = self.format.ask(step, since)
        try:
            answer = await self.http.call("GET", path, query=query, timeout_s=CANDLES_TIMEOUT_S)
            return [_candle(*row) for row in self.format.candles(_said(self.name, answer))]
        except UNREADABLE as error:
            raise FeedUnavailable(f"{self.name} gave no candles that can be read.") from error


def feed(name: str, base_url: str | None = None) -> Exchange:
    """The exchange ``name`` at ``base_url``. Raises ``ValueError`` for a name that is not known."""
    if name not in FORMATS:
        raise ValueError(f"unknown exchange {name!r}: there are {', '.join(FORMATS)}")
    format_ = FORMATS[name]
    return Exchange(name, format_, HttpClient(name, base_url or format_.url, timeout_s=TIMEOUT_S))


def histories(feeds: tuple[Exchange, ...]) -> tuple[Candles, ...]:
    """Of the configured exchanges those that tell old candles, over the same connections."""
    there = {one.name: one for one in feeds}
    return tuple(Candles(name, format_, there[name].http) for name, format_ in HISTORIES.items() if name in there)


def _said(name: str, answer: Answered) -> Any:
    if answer.status != 200:
        raise FeedUnavailable(f"{name} answered HTTP {answer.status}.")
    return answer.json()


def _candle(at: Any, *dollars: Any) -> Candle:
    first, high, low, last = (_cents(one, ROUND_HALF_EVEN) for one in dollars)
    return Candle(datetime.fromtimestamp(int(at), UTC), first, high, low, last)


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
