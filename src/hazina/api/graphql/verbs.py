"""Wrappers round the resolvers of root fields: who may call, and what a refusal looks like.

A mutation answers a refusal inside its payload, with HTTP 200; a query or subscription raises it, and
it becomes an error of the whole answer. A missing log-in or scope is always of the second sort.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context, Info, context_of
from hazina.api.graphql.errors import payload_error, refused, told
from hazina.api.graphql.scalars import first_invalid
from hazina.kernel.errors import InvalidInput, Refusal

Payload = dict[str, Any]
Resolver = Callable[..., Awaitable[Any]]


def checked(arguments: dict[str, Any]) -> None:
    """Raises InvalidInput for the first argument that its scalar refused."""
    if bad := first_invalid(arguments):
        raise InvalidInput(bad.message)


def question(resolver: Callable[..., Awaitable[Any]]) -> Resolver:
    """A field with arguments that anyone may ask, or whose parent was already authorised.
    The resolver gets ``(parent, context, **arguments)``."""

    @functools.wraps(resolver)
    async def run(parent: Any, info: Info, **arguments: Any) -> Any:
        checked(arguments)
        return await resolver(parent, context_of(info), **arguments)

    return run


def verb(scope: Scope | None = None, **when_refused: Any) -> Callable[[Callable[..., Awaitable[Payload]]], Resolver]:
    """A mutation. The resolver gets ``(context, **arguments)``, and ``(context, caller, **arguments)`` when a
    scope is asked for; it gives the payload without ``errors``, or with. ``when_refused`` are the
    payload's other fields after a refusal."""

    def wrap(resolver: Callable[..., Awaitable[Payload]]) -> Resolver:
        @functools.wraps(resolver)
        async def run(_: Any, info: Info, **arguments: Any) -> Payload:
            context = context_of(info)
            who: tuple[Caller, ...] = () if scope is None else (context.require(scope),)
            if bad := first_invalid(arguments):
                payload = {"errors": [payload_error(bad.message)]}
            else:
                try:
                    payload = {"errors": [], **await resolver(context, *who, **arguments)}
                except Refusal as refusal:
                    payload = {"errors": [refused(refusal)]}
                    context.told.update({"refusal": refusal.code, **told(refusal)})
            if payload["errors"]:
                context.refused = True
                payload = {**when_refused, **payload}
            return payload

        return run

    return wrap


def asked_by(context: Context) -> Caller:
    """Who reads. Raises NotAuthorized."""
    return context.require(Scope.READ)
