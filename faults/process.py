"""Processes that can be killed and frozen, always by their own id."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hazina.kernel import child

START_S = 180


_HELD: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback that stays free for our children as long as this process lives: bound, and never listened
    on, so that a server which sets SO_REUSEADDR (every one of ours does) may take it, and nobody gets it by chance."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


def wait_for(what: Callable[[], Any], within_s: float, why: str, pause_s: float = 0.05) -> Any:
    """What ``what`` returns once it is true. Fails after ``within_s``."""
    end = time.monotonic() + within_s
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, f"not within {within_s} s: {why}"
        time.sleep(pause_s)


@dataclass
class Process:
    """One ``hazina`` command with its output in a file. Start it from the main thread: it ends with the thread
    that started it."""

    arguments: list[str]
    log: Path
    environ: dict[str, str] = field(default_factory=dict)
    running: subprocess.Popen[bytes] | None = None
    output: IO[bytes] | None = None

    def start(self) -> None:
        self.output = self.log.open("ab")
        self.running = child.spawn(
            [sys.executable, "-m", "hazina.cli", *self.arguments],
            on_parent_death=signal.SIGKILL,  # whoever plays with faults may be killed, too
            output=self.output,
            errors=subprocess.STDOUT,
            env={**os.environ, **self.environ, "PYTHONUNBUFFERED": "1"},
            cwd=Path.cwd(),
        )

    @property
    def alive(self) -> bool:
        return self.running is not None and self.running.poll() is None

    @property
    def ended(self) -> bool:
        """By itself: nobody killed or stopped it."""
        return self.running is not None and self.running.poll() is not None

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def address(self, pattern: str) -> str:
        """The last address that the process printed behind ``pattern``, once it is there."""

        def found() -> str | None:
            assert self.alive, f"{self.arguments} ended:\n{self.said()[-2000:]}"
            hits = re.findall(pattern + r"\s+(http://\S+)", self.said())
            return hits[-1] if hits else None

        return str(wait_for(found, START_S, f"{self.arguments} starts"))

    def kill(self) -> None:
        """As if the power went: no chance to tidy up."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(signal.SIGKILL)
            self.running.wait(10)
        self._close()
        self.running = None

    def stop(self, within_s: float = 20) -> int:
        assert self.running is not None
        self.running.terminate()
        code = self.running.wait(within_s)
        self._close()
        self.running = None
        return code

    def freeze(self) -> None:
        """It stands still, and its connections with it, as under a stopped virtual machine."""
        assert self.running is not None
        self.running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.running is not None
        self.running.send_signal(signal.SIGCONT)

    def _close(self) -> None:
        if self.output is not None:
            self.output.close()
            self.output = None
