"""Run the sandbox as a process of its own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hazina.sandbox.app import create
from hazina.sandbox.real.network import Network
from hazina.sandbox.real.serve import running

HOST = "127.0.0.1"


class CuttableProtocol(HttpToolsProtocol):
    """Lets a handler close its connection without an answer: a provider that dies does not say goodbye."""

    def on_headers_complete(self) -> None:
        self.scope.setdefault("extensions", {})["hazina.cut"] = {"close": self.transport.close}
        super().on_headers_complete()


def run(data: Path, port: int, network: Network | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C. Port 0 takes a free one; the first line on standard output says which.

    :param network: real nodes, which run while the sandbox does; without, it plays them itself.
    :raises NotRunning: they do not start.
    """
    listener = socket.create_server((HOST, port))
    if network is not None:
        asyncio.run(_with_nodes(data, listener, network))
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again after its own shutdown
    server = _server(create(data))
    _say(listener)
    server.run(sockets=[listener])


async def _with_nodes(data: Path, listener: socket.socket, network: Network) -> None:
    """A signal also ends the start of the nodes, which takes a while."""
    starting = asyncio.current_task()
    assert starting is not None
    told: list[uvicorn.Server] = []

    def end() -> None:
        if told:
            told[0].should_exit = True
        else:
            starting.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    with contextlib.suppress(asyncio.CancelledError):
        async with running(network, data) as (world, routes):
            told.append(_server(create(data, world, routes)))
            _say(listener)
            await told[0].serve(sockets=[listener])


def _say(listener: socket.socket) -> None:
    print(f"sandbox http://{HOST}:{listener.getsockname()[1]}", flush=True)


def _server(app: Starlette) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="websockets-sansio",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    return uvicorn.Server(config)
