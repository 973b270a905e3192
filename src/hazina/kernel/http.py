"""One way out over HTTP, for every adapter.

A call either brings an answer, whatever its status, or raises ``NoAnswer``: then nobody knows
whether the other side acted. Time and size always have a limit, redirects are not followed, proxies
of the environment are not used, and nothing goes out while a transaction is open.
"""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2

from hazina.kernel.db import outside_call

BODY_BYTES_MAX = 16 * 1024 * 1024
LINE_BYTES_MAX = 4 * 1024 * 1024

# A quiet stream shows a dead peer only by these: first probe after 30 s, given up 20 s later.
_KEEPALIVE: list[tuple[int, int, int]] = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, option), value)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4))
    if hasattr(socket, option)
]


class NoAnswer(Exception):
    """No answer that can be read: refused or cut connection, timeout, too much, not the agreed format."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with any status. ``retry_after_s``: when to come again, where it says so in seconds. ``age_s``: for
    how long a cache on the way has had it (RFC 9111)."""

    status: int
    body: bytes
    retry_after_s: int | None = None
    age_s: int = 0

    def json(self) -> Any:
        """The body as JSON, fractions as ``Decimal``. Raises ``NoAnswer`` when it is none."""
        return read_json(self.body)


def read_json(body: bytes) -> Any:
    """Parse without floats, and without a word of the body in the error."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NoAnswer("the answer is not JSON") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


@functools.cache
def public_authorities() -> ssl.SSLContext:
    """Trusts what this machine trusts. One for all: to read the authorities takes longer than many a call."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that comes line by line; empty lines are left out."""

    status: int
    lines: AsyncIterator[bytes]


class HttpClient:
    """Talks to one provider. ``timeout_s`` bounds a whole call, from connecting to the last byte.
    With ``ca_pem`` only certificates that it vouches for are taken."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        basic_auth: tuple[str, str] | None = None,
        ca_pem: str | None = None,
        timeout_s: float = 10,
        connections: int = 100,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.timeout_s = timeout_s
        tls = ssl.create_default_context(cadata=ca_pem) if ca_pem else public_authorities()
        self._client = httpx2.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers=dict(headers or {}),
            auth=basic_auth,
            timeout=None,
            follow_redirects=False,
            trust_env=False,
            transport=transport
            or httpx2.AsyncHTTPTransport(
                verify=tls,
                trust_env=False,
                limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=20, keepalive_expiry=15),
                socket_options=_KEEPALIVE,
            ),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answered:
        """One request, one answer. ``body`` is sent as JSON, ``form`` as a form, ``content`` byte by byte (for what is
        signed). Raises ``NoAnswer``."""
        outside_call(self.name)
        request = self._client.build_request(
            method, path, params=query, json=body, data=form, content=content, headers=dict(headers or {})
        )
        try:
            async with asyncio.timeout(timeout_s or self.timeout_s):
                response = await self._client.send(request, stream=True)
                try:
                    return Answered(response.status_code, await _read(response), age_s=_age(response))
                finally:
                    await response.aclose()
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise NoAnswer(f"{self.name}: {type(error).__name__}: {error}") from error

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        start_s: float | None,
    ) -> AsyncGenerator[Streamed, None]:
        """An answer of lines, as long as it lasts. ``start_s`` bounds the time until its status, None for
        a stream that may stay silent; lines have no time limit here. Raises ``NoAnswer``."""
        outside_call(self.name)
        request = self._client.build_request(method, path, params=query, json=body, headers=dict(headers or {}))
        try:
            async with asyncio.timeout(start_s):
                response = await self._client.send(request, stream=True)
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise NoAnswer(f"{self.name}: {type(error).__name__}: {error}") from error
        try:
            yield Streamed(response.status_code, self._lines(response))
        finally:
            await response.aclose()

    async def _lines(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        rest = b""
        try:
            async for piece in response.aiter_bytes():
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    if line.strip():
                        yield line
                if len(rest) > LINE_BYTES_MAX:
                    raise NoAnswer(f"{self.name}: a line is longer than {LINE_BYTES_MAX:,} bytes")
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise NoAnswer(f"{self.name}: {type(error).__name__}: {error}") from error
        if rest.strip():
            yield rest


def _age(response: httpx2.Response) -> int:
    said = response.headers.get("age", "0").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise NoAnswer(f"the answer is longer than {BODY_BYTES_MAX:,} bytes")
    return bytes(body)
