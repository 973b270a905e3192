"""Contacts: whom a customer has paid, and whom they have written down."""

from __future__ import annotations

from typing import Any

from ariadne import EnumType, MutationType, ObjectType

from hazina.access import Caller, Scope
from hazina.accounts import Contact, ContactKind, InvalidContact
from hazina.api.graphql.connections import connection, page_of
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.public.transactions import line_cursor
from hazina.api.graphql.verbs import Payload, asked_by, question, verb
from hazina.kernel.errors import InvalidInput

mutation, user = MutationType(), ObjectType("User")
HISTORIES_MAX = 20
contact, user_contact = ObjectType("Contact"), ObjectType("UserContact")


@user.field("contacts")
async def contacts(me: Me, info: Info) -> list[Contact]:
    return await context_of(info).bank.contacts.of(me.caller)


@user.field("contactByUsername")
@question
async def by_username(me: Me, context: Context, username: str) -> Contact:
    return await context.bank.contacts.named(me.caller, username)


@user_contact.field("transactions")
@question
async def transactions(one: Contact, context: Context, **page: Any) -> dict[str, Any]:
    """With nobody but them. Each is a query of its own: not for every contact of a long list."""
    context.histories += 1
    if context.histories > HISTORIES_MAX:
        raise InvalidInput(f"Transactions with at most {HISTORIES_MAX} contacts are told at once.")
    found = await context.bank.payments.lines(asked_by(context), None, page_of(**page), username=one.handle)
    return connection(found, line_cursor)


@mutation.field("contactCreate")
@verb(Scope.WRITE)
async def create(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    if input.get("handle") is None:
        raise InvalidContact
    wanted = input["type"], input["handle"], input.get("displayName")
    return {"contact": await context.bank.contacts.create(caller, *wanted)}


@mutation.field("userContactUpdateAlias")
@verb(Scope.WRITE)
async def rename(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return {"contact": await context.bank.contacts.rename(caller, input["username"], input["alias"])}


contact.set_field("id", lambda one, _: one.id)
contact.set_field("type", lambda one, _: one.kind)
contact.set_field("displayName", lambda one, _: one.alias)
contact.set_field("createdAt", lambda one, _: one.created_at)
user_contact.set_field("id", lambda one, _: one.handle)
user_contact.set_field("username", lambda one, _: one.handle)
for _type in (contact, user_contact):
    _type.set_field("transactionsCount", lambda one, _: one.transactions_count)

BINDABLES = (mutation, user, contact, user_contact, EnumType("ContactType", {one.name: one for one in ContactKind}))
