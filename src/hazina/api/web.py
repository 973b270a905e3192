"""The web app's files, and the sandbox's control API at the same address as the page that uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from hazina.api.credentials import client_ip
from hazina.api.graphql.http import NotServed, read_json
from hazina.api.middleware import error_body
from hazina.kernel.http import HttpClient, NoAnswer
from hazina.kernel.log import request_id

PROXY_TIMEOUT_S = 55.0
"""Under the limit of a request: an outside wallet may wait long for a payment."""


def bundle() -> Path:
    """The built web app: inside an installed package, else ``web/dist`` of the checkout. It may be missing."""
    packaged = Path(str(files("hazina") / "_web"))
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "web" / "dist"


class Assets(StaticFiles):
    """Files whose names change with their content."""

    def file_response(self, *args: Any, **named: Any) -> Response:
        response = super().file_response(*args, **named)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def pages(dist: Path, *, with_sandbox: bool) -> list[BaseRoute]:
    """Shells are asked for anew each time; what they load is kept for ever."""
    shells = {"/": "index.html", "/wallet": "wallet.html", "/wallet/{rest:path}": "wallet.html"}
    if with_sandbox:
        shells["/sandbox"] = "sandbox.html"
    routes: list[BaseRoute] = [Route(path, _file(dist / name, "text/html")) for path, name in shells.items()]
    routes.append(Route("/sw.js", _file(dist / "sw.js", "text/javascript", {"service-worker-allowed": "/"})))
    routes.append(Mount("/assets", Assets(directory=dist / "assets", check_dir=False)))
    return routes


def _file(path: Path, media_type: str, headers: dict[str, str] | None = None) -> Callable[[Request], Any]:
    async def serve(_: Request) -> Response:
        if not await asyncio.to_thread(path.is_file):
            return PlainTextResponse("The web app is not built. ./dev up builds it.\n", 503)
        return FileResponse(path, media_type=media_type, headers={"cache-control": "no-cache", **(headers or {})})

    return serve


# -- the sandbox's control API -------------------------------------------------------------------


class SandboxProxy:
    """Passes calls on, for programs and pages of this machine only."""

    def __init__(self, url: str) -> None:
        self.client = HttpClient("sandbox", url, timeout_s=PROXY_TIMEOUT_S)

    def route(self) -> Route:
        return Route("/sandbox/api/{path:path}", self.serve, methods=["GET", "POST", "DELETE"])

    async def serve(self, request: Request) -> Response:
        if not _from_here(request):
            return _refused(403, "NOT_AUTHORIZED", "The sandbox answers programs of this machine only.")
        text = await request.body()
        try:
            answer = await self.client.call(
                request.method,
                f"/sandbox/api/{quote(request.path_params['path'].replace('..', ''))}",
                query=dict(request.query_params),
                body=read_json(text) if text else None,
            )
        except NotServed as no:
            return _refused(no.status, no.code, no.message)
        except NoAnswer:
            return _refused(502, "SANDBOX_AWAY", "The sandbox does not answer.")
        return Response(answer.body, answer.status, media_type="application/json")


def _from_here(request: Request) -> bool:
    """From a program of this machine, and not from another site's page in its browser."""
    ip, origin = client_ip(request), request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        return False
    return ip is not None and ip_address(ip).is_loopback


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse(error_body(code, message, request_id()), status)
