"""LNURL, as wallets speak it, at Blink's addresses; and what a customer does with links of their own.

Wallets read ``GET /.well-known/lnurlp/<name>`` (also ``/lnurlp/<name>``), its ``/callback`` and ``/verify/<hash>``, and
withdraw links at ``/lnurlw/<code>``. What they get is always status 200, ``application/json``, from any origin:
``{"status": "ERROR", "reason"}`` is the only error that all of them can show.

Customers, with their session: ``POST /links/withdraw`` (``walletId``, ``title``, ``minSats?``, ``maxSats``, ``uses?``,
``expiresInHours?``) makes a withdraw link, which is shown this once; ``GET /links/withdraw`` lists them, ``POST
/links/withdraw/<id>/end`` ends one; ``POST /links/redeem`` (``lnurl``, ``walletId``, ``sats?``) takes money by somebody
else's link; ``GET`` and ``POST /links/address`` tell the customer's Lightning Addresses, and set what is said to
whoever has paid (``successMessage``).

``POST /api/lnurl-proxy`` is Blink's: a page in a browser hands over a withdraw link and an invoice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import structlog
from psycopg import OperationalError
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hazina.access import Caller, Scope, require_read, require_receive, require_write
from hazina.api.bank import Bank
from hazina.api.credentials import BadCredential, caller_of, client_ip, credential
from hazina.api.graphql.http import NotServed, read_json
from hazina.api.qr import qr_svg
from hazina.api.rest.auth import Fields, endpoint_of, text_of
from hazina.kernel import lnurl
from hazina.kernel.errors import InvalidInput, NotAuthenticated, Refusal
from hazina.links import COMMENT_CHARS_MAX, PAYER_KINDS, Asked, NewWithdrawLink, WithdrawLink
from hazina.payments import InvoiceUnknown

log = structlog.get_logger("hazina.lnurl")

WALLETS = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET"])
QUERY_MAX = 20_000
HOURS, HOURS_MAX = 24, 24 * 366
LNURL_MAX, INVOICE_MAX = 2_048, 4_096

Serve = Callable[[Bank, Request], Awaitable[Fields]]


# -- wallets ------------------------------------------------------------------------------------


def wallets(bank: Bank, path: str, serve: Serve) -> Route:
    """What a wallet asks, and its one form of answer."""

    async def served(request: Request) -> Response:
        try:
            if len(request.url.query) > QUERY_MAX:
                raise InvalidInput("The request is too long.")
            body = await serve(bank, request)
        except Refusal as refusal:
            body = {"status": "ERROR", "reason": str(refusal)}
        except OperationalError:
            body = {"status": "ERROR", "reason": "Try again in a moment."}
        except Exception:  # wallets hide every other form of answer from who pays
            log.exception("lnurl", path=request.url.path)
            body = {"status": "ERROR", "reason": "Something went wrong on our side."}
        return JSONResponse(body, headers={"cache-control": "no-store"})

    return Route(path, served, methods=["GET"], middleware=[WALLETS])


async def pay_request(bank: Bank, request: Request) -> Fields:
    query, place = request.query_params, bank.links.place(request.headers.get("host"))
    name = request.path_params["name"]
    try:
        one = await bank.links.offer(name, place, query.get("amount"), query.get("currency"))
    except Refusal as refusal:
        if refusal.code in ("RECIPIENT_UNKNOWN", "INVALID_USERNAME"):
            raise InvalidInput(f"Couldn't find user '{name[:100]}'.") from None
        raise
    return {
        "callback": one.callback,
        "minSendable": one.least.n,
        "maxSendable": one.most.n,
        "metadata": one.metadata,
        "commentAllowed": COMMENT_CHARS_MAX,
        "payerData": {kind: {"mandatory": False} for kind in PAYER_KINDS},
        "tag": "payRequest",
        "disposable": False,
        "allowsNostr": True,
        "nostrPubkey": one.nostr_pubkey,
    }


async def pay_callback(bank: Bank, request: Request) -> Fields:
    query, place = request.query_params, bank.links.place(request.headers.get("host"))
    name = request.path_params["name"]
    asked = Asked(query.get("amount"), query.get("comment"), query.get("payerdata"), query.get("nostr"))
    made, said = await bank.links.invoice(name, place, asked, client_ip(request))
    action = {"successAction": {"tag": "message", "message": said}} if said else {}
    verify = f"{place.origin}/lnurlp/{quote(name.lower(), safe='')}/verify/{made.payment_hash.hex()}"
    return {"status": "OK", "pr": made.payment_request, "routes": [], "verify": verify, **action}


async def pay_verify(bank: Bank, request: Request) -> Fields:
    """LUD-21."""
    text = request.path_params["hash"]
    try:
        payment_hash = bytes.fromhex(text) if len(text) == 64 else b""
    except ValueError:
        payment_hash = b""
    try:
        found = await bank.links.status(payment_hash)
    except InvoiceUnknown:
        raise InvalidInput("Not found") from None
    if found.status == "EXPIRED":
        raise InvalidInput("The invoice has expired.")
    preimage = found.preimage.hex() if found.preimage is not None else None
    return {"status": "OK", "settled": found.status == "PAID", "preimage": preimage, "pr": found.payment_request}


async def withdraw_request(bank: Bank, request: Request) -> Fields:
    code = request.path_params["code"]
    link, k1 = await bank.links.withdraw_terms(code, client_ip(request))
    place = bank.links.place(request.headers.get("host"))
    return {
        "tag": "withdrawRequest",
        "callback": f"{place.origin}/lnurlw/{code}/callback",
        "k1": k1.hex(),
        "defaultDescription": link.title,
        "minWithdrawable": link.min_sats * 1_000,
        "maxWithdrawable": link.max_sats * 1_000,
    }


async def withdraw_callback(bank: Bank, request: Request) -> Fields:
    query = request.query_params
    k1, invoice = query.get("k1", ""), query.get("pr", "")
    await bank.links.take(request.path_params["code"], k1, invoice[:INVOICE_MAX], client_ip(request))
    return {"status": "OK"}


async def proxy(bank: Bank, request: Request) -> Response:
    """Blink's: statuses of its own."""
    try:
        body = read_json(await request.body())
        text, invoice = body.get("lnurl"), body.get("paymentRequest")
        if not isinstance(text, str) or not isinstance(invoice, str):
            return JSONResponse({"error": "lnurl and paymentRequest are needed"}, 400)
        if len(text) > LNURL_MAX or len(invoice) > INVOICE_MAX:
            return JSONResponse({"error": "lnurl or paymentRequest is too long"}, 400)
        await bank.links.hand_over(text, invoice, client_ip(request))
    except (NotServed, AttributeError):
        return JSONResponse({"error": "The body must be a JSON object."}, 400)
    except Refusal as refusal:
        return JSONResponse({"status": "ERROR", "reason": str(refusal)}, 400)
    except OperationalError:
        return JSONResponse({"error": "Try again in a moment."}, 500)
    return JSONResponse({"status": "OK"})


