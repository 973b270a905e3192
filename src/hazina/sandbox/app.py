"""All of the sandbox's servers as one application, for this machine only."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hazina.sandbox import captcha, chat, control, faults, feeds, ips, lnurl, okx_wire, receiver, smtp, twilio
from hazina.sandbox.lnd import Lnd
from hazina.sandbox.network import BANK_2
from hazina.sandbox.problems import Problem
from hazina.sandbox.world import World

SWEEP_S = 1.0

CONTROL: tuple[tuple[str, str, Callable[[World, Request], Awaitable[Any]]], ...] = (
    ("GET", "/sms", control.sms),
    ("GET", "/mail", control.mail),
    ("GET", "/mail/server", control.mail_server),
    ("GET", "/price", control.get_price),
    ("POST", "/price", control.set_price),
    *feeds.CONTROL,
    ("GET", "/hooks", receiver.shown),
    ("POST", "/hooks", receiver.script),
    ("DELETE", "/hooks", receiver.forget),
    ("GET", "/faults", control.get_faults),
    ("POST", "/faults", control.add_fault),
    ("DELETE", "/faults", control.remove_faults),
)
LIGHTNING: tuple[tuple[str, str, Callable[[World, Request], Awaitable[Any]]], ...] = (
    ("GET", "/lightning/invoices", control.invoices),
    ("POST", "/lightning/invoices", control.add_invoice),
    ("GET", "/lightning/invoices/{payment_hash}", control.invoice),
    ("POST", "/lightning/invoices/{payment_hash}/settle", control.settle_invoice),
    ("POST", "/lightning/invoices/{payment_hash}/cancel", control.cancel_invoice),
    ("GET", "/lightning/payments", control.payments),
    ("POST", "/lightning/payments", control.pay),
    ("POST", "/lightning/restart", control.restart_node),
    ("POST", "/lightning/blocks", control.mine),
    ("GET", "/state", control.state),
)


def create(data: Path, world: World | None = None, nodes: Sequence[BaseRoute] = ()) -> Starlette:
    """The sandbox whose state lies in ``data``. Nothing but this process may have it open.

    :param nodes: what answers for real nodes, in place of the Lightning network that the sandbox plays.
    """
    world = world or World.open(data)
    played = (
        Mount("/lnd", Lnd(world)),
        Mount("/lnd-2", Lnd(world, BANK_2, "lnd-2")),
        *lnurl.routes(world),
        *(
            Route(f"/sandbox/api{path}", answering(world, act), methods=[method])
            for method, path, act in (*LIGHTNING, *lnurl.CONTROL)
        ),
    )
    app = Starlette(
        routes=[
            *(nodes or played),
            Route("/hooks/{name}", _receiver(world), methods=["POST"]),
            Route("/openai/v1/chat/completions", chat.Completions(world), methods=["POST"]),
            Route("/proxycheck/v2/{ip}", ips.Addresses(world)),
            Route("/twilio/2010-04-01/Accounts/{sid}/Messages.json", _Messages(world)),
            Route("/twilio/v2/PhoneNumbers/{phone}", _Lookup(world)),
            *okx_wire.routes(world),
            *(Route(path, captcha.Server(world, call), methods=["GET", "POST"]) for path, call in captcha.PATHS),
            *feeds.routes(world),
            *(
                Route(f"/sandbox/api{path}", answering(world, act), methods=[method])
                for method, path, act in (*CONTROL, *okx_wire.CONTROL)
            ),
            Route("/livez", _alive),
        ],
        lifespan=lambda _: _sweeping(world),
        exception_handlers={404: _no_such, 405: _no_such},
    )
    app.add_middleware(OnlyHere)
    app.state.world = world
    return app


@contextlib.asynccontextmanager
async def _sweeping(world: World) -> AsyncIterator[None]:
    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            world.sweep()

    task = asyncio.create_task(sweep())
    try:
        async with smtp.serving(world):
            yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        world.store.close()


class OnlyHere:
    """Refuses whoever does not ask from this machine, and browsers that were led here by another site
    (they name that site as host or origin)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_local(scope):
            problem = {"code": "NOT_LOCAL", "message": "The sandbox answers only this machine."}
            return await JSONResponse(problem, 403)(scope, receive, send)
        await self.app(scope, receive, send)


def _is_local(scope: Scope) -> bool:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    origin = headers.get(b"origin")
    return (
        (client is None or _loopback(client[0]))
        and _loopback(urlsplit(f"//{headers.get(b'host', '')}").hostname)
        and (origin is None or _loopback(urlsplit(origin).hostname))
    )


def _loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _receiver(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def receive(request: Request) -> Response:
        try:
            return await receiver.receive(world, request)
        except Problem as problem:
            return JSONResponse({"code": problem.code, "message": str(problem)}, problem.status)

    return receive


W = TypeVar("W")


def answering(world: W, act: Callable[[W, Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await act(world, request))
        except Problem as problem:
            return JSONResponse({"code": problem.code, "message": str(problem)}, problem.status)
        except ClientDisconnect:
            return Response(status_code=400)

    return answer


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _no_such(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    text = "The sandbox has no such call." if status == 404 else "The sandbox's call has other methods."
    return JSONResponse({"code": "NO_SUCH_CALL", "message": text}, status)


class _Messages:
    def __init__(self, world: World) -> None:
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                response = await twilio.messages(self.world, Request(scope, receive), scope["path_params"]["sid"])
            except Problem as problem:
                response = JSONResponse({"code": 20001, "message": str(problem), "status": 400}, 400)
            await response(scope, receive, send)

        await faults.serve(self.world.faults.take("twilio", "messages"), act, scope, receive, send)


class _Lookup:
    def __init__(self, world: World) -> None:
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            phone = scope["path_params"]["phone"]
            await (await twilio.lookup(self.world, Request(scope, receive), phone))(scope, receive, send)

        await faults.serve(self.world.faults.take("twilio", "lookup"), act, scope, receive, send)
