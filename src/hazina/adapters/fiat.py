"""Public feeds of what a dollar costs in other currencies, without keys. Nobody gives a bid and an ask: for showing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from hazina.adapters.exchange import UNREADABLE
from hazina.dealer.ports import FeedUnavailable, RateTable
from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient

TIMEOUT_S = 10.0
SCALE = 10**9
CURRENCIES_MAX = 1_000


class Format(Protocol):
    """How one source is asked and read."""

    url: str
    """Where it is in the world."""
    path: str

    def read(self, said: Any) -> tuple[Mapping[str, Any], datetime]:
        """Units for a dollar by currency, and since when. Raises for anything else."""
        ...


class OpenErApi:
    """Once a day; asked once an hour it never refuses. Its makers ask for a link: see docs/operating.md."""

    url = "https://open.er-api.com"
    path = "/v6/latest/USD"

    def read(self, said: Any) -> tuple[Mapping[str, Any], datetime]:
        if said["result"] != "success" or said["base_code"] != "USD":
            raise ValueError("an error")
        return said["rates"], datetime.fromtimestamp(int(said["time_last_update_unix"]), UTC)


class CurrencyApi:
    """A file a day, with all that there is, coins included."""

    url = "https://currency-api.pages.dev"
    path = "/v1/currencies/usd.min.json"

    def read(self, said: Any) -> tuple[Mapping[str, Any], datetime]:
        return {code.upper(): rate for code, rate in said["usd"].items()}, _day(said["date"])


class Yadio:
    """What people pay in the street; by way of bitcoin."""

    url = "https://api.yadio.io"
    path = "/exrates/BTC"

    def read(self, said: Any) -> tuple[Mapping[str, Any], datetime]:
        table = said["BTC"]
        dollar = _positive(table["USD"])
        if dollar is None:
            raise ValueError("no price in dollars")
        in_dollars = {code: n / dollar for code, rate in table.items() if (n := _positive(rate)) is not None}
        return in_dollars, datetime.fromtimestamp(int(said["timestamp"]) / 1000, UTC)


FORMATS: Mapping[str, Format] = {"open-er-api": OpenErApi(), "currency-api": CurrencyApi(), "yadio": Yadio()}
"""By the source's name in the settings."""


@dataclass(frozen=True, slots=True)
class RateSource:
    """One source of rates."""

    name: str
    format: Format
    http: HttpClient

    async def close(self) -> None:
        await self.http.close()

    async def rates(self) -> RateTable:
        """Raises ``FeedUnavailable``."""
        outside_call(f"{self.name}.rates")
        try:
            answer = await self.http.call("GET", self.format.path)
            if answer.status != 200:
                raise FeedUnavailable(f"{self.name} answered HTTP {answer.status}.")
            table, at = self.format.read(answer.json())
            if len(table) > CURRENCIES_MAX:
                raise ValueError("too many")
            found = {code: n for code, rate in table.items() if (n := _scaled(rate)) > 0}
        except UNREADABLE as error:
            raise FeedUnavailable(f"{self.name} gave no rates that can be read.") from error
        if not found:
            raise FeedUnavailable(f"{self.name} gave no rates.")
        return RateTable(found, at)


def rate_feed(name: str, base_url: str | None = None) -> RateSource:
    """The source ``name`` at ``base_url``. Raises ``ValueError`` for a name that is not known."""
    if name not in FORMATS:
        raise ValueError(f"unknown source of rates {name!r}: there are {', '.join(FORMATS)}")
    format_ = FORMATS[name]
    return RateSource(name, format_, HttpClient(name, base_url or format_.url, timeout_s=TIMEOUT_S))


def _day(said: Any) -> datetime:
    """ "2025-01-10", from its beginning on."""
    if not isinstance(said, str) or len(said) != 10:
        raise ValueError("not a date")
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def _positive(rate: Any) -> Decimal | None:
    """None for what is no number above zero."""
    if isinstance(rate, bool) or not isinstance(rate, int | Decimal):
        return None
    number = Decimal(rate)
    return number if number.is_finite() and 0 < number < 10**12 else None


def _scaled(rate: Any) -> int:
    number = _positive(rate)
    return 0 if number is None else int((number * SCALE).to_integral_value())