# -- customers ----------------------------------------------------------------------------------


async def _who(bank: Bank, request: Request, scope: Scope) -> Caller:
    """Raises NotAuthenticated, and what a missing scope raises."""
    try:
        caller = await caller_of(bank, credential(request.headers), client_ip(request))
    except BadCredential:
        caller = None
    if caller is None:
        raise NotAuthenticated
    {Scope.READ: require_read, Scope.RECEIVE: require_receive, Scope.WRITE: require_write}[scope](caller)
    return caller


def _link(bank: Bank, link: WithdrawLink) -> Fields:
    return {
        "id": str(link.id),
        "title": link.title,
        "walletId": str(link.wallet_id),
        "minSats": link.min_sats,
        "maxSats": link.max_sats,
        "uses": link.uses,
        "usesPaid": link.paid,
        "usesTaken": link.taken,
        "createdAt": int(link.created_at.timestamp()),
        "expiresAt": int(link.expires_at.timestamp()),
        "open": link.open_at(bank.clock.now()) and link.paid < link.uses,
    }


def _number(fields: Fields, name: str, default: int | None = None) -> int:
    found = fields.get(name, default)
    if type(found) is not int or not 0 <= found <= 10**12:
        raise InvalidInput(f'The field "{name}" is a whole number.')
    return found


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput(f'The field "{name}" is an id.') from None


