"""Feeds of the price in five formats, their candles in two; feeds of rates in three."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.sandbox.process import SandboxProcess

from hazina.adapters.exchange import FORMATS, HISTORIES, Exchange, feed, histories
from hazina.adapters.fiat import FORMATS as RATE_FORMATS
from hazina.adapters.fiat import RateSource, rate_feed
from hazina.dealer.ports import FeedUnavailable
from hazina.kernel.db import Database, TransactionOpen


@pytest.fixture(params=FORMATS)
async def exchange(request: pytest.FixtureRequest, sandbox: SandboxProcess) -> AsyncIterator[Exchange]:
    source = feed(request.param, f"{sandbox.url}/exchange/{request.param}")
    yield source
    await source.close()


async def test_the_price_is_read(exchange: Exchange, sandbox: SandboxProcess) -> None:
    for usd, bid, ask in (("61010.01", 6_100_951, 6_101_051), (100, 9_950, 10_050), ("0.01", 1, 1)):
        await sandbox.control("POST", "/price", {"usdPerBtc": usd})
        tick = await exchange.ticker()
        assert (tick.bid, tick.ask) == (bid, ask)
        assert abs(tick.at - datetime.now(UTC)) < timedelta(seconds=60) and tick.at.tzinfo is UTC
    await sandbox.control("POST", "/price", {"usdPerBtc": 64_000})


@pytest.mark.parametrize("action", ["error", "drop_reply", "cut", "empty"])
async def test_faults(exchange: Exchange, sandbox: SandboxProcess, action: str) -> None:
    await sandbox.fault("ticker", action, provider="exchange", times=1)
    with pytest.raises(FeedUnavailable):
        await exchange.ticker()
    await exchange.ticker()


async def test_not_in_a_transaction(exchange: Exchange, db: Database) -> None:
    async with db.transaction():
        with pytest.raises(TransactionOpen):
            await exchange.ticker()


def test_what_nobody_knows() -> None:
    with pytest.raises(ValueError, match="kraken"):
        feed("mtgox", "http://127.0.0.1:1")
    with pytest.raises(ValueError, match="yadio"):
        rate_feed("bazaar", "http://127.0.0.1:1")


async def test_usd_01_what_is_done_to_a_feed(exchange: Exchange, sandbox: SandboxProcess) -> None:
    """USD-01: stale, a thousandfold, zero, gone, as each format can say it."""

    async def make(state: str) -> None:
        await sandbox.control("POST", "/feeds", {"feed": exchange.name, "state": state})

    try:
        await make("stale")
        await sandbox.control("POST", "/price", {"usdPerBtc": 70_000})
        tick = await exchange.ticker()
        assert (tick.bid, tick.ask) == (6_399_950, 6_400_050)
        assert timedelta(seconds=590) < datetime.now(UTC) - tick.at < timedelta(seconds=660)
        await make("x1000")
        assert (await exchange.ticker()).mid == 7_000_000_000
        for state in ("zero", "gone"):
            await make(state)
            with pytest.raises(FeedUnavailable):
                await exchange.ticker()
    finally:
        await make("well")
        await sandbox.control("POST", "/price", {"usdPerBtc": 64_000})
    assert (await exchange.ticker()).mid == 6_400_000


@contextlib.asynccontextmanager
async def saying(name: str, status: int, body: bytes, made: Any = feed) -> AsyncIterator[Any]:
    """A source whose server says this, whatever it is asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nConnection: close\r\n\r\n" % status + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    source = made(name, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield source
    finally:
        await source.close()
        server.close()


