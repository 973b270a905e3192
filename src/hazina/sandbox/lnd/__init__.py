"""LND's REST API for the bank's node, version 0.21, as a real one answers: paths, methods, macaroons,
faults, and then the handler."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from hazina.sandbox import faults
from hazina.sandbox.lnd import invoices, node, payments
from hazina.sandbox.lnd.asked import Asked
from hazina.sandbox.macaroons import Denied
from hazina.sandbox.network import BANK
from hazina.sandbox.wire import NOT_FOUND, UNIMPLEMENTED, LndError, Object, Stream, answer, answer_error, answer_stream
from hazina.sandbox.world import World

BODY_BYTES_MAX = 4 * 1024 * 1024
STARTING = "the RPC server is in the process of starting up, but not yet ready to accept calls"

Single = Callable[[World, Asked], Awaitable[Object]]
Streaming = Callable[[World, Asked], Stream]


@dataclass(frozen=True, slots=True)
class Call:
    """``name`` is what faults call it; ``uri`` and ``permission`` (None: open to all) are LND's."""

    method: str
    pattern: re.Pattern[str]
    name: str
    uri: str
    permission: tuple[str, str] | None
    single: Single | None = None
    streaming: Streaming | None = None


def _call(line: str, permission: str, *, single: Single | None = None, streaming: Streaming | None = None) -> Call:
    method, path, name, uri = line.split()
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
    entity, _, action = permission.partition(":")
    return Call(method, pattern, name, uri, (entity, action) if entity else None, single, streaming)


CALLS = (
    _call("GET /v1/state state /lnrpc.State/GetState", "", single=node.state),
    _call("GET /v1/getinfo getinfo /lnrpc.Lightning/GetInfo", "info:read", single=node.info),
    _call("GET /v2/versioner/version version /verrpc.Versioner/GetVersion", "info:read", single=node.version),
    _call("POST /v1/invoices invoice.add /lnrpc.Lightning/AddInvoice", "invoices:write", single=invoices.add),
    _call("GET /v1/invoices invoices.list /lnrpc.Lightning/ListInvoices", "invoices:read", single=invoices.listing),
    _call("GET /v1/invoices/subscribe invoices.subscribe /lnrpc.Lightning/SubscribeInvoices", "invoices:read",
          streaming=invoices.subscribe),
    _call("GET /v1/invoice/{hash} invoice.lookup /lnrpc.Lightning/LookupInvoice", "invoices:read",
          single=invoices.lookup),
    _call("GET /v2/invoices/lookup invoice.lookup /invoicesrpc.Invoices/LookupInvoiceV2", "invoices:write",
          single=invoices.lookup_v2),
    _call("GET /v2/invoices/subscribe/{hash} invoice.subscribe /invoicesrpc.Invoices/SubscribeSingleInvoice",
          "invoices:read", streaming=invoices.subscribe_one),
    _call("POST /v2/invoices/hodl invoice.hold /invoicesrpc.Invoices/AddHoldInvoice", "invoices:write",
          single=invoices.add_hold),
    _call("POST /v2/invoices/settle invoice.settle /invoicesrpc.Invoices/SettleInvoice", "invoices:write",
          single=invoices.settle),
    _call("POST /v2/invoices/cancel invoice.cancel /invoicesrpc.Invoices/CancelInvoice", "invoices:write",
          single=invoices.cancel),
    _call("GET /v1/payreq/{invoice} decode /lnrpc.Lightning/DecodePayReq", "offchain:read", single=payments.decode),
    _call("POST /v2/router/send send /routerrpc.Router/SendPaymentV2", "offchain:write", streaming=payments.send),
    _call("GET /v2/router/track/{hash} track /routerrpc.Router/TrackPaymentV2", "offchain:read",
          streaming=payments.track),
    _call("GET /v2/router/payments payments.subscribe /routerrpc.Router/TrackPayments", "offchain:read",
          streaming=payments.subscribe),
    _call("POST /v2/router/route/estimatefee estimatefee /routerrpc.Router/EstimateRouteFee", "offchain:read",
          single=payments.estimate_fee),
    _call("GET /v1/payments payments.list /lnrpc.Lightning/ListPayments", "offchain:read", single=payments.listing),
    _call("DELETE /v1/payment payment.delete /lnrpc.Lightning/DeletePayment", "offchain:write",
          single=payments.delete),
    _call("GET /v1/balance/channels balance /lnrpc.Lightning/ChannelBalance", "offchain:read",
          single=node.channel_balance),
    _call("GET /v1/balance/blockchain balance /lnrpc.Lightning/WalletBalance", "onchain:read",
          single=node.wallet_balance),
    _call("GET /v1/channels channels /lnrpc.Lightning/ListChannels", "offchain:read", single=node.channels),
    _call("GET /v1/macaroon/ids macaroon /lnrpc.Lightning/ListMacaroonIDs", "macaroon:read",
          single=node.macaroon_ids),
    _call("DELETE /v1/macaroon/{id} macaroon /lnrpc.Lightning/DeleteMacaroonID", "macaroon:write",
          single=node.revoke),
)  # fmt: skip
BAKE_URI = "/lnrpc.Lightning/BakeMacaroon"
URIS = frozenset({call.uri for call in CALLS} | {BAKE_URI})
BAKE = _call(f"POST /v1/macaroon macaroon {BAKE_URI}", "macaroon:generate", single=partial(node.bake, uris=URIS))


@dataclass(frozen=True, slots=True)
class Lnd:
    """The ASGI application, mounted under ``/lnd``."""

    world: World
    node: str = BANK
    provider: str = "lnd"  # what faults call it
    calls: tuple[Call, ...] = field(default=(*CALLS, BAKE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        known = [(call, match) for call in self.calls if (match := call.pattern.fullmatch(path))]
        # /v1/invoices/subscribe is no invoice list, and the exact path wins over one with a hole
        chosen = next(((call, match) for call, match in known if call.method == scope["method"]), None)
        if chosen is None:
            error = LndError("Method Not Allowed", UNIMPLEMENTED) if known else LndError("Not Found", NOT_FOUND)
            return await answer_error(send, error, stream=False)
        call, match = chosen

        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            await self._act(call, match.groupdict(), scope, receive, send)

        await faults.serve(self.world.faults.take(self.provider, call.name), act, scope, receive, send)

    async def _act(self, call: Call, path: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        streaming = call.streaming is not None
        try:
            self._permit(call, scope)
            request = Request(scope, receive)
            asked = Asked(
                path,
                dict(parse_qsl(scope["query_string"].decode("latin-1"))),
                await _body(request),
                self.node,
                scope.get("hazina.stuck", False),
            )
            if call.streaming is not None:
                return await answer_stream(scope, receive, send, call.streaming(self.world, asked))
            assert call.single is not None, "a call is one or the other"
            return await answer(send, 200, await call.single(self.world, asked))
        except LndError as error:
            await answer_error(send, error, stream=streaming)
        except ClientDisconnect:
            return

    def _permit(self, call: Call, scope: Scope) -> None:
        if call.permission is None:
            return
        if self.world.starting(self.node):
            raise LndError(STARTING)
        headers = dict(scope["headers"])
        macaroon = headers.get(b"grpc-metadata-macaroon")
        try:
            self.world.macaroons[self.node].check(
                None if macaroon is None else macaroon.decode("latin-1"),
                call.uri,
                call.permission,
                scope["client"][0] if scope.get("client") else "",
            )
        except Denied as denied:
            raise LndError(str(denied)) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise LndError(f"grpc: received message larger than max ({len(body)} vs. {BODY_BYTES_MAX})")
    return bytes(body)
