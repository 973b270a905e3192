"""What people who only watch the price cost: one API process, 1,000 and 10,000 sockets with a subscription each.

    python -m bench subscribers [--seconds 35]

The bank runs as a process of its own; the watchers are raw sockets of this one. CPU and memory are the bank's process'
alone, with its workers, and less what it takes without anybody.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop
from rich.console import Console
from rich.table import Table

from bench import api

COUNTS = (1_000, 10_000)
AT_ONCE = 200
TICK_S = 30.0
SETTLE_S = 3.0
WAIT_S = 120.0
CURRENCIES = ("USD", "KES", "UGX", "TZS", "EUR")
WATCH = """subscription($c: DisplayCurrency) { realtimePrice(input: { currency: $c }) {
    errors { message } realtimePrice { id timestamp denominatorCurrency btcSatPrice { base offset }
    usdCentPrice { base offset } } } }"""
MASK = b"\0\0\0\0"
TEXT, PING, PONG = 1, 9, 10


@dataclass(slots=True)
class Heard:
    """Of all watchers together."""

    begun: int = 0
    frames: int = 0
    lost: int = 0
    sockets: list[asyncio.Transport] = field(default_factory=list)
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when so many have heard their first price."""

    def begin(self) -> None:
        self.begun += 1
        if self.begun == self.wanted:
            self.enough.set()


def frame(opcode: int, payload: bytes) -> bytes:
    """As a client sends it: masked, here with nothing."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([0x80 | opcode]) + length + MASK + payload


class Watcher(asyncio.Protocol):
    """One socket: upgrade, initialise, subscribe, listen, answer pings."""

    def __init__(self, currency: str, into: Heard) -> None:
        self.currency, self.into, self.buffer = currency, into, b""
        self.upgraded = self.begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.into.sockets.append(self.transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1:{api.PORT}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            f"sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            head, found, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if not found:
                self.buffer = head
                return
            self.upgraded = True
            self._say({"type": "connection_init"})
            payload = {"query": WATCH, "variables": {"c": self.currency}}
            self._say({"type": "subscribe", "id": "1", "payload": payload})
        while (size := self._whole()) is not None:
            self._take(self.buffer[0] & 15, self.buffer[size[0] : size[1]])
            self.buffer = self.buffer[size[1] :]

    def _whole(self) -> tuple[int, int] | None:
        """Where the first frame's payload begins and ends, once all of it is here."""
        if len(self.buffer) < 4:
            return None if len(self.buffer) < 2 or self.buffer[1] else (2, 2)
        size = self.buffer[1]
        begin, size = (4, int.from_bytes(self.buffer[2:4])) if size == 126 else (2, size)
        return (begin, begin + size) if len(self.buffer) >= begin + size else None

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.transport.write(frame(PONG, payload))
        elif opcode == TEXT and payload.startswith(b'{"type":"next"'):
            self.into.frames += 1
            if not self.begun:
                self.begun = True
                self.into.begin()

    def _say(self, message: dict[str, object]) -> None:
        self.transport.write(frame(TEXT, json.dumps(message).encode()))

    def connection_lost(self, error: Exception | None) -> None:
        self.into.lost += 1


@dataclass(frozen=True, slots=True)
class Figures:
    watchers: int
    connect_s: float
    memory_mb: float
    cpu_share: float
    frames_per_s: float
    lost: int


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def come(n: int, into: Heard) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: Watcher(CURRENCIES[n % len(CURRENCIES)], into), "127.0.0.1", api.PORT)


async def watched(pid: int, count: int, seconds: float) -> Figures:
    """``count`` watchers come, listen for ``seconds``, and go."""
    heard, began = Heard(), time.perf_counter()
    before_mb = api.memory_mb(pid)
    for first in range(0, count, AT_ONCE):
        wave = range(first, min(first + AT_ONCE, count))
        heard.wanted, heard.enough = wave.stop, asyncio.Event()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*(come(n, heard) for n in wave))
            await heard.enough.wait()
    took = time.perf_counter() - began
    await asyncio.sleep(SETTLE_S)
    cpu, frames, start = cpu_s(pid), heard.frames, time.perf_counter()
    await asyncio.sleep(seconds)
    passed = time.perf_counter() - start
    figures = Figures(
        count, took, api.memory_mb(pid) - before_mb, (cpu_s(pid) - cpu) / passed, (heard.frames - frames) / passed,
        heard.lost,
    )  # fmt: skip
    for socket in heard.sockets:
        socket.abort()
    await asyncio.sleep(SETTLE_S)
    return figures


@contextmanager
def many_files() -> Iterator[None]:
    """For us and for the bank that we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def running() -> Iterator[int]:
    """A bank on a folder of its own, by the id of its process."""
    with tempfile.TemporaryDirectory(prefix="hazina-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        process, _ = api.start(folder)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def measure(seconds: float = TICK_S + 5) -> dict[str, float]:
    """Measure, print the table, return the ratios."""
    with many_files(), running() as pid:
        time.sleep(SETTLE_S)
        cpu, start = cpu_s(pid), time.perf_counter()
        time.sleep(10)
        idle = (cpu_s(pid) - cpu) / (time.perf_counter() - start)
        found = [uvloop.run(watched(pid, count, seconds)) for count in COUNTS]
    return report(found, idle)


def report(found: list[Figures], idle: float) -> dict[str, float]:
    table = Table(title="Watchers of the price on one process", box=None)
    for heading in ("watchers", "come in s", "MB more", "kB each", "CPU %", "ms a tick each", "frames/s", "lost"):
        table.add_column(heading, justify="right")
    ratios: dict[str, float] = {"watchers0_cpu": round(idle, 3)}
    for one in found:
        more = max(one.cpu_share - idle, 0.0)
        each_ms = more * TICK_S * 1_000 / one.watchers
        table.add_row(
            f"{one.watchers:,}", f"{one.connect_s:.1f}", f"{one.memory_mb:.0f}",
            f"{one.memory_mb * 1_024 / one.watchers:.0f}", f"{more * 100:.1f}", f"{each_ms:.2f}",
            f"{one.frames_per_s:.0f}", str(one.lost),
        )  # fmt: skip
        ratios[f"watchers{one.watchers}_cpu"] = round(more, 3)
        ratios[f"watchers{one.watchers}_mb"] = round(one.memory_mb, 1)
    first, last = found[0], found[-1]
    if first.cpu_share > idle:
        ratios["watchers_cpu_growth"] = round(
            (last.cpu_share - idle) / (first.cpu_share - idle) / (last.watchers / first.watchers), 2
        )
    console = Console(width=110)
    console.print(table)
    console.print(f"CPU is of one core; without anybody the bank takes {idle * 100:.1f} %, and that is left out.")
    return ratios
