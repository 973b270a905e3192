"""What Blink's apps ask of its leaving custody, region by region. Nobody is affected here."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, QueryType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context, Info, context_of
from hazina.api.graphql.verbs import Payload, asked_by, verb
from hazina.kernel.errors import Kind, Refusal

query, mutation = QueryType(), MutationType()


class NothingMoves(Refusal):
    code = "MIGRATION_DISABLED"
    kind = Kind.FORBIDDEN
    blink = "OPERATION_RESTRICTED"
    message = "This bank keeps its customers' money; nothing has to move elsewhere."


@query.field("custodialRestrictions")
async def restrictions(_: Any, info: Info) -> dict[str, bool]:
    asked_by(context_of(info))
    return {"dollarBalance": False, "transfer": False}


@query.field("regionCheck")
async def region(*_: Any) -> dict[str, Any]:
    return {"countryCode": None, "custodialCreationAllowed": True, "restricted": False}


@query.field("windDown")
@query.field("migration")
async def not_affected(_: Any, info: Info) -> None:
    asked_by(context_of(info))


@mutation.field("migrationStart")
@mutation.field("migrationCommit")
@verb(Scope.WRITE)
async def move(context: Context, caller: Caller, input: dict[str, Any] | None = None) -> Payload:
    raise NothingMoves


@mutation.field("migrationLnAddressTransfer")
@verb(Scope.WRITE, results=())
async def move_address(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    raise NothingMoves


BINDABLES = (query, mutation)
