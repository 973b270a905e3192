"""A load generator in one small file: keep-alive connections, one request after the other on each, so that
what is measured is the server. Closed loop: a connection asks again when it was answered."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Ask = Callable[[int], tuple[str, dict[str, Any]]]
"""For a connection's number: the token it uses and the GraphQL request it sends next."""


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


def request(host: str, port: int, token: str, body: dict[str, Any]) -> bytes:
    payload = json.dumps(body).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one response with a content length."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return status, await reader.readexactly(length)


async def run(host: str, port: int, connections: int, seconds: float, ask: Ask, into: Measured) -> None:
    """One round of ``seconds``."""
    end = time.perf_counter() + seconds
    count = 0

    async def connection(number: int) -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection(host, port)
        try:
            while (start := time.perf_counter()) < end:
                token, body = ask(number)
                writer.write(request(host, port, token, body))
                status, said = await answer(reader)
                into.waits_ms.append((time.perf_counter() - start) * 1_000)
                count += 1
                if status != 200 or b'"errors":[{' in said.replace(b" ", b""):
                    into.wrong.append(said[:200].decode(errors="replace"))
        finally:
            writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection(n) for n in range(connections)))
    into.rates.append(count / (time.perf_counter() - started))
