"""A load generator in one small file: keep-alive connections, one request after the other on each, so that
what is measured is the server. Closed loop: a connection asks again when it was answered."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """What is no GraphQL request."""

    path: str
    fields: dict[str, str]


Ask = Callable[[int], tuple[str, dict[str, Any] | Form]]
"""For a connection's number: the token it uses (or a whole Authorization header) and the GraphQL request, or the
form, that it sends next."""


@dataclass(slots=True)
class Measured:
    """Rates per second of each round; every wait in milliseconds; answers that were not what was asked for."""

    rates: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def percentile(self, hundredth: int) -> float:
        return statistics.quantiles(self.waits_ms, n=100)[hundredth - 1]


def request(host: str, port: int, token: str, body: dict[str, Any] | Form) -> bytes:
    if isinstance(body, Form):
        path, kind, payload = body.path, "application/x-www-form-urlencoded", urlencode(body.fields).encode()
    else:
        path, kind, payload = "/graphql", "application/json", json.dumps(body).encode()
    credential = token if " " in token else f"Bearer {token}"
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: {kind}\r\n"
        f"authorization: {credential}\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


class Connection(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it was answered."""

    def __init__(self, number: int, end: float, ask: Ask, into: Measured, done: asyncio.Future[int]) -> None:
        self.number, self.end, self.ask, self.into, self.done = number, end, ask, into, done
        self.buffer = b""
        self.count = 0
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by behaviour only
        host, port = transport.get_extra_info("peername")[:2]
        self.host, self.port = host, port
        self.send()

    def send(self) -> None:
        self.started = time.perf_counter()
        token, body = self.ask(self.number)
        self.transport.write(request(self.host, self.port, token, body))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, said = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(LENGTH.search(head)[1])  # type: ignore[index]  # every answer of the API has one
        if len(said) < length:
            return
        now = time.perf_counter()
        self.buffer = b""
        self.count += 1
        self.into.waits_ms.append((now - self.started) * 1_000)
        if head[9:12] != b"200" or b'"errors":[{' in said:
            self.into.wrong.append(said[:200].decode(errors="replace"))
        if now < self.end:
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(self.count)


async def run(host: str, port: int, connections: int, seconds: float, ask: Ask, into: Measured) -> None:
    """One round of ``seconds``."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    counts: list[asyncio.Future[int]] = []
    for number in range(connections):
        done: asyncio.Future[int] = loop.create_future()
        counts.append(done)

        def make(number: int = number, done: asyncio.Future[int] = done) -> Connection:
            return Connection(number, started + seconds, ask, into, done)

        await loop.create_connection(make, host, port)
    count = sum(await asyncio.gather(*counts))
    into.rates.append(count / (time.perf_counter() - started))
