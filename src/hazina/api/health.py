"""For machines that watch us: ``/livez`` (the process answers), ``/readyz`` (it can do its work),
``/metrics`` (Prometheus).

Without its database and migrations a process is not ready: 503, and a load balancer sends nothing
here. A provider that is away is told as ``degraded`` with 200: internal payments, balances and history
still work, and every process would report the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hazina.kernel import metrics

log = structlog.get_logger("hazina.health")

Look = Callable[[], Awaitable[None]]
"""Returns when all is well, else raises."""
LOOK_SECONDS_MAX = 3.0
PATHS = ("/livez", "/readyz", "/metrics")


@dataclass(slots=True)
class Health:
    needed: Mapping[str, Look] = field(default_factory=dict)
    """Parts without which this process serves nobody."""
    helpful: Mapping[str, Look] = field(default_factory=dict)
    """Providers."""
    draining: bool = False
    """The process is stopping: it answers what it has begun and asks for nothing more."""

    async def look(self) -> dict[str, str]:
        """Every part and ``ok`` or what is wrong, all asked at once."""
        looks = {**self.needed, **self.helpful}
        found = await asyncio.gather(*(self._one(name, look) for name, look in looks.items()))
        return dict(zip(looks, found, strict=True))

    @staticmethod
    async def _one(name: str, look: Look) -> str:
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                await look()
        except TimeoutError:
            said = "does not answer"
        except Exception as error:
            log.warning("a part is not well", part=name, error=repr(error))
            said = "not well"  # the reason may name hosts and accounts: it goes to the log
        else:
            said = "ok"
        metrics.UP.labels(name).set(said == "ok")
        return said


def with_health(app: ASGIApp, health: Health) -> ASGIApp:
    """``app`` with the three paths in front."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        parts = await health.look()
        ready = not health.draining and all(parts[name] == "ok" for name in health.needed)
        degraded = [name for name in health.helpful if parts[name] != "ok"]
        body = {"ready": ready, "draining": health.draining, "degraded": degraded, "parts": parts}
        return JSONResponse(body, 200 if ready else 503, {"cache-control": "no-store"})

    async def numbers(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    own = Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", numbers)])

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        mine = scope["type"] == "http" and scope["path"] in PATHS
        await (own if mine else app)(scope, receive, send)

    return front
