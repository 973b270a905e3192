"""Lightning wallets (LNURL-auth, LUD-04): what the browser asks for, what the wallet calls, and HODLXXI's paths.

``POST /auth/lnurl/challenge`` takes ``purpose?`` and answers ``{"id", "lnurl", "keyauth", "qr", "expiresAt"}``: the
link in both forms, and as a QR code (SVG). The page shows it and asks ``POST /auth/lnurl/login`` with ``id`` (and
``name?``; ``wait``, up to 25 seconds, holds the answer until the wallet has called): ``{"status": "WAITING"}`` with
status 202, or what ``proofs`` has for whoever is in. Only the browser that asked gets it, once. ``POST
/auth/lnurl/wait`` takes the same and only says ``ANSWERED`` or ``WAITING``: for second proofs (``step_up``), whose
answer is the ``id``.

Wallets call ``GET /auth/lnurl/callback``. What they read is always status 200 with ``{"status": "OK"}`` or
``{"status": "ERROR", "reason"}``, from any origin: some hide the reason behind any other status.

``/api/lnurl-auth/`` has the shapes of HODLXXI: ``POST create``, ``GET params``, ``callback/<id>``, ``check/<id>``,
``status``. ``check`` tells only the browser that asked, and gives a session (``session_token``) the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from psycopg import OperationalError
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hazina.api.bank import Bank
from hazina.api.credentials import client_ip
from hazina.api.qr import qr_svg
from hazina.api.rest.auth import Fields, text_of
from hazina.api.rest.proofs import EVERY, STATUS, Asked, endpoint, finish
from hazina.identity import FactorKind
from hazina.identity.proofs import AttemptOver, NotProvedYet, Purpose, WalletMismatch, wallet_key_of
from hazina.kernel.errors import InvalidInput, Kind, Refusal

WAIT_MAX_S = 25
HANDLE_MAX = 100
HODLXXI = "/api/lnurl-auth"
WALLETS = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET"])


# -- the browser --------------------------------------------------------------------------------


async def challenge(asked: Asked) -> Fields:
    purpose = asked.purpose(Purpose.ENTER, *EVERY)
    await asked.may_link(purpose, FactorKind.LNURL)
    made = await asked.bank.proofs.ask_wallet(asked.asker, purpose)
    return {
        "id": made.handle,
        "lnurl": made.lnurl,
        "keyauth": made.keyauth,
        "qr": qr_svg(made.lnurl),
        "expiresAt": int(made.expires_at.timestamp()),
    }


async def login(asked: Asked) -> Fields | Response:
    handle, proofs = _handle(text_of(asked.fields, "id")), asked.bank.proofs
    if not await _answered(asked, handle):
        return JSONResponse({"status": "WAITING"}, 202)
    purpose = await proofs.wallet_purpose(asked.asker, handle)
    if purpose is Purpose.AUTH:  # it confirms something; nobody enters by it
        raise AttemptOver
    spend = await asked.may_link(purpose, FactorKind.LNURL)
    return await finish(asked, await proofs.collect_wallet(asked.asker, handle, asked.name()), spend)


async def wait(asked: Asked) -> Fields:
    return {"status": "ANSWERED" if await _answered(asked, _handle(text_of(asked.fields, "id"))) else "WAITING"}


async def _answered(asked: Asked, handle: str) -> bool:
    wait_s = asked.fields.get("wait") or 0
    if type(wait_s) is not int or not 0 <= wait_s <= WAIT_MAX_S:
        raise InvalidInput(f'The field "wait" is a number of seconds up to {WAIT_MAX_S}.')
    with asked.bank.hub.follow([wallet_key_of(handle)]) as news:
        if await asked.bank.proofs.wallet_subject(asked.asker, handle) is not None:
            return True
        if not wait_s:
            return False
        try:
            async with asyncio.timeout(wait_s):
                await news.get()
        except TimeoutError:
            return False
    return await asked.bank.proofs.wallet_subject(asked.asker, handle) is not None


def _handle(text: str) -> str:
    """Raises AttemptOver for what cannot be one."""
    if len(text) > HANDLE_MAX or not text.isascii():
        raise AttemptOver
    return text


# -- the wallet ---------------------------------------------------------------------------------


async def callback(bank: Bank, request: Request) -> Response:
    try:
        await bank.proofs.answer_wallet(request.url.query, client_ip(request))
    except Refusal as refusal:
        return JSONResponse({"status": "ERROR", "reason": str(refusal)})
    except OperationalError:
        return JSONResponse({"status": "ERROR", "reason": "Try again in a moment."})
    return JSONResponse({"status": "OK"})


# -- HODLXXI's paths ----------------------------------------------------------------------------


async def create(asked: Asked) -> Fields:
    made = await asked.bank.proofs.ask_wallet(asked.asker, Purpose.ENTER, callback=f"{HODLXXI}/callback/{{handle}}")
    return {
        "session_id": made.handle,
        "challenge": made.k1.hex(),
        "lnurl": made.lnurl.lower(),
        "qr_code": made.lnurl.lower(),
        "tag": "login",
        "callback_url": made.callback,
        "params_url": f"{asked.bank.settings.origin}{HODLXXI}/params?session_id={made.handle}",
    }


async def params(bank: Bank, request: Request) -> Response:
    handle = request.query_params.get("session_id", "")
    if not handle:
        return JSONResponse({"error": "session_id is missing"}, 400)
    try:
        k1 = await bank.proofs.wallet_params(_handle(handle))
    except AttemptOver as over:
        return JSONResponse({"error": str(over)}, 404)
    url = f"{bank.settings.origin}{HODLXXI}/callback/{handle}"
    return JSONResponse({"tag": "login", "k1": k1.hex(), "callback": url, "callback_url": url})


async def hodlxxi_callback(bank: Bank, request: Request) -> Response:
    """Its own statuses: 400 for what is malformed, 404 for what is over, 403 for what is wrong."""
    try:
        handle = _handle(request.path_params["id"])
        await bank.proofs.answer_wallet(request.url.query, client_ip(request), handle=handle)
    except AttemptOver as over:
        return JSONResponse({"status": "ERROR", "reason": str(over)}, 404)
    except Refusal as refusal:
        wrong = refusal.kind is Kind.UNAUTHENTICATED or isinstance(refusal, WalletMismatch)
        status = 403 if wrong else STATUS[refusal.kind]
        return JSONResponse({"status": "ERROR", "reason": str(refusal)}, status)
    return JSONResponse({"status": "OK"})


async def check(asked: Asked) -> Fields | Response:
    """Verified, by whom; with the session, the first time."""
    handle = asked.request.path_params.get("id") or asked.request.query_params.get("session_id", "")
    proofs = asked.bank.proofs
    try:
        pubkey = await proofs.wallet_subject(asked.asker, _handle(handle))
    except AttemptOver as over:
        return JSONResponse({"error": str(over)}, 404)
    if pubkey is None:
        return {"verified": False, "pubkey": None}
    try:
        entered = await finish(asked, await proofs.collect_wallet(asked.asker, handle), None)
    except (AttemptOver, NotProvedYet):  # collected before
        return {"verified": True, "pubkey": pubkey}
    return {"verified": True, "pubkey": pubkey, "session_token": entered["authToken"]}


# -- routes -------------------------------------------------------------------------------------


def routes(bank: Bank) -> list[Route]:
    def wallets(path: str, serve: Callable[[Bank, Request], Awaitable[Response]]) -> Route:
        async def served(request: Request) -> Response:
            response = await serve(bank, request)
            response.headers["cache-control"] = "no-store"
            return response

        return Route(path, served, methods=["GET"], middleware=[WALLETS])

    return [
        Route("/auth/lnurl/challenge", endpoint(bank, challenge), methods=["POST"]),
        Route("/auth/lnurl/login", endpoint(bank, login), methods=["POST"]),
        Route("/auth/lnurl/wait", endpoint(bank, wait), methods=["POST"]),
        wallets("/auth/lnurl/callback", callback),
        Route(f"{HODLXXI}/create", endpoint(bank, create), methods=["POST"]),
        wallets(f"{HODLXXI}/params", params),
        wallets(f"{HODLXXI}/callback/{{id}}", hodlxxi_callback),
        Route(f"{HODLXXI}/check/{{id}}", endpoint(bank, check), methods=["GET"]),
        Route(f"{HODLXXI}/status", endpoint(bank, check), methods=["GET"]),
    ]
