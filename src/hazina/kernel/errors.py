"""Refusals: the expected ways of saying no. Each has a stable code and one of eight kinds;
every surface (GraphQL, REST, command line) maps kinds, never single refusals.

A broken invariant is not a refusal: it is an assert, and somebody is called.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar


class Kind(Enum):
    INVALID = "invalid"  # the request cannot mean anything
    UNAUTHENTICATED = "unauthenticated"  # who are you?
    FORBIDDEN = "forbidden"  # we know you, and no
    MISSING = "missing"  # there is no such thing, or not for you
    CONFLICT = "conflict"  # it was fine before something else happened
    LIMIT = "limit"  # too much, too often
    BUSY = "busy"  # ask again in a moment
    UNAVAILABLE = "unavailable"  # a part that we need is away


class Refusal(Exception):
    """Base of every refusal. A subclass sets ``code``, ``kind`` and a public ``message``.

    ``code`` never changes once released. ``blink`` is the code that Blink's API uses for the
    same cause (several of ours may share one of theirs).
    """

    code: ClassVar[str]
    kind: ClassVar[Kind]
    blink: ClassVar[str] = "INVALID_INPUT"
    message: ClassVar[str] = ""

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message or self.message)
        self.facts = facts


class InvalidInput(Refusal):
    code = "INVALID_INPUT"
    kind = Kind.INVALID
    message = "The request is not valid."


class NotAuthenticated(Refusal):
    code = "NOT_AUTHENTICATED"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "Log in first."


class NotAuthorized(Refusal):
    code = "NOT_AUTHORIZED"
    kind = Kind.FORBIDDEN
    blink = "NOT_AUTHORIZED"
    message = "Not authorized"


class TooManyRequests(Refusal):
    code = "TOO_MANY_REQUESTS"
    kind = Kind.LIMIT
    blink = "TOO_MANY_REQUEST"
    message = "Too many requests. Wait a little and try again."


class Unavailable(Refusal):
    code = "UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "UNKNOWN_CLIENT_ERROR"
    message = "A part of the bank that this needs is away. Nothing was moved."
