"""The sandbox as a process: serve it, start it beside the bank, find a running one, point the bank to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from hazina.api import server
from hazina.kernel import child
from hazina.kernel.embedded import alive
from hazina.ops import Trouble, regtest
from hazina.sandbox import chat, okx_wire
from hazina.sandbox.exchange import EXCHANGES, RATES
from hazina.sandbox.twilio import ACCOUNT_SID, AUTH_TOKEN
from hazina.sandbox.world import BANK_MACAROON
from hazina.settings import Hedging, Lnd, PriceFeed, RateFeed, Settings, Smtp, SupportChat, Twilio

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10
SENDER = "+15005550006"
MAIL_SENDER = "Hazina <bank@hazina.example>"


@dataclass(frozen=True, slots=True)
class Sandbox:
    url: str
    process: subprocess.Popen[bytes] | None = None


def folder(settings: Settings) -> Path:
    return settings.data / "sandbox"


def _address_file(settings: Settings) -> Path:
    return folder(settings) / "address.json"


def serve(settings: Settings, port: int) -> None:
    """Serve the sandbox on loopback until a signal. Whoever wants it finds the address in the folder.

    :raises PortTaken:
    :raises Trouble: real nodes are wanted, and do not start.
    """
    from hazina.sandbox import serve as sandbox  # heavy; only this process needs it
    from hazina.sandbox.real.program import NotRunning

    folder(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
    regtest.claim(settings, folder(settings))
    nodes = regtest.network(settings, folder(settings))
    with server.bind("127.0.0.1", port) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    address = _address_file(settings)
    fresh = address.with_suffix(".new")
    fresh.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    fresh.replace(address)
    try:
        sandbox.run(folder(settings), port, nodes)
    except NotRunning as reason:
        raise Trouble(str(reason)) from None
    finally:
        address.unlink(missing_ok=True)


def running(settings: Settings) -> str | None:
    """The address of a sandbox that serves this data folder and answers, or None."""
    try:
        said = json.loads(_address_file(settings).read_text())
        if not alive(int(said["pid"])):
            return None
        with urllib.request.urlopen(f"{said['url']}/livez", timeout=1):  # noqa: S310 (our own address)
            return str(said["url"])
    except (OSError, ValueError, KeyError):
        return None


def must_fit(settings: Settings) -> None:
    """Before anything starts: the sandbox that the settings want can run on this data folder.

    :raises Trouble: it cannot.
    """
    if settings.wants_sandbox and not (settings.sandbox_url or running(settings)):
        regtest.fits(settings, folder(settings))
        regtest.network(settings, folder(settings))


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
    must_fit(settings)
    log = folder(settings) / "sandbox.log"
    _address_file(settings).unlink(missing_ok=True)
    with log.open("ab") as output:
        process = child.spawn(
            [sys.executable, "-m", "hazina.cli", "sandbox", "--data", str(settings.data.resolve()), "--port", "0"],
            on_parent_death=signal.SIGTERM,
            output=output,
            errors=output,
            cwd=Path.cwd(),
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                **({"HAZINA_REAL_NODES": settings.real_nodes} if settings.real_nodes else {}),
            },
        )
    try:
        yield Sandbox(_wait(settings, process, log), process)
    finally:
        process.terminate()
        try:
            process.wait(regtest.STOP_SECONDS_MAX if settings.real_nodes else STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + (regtest.START_SECONDS_MAX if settings.real_nodes else START_SECONDS_MAX)
    while (url := running(settings)) is None:
        if process.poll() is not None or time.monotonic() > end:
            last = (log.read_text(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise Trouble(f"The sandbox did not start: {last} (see {log})")
        time.sleep(0.02)
    return url


def pointed_at(settings: Settings, url: str) -> Settings:
    """Providers that are not set use the sandbox at ``url``."""
    changes: dict[str, object] = {"sandbox_url": url}
    if regtest.real(folder(settings)):
        changes |= regtest.nodes_of(settings, folder(settings))
    elif not settings.lightning:
        macaroon = (folder(settings) / BANK_MACAROON).read_bytes().hex()
        changes["lnd"] = Lnd(base_url=f"{url}/lnd", macaroon=SecretStr(macaroon))
    if settings.twilio is None:
        token = SecretStr(AUTH_TOKEN)
        changes["twilio"] = Twilio(base_url=f"{url}/twilio", account_sid=ACCOUNT_SID, auth_token=token, sender=SENDER)
    if settings.smtp is None:
        with urllib.request.urlopen(f"{url}/sandbox/api/mail/server", timeout=5) as answer:  # noqa: S310 (ours)
            server_ = json.load(answer)
        changes["smtp"] = Smtp(host=server_["host"], port=server_["port"], security="none", sender=MAIL_SENDER)
    if settings.price_feeds is None:
        feeds = (PriceFeed(name=name, base_url=f"{url}/exchange/{name}") for name in EXCHANGES)
        changes["price_feeds"] = tuple(feeds)
    if settings.rate_feeds is None:
        changes["rate_feeds"] = tuple(RateFeed(name=name, base_url=f"{url}/rates/{name}") for name in RATES)
    if settings.support_chat is None:
        changes["support_chat"] = SupportChat(base_url=f"{url}/openai/v1", model=chat.MODEL, key=SecretStr(chat.KEY))
    if settings.hedging is None:
        changes["hedging"] = Hedging(
            base_url=f"{url}/okx", key=okx_wire.KEY, secret=SecretStr(okx_wire.SECRET),
            passphrase=SecretStr(okx_wire.PASSPHRASE),
        )  # fmt: skip
    return settings.model_copy(update=changes)
