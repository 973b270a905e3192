"""Run the sandbox as a process of its own, on loopback."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hazina.sandbox.app import create

HOST = "127.0.0.1"


class CuttableProtocol(HttpToolsProtocol):
    """Lets a handler close its connection without an answer: a provider that dies does not say goodbye."""

    def on_headers_complete(self) -> None:
        self.scope.setdefault("extensions", {})["hazina.cut"] = {"close": self.transport.close}
        super().on_headers_complete()


def run(data: Path, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Port 0 takes a free one; the first line on standard output says which."""
    listener = socket.create_server((HOST, port))
    app = create(data)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again after its own shutdown
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    print(f"sandbox http://{HOST}:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])
