"""API keys, under Blink's names. A refusal here is an error of the whole answer, as Blink's is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ariadne import MutationType, ObjectType

from hazina.access import ApiKey, Caller, KeyUnknown, Scope, Window
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.verbs import question
from hazina.identity import KEY
from hazina.kernel.db import Tx
from hazina.kernel.errors import NotAuthorized

mutation, user, api_key = MutationType(), ObjectType("User"), ObjectType("ApiKey")
WINDOWS = {"DAILY": Window.DAY, "WEEKLY": Window.WEEK, "MONTHLY": Window.MONTH, "ANNUAL": Window.YEAR}
MOST = 2**31 - 1  # an Int of GraphQL holds no more: what was spent beyond that is shown as that


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise KeyUnknown from None


@user.field("apiKeys")
async def api_keys(me: Me, info: Info) -> list[ApiKey]:
    return await context_of(info).bank.api_keys.of(me.caller.user_id)


@mutation.field("apiKeyCreate")
@question
async def make(_: Any, context: Context, input: dict[str, Any]) -> dict[str, Any]:
    caller, keys, accounts = context.require(Scope.WRITE), context.bank.api_keys, context.bank.accounts
    scopes, days = input["scopes"], input.get("expireInDays")
    named = sorted(scope.value for scope in scopes)
    content = {"name": input["name"], "scopes": " ".join(named), "days": str(days)}
    spend = await accounts.second_proof(caller, KEY, content, f"Make the API key {input['name'][:40]}")

    async def step(tx: Tx) -> tuple[ApiKey, str]:
        await spend(tx)
        return await keys.make(tx, caller, input["name"], scopes, days)

    key, secret = await context.bank.db.again(step)
    return {"apiKey": key, "apiKeySecret": secret}


@mutation.field("apiKeyRevoke")
@question
async def revoke(_: Any, context: Context, input: dict[str, Any]) -> dict[str, Any]:
    """Whatever its scopes: whoever is logged in may make an account safer."""
    if context.caller is None:
        raise NotAuthorized
    return {"apiKey": await context.bank.api_keys.revoke(context.caller, _id(input["id"]))}


@mutation.field("apiKeySetLimit")
@question
async def set_limit(_: Any, context: Context, input: dict[str, Any]) -> dict[str, Any]:
    return {"apiKey": await _cap(context, input, int(input["limitSats"]))}


@mutation.field("apiKeyRemoveLimit")
@question
async def remove_limit(_: Any, context: Context, input: dict[str, Any]) -> dict[str, Any]:
    return {"apiKey": await _cap(context, input, None)}


async def _cap(context: Context, input: dict[str, Any], sats: int | None) -> ApiKey:
    caller: Caller = context.require(Scope.WRITE)
    return await context.bank.api_keys.cap(caller, _id(input["id"]), WINDOWS[input["limitTimeWindow"]], sats)


# -- fields of ApiKey ----------------------------------------------------------------------------


@api_key.field("limits")
async def limits(key: ApiKey, info: Info) -> dict[str, Any]:
    spent = await context_of(info).bank.api_keys.spent(key.id)
    shown: dict[str, Any] = {}
    for name, window in WINDOWS.items():
        shown[f"{name.lower()}LimitSats"] = key.caps.get(window)
        shown[f"{name.lower()}SpentSats"] = min(spent[window], MOST)
    return shown


api_key.set_field("id", lambda key, _: str(key.id))
api_key.set_field("createdAt", lambda key, _: key.created_at)
api_key.set_field("lastUsedAt", lambda key, _: key.last_used_at)
api_key.set_field("expiresAt", lambda key, _: key.expires_at)
api_key.set_field("revoked", lambda key, _: key.revoked_at is not None)
api_key.set_field("expired", lambda key, info: key.expired_at(context_of(info).bank.clock.now()))
api_key.set_field("readOnly", lambda key, _: key.scopes == {Scope.READ})
api_key.set_field("scopes", lambda key, _: [scope for scope in Scope if scope in key.scopes])

BINDABLES = (mutation, user, api_key)
