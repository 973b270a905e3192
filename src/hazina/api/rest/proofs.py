"""Logging in, registering and linking by key: passkeys, Bitcoin addresses, Nostr keys (Lightning wallets: ``lnurl``).

All are ``POST`` with a JSON object under ``/auth``; ``purpose`` is ``login``, ``register``, ``link`` (with a session;
it may need a second proof, see ``step_up``) or ``enter``, which logs in or registers, and is the default where it can
be. What is asked for is good for one try, in the browser that asked (a cookie).

=========================  ====================================  ===================================================
path                       takes                                 answers
=========================  ====================================  ===================================================
passkey/register/options   purpose (register, link), name?       publicKey: PublicKeyCredentialCreationOptionsJSON
passkey/register           credential: RegistrationResponseJSON, as below
                           name?
passkey/options            username?                             publicKey: PublicKeyCredentialRequestOptionsJSON
passkey/login              credential: AuthenticationResponseJSON  as below
bitcoin/message            address, purpose?                     nonce, address, message, expiresAt
bitcoin/login              nonce, signature, name?               as below
nostr/challenge            purpose?                              challenge, event (to be signed), expiresAt
nostr/login                event, name?; or no body and          as below
                           ``Authorization: Nostr …`` (NIP-98)
=========================  ====================================  ===================================================

Whoever is in gets ``{"authToken", "totpRequired", "id", "new"}``, as by phone; linking gives ``{"factor": {"id",
"kind", "name"}}``. An error is ``{"error": message, "code", "requestId"}`` and ``extensions`` where there is more to
know; codes are those of ``identity.proofs.errors``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from psycopg import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hazina.access import Caller
from hazina.accounts import InvalidUsername, RecipientNotActive, RecipientUnknown
from hazina.api.bank import Bank
from hazina.api.browser import browser_of, new_browser, remember
from hazina.api.credentials import client_ip
from hazina.api.graphql.errors import DATABASE_MESSAGE, RETRY_AFTER
from hazina.api.graphql.http import NotServed
from hazina.api.rest.auth import Fields, fields_of, text_of
from hazina.api.rest.step_up import caller_by_session
from hazina.identity import FACTOR_ADD, Factor, FactorKind, Proved
from hazina.identity.proofs import Asker, AttemptOver, Purpose, Shown, parse_purpose
from hazina.kernel.db import Tx
from hazina.kernel.errors import InvalidInput, Kind, NotAuthenticated, Refusal
from hazina.kernel.ids import UUID
from hazina.kernel.log import request_id

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.MISSING: 404,
    Kind.CONFLICT: 409,
    Kind.LIMIT: 429,
    Kind.BUSY: 409,
    Kind.UNAVAILABLE: 503,
}
ADDED = {
    FactorKind.PASSKEY: "Add a passkey",
    FactorKind.LNURL: "Add a Lightning wallet",
    FactorKind.BITCOIN: "Add a Bitcoin key",
    FactorKind.NOSTR: "Add a Nostr key",
}
USERNAME_MAX = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and where it comes from. ``caller``: the session that it shows, if any."""

    bank: Bank
    request: Request
    fields: Fields
    asker: Asker
    caller: Caller | None

    def purpose(self, default: Purpose, *allowed: Purpose) -> Purpose:
        """Raises InvalidPurpose, NotAuthenticated for linking without a session."""
        purpose = parse_purpose(text_of(self.fields, "purpose")) if "purpose" in self.fields else default
        if purpose not in allowed:
            raise InvalidInput("This purpose is none of this call.")
        if purpose is Purpose.LINK and self.caller is None:
            raise NotAuthenticated
        return purpose

    def name(self) -> str:
        """What the key is called, if somebody said; "" else."""
        value = self.fields.get("name") or ""
        if not isinstance(value, str):
            raise InvalidInput('The field "name" must be text.')
        return value

    async def may_link(self, purpose: Purpose, kind: FactorKind) -> Callable[[Tx], Awaitable[None]] | None:
        """A step that spends the second proof that linking needs. Raises StepUpRequired, before a key is used in
        vain, NotAuthenticated."""
        if purpose is not Purpose.LINK:
            return None
        if self.caller is None:
            raise NotAuthenticated
        accounts = self.bank.accounts
        return await accounts.second_proof(self.caller, FACTOR_ADD, {"kind": kind.value}, ADDED[kind])


