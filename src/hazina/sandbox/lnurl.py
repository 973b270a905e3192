"""The outside's LNURL service and a Nostr relay, in their wire formats, for whoever pays to or takes from others.

``/.well-known/lnurlp/{name}`` knows every name but ``nobody``; its invoices are the outside wallet's. ``POST
/sandbox/api/lnurl/withdraw {"minSats", "maxSats", "title"}`` makes a link by which the outside wallet gives once.
``POST /sandbox/api/lnurl/mode {"mode"}`` says how it misbehaves from now on (``MODES``); being slow, silent or broken
are faults of the provider ``lnurl``. ``/relay`` takes events; ``GET /sandbox/api/relay`` shows them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from hazina.kernel import bolt11, lnurl
from hazina.sandbox import faults
from hazina.sandbox.network import CHAIN, OUTSIDE
from hazina.sandbox.payments import Duplicate
from hazina.sandbox.problems import Problem, name, read_body, read_object, whole
from hazina.sandbox.world import World

MIN_MSAT, MAX_MSAT = 1_000, 100_000_000_000
NOBODY = "nobody"
SATS_MAX = 100_000_000
EVENTS_KEPT = 100
MODES = {
    "ok": "it does what it says",
    "wrong_amount": "the invoice asks for one satoshi more",
    "wrong_hash": "the invoice is bound to another description",
    "no_hash": "the invoice has a plain description (as many services do)",
    "message": "a message after paying",
    "own_url": "an address of its own after paying",
    "secret": "a secret after paying, which the preimage opens",
    "bad_secret": "one that cannot be opened",
    "script_url": "a script instead of an address after paying",
    "foreign_url": "an address elsewhere after paying",
    "unknown_action": "an action after paying that no wallet knows",
    "foreign_chain": "the invoice is for another network",
    "reason": "it refuses with a reason",
    "no_json": "it answers with a page",
    "wrong_tag": "it is another kind of link",
    "foreign_callback": "the withdraw link's callback is on another host",
}
Answer = dict[str, Any]


def _mode(world: World) -> str:
    return str(world.store.setting("lnurl:mode", "ok"))


def _no(reason: str) -> Response:
    return JSONResponse({"status": "ERROR", "reason": reason})


def _base(request: Request) -> str:
    return f"http://{request.headers['host']}"


def _metadata(request: Request, who: str) -> str:
    return json.dumps([["text/plain", f"Sats for {who}"], ["text/identifier", f"{who}@{request.headers['host']}"]])


# -- paying to the outside ------------------------------------------------------------------------


async def pay_request(world: World, request: Request) -> Response:
    who, mode = request.path_params["name"], _mode(world)
    if who == NOBODY or mode == "reason":
        return _no("There is no such person.")
    if mode == "no_json":
        return Response("<html>Hello</html>", media_type="text/html")
    return JSONResponse(
        {
            "tag": "payRequest" if mode != "wrong_tag" else "channelRequest",
            "callback": f"{_base(request)}/lnurl/pay/{who}",
            "minSendable": MIN_MSAT,
            "maxSendable": MAX_MSAT,
            "metadata": _metadata(request, who),
            "commentAllowed": 100,
        }
    )


ACTIONS: dict[str, Answer] = {
    "message": {"tag": "message", "message": "Thank you"},
    "foreign_url": {"tag": "url", "description": "Your order", "url": "https://elsewhere.example/order"},
    "unknown_action": {"tag": "dance", "description": "Dance"},
    "bad_secret": {"tag": "aes", "description": "Your code", "ciphertext": "AAAA", "iv": "AAAA"},
}


def _secret(preimage: bytes, text: str) -> Answer:
    """LUD-10."""
    vector, filling = secrets.token_bytes(16), PKCS7(128).padder()
    closing = Cipher(AES(preimage), CBC(vector)).encryptor()
    closed = closing.update(filling.update(text.encode()) + filling.finalize()) + closing.finalize()
    shown = {"ciphertext": base64.b64encode(closed).decode(), "iv": base64.b64encode(vector).decode()}
    return {"tag": "aes", "description": "Your code", **shown}


async def pay_callback(world: World, request: Request) -> Response:
    who, mode, text = request.path_params["name"], _mode(world), request.query_params.get("amount", "")
    if not text.isdigit() or not MIN_MSAT <= int(text) <= MAX_MSAT:
        return _no("The amount is out of range.")
    amount = int(text) + (1_000 if mode == "wrong_amount" else 0)
    described = hashlib.sha256(_metadata(request, who).encode()).digest()
    made = world.invoices.add(
        OUTSIDE,
        amount_msat=amount,
        memo="outside",
        description_hash=bytes(32) if mode == "wrong_hash" else None if mode == "no_hash" else described,
        expiry_s=3_600,
    )
    pr = made.bolt11
    if mode == "foreign_chain":
        pr = bolt11.encode(_elsewhere(bolt11.decode(pr, CHAIN)), world.network.private_key(OUTSIDE))
    body: Answer = {"pr": pr, "routes": []}
    if mode == "own_url":
        body["successAction"] = {"tag": "url", "description": "Your order", "url": f"{_base(request)}/order"}
    elif mode == "script_url":
        url = f"javascript://{request.headers['host']}/%0aalert(1)"
        body["successAction"] = {"tag": "url", "description": "Your order", "url": url}
    elif mode == "secret":
        assert made.preimage is not None, "an ordinary invoice knows its preimage"
        body["successAction"] = _secret(made.preimage, f"Gate code for {who}: 4711")
    elif mode in ACTIONS:
        body["successAction"] = ACTIONS[mode]
    return JSONResponse(body)


def _elsewhere(invoice: bolt11.Invoice11) -> bolt11.Invoice11:
    return replace(invoice, network=bolt11.Network.MAIN)


# -- taking from the outside ----------------------------------------------------------------------


async def make_withdraw(world: World, request: Request) -> Answer:
    body = read_object(await read_body(request), "minSats", "maxSats", "title")
    most = whole(body, "maxSats", 1, SATS_MAX) or 1_000
    least = whole(body, "minSats", 1, most) or 1
    code, k1 = secrets.token_hex(16), secrets.token_hex(32)
    made = {"k1": k1, "least": least, "most": most, "title": name(body, "title") or "From outside", "used": False}
    world.store.set(f"lnurlw:{code}", json.dumps(made))
    url = f"{_base(request)}/lnurl/withdraw/{code}"
    return {"url": url, "lnurl": lnurl.encode(url), "k1": k1}


def _link(world: World, request: Request) -> tuple[str, Answer] | None:
    code = request.path_params["code"]
    found = world.store.setting(f"lnurlw:{code}")
    return None if found is None else (code, json.loads(found))


async def withdraw_request(world: World, request: Request) -> Response:
    found, mode = _link(world, request), _mode(world)
    if found is None or found[1]["used"] or mode == "reason":
        return _no("This link has been used.")
    code, link = found
    base = _base(request) if mode != "foreign_callback" else "http://localhost:1"
    return JSONResponse(
        {
            "tag": "withdrawRequest",
            "callback": f"{base}/lnurl/withdraw/{code}/callback",
            "k1": link["k1"],
            "defaultDescription": link["title"],
            "minWithdrawable": link["least"] * 1_000,
            "maxWithdrawable": link["most"] * 1_000,
        }
    )


async def withdraw_callback(world: World, request: Request) -> Response:
    found = _link(world, request)
    if found is None or found[1]["used"] or request.query_params.get("k1") != found[1]["k1"]:
        return _no("This link has been used.")
    code, link = found
    text = request.query_params.get("pr", "")
    try:
        order = bolt11.decode(text, CHAIN)
    except bolt11.Bolt11Error as error:
        return _no(str(error))
    if order.amount_msat is None or not link["least"] * 1_000 <= order.amount_msat <= link["most"] * 1_000:
        return _no("The amount is out of range.")
    world.store.set(f"lnurlw:{code}", json.dumps({**link, "used": True}))
    try:
        world.payments.start(OUTSIDE, order, text, order.amount_msat, fee_limit_msat=MAX_MSAT)
    except Duplicate as duplicate:
        return _no(str(duplicate))
    return JSONResponse({"status": "OK"})


# -- how it behaves -------------------------------------------------------------------------------


async def get_mode(world: World, request: Request) -> Answer:
    return {"mode": _mode(world), "modes": MODES}


async def set_mode(world: World, request: Request) -> Answer:
    mode = name(read_object(await read_body(request), "mode"), "mode")
    if mode not in MODES:
        raise Problem("BAD_MODE", f"Unknown mode. There are: {', '.join(MODES)}.")
    world.store.set("lnurl:mode", mode)
    return {"mode": mode}


# -- the relay ------------------------------------------------------------------------------------


def relay(world: World) -> Callable[[WebSocket], Awaitable[None]]:
    """Takes every event. (It verifies none: that is for those who read.)"""

    async def serve(wire: WebSocket) -> None:
        await wire.accept()
        try:
            while True:
                said = json.loads(await wire.receive_text())
                if isinstance(said, list) and len(said) == 2 and said[0] == "EVENT":
                    _keep(world, said[1])
                    await wire.send_text(json.dumps(["NOTICE", "welcome"]))
                    await wire.send_text(json.dumps(["OK", said[1]["id"], True, ""]))
        except (WebSocketDisconnect, ValueError, KeyError, TypeError):
            pass

    return serve


def _keep(world: World, event: Answer) -> None:
    kept = [one for one in json.loads(world.store.setting("relay", "[]")) if one["id"] != event["id"]]
    world.store.set("relay", json.dumps([*kept, event][-EVENTS_KEPT:]))


async def events(world: World, request: Request) -> list[Answer]:
    found: list[Answer] = json.loads(world.store.setting("relay", "[]"))
    return found


# -- routes ---------------------------------------------------------------------------------------

CONTROL: tuple[tuple[str, str, Callable[[World, Request], Awaitable[Any]]], ...] = (
    ("GET", "/lnurl/mode", get_mode),
    ("POST", "/lnurl/mode", set_mode),
    ("POST", "/lnurl/withdraw", make_withdraw),
    ("GET", "/relay", events),
)


class _Faulty:
    """A call with the faults of its name around it."""

    def __init__(self, world: World, call: str, act: Callable[[World, Request], Awaitable[Response]]) -> None:
        self.world, self.call, self.act = world, call, act

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            await (await self.act(self.world, Request(scope, receive)))(scope, receive, send)

        await faults.serve(self.world.faults.take("lnurl", self.call), act, scope, receive, send)


def routes(world: World) -> list[BaseRoute]:
    calls = (
        ("/.well-known/lnurlp/{name}", "pay", pay_request),
        ("/lnurl/pay/{name}", "pay.callback", pay_callback),
        ("/lnurl/withdraw/{code}", "withdraw", withdraw_request),
        ("/lnurl/withdraw/{code}/callback", "withdraw.callback", withdraw_callback),
    )
    return [
        *(Route(path, _Faulty(world, call, act), methods=["GET"]) for path, call, act in calls),
        WebSocketRoute("/relay", relay(world)),
    ]
