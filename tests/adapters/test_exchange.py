"""Three price feeds, one price."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.sandbox.process import SandboxProcess

from hazina.adapters.exchange import FORMATS, Exchange, feed
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
        assert abs(tick.at - datetime.now(UTC)) < timedelta(seconds=5) and tick.at.tzinfo is UTC
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


def test_an_exchange_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="kraken"):
        feed("mtgox", "http://127.0.0.1:1")


@contextlib.asynccontextmanager
async def saying(name: str, status: int, body: bytes) -> AsyncIterator[Exchange]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nConnection: close\r\n\r\n" % status + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    source = feed(name, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
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
    ],
)
async def test_the_exchanges_own_answers(name: str, body: bytes, expected: tuple[Any, ...]) -> None:
    async with saying(name, 200, body) as source:
        tick = await source.ticker()
        assert (tick.bid, tick.ask) == expected
        if name == "coinbase":
            assert tick.at == datetime(2025, 1, 28, 2, 13, 33, 12523, UTC)