EVERY = (Purpose.ENTER, Purpose.LOGIN, Purpose.REGISTER, Purpose.LINK)
Serve = Callable[[Asked], Awaitable[Fields | Response]]


# -- passkeys -----------------------------------------------------------------------------------


async def new_passkey_options(asked: Asked) -> Fields:
    purpose = asked.purpose(Purpose.REGISTER, Purpose.REGISTER, Purpose.LINK)
    await asked.may_link(purpose, FactorKind.PASSKEY)
    called = asked.name() or await _called(asked) or "Hazina"
    return {"publicKey": await asked.bank.proofs.ask_new_passkey(asked.asker, purpose, called[:50])}


async def _called(asked: Asked) -> str | None:
    """What the device will show beside the passkey: whose it is."""
    if asked.caller is None:
        return None
    me = await asked.bank.accounts.me(asked.caller)
    return me.account.username or me.user.phone


async def new_passkey(asked: Asked) -> Fields:
    credential = asked.fields.get("credential")
    spend = await asked.may_link(_purpose(await asked.bank.proofs.links_by_passkey(credential)), FactorKind.PASSKEY)
    shown = await asked.bank.proofs.show_new_passkey(asked.asker, credential, asked.name() or "Passkey")
    return await finish(asked, shown, spend)


async def passkey_options(asked: Asked) -> Fields:
    named = asked.fields.get("username") or None
    if named is not None and (not isinstance(named, str) or len(named) > USERNAME_MAX):
        raise InvalidInput('The field "username" must be text.')
    known = None if named is None else await _user_named(asked.bank, named)
    options = await asked.bank.proofs.ask_passkey(asked.asker, Purpose.LOGIN, named=named, known=known)
    return {"publicKey": options}


async def _user_named(bank: Bank, name: str) -> UUID | None:
    """By username or phone number."""
    try:
        wallet = await bank.accounts.default_wallet(name, None)
    except (InvalidUsername, RecipientUnknown, RecipientNotActive):
        return None
    return (await bank.accounts.account(wallet.account_id)).user_id


async def passkey_login(asked: Asked) -> Fields:
    return await finish(asked, await asked.bank.proofs.show_passkey(asked.asker, asked.fields.get("credential")), None)


# -- Bitcoin and Nostr --------------------------------------------------------------------------


async def bitcoin_message(asked: Asked) -> Fields:
    purpose = asked.purpose(Purpose.ENTER, *EVERY)
    await asked.may_link(purpose, FactorKind.BITCOIN)
    made = await asked.bank.proofs.ask_bitcoin(asked.asker, purpose, text_of(asked.fields, "address"))
    return {
        "nonce": made.nonce,
        "address": made.address,
        "message": made.text,
        "expiresAt": int(made.expires_at.timestamp()),
    }


async def bitcoin_login(asked: Asked) -> Fields:
    nonce, signature = text_of(asked.fields, "nonce"), text_of(asked.fields, "signature")
    spend = await asked.may_link(_purpose(await asked.bank.proofs.links_by_bitcoin(nonce)), FactorKind.BITCOIN)
    return await finish(asked, await asked.bank.proofs.show_bitcoin(asked.asker, nonce, signature, asked.name()), spend)


async def nostr_challenge(asked: Asked) -> Fields:
    purpose = asked.purpose(Purpose.ENTER, *EVERY)
    await asked.may_link(purpose, FactorKind.NOSTR)
    made = await asked.bank.proofs.ask_nostr(asked.asker, purpose)
    return {"challenge": made.challenge, "event": made.event, "expiresAt": int(made.expires_at.timestamp())}


async def nostr_login(asked: Asked) -> Fields:
    proofs, request = asked.bank.proofs, asked.request
    if (header := _nostr_header(request)) is not None:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        body = await request.body()
        return await finish(
            asked, await proofs.show_nostr_header(asked.asker, header, path, request.method, body), None
        )
    spend = await asked.may_link(_purpose(await proofs.links_by_nostr(asked.fields.get("event"))), FactorKind.NOSTR)
    return await finish(asked, await proofs.show_nostr(asked.asker, asked.fields.get("event"), asked.name()), spend)


