"""The feeds of prices and rates as a part of the sandbox: their routes, with faults around them, and their control."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hazina.sandbox import exchange, faults, fiat
from hazina.sandbox.problems import read_body, read_object
from hazina.sandbox.world import World


def routes(world: World) -> list[Route]:
    """``/exchange/<name>/…`` and ``/rates/<name>/…``, behind them the provider's own paths."""
    return [
        *(Route(f"/exchange/{n}{path}", _Feed(world, "exchange", "ticker", n, s)) for n, path, s in exchange.TICKERS),
        *(Route(f"/exchange/{n}{path}", _Feed(world, "exchange", "candles", n, s)) for n, path, s in exchange.CANDLES),
        *(Route(f"/rates/{n}{path}", _Feed(world, "rates", "rates", n, s)) for n, path, s in fiat.SOURCES),
    ]


class _Feed:
    def __init__(self, world: World, provider: str, call: str, name: str, show: exchange.Show) -> None:
        self.world, self.provider, self.call, self.name, self.show = world, provider, call, name, show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            await (await self._answer(Request(scope)))(scope, receive, send)

        await faults.serve(self.world.faults.take(self.provider, self.call), act, scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "GET":
            return JSONResponse({"error": "method not allowed"}, 405)
        return exchange.is_gone(self.world, self.name) or await self.show(self.world, request)


async def get_feeds(world: World, request: Request) -> list[dict[str, str]]:
    return exchange.feeds(world)


async def set_feed(world: World, request: Request) -> list[dict[str, str]]:
    """How one feed, or without a name every one, is from now on."""
    body = read_object(await read_body(request), "feed", "state")
    exchange.set_state(world, body.get("feed"), body.get("state"))
    return exchange.feeds(world)


CONTROL: tuple[tuple[str, str, Callable[[World, Request], Awaitable[Any]]], ...] = (
    ("GET", "/feeds", get_feeds),
    ("POST", "/feeds", set_feed),
)
