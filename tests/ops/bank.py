"""A bank as a process, for tests: started as an operator starts it, with its words in a file."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hazina.kernel import child

READY = "Hazina is ready at "
START_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60


def environment(**more: str) -> dict[str, str]:
    """This process's variables, without any that would be settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAZINA_", "DATABASE_URL"))}
    return kept | more


def hazina(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "hazina.cli", *arguments]
    return subprocess.run(command, env=environment(**environ), capture_output=True, text=True, timeout=180, check=False)


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    ready: str

    @classmethod
    def start(cls, log: Path, *arguments: str, ready: str = READY, **environ: str) -> Running:
        """``hazina <arguments>``; returns when it says ``ready``."""
        log.mkdir(parents=True, exist_ok=True)
        number = len(list(log.glob("*.out")))
        out, err = log / f"{number}.out", log / f"{number}.err"
        with out.open("wb") as output, err.open("wb") as errors:
            command = [sys.executable, "-m", "hazina.cli", *arguments]
            how = {"on_parent_death": signal.SIGKILL, "output": output, "errors": errors, "cwd": log}
            process = child.spawn(command, env=environment(**environ), **how)  # type: ignore[arg-type]
        running = cls(process, out, err, ready)
        end = time.monotonic() + START_SECONDS_MAX
        while ready not in out.read_text():
            if process.poll() is not None or time.monotonic() > end:
                running.kill()
                raise AssertionError(f"did not start: {out.read_text()}\n{err.read_text()[-3000:]}")
            time.sleep(0.02)
        return running

    @property
    def url(self) -> str:
        """The address that it named when it was ready."""
        found = re.search(r"http://[0-9.]+:[0-9]+", self.out.read_text()[self.out.read_text().index(self.ready) :])
        assert found is not None
        return found[0]

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body, as JSON when it is."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        try:
            return status, json.loads(body)
        except ValueError:
            return status, body.decode()

    def post(self, path: str, body: Any) -> int:
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return int(answer.status)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Exit code after a signal."""
        self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS_MAX)

    def ended(self) -> int:
        """Exit code, when it ends by itself."""
        return self.process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def left_over(folder: Path) -> list[str]:
    """Living processes that have to do with ``folder``: by their command line or working folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            cwd = os.readlink(process / "cwd")
            zombie = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if int(process.name) != os.getpid() and not zombie and (str(folder) in words or cwd.startswith(str(folder))):
            found.append(f"{process.name} {words}")
    return found


def wait_until_nothing_is_left(folder: Path) -> None:
    end = time.monotonic() + 60
    while left_over(folder) and time.monotonic() < end:
        time.sleep(0.05)
    assert left_over(folder) == []
