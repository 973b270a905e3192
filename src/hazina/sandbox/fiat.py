"""Public feeds of what a dollar costs in other currencies, in their own formats."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hazina.sandbox import exchange
from hazina.sandbox.exchange import STALE, STALE_RATE_S, WILD, ZERO, Show
from hazina.sandbox.world import World

RATES = {
    "AED": 3.6725, "ARS": 1465.5, "AUD": 1.531, "BHD": 0.376, "BIF": 2960.0, "BRL": 5.34, "CAD": 1.403, "CHF": 0.806,
    "CLP": 938.2, "CNY": 7.108, "COP": 3782.0, "CRC": 501.4, "CZK": 20.91, "DKK": 6.452, "EGP": 47.35, "ETB": 152.6,
    "EUR": 0.8641, "GBP": 0.7602, "GHS": 11.05, "GTQ": 7.664, "HKD": 7.782, "HNL": 26.31, "HUF": 329.8, "IDR": 16702.0,
    "ILS": 3.262, "INR": 88.71, "ISK": 126.9, "JPY": 156.4, "KES": 129.2, "KRW": 1465.0, "KWD": 0.3069, "LBP": 89500.0,
    "MAD": 9.281, "MGA": 4485.0, "MUR": 45.9, "MWK": 1734.0, "MXN": 18.38, "MYR": 4.151, "MZN": 63.9, "NAD": 17.24,
    "NGN": 1452.0, "NOK": 10.11, "NZD": 1.772, "OMR": 0.3845, "PEN": 3.371, "PHP": 58.84, "PKR": 281.0, "PLN": 3.661,
    "PYG": 7052.0, "QAR": 3.64, "RON": 4.394, "RUB": 80.6, "RWF": 1453.0, "SAR": 3.75, "SEK": 9.49, "SGD": 1.303,
    "SOS": 571.0, "SSP": 4720.0, "SZL": 17.24, "THB": 32.43, "TND": 2.944, "TRY": 42.38, "TWD": 31.21, "TZS": 2452.0,
    "UAH": 42.14, "UGX": 3612.0, "USD": 1.0, "UYU": 39.8, "VES": 236.5, "VND": 26355.0, "XAF": 566.8, "XOF": 566.8,
    "ZAR": 17.24, "ZMW": 22.6,
}  # fmt: skip
STREET = {"NGN": 1.035, "ARS": 1.02, "VES": 1.31}
"""Where the street pays more than the central bank."""


def _rates(world: World, feed: str) -> tuple[dict[str, float], float]:
    """Units for a dollar, and since when."""
    state = exchange.state_of(world, feed)
    times = {WILD: 1000.0, ZERO: 0.0}.get(state, 1.0)
    at = time.time() - (STALE_RATE_S if state == STALE else 0)
    return {code: 1.0 if code == "USD" else round(rate * times, 6) for code, rate in RATES.items()}, at


async def open_er_api(world: World, request: Request) -> Response:
    """``/v6/latest/USD``"""
    rates, at = _rates(world, "open-er-api")
    last, after = int(at) // 86_400 * 86_400 + 1, int(at) // 86_400 * 86_400 + 86_401
    return JSONResponse(
        {
            "result": "success",
            "provider": "https://www.exchangerate-api.com",
            "documentation": "https://www.exchangerate-api.com/docs/free",
            "terms_of_use": "https://www.exchangerate-api.com/terms",
            "time_last_update_unix": last,
            "time_last_update_utc": format_datetime(datetime.fromtimestamp(last, UTC)),
            "time_next_update_unix": after,
            "time_next_update_utc": format_datetime(datetime.fromtimestamp(after, UTC)),
            "time_eol_unix": 0,
            "base_code": "USD",
            "rates": rates,
        }
    )


async def currency_api(world: World, request: Request) -> Response:
    """``/v1/currencies/usd.min.json``: lower case, coins among them."""
    rates, at = _rates(world, "currency-api")
    table = {code.lower(): rate for code, rate in rates.items()}
    coins = {"btc": float(1 / exchange.price(world)), "1inch": 4.9}
    return JSONResponse({"date": datetime.fromtimestamp(at, UTC).date().isoformat(), "usd": {**coins, **table}})


async def yadio(world: World, request: Request) -> Response:
    """``/exrates/BTC``: the price of a bitcoin in each, in the street."""
    rates, at = _rates(world, "yadio")
    last = float(exchange.price(world))
    table = {code: round(last * rate * STREET.get(code, 1.0), 2) for code, rate in rates.items()}
    return JSONResponse({"BTC": table, "base": "BTC", "timestamp": int(at * 1000)})


SOURCES: tuple[tuple[str, str, Show], ...] = (
    ("open-er-api", "/v6/latest/USD", open_er_api),
    ("currency-api", "/v1/currencies/usd.min.json", currency_api),
    ("yadio", "/exrates/BTC", yadio),
)
