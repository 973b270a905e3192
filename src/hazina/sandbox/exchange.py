"""BTC tickers in three exchanges' own formats, all driven by one price. Bid and ask stand half a dollar
below and above it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hazina.sandbox.problems import Problem
from hazina.sandbox.world import World

FIRST_PRICE = "64000.00"
PRICE_MAX = Decimal(1_000_000_000)
CENT = Decimal("0.01")
HALF_SPREAD = Decimal("0.50")


def price(world: World) -> Decimal:
    """US dollars for one bitcoin."""
    return Decimal(world.store.setting("usd_per_btc", FIRST_PRICE))


def set_price(world: World, usd_per_btc: object) -> Decimal:
    """Takes a number or its text, at most two decimals."""
    if isinstance(usd_per_btc, bool) or not isinstance(usd_per_btc, int | float | str) or len(str(usd_per_btc)) > 40:
        raise Problem("BAD_PRICE", "usdPerBtc must be a number.")
    try:
        value = Decimal(str(usd_per_btc))
        if not (CENT <= value <= PRICE_MAX) or value != value.quantize(CENT) or not str(usd_per_btc).isascii():
            raise ValueError
    except (ArithmeticError, ValueError):
        raise Problem(
            "BAD_PRICE", f"usdPerBtc must be from 0.01 to {PRICE_MAX:,}, with at most two decimals."
        ) from None
    world.store.set("usd_per_btc", str(value.quantize(CENT)))
    return value.quantize(CENT)


def _book(world: World) -> tuple[str, str, str]:
    """Bid, ask, last."""
    last = price(world)
    half = min(HALF_SPREAD, last - CENT)
    return str(last - half), str(last + half), str(last)


async def kraken(world: World, request: Request) -> Response:
    """``/0/public/Ticker?pair=XBTUSD``: another key than asked, no time, errors with HTTP 200."""
    if request.query_params.get("pair", "") not in ("XBTUSD", "XXBTZUSD", "BTCUSD"):
        return JSONResponse({"error": ["EQuery:Invalid asset pair"]})
    bid, ask, last = _book(world)
    ticker = {
        "a": [ask, "1", "1.000"],
        "b": [bid, "2", "2.000"],
        "c": [last, "0.044"],
        "v": ["100.1", "2000.2"],
        "p": [last, last],
        "t": [1000, 20000],
        "l": [last, last],
        "h": [last, last],
        "o": last,
    }
    return JSONResponse({"error": [], "result": {"XXBTZUSD": ticker}})


async def coinbase(world: World, request: Request) -> Response:
    """``/products/BTC-USD/ticker``"""
    bid, ask, last = _book(world)
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return JSONResponse(
        {"trade_id": 1, "price": last, "size": "0.002", "time": now, "bid": bid, "ask": ask, "volume": "9031.1"}
    )


async def bitstamp(world: World, request: Request) -> Response:
    """``/api/v2/ticker/btcusd/``"""
    bid, ask, last = _book(world)
    now = str(int(time.time()))
    same = dict.fromkeys(("open", "high", "low", "last", "vwap", "open_24"), last)
    return JSONResponse(
        {"timestamp": now, **same, "volume": "3563.1", "bid": bid, "ask": ask, "percent_change_24": "0.00"}
    )
