"""A program of somebody else's, run as our child in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hazina.kernel import child
from hazina.kernel.embedded import alive

HOST = "127.0.0.1"
STOP_S = 30.0
POLL_S = 0.02


class NotRunning(Exception):
    """The program did not start, or has ended; with its own last words."""


@dataclass
class Program:
    """``folder`` keeps its output (``<name>.log``) and, while it runs, its process number."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def spawn(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start it; what an earlier owner of the folder has left running is ended first."""
        assert not self.running
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.end_orphan()
        with self.log_file.open("ab") as log:
            self.process = child.spawn(
                command,
                on_parent_death=signal.SIGKILL,
                output=log,
                errors=log,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **(env or {})},
            )
        self.pid_file.write_text(str(self.process.pid))

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def ready(self, asked: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Wait until ``asked`` says yes.

        :raises NotRunning: it ended, or took too long.
        """
        end = time.monotonic() + timeout_s
        while not await asked():
            if not self.running or time.monotonic() > end:
                raise NotRunning(f"{self.name} did not start: {self.last_words()} (see {self.log_file})")
            await asyncio.sleep(POLL_S)

    async def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = STOP_S) -> None:
        """Tell it to end, and after ``timeout_s`` make it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
        end = time.monotonic() + timeout_s
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.process.kill()
            await asyncio.sleep(POLL_S)
        self.process = None
        self.pid_file.unlink(missing_ok=True)

    def end_orphan(self) -> None:
        """End the process that the number in our folder names, if it still is the one: its number may by
        now belong to a stranger, so it must work in this folder."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.pid_file.read_text())
            if alive(pid) and Path(os.readlink(f"/proc/{pid}/cwd")) == self.folder.resolve():
                os.kill(pid, signal.SIGKILL)
                end = time.monotonic() + STOP_S
                while alive(pid) and time.monotonic() < end:
                    time.sleep(POLL_S)
        self.pid_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        with contextlib.suppress(OSError):
            return (self.log_file.read_text(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        return "no reason given"


_HELD: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Ports of loopback that stay free for our children as long as this process lives: bound, and never listened on,
    so that programs which set SO_REUSEADDR (all of these do) may take them, and nobody gets one by chance."""
    for _ in range(count):
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, 0))
        _HELD.append(held)
    return [int(one.getsockname()[1]) for one in _HELD[-count:]]
