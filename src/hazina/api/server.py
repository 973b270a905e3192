"""Serve an application until a signal comes or a part of the process dies.

Order of stopping: say that we are draining, take no new connection, let what was begun end, then
cancel the background parts. The caller closes what lies below (database, children) afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from hazina.api.health import Health, with_health
from hazina.api.middleware import Guard

log = structlog.get_logger("hazina.server")
T = TypeVar("T")

DRAIN_SECONDS = 3
BACKGROUND_STOP_SECONDS = 10
GC_THRESHOLD = 50_000
"""New objects until the collector looks at them. A request makes thousands and leaves next to none in cycles."""
Background = Callable[[], Coroutine[Any, Any, None]]
"""Runs until it is cancelled. Returning or raising by itself is a failure of the process."""


class PortTaken(Exception):
    pass


def bind(host: str, port: int) -> socket.socket:
    """Take the address before anything is started, so that a used port is one plain sentence.

    :raises PortTaken:
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Port {port} is in use. Choose another with --port.") from None
        raise PortTaken(f"Cannot listen on {host}, port {port}: {error.strerror}.") from None


class _Server(uvicorn.Server):
    def __init__(self, app: ASGIApp, on_ready: Background) -> None:
        super().__init__(_config(app))
        self.on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise the signal again when it is done; the process has more to stop than it."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self.on_ready()
        _spare_what_stays()


def _spare_what_stays() -> None:
    """Modules, the schema, the pools: what stands now stands to the end. The collector would walk through all of
    it again and again, a tenth of a second each time while everybody waits."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        lifespan="auto",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        proxy_headers=False,  # credentials.py judges who may say where a request came from
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ws_max_size=65_536,
        ws_max_queue=8,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        h11_max_incomplete_event_size=16_384,
    )


async def serve(
    app: ASGIApp | None,
    listening: socket.socket,
    *,
    health: Health,
    background: Mapping[str, Background] | None = None,
    on_ready: Background | None = None,
) -> str | None:
    """Serve ``app`` (None: only health and metrics) on ``listening`` beside the background parts, until a
    signal. ``on_ready`` runs when requests are answered and the background is at work; its failure is the
    server's. Returns None after a signal, else the name of the part that died.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = _Server(Guard(with_health(app or _nothing, health)), on_ready or _pass)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="server")
    parts = {serving, *(asyncio.create_task(run(), name=name) for name, run in (background or {}).items())}
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
    dead = None if stop.is_set() else next((task for task in parts if task.done()), None)
    if dead is not None:
        why = None if dead.cancelled() else dead.exception()
        log.error("a part of the process died", part=dead.get_name(), exc_info=why)
    health.draining = True
    server.should_exit = True
    await asyncio.wait({serving}, timeout=DRAIN_SECONDS + 5)
    for task in (stopping, *parts):
        task.cancel()
    await asyncio.wait({stopping, *parts}, timeout=BACKGROUND_STOP_SECONDS)
    return None if dead is None else dead.get_name()


async def _pass() -> None:
    """Nobody waits for us to be ready."""


async def _nothing(scope: Scope, _: Receive, send: Send) -> None:
    """An application that has nothing but its health."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"not here\n"})


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