def _nostr_header(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    return value.strip() if scheme.lower() == "nostr" else None


# -- what follows -------------------------------------------------------------------------------


def _purpose(links: bool) -> Purpose:
    return Purpose.LINK if links else Purpose.ENTER


async def finish(asked: Asked, shown: Shown, spend: Callable[[Tx], Awaitable[None]] | None) -> Fields:
    """Enter, or link. Raises FactorTaken, StepUpRefused, NotRegistered and others; AttemptOver for what was to
    confirm something else."""
    if shown.purpose is Purpose.AUTH:
        raise AttemptOver
    if shown.purpose is Purpose.LINK:
        return {"factor": _factor(await _link(asked, shown, spend))}

    async def redeem(_: Tx) -> Proved:
        return shown.proved

    entered = await asked.bank.accounts.enter(redeem, ip=asked.asker.ip, agent=asked.asker.agent)
    return {
        "authToken": entered.token,
        "totpRequired": entered.totp_required,
        "id": str(entered.user_id),
        "new": entered.new,
    }


async def _link(asked: Asked, shown: Shown, spend: Callable[[Tx], Awaitable[None]] | None) -> Factor:
    assert shown.user_id is not None and spend is not None, "linking is for somebody with a session"
    proved, links, user_id = shown.proved, asked.bank.identity.links, shown.user_id

    async def link(tx: Tx) -> Factor:
        await spend(tx)
        return await links.link(
            tx, user_id, proved.kind, proved.subject, name=proved.name, data=proved.data,
            ip=asked.asker.ip, agent=asked.asker.agent,
        )  # fmt: skip

    return await asked.bank.db.again(link)


def _factor(factor: Factor) -> dict[str, str]:
    return {"id": str(factor.id), "kind": factor.kind.value, "name": factor.name}


# -- plumbing -----------------------------------------------------------------------------------


def routes(bank: Bank) -> list[Route]:
    verbs: dict[str, Serve] = {
        "passkey/register/options": new_passkey_options,
        "passkey/register": new_passkey,
        "passkey/options": passkey_options,
        "passkey/login": passkey_login,
        "bitcoin/message": bitcoin_message,
        "bitcoin/login": bitcoin_login,
        "nostr/challenge": nostr_challenge,
        "nostr/login": nostr_login,
    }
    return [Route(f"/auth/{path}", endpoint(bank, verb), methods=["POST"]) for path, verb in verbs.items()]


def endpoint(bank: Bank, serve: Serve) -> Callable[[Request], Awaitable[Response]]:
    """A browser that has no cookie of ours yet gets one with the answer."""

    async def served(request: Request) -> Response:
        known = browser_of(bank, request)
        browser = known or new_browser()
        try:
            answer = await serve(await _asked(bank, request, browser))
            response = answer if isinstance(answer, Response) else JSONResponse(answer)
        except NotServed as no:
            response = error(no.status, no.code, no.message)
        except Refusal as refusal:
            response = refused(refusal)
        except OperationalError:
            response = error(503, "DB_ERROR", DATABASE_MESSAGE)
        if known is None:
            remember(bank, response, browser)
        response.headers["cache-control"] = "no-store"
        return response

    return served


async def _asked(bank: Bank, request: Request, browser: str) -> Asked:
    """Raises NotAuthenticated for a session that is none."""
    shows = "authorization" in request.headers and _nostr_header(request) is None
    caller = await caller_by_session(bank, request) if shows else None
    fields = {} if request.method == "GET" else await fields_of(request)
    user_id = None if caller is None else caller.user_id
    asker = Asker(browser, user_id, client_ip(request), request.headers.get("user-agent"))
    return Asked(bank, request, fields, asker, caller)


def refused(refusal: Refusal) -> Response:
    return error(STATUS[refusal.kind], refusal.code, str(refusal), refusal.facts)


def error(status: int, code: str, message: str, facts: dict[str, Any] | None = None) -> Response:
    retry_after_s = (facts or {}).get("retry_after_s")
    headers = {"retry-after": str(retry_after_s)} if retry_after_s else RETRY_AFTER if status == 503 else None
    more = {"extensions": facts} if facts else {}
    return JSONResponse({"error": message, "code": code, "requestId": request_id(), **more}, status, headers)
