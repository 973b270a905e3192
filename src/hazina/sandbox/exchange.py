"""Public feeds of exchanges in their own formats, all driven by one price. Bid and ask stand half a dollar below and
above it. Each can be told to be stale, to be wrong a thousandfold, to say zero, or to be gone."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from hazina.sandbox.problems import Problem
from hazina.sandbox.world import World

FIRST_PRICE = "64000.00"
PRICE_MAX = Decimal(1_000_000_000)
CENT = Decimal("0.01")
HALF_SPREAD = Decimal("0.50")

# -- the price and the feeds' states ------------------------------------------------------------

WELL, STALE, WILD, ZERO, GONE = STATES = ("well", "stale", "x1000", "zero", "gone")
EXCHANGES = ("kraken", "coinbase", "bitstamp", "bitfinex", "okx")
RATES = ("open-er-api", "currency-api", "yadio")
STALE_S, STALE_RATE_S = 600, 5 * 86_400
"""So long ago is what a stale feed says."""


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


def feeds(world: World) -> list[dict[str, str]]:
    """Every feed and how it is."""
    kinds = {**dict.fromkeys(EXCHANGES, "price"), **dict.fromkeys(RATES, "rates")}
    return [{"feed": name, "kind": kind, "state": state_of(world, name)} for name, kind in kinds.items()]


def state_of(world: World, feed: str) -> str:
    return str(world.store.setting(f"feed:{feed}", WELL))


def set_state(world: World, feed: object, state: object) -> None:
    """``feed`` None: all of them."""
    if feed is not None and feed not in (*EXCHANGES, *RATES):
        raise Problem("BAD_FEED", f"Unknown feed. There are: {', '.join((*EXCHANGES, *RATES))}.")
    if state not in STATES:
        raise Problem("BAD_STATE", f"Unknown state. There are: {', '.join(STATES)}.")
    for name in (*EXCHANGES, *RATES) if feed is None else (feed,):
        world.store.set(f"feed:{name}", str(state))
        world.store.set(f"feed_price:{name}", str(price(world)))


@dataclass(frozen=True, slots=True)
class Said:
    """What a feed tells now, as text, and the moment that it tells of. ``age_s``: what a cache would have added."""

    bid: str
    ask: str
    last: str
    at: float
    age_s: int

    def answer(self, body: object) -> Response:
        return JSONResponse(body, headers={"age": str(self.age_s)} if self.age_s else {})


def said(world: World, feed: str) -> Said:
    """A stale one tells the price of when it became so."""
    state, last, age_s = state_of(world, feed), price(world), 0
    if state == STALE:
        last, age_s = Decimal(world.store.setting(f"feed_price:{feed}", str(last))), STALE_S
    if state == WILD:
        last *= 1000
    half = min(HALF_SPREAD, last - CENT)
    bid, ask = (Decimal(0), Decimal(0)) if state == ZERO else (last - half, last + half)
    return Said(str(bid), str(ask), str(Decimal(0) if state == ZERO else last), time.time() - age_s, age_s)


def is_gone(world: World, feed: str) -> Response | None:
    """What stands there in place of the feed."""
    page = "<html><head><title>503 Service Temporarily Unavailable</title></head></html>"
    return HTMLResponse(page, 503) if state_of(world, feed) == GONE else None


# -- tickers ------------------------------------------------------------------------------------


async def kraken(world: World, request: Request) -> Response:
    """``/0/public/Ticker?pair=XBTUSD``: another key than asked, no time, errors with HTTP 200."""
    if request.query_params.get("pair", "") not in ("XBTUSD", "XXBTZUSD", "BTCUSD"):
        return JSONResponse({"error": ["EQuery:Invalid asset pair"]})
    now = said(world, "kraken")
    ticker = {
        "a": [now.ask, "1", "1.000"],
        "b": [now.bid, "2", "2.000"],
        "c": [now.last, "0.044"],
        "v": ["100.1", "2000.2"],
        "p": [now.last, now.last],
        "t": [1000, 20000],
        "l": [now.last, now.last],
        "h": [now.last, now.last],
        "o": now.last,
    }
    return now.answer({"error": [], "result": {"XXBTZUSD": ticker}})


async def coinbase(world: World, request: Request) -> Response:
    """``/products/BTC-USD/ticker``"""
    now = said(world, "coinbase")
    at = datetime.fromtimestamp(now.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    body = {"trade_id": 1, "price": now.last, "size": "0.002", "time": at, "bid": now.bid, "ask": now.ask}
    return now.answer({**body, "volume": "9031.1"})


async def bitstamp(world: World, request: Request) -> Response:
    """``/api/v2/ticker/btcusd/``"""
    now = said(world, "bitstamp")
    same = dict.fromkeys(("open", "high", "low", "last", "vwap", "open_24"), now.last)
    rest = {"volume": "3563.1", "bid": now.bid, "ask": now.ask, "percent_change_24": "0.00"}
    return now.answer({"timestamp": str(int(now.at)), **same, **rest})


async def bitfinex(world: World, request: Request) -> Response:
    """``/v2/ticker/tBTCUSD``: bid, size, ask, size, change, in part, last, volume, high, low."""
    now = said(world, "bitfinex")
    bid, ask, last = float(now.bid), float(now.ask), float(now.last)
    return now.answer([bid, 12.3, ask, 8.1, -120, -0.0019, last, 5400.2, last, last])


async def okx(world: World, request: Request) -> Response:
    """``/api/v5/market/ticker?instId=BTC-USD-SWAP``"""
    if request.query_params.get("instId") != "BTC-USD-SWAP":
        return JSONResponse({"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []})
    now = said(world, "okx")
    book = {"instType": "SWAP", "instId": "BTC-USD-SWAP", "last": now.last, "lastSz": "1"}
    book |= {"askPx": now.ask, "askSz": "1104", "bidPx": now.bid, "bidSz": "978", "ts": str(int(now.at * 1000))}
    same = dict.fromkeys(("open24h", "high24h", "low24h", "sodUtc0", "sodUtc8"), now.last)
    return now.answer({"code": "0", "msg": "", "data": [{**book, **same, "volCcy24h": "2222", "vol24h": "2222"}]})


# -- candles: a past that ends at the price of now ----------------------------------------------

DAY_S = 86_400
WAVES = ((1_150, 0.35, 0.9), (97, 0.10, 2.1), (9, 0.025, 0.3), (1.3, 0.008, 1.7))
"""Days, height, shift: what the logarithm of the price has done for ever."""
ROWS_MAX = 1_000
KRAKEN_ROWS = 720
BITSTAMP_STEPS = (60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 259_200)
KRAKEN_MINUTES = (1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600)


def _wave(at: float) -> float:
    return sum(height * math.sin(2 * math.pi * at / DAY_S / days + shift) for days, height, shift in WAVES)


def _candles(world: World, step: int, first: int, count: int) -> list[tuple[int, str, str, str, str]]:
    """Seconds, open, high, low, close of candles that have begun."""
    now, last = time.time(), float(price(world))
    here = _wave(now)
    found = []
    for at in range(first, int(now) + 1, step)[:count]:
        ends = [last * math.exp(_wave(moment) - here) for moment in (at, min(at + step, now))]
        prices = (ends[0], max(ends) * 1.002, min(ends) * 0.998, ends[1])
        found.append((at, *(f"{max(one, 0.01):.2f}" for one in prices)))
    return found  # type: ignore[return-value]  # four of them


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else default


async def bitstamp_candles(world: World, request: Request) -> Response:
    """``/api/v2/ohlc/btcusd/?step=&limit=&start=``"""
    step, limit = _number(request, "step", 0), _number(request, "limit", 0)
    if step not in BITSTAMP_STEPS or not 1 <= limit <= ROWS_MAX:
        return JSONResponse({"code": "validation_error", "errors": []}, 400)
    start = _number(request, "start", int(time.time()) - step * limit)
    rows = _candles(world, step, start + -start % step, limit)
    names = ("timestamp", "open", "high", "low", "close")
    shown = [{**dict(zip(names, (str(one) for one in row), strict=True)), "volume": "12.5"} for row in rows]
    return JSONResponse({"data": {"pair": "BTC/USD", "ohlc": shown}})


async def kraken_candles(world: World, request: Request) -> Response:
    """``/0/public/OHLC?pair=XBTUSD&interval=&since=``: the newest 720, whatever was asked."""
    minutes = _number(request, "interval", 1)
    if minutes not in KRAKEN_MINUTES:
        return JSONResponse({"error": ["EGeneral:Invalid arguments"]})
    step = minutes * 60
    oldest = int(time.time()) // step * step - (KRAKEN_ROWS - 1) * step
    since = max(_number(request, "since", 0) + 1, oldest)
    rows = _candles(world, step, since + -since % step, KRAKEN_ROWS)
    shown = [[row[0], row[1], row[2], row[3], row[4], row[4], "12.5", 100] for row in rows]
    return JSONResponse({"error": [], "result": {"XXBTZUSD": shown, "last": rows[-1][0] if rows else since}})


Show = Callable[[World, Request], Awaitable[Response]]
TICKERS: tuple[tuple[str, str, Show], ...] = (
    ("kraken", "/0/public/Ticker", kraken),
    ("coinbase", "/products/BTC-USD/ticker", coinbase),
    ("bitstamp", "/api/v2/ticker/btcusd/", bitstamp),
    ("bitfinex", "/v2/ticker/tBTCUSD", bitfinex),
    ("okx", "/api/v5/market/ticker", okx),
)
CANDLES: tuple[tuple[str, str, Show], ...] = (
    ("kraken", "/0/public/OHLC", kraken_candles),
    ("bitstamp", "/api/v2/ohlc/btcusd/", bitstamp_candles),
)
