"""The support chat."""

from __future__ import annotations

from typing import Any

from ariadne import EnumType, MutationType, ObjectType

from hazina.access import Caller, Scope, require_person
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.verbs import Payload, verb
from hazina.support import Message, Role

mutation, user, message = MutationType(), ObjectType("User"), ObjectType("SupportMessage")


@user.field("supportChat")
async def chat(me: Me, info: Info) -> list[Message]:
    require_person(me.caller)  # what somebody tells the bank is no business of an app
    return await context_of(info).bank.support.messages(me.caller)


@mutation.field("supportChatMessageAdd")
@verb(Scope.WRITE)
async def add(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    require_person(caller)
    return {"supportMessage": await context.bank.support.write(caller, input["message"])}


@mutation.field("supportChatReset")
@verb(Scope.WRITE, success=False)
async def reset(context: Context, caller: Caller) -> Payload:
    require_person(caller)
    await context.bank.support.reset(caller)
    return {"success": True}


message.set_field("message", lambda one, _: one.text)
message.set_field("timestamp", lambda one, _: one.at)

BINDABLES = (mutation, user, message, EnumType("SupportRole", Role))
