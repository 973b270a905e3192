"""Callback endpoints, under Blink's names. Secrets and log: ``rest/callbacks.py``, and the callback portal's page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ariadne import MutationType, ObjectType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.verbs import Payload, verb
from hazina.api.rest.callbacks import PORTAL
from hazina.webhooks import Endpoint, EndpointUnknown

mutation, account, endpoint = MutationType(), ObjectType("ConsumerAccount"), ObjectType("CallbackEndpoint")


@account.field("callbackEndpoints")
async def endpoints(me: Me, info: Info) -> list[Endpoint]:
    return await context_of(info).bank.webhooks.endpoints(me.caller)


@account.field("callbackPortalUrl")
def portal(_: Me, info: Info) -> str:
    return f"{context_of(info).bank.settings.origin}{PORTAL}"


@mutation.field("callbackEndpointAdd")
@verb(Scope.WRITE)
async def add(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return {"id": (await context.bank.webhooks.add(caller, input["url"])).id}


@mutation.field("callbackEndpointDelete")
@verb(Scope.WRITE, success=False)
async def delete(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    try:
        endpoint_id = UUID(input["id"])
    except ValueError:
        raise EndpointUnknown from None
    await context.bank.webhooks.delete(caller, endpoint_id)
    return {"success": True}


BINDABLES = (mutation, account, endpoint)
