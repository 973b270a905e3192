"""A person's own ways to log in and sessions, as JSON, for whoever shows a session (no key, no app).

======================  ======  ===============================================================================
path                    method  what
======================  ======  ===============================================================================
/auth/factors           GET     ``factors``: id, kind, name, subject (none for passkeys), createdAt, lastUsedAt;
                                passkeys: backedUp, doubtfulSince
/auth/factors/{id}      PATCH   ``name``: call it so
/auth/factors/{id}      DELETE  remove it; may need a second proof (``step_up``); never the last one
/auth/factors/{id}/release  POST  let another account take it over: whoever proves it until ``releasedUntil``;
                                always needs a second proof
/auth/sessions          GET     ``sessions``: id, device, place, amr, createdAt, lastUsedAt, current
/auth/sessions/{id}     DELETE  end it
/auth/sessions          DELETE  end all but this one: ``ended``, how many
/auth/history           GET     ``entries`` of the audit log about them, newest first: id, at, verb, object,
                                result, actor, ip, agent, detail; ``?before=``: the last id of the page before
======================  ======  ===============================================================================

Times are seconds since 1970.
"""

from __future__ import annotations

from datetime import datetime

from starlette.routing import Route

from hazina.access import Caller
from hazina.api.bank import Bank
from hazina.api.rest.auth import Fields, text_of
from hazina.api.rest.proofs import Asked, endpoint
from hazina.identity import Factor, FactorKind, FactorUnknown, SessionUnknown
from hazina.identity.proofs import parse_key_name
from hazina.kernel.errors import InvalidInput, NotAuthenticated
from hazina.kernel.ids import UUID


async def factors(asked: Asked) -> Fields:
    return {"factors": [_factor(one) for one in await asked.bank.identity.factors(_caller(asked).user_id)]}


def _factor(factor: Factor) -> Fields:
    shown: Fields = {
        "id": str(factor.id),
        "kind": factor.kind.value,
        "name": factor.name,
        "subject": factor.subject if factor.kind is not FactorKind.TOTP else None,
        "createdAt": _seconds(factor.created_at),
        "lastUsedAt": None if factor.last_used_at is None else _seconds(factor.last_used_at),
    }
    if factor.kind is FactorKind.PASSKEY:
        doubtful = factor.data.get("doubtful_since")
        shown |= {"subject": None, "backedUp": factor.data["backed_up"], "doubtfulSince": doubtful}
    return shown


async def rename(asked: Asked) -> Fields:
    caller, name = _caller(asked), parse_key_name(text_of(asked.fields, "name"))
    factor_id = _id(asked, FactorUnknown)
    async with asked.bank.db.transaction() as tx:
        await asked.bank.identity.links.rename(tx, caller.user_id, factor_id, name)
    return {"id": str(factor_id), "name": name}


async def remove(asked: Asked) -> Fields:
    caller, factor_id = _caller(asked), _id(asked, FactorUnknown)
    await asked.bank.accounts.remove_factor(caller, factor_id, ip=asked.asker.ip, agent=asked.asker.agent)
    return {"removed": str(factor_id)}


async def release(asked: Asked) -> Fields:
    caller, factor_id = _caller(asked), _id(asked, FactorUnknown)
    until = await asked.bank.accounts.release_factor(caller, factor_id, ip=asked.asker.ip, agent=asked.asker.agent)
    return {"releasedUntil": _seconds(until)}


async def sessions(asked: Asked) -> Fields:
    caller = _caller(asked)
    found = await asked.bank.identity.sessions(caller.user_id)
    return {
        "sessions": [
            {
                "id": str(one.id),
                "device": one.device,
                "place": one.place,
                "amr": list(one.amr),
                "createdAt": _seconds(one.created_at),
                "lastUsedAt": _seconds(one.last_used_at),
                "current": one.id == caller.session_id,
            }
            for one in found
        ]
    }


async def end(asked: Asked) -> Fields:
    session_id = _id(asked, SessionUnknown)
    await asked.bank.identity.revoke(_caller(asked).user_id, session_id)
    return {"ended": str(session_id)}


async def end_others(asked: Asked) -> Fields:
    caller = _caller(asked)
    return {"ended": await asked.bank.identity.revoke_all(caller.user_id, but=caller.session_id)}


async def history(asked: Asked) -> Fields:
    before = asked.request.query_params.get("before")
    try:
        place = None if before is None else UUID(before)
    except ValueError:
        raise InvalidInput("The place is not one of this list.") from None
    entries = await asked.bank.identity.history(_caller(asked).user_id, place)
    return {
        "entries": [
            {
                "id": str(one.id),
                "at": _seconds(one.at),
                "verb": one.verb,
                "object": one.object,
                "result": one.result,
                "actor": one.actor,
                "ip": one.ip,
                "agent": one.agent,
                "detail": dict(one.detail),
            }
            for one in entries
        ]
    }


def _caller(asked: Asked) -> Caller:
    if asked.caller is None:
        raise NotAuthenticated
    return asked.caller


def _id(asked: Asked, unknown: type[FactorUnknown] | type[SessionUnknown]) -> UUID:
    try:
        return UUID(asked.request.path_params["id"])
    except ValueError:
        raise unknown from None


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def routes(bank: Bank) -> list[Route]:
    verbs = (
        ("factors", "GET", factors),
        ("factors/{id}", "PATCH", rename),
        ("factors/{id}", "DELETE", remove),
        ("factors/{id}/release", "POST", release),
        ("sessions", "GET", sessions),
        ("sessions/{id}", "DELETE", end),
        ("sessions", "DELETE", end_others),
        ("history", "GET", history),
    )
    return [Route(f"/auth/{path}", endpoint(bank, verb), methods=[method]) for path, method, verb in verbs]