def kraken(bid: str, ask: str) -> bytes:
    return b'{"error":[],"result":{"XXBTZUSD":{"a":[%s],"b":[%s]}}}' % (ask.encode(), bid.encode())


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("kraken", 200, b'{"error":["EGeneral:Too many requests"]}'),
        ("kraken", 200, b'{"error":[],"result":{}}'),
        ("kraken", 429, b"{}"),
        ("kraken", 200, kraken('"NaN"', '"1"')),
        ("kraken", 200, kraken("NaN", "1")),
        ("kraken", 200, kraken('"0"', '"1"')),
        ("kraken", 200, kraken('"-1"', '"1"')),
        ("kraken", 200, kraken('"1e30"', '"1e30"')),
        ("kraken", 200, kraken("true", "true")),
        ("kraken", 200, kraken("null", '"1"')),
        ("kraken", 200, b"[]"),
        ("coinbase", 404, b'{"message":"NotFound"}'),
        ("coinbase", 200, b"<html>maintenance</html>"),
        ("coinbase", 200, b'{"bid":"1.00","ask":"2.00","time":"yesterday"}'),
        ("coinbase", 200, b'{"bid":"1.00","ask":"2.00","time":"2025-01-28T02:13:33"}'),
        ("bitstamp", 200, b'{"error":"API is under scheduled maintenance"}'),
        ("bitstamp", 200, b'{"bid":"1.00","ask":"2.00","timestamp":"99999999999999999999"}'),
        ("bitfinex", 200, b'["error",10020,"symbol: invalid"]'),
        ("bitfinex", 200, b"[]"),
        ("bitfinex", 200, b"[61010,12.3]"),
        ("okx", 200, b'{"code":"51001","msg":"Instrument ID does not exist.","data":[]}'),
        ("okx", 200, b'{"code":"0","msg":"","data":[]}'),
        ("okx", 200, b'{"code":"0","msg":"","data":[{"bidPx":"","askPx":"","ts":"1621440583784"}]}'),
        ("okx", 200, b'{"code":"0","msg":"","data":[{"bidPx":"1","askPx":"2","ts":"soon"}]}'),
    ],
)
async def test_what_is_no_price(name: str, status: int, body: bytes) -> None:
    async with saying(name, status, body) as source:
        with pytest.raises(FeedUnavailable):
            await source.ticker()


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("kraken", kraken('"61010.0"', '"61010.1"'), (6_101_000, 6_101_010)),
        ("kraken", kraken("61010.019", "61010.011"), (6_101_001, 6_101_002)),
        (
            "coinbase",
            b'{"trade_id":1,"price":"61010.01","size":"0.002","time":"2025-01-28T02:13:33.012523Z","bid":"61010.00",'
            b'"ask":"61010.01","volume":"9031.1"}',
            (6_101_000, 6_101_001),
        ),
        ("bitstamp", b'{"timestamp":"1686068944","last":"26216","bid":"26208","ask":"26211"}', (2_620_800, 2_621_100)),
        ("bitfinex", b"[61010,12.3,61011.25,8.1,-120,-0.0019,61010,5400.2,61500,60200]", (6_101_000, 6_101_125)),
        (
            "okx",
            b'{"code":"0","msg":"","data":[{"instType":"SWAP","instId":"BTC-USD-SWAP","last":"61010.5",'
            b'"askPx":"61010.6","bidPx":"61010.5","ts":"1621440583784"}]}',
            (6_101_050, 6_101_060),
        ),
    ],
)
async def test_the_exchanges_own_answers(name: str, body: bytes, expected: tuple[Any, ...]) -> None:
    async with saying(name, 200, body) as source:
        tick = await source.ticker()
        assert (tick.bid, tick.ask) == expected
        if name == "coinbase":
            assert tick.at == datetime(2025, 1, 28, 2, 13, 33, 12523, UTC)
        if name == "okx":
            assert tick.at == datetime(2021, 5, 19, 16, 9, 43, 784000, UTC)


# -- candles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HISTORIES)
async def test_candles(name: str, sandbox: SandboxProcess) -> None:
    source = feed(name, f"{sandbox.url}/exchange/{name}")
    (history,) = histories((source,))
    now = datetime.now(UTC)
    for step, since in ((3_600, now - timedelta(days=5)), (86_400, now - timedelta(days=100))):
        found = await history.candles(step, since)
        assert [one.at for one in found] == sorted(one.at for one in found)
        assert len(found) >= 99 and since <= found[0].at <= since + timedelta(seconds=step)
        assert now - timedelta(seconds=step) <= found[-1].at <= now
        assert all(one.at.timestamp() % step == 0 for one in found)
        assert all(0 < one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in found)
    await sandbox.fault("candles", "empty", provider="exchange", times=1)
    with pytest.raises(FeedUnavailable):
        await history.candles(3_600, now)
    await source.close()


