"""Run the bank: all of it in one process (``up``), or its API and its workers in processes of their own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr

from hazina import __version__, app, demo, migrations
from hazina.api import server
from hazina.api.asgi import asgi
from hazina.api.health import Health, Look
from hazina.chain import NodeUnfit
from hazina.kernel import keyfile
from hazina.kernel.crypto import BadKeys
from hazina.ops import Trouble, database, figures, sandbox
from hazina.ops.database import Place
from hazina.ops.stopping import Say, stopping_cleanly
from hazina.payments import NodesUnfit
from hazina.settings import Settings

LOG_BYTES_KEPT = 20 * 2**20
CHILD_LOOK_EVERY_S = 0.5


def up(settings: Settings, say: Say, *, with_demo: bool = False) -> str | None:
    """Everything in one process, database and sandbox as its children, until a signal. Returns None after
    a signal, else the name of the part that died.

    :raises Trouble, CannotStart, PortTaken: nothing is left running.
    """
    listening = server.bind(settings.host, settings.port)
    settings = at_port(settings, listening)
    url = f"http://{settings.host}:{settings.port}"
    say(f"Hazina {__version__}")
    sandbox.must_fit(settings)
    with stopping_cleanly(say), database.opened(settings, adopt=False) as place:
        database.must_be_durable(place, settings)
        before, after = database.migrate(place, anew=place.cluster is None)
        say(f"  database    {place.described}, revision {after.current}")
        if before.pending:
            say(f"  migrations  {before.current or 'nothing'} to {after.current}")
        with sandbox.beside(settings) as box:
            if box:
                say(f"  sandbox     {box.url}")
                settings = sandbox.pointed_at(settings, box.url)
            elif with_demo:
                raise Trouble("--demo needs the sandbox, and the settings switch it off.")
            bank = built(settings, place)
            children = {
                "sandbox": box.process if box else None,
                "database": place.cluster.process if place.cluster else None,
            }

            async def history() -> None:  # before anybody else works: its clock is not ours
                if with_demo:
                    await demo.make(bank, say)

            ready = _saying(say, _welcome(url, settings))
            dead = run(bank, listening, working=True, children=children, first=history, on_ready=ready)
            # Whoever noticed first: what ended it is the child that is gone.
            return dead and next((name for name, one in children.items() if one and one.poll() is not None), dead)


def serve_api(settings: Settings, say: Say) -> str | None:
    """One of any number of API processes on a migrated database."""
    listening = server.bind(settings.host, settings.port)
    settings = at_port(settings, listening)
    url = f"http://{settings.host}:{settings.port}"
    with stopping_cleanly(say), beside_others(settings) as (settings, place):
        bank = built(settings, place)
        return run(bank, listening, on_ready=_saying(say, f"The API is ready at {url}"))


def at_port(settings: Settings, listening: socket.socket) -> Settings:
    """The settings with the port that was really taken: 0 means any."""
    return settings.model_copy(update={"port": listening.getsockname()[1]})


def work(settings: Settings, say: Say, health_port: int) -> str | None:
    """One of any number of workers on a migrated database. It answers only for its health."""
    listening = server.bind("127.0.0.1", health_port)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with stopping_cleanly(say), beside_others(settings) as (settings, place):
        bank = built(settings, place)
        ready = f"The worker is ready; its health is at {url}/readyz"
        return run(bank, listening, serving=False, working=True, on_ready=_saying(say, ready))


@contextmanager
def beside_others(settings: Settings) -> Iterator[tuple[Settings, Place]]:
    """The migrated database, and providers that are set or are a sandbox that runs."""
    with database.opened(settings) as place:
        database.must_be_durable(place, settings)
        database.must_be_migrated(place)
        if settings.wants_sandbox and (url := settings.sandbox_url or sandbox.running(settings)):
            settings = sandbox.pointed_at(settings, url)
        yield settings, place


def built(settings: Settings, place: Place) -> app.Bank:
    """The bank on the database at ``place``.

    :raises Trouble: a provider is not set.
    """
    for name, there in (("lnd", settings.lightning), ("twilio", settings.twilio), ("smtp", settings.smtp)):
        if not there:
            raise Trouble(
                f"The settings have no [{name}] section, and no sandbox stands in for it. Add it to "
                f"{settings.data / 'hazina.toml'}, or run the sandbox (regtest only: `hazina sandbox`)."
            )
    return app.build(settings.model_copy(update={"database_url": SecretStr(place.url)}))


def looks(bank: app.Bank) -> Health:
    """How the parts of ``bank`` are asked whether they are well."""

    async def answering() -> None:
        async with bank.db.transaction() as tx:
            await tx.value("SELECT 1")

    async def migrated() -> None:
        state = await asyncio.to_thread(migrations.state, bank.db.url)
        if state.current != state.head:
            raise Trouble(f"revision {state.current}, wanted {state.head}")

    def node(name: str) -> Look:
        async def look() -> None:
            if not await bank.nodes.up(name):
                raise Trouble(f"the node {name} cannot be used now")

        return look

    async def any_node() -> None:
        await bank.nodes.must_be_up()

    async def price() -> None:
        await bank.prices.fresh()

    async def bitcoin() -> None:
        assert bank.chain is not None
        if wrong := await bank.chain.trouble():
            raise Trouble(wrong)

    helpful: dict[str, Look] = {"lightning": any_node, "price": price}
    if bank.chain is not None:
        helpful["bitcoin"] = bitcoin
    if len(bank.nodes.names) > 1:
        helpful |= {f"lightning {name}": node(name) for name in bank.nodes.names}
    return Health(needed={"database": answering, "migrations": migrated}, helpful=helpful)


def run(
    bank: app.Bank,
    listening: socket.socket,
    *,
    serving: bool = True,
    working: bool = False,
    children: Mapping[str, subprocess.Popen[bytes] | None] | None = None,
    first: server.Background | None = None,
    on_ready: server.Background | None = None,
) -> str | None:
    """Start the bank, do what comes ``first``, serve, stop it. See ``server.serve``."""
    background = dict(bank.listening()) | {"figures": lambda: figures.keep(bank)}
    if working:
        background |= bank.working()
    for name, process in (children or {}).items():
        if process is not None:
            background[name] = _watching(process)

    async def main() -> str | None:
        try:
            await _started(bank)
            if first is not None:
                await first()
            surface = asgi(bank) if serving else None
            return await server.serve(surface, listening, health=looks(bank), background=background, on_ready=on_ready)
        finally:
            await bank.stop()

    return server.run(main())


async def _started(bank: app.Bank) -> None:
    """:raises Trouble: the keys are not those of the database; the Bitcoin node is not one for this bank."""
    try:
        await bank.start()
    except (NodeUnfit, NodesUnfit) as error:
        raise Trouble(str(error)) from None
    except BadKeys as error:
        raise Trouble(
            f"These are not the keys of this database: {error}. Put back the file that the setting keys_file names, "
            f"or {bank.settings.data / keyfile.NAME}."
        ) from None


def _saying(say: Say, text: str) -> server.Background:
    async def speak() -> None:
        say(text)

    return speak


def _watching(process: subprocess.Popen[bytes]) -> server.Background:
    async def watch() -> None:
        while process.poll() is None:  # noqa: ASYNC110 (a process has no event to wait for)
            await asyncio.sleep(CHILD_LOOK_EVERY_S)

    return watch


def log_to(file: Path) -> TextIO:
    """A log file beside the data, with one older one kept."""
    if file.exists() and file.stat().st_size > LOG_BYTES_KEPT:
        file.replace(file.with_suffix(".old.log"))
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", buffering=1)


def _welcome(url: str, settings: Settings) -> str:
    """Customers are told the bank's own address: passkeys and log-ins of apps are bound to it."""
    lines = [
        "",
        f"Hazina is ready at {url}",
        "",
        f"  wallet      {settings.origin}/wallet",
    ]
    if settings.sandbox_url:
        here = url if settings.public_url else settings.origin
        lines.append(f"  sandbox     {here}/sandbox   (text messages, an outside Lightning wallet, faults)")
    lines += [f"  GraphQL     {url}/graphql", "", "Ctrl-C stops everything."]
    return "\n".join(lines)