async def make_link(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller = await _who(bank, request, Scope.WRITE)
    most, hours = _number(fields, "maxSats"), min(_number(fields, "expiresInHours", HOURS), HOURS_MAX)
    wish = NewWithdrawLink(
        _uuid(text_of(fields, "walletId"), "walletId"),
        text_of(fields, "title"),
        _number(fields, "minSats", most),
        most,
        _number(fields, "uses", 1),
        bank.clock.now() + timedelta(hours=hours),
    )
    link, code = await bank.links.make_withdraw_link(caller, wish)
    url = f"{bank.settings.origin}/lnurlw/{code}"
    text = lnurl.encode(url)
    scheme = "lnurlw" + url[url.index(":") :]
    return {**_link(bank, link), "url": url, "lnurl": text, "lnurlw": scheme, "qr": qr_svg(text)}


async def list_links(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller = await _who(bank, request, Scope.READ)
    return {"links": [_link(bank, link) for link in await bank.links.withdraw_links(caller)]}


async def end_link(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller = await _who(bank, request, Scope.WRITE)
    await bank.links.end_withdraw_link(caller, _uuid(request.path_params["id"], "id"))
    return {"success": True}


async def redeem(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller = await _who(bank, request, Scope.RECEIVE)
    sats = _number(fields, "sats") if fields.get("sats") is not None else None
    wallet_id = _uuid(text_of(fields, "walletId"), "walletId")
    made = await bank.links.redeem(caller, wallet_id, text_of(fields, "lnurl"), sats)
    amount = made.amount.sats_floor if made.amount is not None else None
    return {"paymentHash": made.payment_hash.hex(), "paymentRequest": made.payment_request, "sats": amount}


async def address(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller = await _who(bank, request, Scope.READ)
    account = await bank.accounts.account(caller.account_id)
    places = bank.links.parts.places.all if account.username else ()
    return {
        "addresses": [f"{account.username}@{place.domain}" for place in places],
        "successMessage": await bank.links.success_message(caller),
    }


async def set_address(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller, said = await _who(bank, request, Scope.WRITE), fields.get("successMessage")
    if said is not None and not isinstance(said, str):
        raise InvalidInput('The field "successMessage" is a text, or null.')
    await bank.links.set_success_message(caller, said)
    return await address(bank, request, fields)


def routes(bank: Bank, middleware: list[Middleware]) -> list[Route]:
    async def proxied(request: Request) -> Response:
        return await proxy(bank, request)

    def own(path: str, get: Any = None, post: Any = None) -> list[Route]:
        pairs = [(get, "GET"), (post, "POST")]
        return [
            Route(path, endpoint_of(bank, act), methods=[method, "OPTIONS"], middleware=middleware)
            for act, method in pairs
            if act
        ]

    return [
        wallets(bank, "/.well-known/lnurlp/{name}", pay_request),
        wallets(bank, "/lnurlp/{name}", pay_request),
        wallets(bank, "/lnurlp/{name}/callback", pay_callback),
        wallets(bank, "/lnurlp/{name}/verify/{hash}", pay_verify),
        wallets(bank, "/lnurlw/{code}", withdraw_request),
        wallets(bank, "/lnurlw/{code}/callback", withdraw_callback),
        Route("/api/lnurl-proxy", proxied, methods=["POST"], middleware=middleware),
        *own("/links/withdraw", list_links, make_link),
        *own("/links/withdraw/{id}/end", post=end_link),
        *own("/links/redeem", post=redeem),
        *own("/links/address", address, set_address),
    ]