@pytest.mark.parametrize(
    ("name", "body", "opens"),
    [
        (
            "kraken",
            b'{"error":[],"result":{"XXBTZUSD":[[1688671200,"30306.1","30306.2","30305.7","30305.7","30306.1",'
            b'"3.39243896",23]],"last":1688672160}}',
            (30_306_10, 30_306_20, 30_305_70, 30_305_70),
        ),
        (
            "bitstamp",
            b'{"data":{"pair":"BTC/USD","ohlc":[{"timestamp":"1688671200","open":"100.5","high":"102","low":"99.99",'
            b'"close":"101","volume":"3.1"}]}}',
            (100_50, 102_00, 99_99, 101_00),
        ),
        ("kraken", b'{"error":["EGeneral:Invalid arguments"]}', None),
        ("kraken", b'{"error":[],"result":{"XXBTZUSD":[[1688671200,"0","0","0","0"]]}}', None),
        ("bitstamp", b'{"data":{"ohlc":[{"timestamp":"x"}]}}', None),
        ("bitstamp", b"<html>", None),
    ],
)
async def test_the_exchanges_own_candles(name: str, body: bytes, opens: tuple[int, ...] | None) -> None:
    async with saying(name, 200, body) as source:
        (history,) = histories((source,))
        if opens is None:
            with pytest.raises(FeedUnavailable):
                await history.candles(3_600, datetime(2023, 7, 6, tzinfo=UTC))
            return
        (one,) = await history.candles(3_600, datetime(2023, 7, 6, tzinfo=UTC))
        assert (one.open, one.high, one.low, one.close) == opens
        assert one.at == datetime(2023, 7, 6, 19, 20, tzinfo=UTC)


# -- rates -----------------------------------------------------------------------------------------


@pytest.fixture(params=RATE_FORMATS)
async def rates(request: pytest.FixtureRequest, sandbox: SandboxProcess) -> AsyncIterator[RateSource]:
    source = rate_feed(request.param, f"{sandbox.url}/rates/{request.param}")
    yield source
    await source.close()


async def test_rates(rates: RateSource, sandbox: SandboxProcess) -> None:
    table = await rates.rates()
    assert table.per_usd["KES"] == 129_200_000_000 and table.per_usd["KWD"] == 306_900_000
    assert table.per_usd["USD"] == 10**9 and len(table.per_usd) > 60
    assert timedelta(0) <= datetime.now(UTC) - table.at < timedelta(days=1, minutes=1)
    await sandbox.control("POST", "/feeds", {"feed": rates.name, "state": "stale"})
    assert timedelta(days=4) < datetime.now(UTC) - (await rates.rates()).at < timedelta(days=7)
    await sandbox.control("POST", "/feeds", {"feed": rates.name, "state": "gone"})
    with pytest.raises(FeedUnavailable):
        await rates.rates()
    await sandbox.control("POST", "/feeds", {"state": "well"})
    await sandbox.fault("rates", "cut", provider="rates", times=1)
    with pytest.raises(FeedUnavailable):
        await rates.rates()


OWN_RATES: list[tuple[str, bytes, dict[str, int] | None]] = [
    (
        "open-er-api",
        b'{"result":"success","time_last_update_unix":1585872397,"base_code":"USD",'
        b'"rates":{"USD":1,"KES":129.2,"ZZZ":0,"YYY":-1,"XXX":"1"}}',
        {"USD": 10**9, "KES": 129_200_000_000},
    ),
    ("open-er-api", b'{"result":"error","error-type":"unsupported-code"}', None),
    ("open-er-api", b'{"result":"success","time_last_update_unix":1585872397,"base_code":"EUR","rates":{}}', None),
    (
        "currency-api",
        b'{"date":"2025-01-10","usd":{"kes":129.2,"btc":0.00001054}}',
        {"KES": 129_200_000_000, "BTC": 10_540},
    ),
    ("currency-api", b'{"date":"yesterday","usd":{"kes":129.2}}', None),
    ("currency-api", b'{"date":"2025-01-10","usd":{"kes":NaN}}', None),
    (
        "yadio",
        b'{"BTC":{"USD":28275.07,"KES":3653139.044},"base":"BTC","timestamp":1585872397000}',
        {"KES": 129_200_000_000},
    ),
    ("yadio", b'{"BTC":{"KES":3653139.044},"base":"BTC","timestamp":1585872397000}', None),
    ("yadio", b'{"BTC":{"USD":0},"base":"BTC","timestamp":1585872397000}', None),
    ("yadio", b"[]", None),
]


@pytest.mark.parametrize(("name", "body", "expected"), OWN_RATES)
async def test_the_sources_own_answers(name: str, body: bytes, expected: dict[str, int] | None) -> None:
    async with saying(name, 200, body, rate_feed) as source:
        if expected is None:
            with pytest.raises(FeedUnavailable):
                await source.rates()
            return
        found = (await source.rates()).per_usd
        assert {code: found.get(code) for code in expected} == expected
        assert not {"ZZZ", "YYY", "XXX"} & found.keys()
