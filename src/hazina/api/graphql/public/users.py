"""People: who am I, logging in and out, sessions."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from ariadne import EnumType, MutationType, ObjectType, QueryType

from hazina.access import Caller, Scope, require_person
from hazina.accounts import Person
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.verbs import Payload, asked_by, verb
from hazina.identity import Session, SessionUnknown
from hazina.identity.factors import CaptchaAnswer
from hazina.identity.ports import Puzzle

query, mutation, user = QueryType(), MutationType(), ObjectType("User")


@query.field("me")
async def me(_: Any, info: Info) -> Me:
    return context_of(info).me()


@query.field("authorization")
async def authorization(_: Any, info: Info) -> dict[str, list[Scope]]:
    caller = asked_by(context_of(info))
    return {"scopes": [scope for scope in Scope if scope in caller.scopes]}


# -- coming in and going out ---------------------------------------------------------------------


def challenge(puzzle: Puzzle | None) -> dict[str, Any]:
    """A captcha to draw. ``failbackMode``: it proves nothing (the bank has none, or its provider is away)."""
    if puzzle is None:
        puzzle = Puzzle(secrets.token_hex(16), secrets.token_hex(16), online=False)
    return {"id": puzzle.id, "challengeCode": puzzle.challenge, "failbackMode": not puzzle.online, "newCaptcha": True}


@mutation.field("captchaCreateChallenge")
@verb()
async def create_challenge(context: Context) -> Payload:
    return {"result": challenge(await context.bank.factors.phones.puzzle())}


@mutation.field("captchaRequestAuthCode")
@verb(success=False)
async def request_code(context: Context, input: dict[str, Any]) -> Payload:
    answer = CaptchaAnswer(input["challengeCode"], input["validationCode"], input["secCode"])
    channel = input.get("channel") or "SMS"
    await context.bank.factors.phones.request_code(input["phone"], channel, context.ip, answer)
    return {"success": True}


@mutation.field("userLogin")
@verb()
async def log_in(context: Context, input: dict[str, Any]) -> Payload:
    entered = await context.bank.accounts.log_in(input["phone"], input["code"], ip=context.ip, agent=context.agent)
    return {"authToken": entered.token, "totpRequired": entered.totp_required}


@mutation.field("userLogout")
@verb(Scope.READ, success=False)
async def log_out(context: Context, caller: Caller, input: dict[str, Any] | None = None) -> Payload:
    """Ends the session in use. The token of a device says where to stop sending notices."""
    require_person(caller)
    if input is not None:
        await context.bank.notices.drop_device(caller, input["deviceToken"])
    assert caller.session_id is not None
    await context.bank.identity.revoke(caller.user_id, caller.session_id)
    return {"success": True}


@mutation.field("userUpdateUsername")
@verb(Scope.WRITE)
async def set_username(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.accounts.set_username(caller, input["username"])
    return {"user": Me(caller, context.bank.accounts)}


@mutation.field("userUpdateLanguage")
@verb(Scope.WRITE)
async def set_language(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.identity.set_language(caller.user_id, input["language"])
    return {"user": Me(caller, context.bank.accounts)}


# -- sessions ------------------------------------------------------------------------------------


@user.field("sessions")
async def sessions(me: Me, info: Info) -> list[dict[str, Any]]:
    require_person(me.caller)  # where they are is no business of an app
    found = await context_of(info).bank.identity.sessions(me.caller.user_id)
    return [_session(one, current=one.id == me.caller.session_id) for one in found]


def _session(one: Session, *, current: bool) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "createdAt": one.created_at,
        "lastUsedAt": one.last_used_at,
        "ip": one.ip,
        "agent": one.agent,
        "device": one.device,
        "place": one.place,
        "methods": list(one.amr),
        "expiresAt": one.expires_at,
        "current": current,
    }


@mutation.field("sessionRevoke")
@verb(Scope.READ, success=False)
async def revoke_session(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    """A locked customer may still end sessions: that only ever makes the account safer."""
    require_person(caller)
    try:
        session_id = UUID(input["id"])
    except ValueError:
        raise SessionUnknown from None
    await context.bank.identity.revoke(caller.user_id, session_id)
    return {"success": True}


# -- fields of User ------------------------------------------------------------------------------


def _stored(of: Callable[[Person], Any]) -> Callable[[Me, Info], Awaitable[Any]]:
    async def resolve(me: Me, _: Info) -> Any:
        return of(await me.person())

    return resolve


def _email(address: str | None) -> dict[str, Any] | None:
    """Only what was verified is kept."""
    return None if address is None else {"address": address, "verified": True}


user.set_field("id", lambda me, _: str(me.caller.user_id))
user.set_field("defaultAccount", lambda me, _: me)
user.set_field("createdAt", _stored(lambda person: person.user.created_at))
user.set_field("phone", _stored(lambda person: person.user.phone))
user.set_field("language", _stored(lambda person: person.user.language))
user.set_field("username", _stored(lambda person: person.account.username))
user.set_field("email", _stored(lambda person: _email(person.user.email)))
user.set_field("totpEnabled", _stored(lambda person: person.user.totp))

BINDABLES = (query, mutation, user, EnumType("Scope", Scope))
