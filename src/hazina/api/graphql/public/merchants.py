"""The map of merchants."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from hazina.api.graphql.context import Context, Info, context_of
from hazina.api.graphql.verbs import Payload, verb
from hazina.merchants import Merchant

query, mutation, merchant, marker = QueryType(), MutationType(), ObjectType("Merchant"), ObjectType("MapMarker")


@query.field("businessMapMarkers")
async def markers(_: Any, info: Info) -> list[Merchant]:
    return await context_of(info).bank.merchants.markers()


@mutation.field("merchantMapSuggest")
@verb()
async def suggest(context: Context, input: dict[str, Any]) -> Payload:
    wanted = input["username"], input["title"], input["latitude"], input["longitude"]
    return {"merchant": await context.bank.merchants.suggest(*wanted, context.ip)}


marker.set_field("mapInfo", lambda one, _: {"title": one.title, "coordinates": one.place})
merchant.set_field("id", lambda one, _: str(one.id))
merchant.set_field("coordinates", lambda one, _: one.place)
merchant.set_field("createdAt", lambda one, _: one.created_at)
merchant.set_field("validated", lambda one, _: one.validated_at is not None)

BINDABLES = (query, mutation, merchant, marker)
