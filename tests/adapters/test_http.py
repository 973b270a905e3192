"""The HTTP client of the adapters: limits on time and size, and what counts as no answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hazina.kernel import http
from hazina.kernel.db import Database, TransactionOpen
from hazina.kernel.http import HttpClient, NoAnswer, read_json


@contextlib.asynccontextmanager
async def server(*pieces: bytes, pause_s: float = 0.0, times: int = 1) -> AsyncIterator[HttpClient]:
    """Sends the pieces with pauses between them, then closes."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        with contextlib.suppress(OSError):
            for piece in pieces * times:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = HttpClient("test", f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/base", timeout_s=2)
    try:
        yield client
    finally:
        await client.close()
        listening.close()
    assert all(head.startswith(b"GET /base/x") for head in seen)


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


async def test_an_answer() -> None:
    async with server(OK, b'{"price": 1.10}') as client:
        answer = await client.call("GET", "/x")
        assert (answer.status, answer.json()) == (200, {"price": Decimal("1.10")})


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 200 OK\r\n",),
        (b"hello\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\nno gzip",),
    ],
)
async def test_no_answer(pieces: tuple[bytes, ...]) -> None:
    async with server(*pieces) as client:
        with pytest.raises(NoAnswer):
            await client.call("GET", "/x")


async def test_a_redirect_is_not_followed() -> None:
    async with server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n") as client:
        assert (await client.call("GET", "/x")).status == 302


async def test_the_whole_call_has_a_time() -> None:
    """A server that sends a byte now and then does not keep us."""
    async with server(OK, *[b"x"] * 1_200, pause_s=0.05) as client:
        started = time.perf_counter()
        with pytest.raises(NoAnswer):
            await client.call("GET", "/x", timeout_s=0.3)
        assert time.perf_counter() - started < 30


async def test_a_body_without_an_end() -> None:
    async with server(OK, *[b"x" * 1_000_000] * 20) as client:
        with pytest.raises(NoAnswer, match="longer"):
            await client.call("GET", "/x")


async def test_lines() -> None:
    pieces = (OK, b'{"a":1}\n{"b"', b":2}\n\n", b"rest")
    async with server(*pieces) as client, client.stream("GET", "/x", start_s=2) as stream:
        assert [line async for line in stream.lines] == [b'{"a":1}', b'{"b":2}', b"rest"]
    async with server(OK, *[b"x" * 1_000_000] * 6) as client, client.stream("GET", "/x", start_s=2) as stream:
        with pytest.raises(NoAnswer, match="longer"):
            _ = [line async for line in stream.lines]
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n"
    async with server(cut) as client, client.stream("GET", "/x", start_s=2) as stream:
        with pytest.raises(NoAnswer):
            _ = [line async for line in stream.lines]


async def test_a_stream_that_does_not_begin() -> None:
    async with server(b"", pause_s=1) as client:
        with pytest.raises(NoAnswer):
            async with client.stream("GET", "/x", start_s=0.2):
                pass


async def test_nothing_goes_out_in_a_transaction(db: Database) -> None:
    client = HttpClient("test", "http://127.0.0.1:1")
    async with db.transaction():
        with pytest.raises(TransactionOpen):
            await client.call("GET", "/")
        with pytest.raises(TransactionOpen):
            async with client.stream("GET", "/", start_s=1):
                pass
    await client.close()


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"\xff", b"[" * 1_000_000, b"1" * 10_000])
def test_json_that_is_none(body: bytes) -> None:
    with pytest.raises(NoAnswer):
        read_json(body)


def test_limits_are_sane() -> None:
    assert http.LINE_BYTES_MAX < http.BODY_BYTES_MAX
