"""The sandbox as a process: serve it, start it beside the bank, find a running one, point the bank to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from hazina.api import server
from hazina.api.health import Health
from hazina.kernel import child
from hazina.kernel.embedded import alive
from hazina.ops import Trouble
from hazina.settings import Lnd, PriceFeed, Settings, Twilio

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10


@dataclass(frozen=True, slots=True)
class Sandbox:
    url: str
    process: subprocess.Popen[bytes] | None = None


def folder(settings: Settings) -> Path:
    return settings.data / "sandbox"


def _address_file(settings: Settings) -> Path:
    return folder(settings) / "address.json"


def serve(settings: Settings, port: int) -> str | None:
    """Serve the sandbox on loopback until a signal; see ``server.serve``. Whoever wants it finds the address
    in the folder."""
    from hazina.sandbox.app import create  # heavy; only this process needs it

    folder(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = server.bind("127.0.0.1", port)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = create(folder(settings))

    def tell() -> None:
        address = _address_file(settings)
        part = address.with_suffix(".new")
        part.write_text(json.dumps({"url": url, "pid": os.getpid()}))
        part.replace(address)
        print(f"The sandbox is ready at {url}", flush=True)

    try:
        return server.run(server.serve(app, listening, health=Health(), on_ready=tell))
    finally:
        _address_file(settings).unlink(missing_ok=True)


def running(settings: Settings) -> str | None:
    """The address of a sandbox that serves this data folder, or None."""
    try:
        said = json.loads(_address_file(settings).read_text())
    except (OSError, ValueError):
        return None
    return str(said["url"]) if alive(int(said["pid"])) else None


@contextmanager
def beside(settings: Settings) -> Iterator[Sandbox | None]:
    """The sandbox while the block runs, when the settings want one: a running one, else a child process."""
    if not settings.wants_sandbox:
        yield None
        return
    if known := settings.sandbox_url or running(settings):
        yield Sandbox(known)
        return
    folder(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder(settings) / "sandbox.log"
    _address_file(settings).unlink(missing_ok=True)
    with log.open("ab") as output:
        process = child.spawn(
            [sys.executable, "-m", "hazina.cli", "sandbox", "--data", str(settings.data.resolve()), "--port", "0"],
            on_parent_death=signal.SIGTERM,
            output=output,
            errors=output,
            cwd=Path.cwd(),
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield Sandbox(_wait(settings, process, log), process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_SECONDS_MAX
    while (url := running(settings)) is None:
        if process.poll() is not None or time.monotonic() > end:
            last = (log.read_text(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise Trouble(f"The sandbox did not start: {last} (see {log})")
        time.sleep(0.02)
    return url


def pointed_at(settings: Settings, url: str) -> Settings:
    """Providers that are not set use the sandbox at ``url``."""
    changes: dict[str, object] = {"sandbox_url": url}
    if settings.lnd is None:
        macaroon = (folder(settings) / "admin.macaroon").read_bytes().hex()
        changes["lnd"] = Lnd(base_url=f"{url}/lnd", macaroon=SecretStr(macaroon))
    if settings.twilio is None:
        token = SecretStr("sandbox")
        changes["twilio"] = Twilio(base_url=f"{url}/twilio", account_sid="ACsandbox", auth_token=token, sender="Hazina")
    if not settings.price_feeds:
        changes["price_feeds"] = (PriceFeed(name="sandbox", base_url=f"{url}/exchange"),)
    return settings.model_copy(update=changes)
