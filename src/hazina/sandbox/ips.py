"""proxycheck.io's version 2: 198.51.100.x is a VPN, 203.0.113.x is of a country that banks are shy of, addresses of
documentation for IPv6 are unknown, all else is a house in Kenya."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from hazina.sandbox import faults
from hazina.sandbox.world import World


class Addresses:
    def __init__(self, world: World) -> None:
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            await _answer(Request(scope, receive).path_params["ip"])(scope, receive, send)

        await faults.serve(self.world.faults.take("proxycheck", "lookup"), act, scope, receive, send)


def _answer(ip: str) -> JSONResponse:
    if ip.startswith("2001:db8:"):
        return JSONResponse({"status": "error", "message": "No valid IP addresses supplied."})
    hidden, elsewhere = ip.startswith("198.51.100."), ip.startswith("203.0.113.")
    facts = {
        "asn": "AS64500" if hidden else "AS64501", "provider": "Sandbox",
        "country": "Nowhere" if elsewhere else "Kenya", "isocode": "ZZ" if elsewhere else "KE",
        "proxy": "yes" if hidden else "no", "type": "VPN" if hidden else "Residential", "risk": 66 if hidden else 0,
    }  # fmt: skip
    return JSONResponse({"status": "ok", ip: facts, "query time": "0.001s"})
