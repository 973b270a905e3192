"""Ways to log in over plain HTTP: e-mail, authenticator app, device, Telegram. Shapes and statuses are Blink's."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from uuid import UUID

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from hazina.accounts import LoggedIn
from hazina.api.bank import Bank
from hazina.api.credentials import client_ip
from hazina.api.graphql.http import NotServed
from hazina.api.rest.auth import STATUS, Fields, Serve, endpoint_of, text_of
from hazina.api.rest.step_up import caller_by_session
from hazina.identity import Proved
from hazina.identity.factors import BadUpdate, InvalidDevice
from hazina.kernel.db import Tx
from hazina.kernel.errors import Kind

UNPROCESSABLE = {**STATUS, Kind.INVALID: 422, Kind.MISSING: 401}


def _entered(entered: LoggedIn) -> Fields:
    return {"authToken": entered.token, "totpRequired": entered.totp_required, "id": str(entered.user_id)}


def _uuid(fields: Fields, name: str) -> UUID:
    try:
        return UUID(text_of(fields, name))
    except ValueError:
        raise NotServed(422, "INVALID_INPUT", f'The field "{name}" is not an id.') from None


# -- e-mail --------------------------------------------------------------------------------------


async def email_code(bank: Bank, request: Request, fields: Fields) -> Fields:
    """An id for every address, whether it logs anybody in or not."""
    return {"result": str(await bank.factors.emails.ask_login(text_of(fields, "email"), client_ip(request)))}


async def email_login(bank: Bank, request: Request, fields: Fields) -> Fields:
    emails, ip, agent = bank.factors.emails, client_ip(request), request.headers.get("user-agent")
    proof = await emails.prove_login(_uuid(fields, "emailLoginId"), text_of(fields, "code"), ip, agent)
    entered = await bank.accounts.enter(lambda tx: emails.redeem_login(tx, proof), ip=ip, agent=agent)
    return {"result": _entered(entered)}


# -- authenticator app ---------------------------------------------------------------------------


async def totp_validate(bank: Bank, request: Request, fields: Fields) -> Fields | None:
    """The same token opens everything from now on. A recovery code is taken in the place of the app's."""
    token, code = text_of(fields, "authToken"), text_of(fields, "totpCode")
    agent = request.headers.get("user-agent")
    await bank.factors.totp.validate(token, code, ip=client_ip(request), agent=agent)
    return None


async def recovery_codes(bank: Bank, request: Request, fields: Fields) -> Fields:
    """New ones in place of those there were, for whoever shows a code of the app; shown once."""
    caller = await caller_by_session(bank, request)
    return {"result": await bank.factors.totp.renew_recovery_codes(caller.user_id, text_of(fields, "totpCode"))}


# -- devices -------------------------------------------------------------------------------------


async def device(bank: Bank, request: Request, fields: Fields) -> Fields:
    """HTTP Basic with two UUIDs: the device's name and its password."""
    devices, ip = bank.factors.devices, client_ip(request)
    proved = await devices.prove(*_basic(request), attested=None, ip=ip)

    async def redeem(tx: Tx) -> Proved:
        return await devices.redeem(tx, proved)

    entered = await bank.accounts.enter(redeem, ip=ip, agent=request.headers.get("user-agent"))
    return {"result": entered.token}


def _basic(request: Request) -> tuple[str, str]:
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    try:
        name, colon, word = base64.b64decode(shown, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise InvalidDevice from None
    if scheme.lower() != "basic" or not colon:
        raise InvalidDevice
    return name, word


# -- Telegram ------------------------------------------------------------------------------------


async def telegram_params(bank: Bank, request: Request, fields: Fields) -> Fields:
    return await bank.factors.telegram.ask(text_of(fields, "phone"), client_ip(request))


async def telegram_login(bank: Bank, request: Request, fields: Fields) -> Fields:
    redeem = await bank.factors.telegram.prove(text_of(fields, "phone"), _uuid(fields, "nonce"))
    agent = request.headers.get("user-agent")
    return _entered(await bank.accounts.enter(redeem, ip=client_ip(request), agent=agent))


async def telegram_heard(bank: Bank, request: Request, fields: Fields) -> Fields:
    """Telegram repeats an update until it hears 200: what we cannot use is taken all the same."""
    try:
        await bank.factors.telegram.heard(fields, request.query_params.get("hash", ""))
    except BadUpdate:
        raise NotServed(403, "NOT_AUTHORIZED", "This is not an update for our bot.") from None
    return {"success": True}


def routes(bank: Bank, middleware: Sequence[Middleware] = ()) -> list[Route]:
    verbs: tuple[tuple[str, Serve, dict[Kind, int]], ...] = (
        ("/auth/email/code", email_code, UNPROCESSABLE),
        ("/auth/email/login", email_login, UNPROCESSABLE),
        ("/auth/totp/validate", totp_validate, UNPROCESSABLE),
        ("/auth/totp/recovery-codes", recovery_codes, UNPROCESSABLE),
        ("/auth/create/device-account", device, UNPROCESSABLE),
        ("/auth/telegram-passport/request-params", telegram_params, STATUS),
        ("/auth/telegram-passport/login", telegram_login, STATUS),
        ("/auth/telegram-passport/webhook", telegram_heard, STATUS),
    )
    return [
        Route(path, endpoint_of(bank, verb, statuses), methods=["POST", "OPTIONS"], middleware=middleware)
        for path, verb, statuses in verbs
    ]
