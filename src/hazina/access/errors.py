"""Refusals of access."""

from __future__ import annotations

from hazina.kernel.errors import Kind, NotAuthorized, Refusal


class ReadNotAllowed(NotAuthorized):
    code = "READ_NOT_ALLOWED"
    message = "not authorized to read data"


class WriteNotAllowed(NotAuthorized):
    code = "WRITE_NOT_ALLOWED"
    message = "not authorized to execute mutations"


class InvalidIdempotencyKey(Refusal):
    code = "INVALID_IDEMPOTENCY_KEY"
    kind = Kind.INVALID
    message = "An idempotency key has 1 to 100 printable ASCII characters."


class InvalidKeyName(Refusal):
    code = "INVALID_API_KEY_NAME"
    kind = Kind.INVALID
    message = "A key has a name of 1 to 100 printable characters."


class InvalidKeyLife(Refusal):
    code = "INVALID_API_KEY_LIFE"
    kind = Kind.INVALID
    message = "A key lives for 1 to 3650 days, or until it is revoked."


class InvalidKeyScopes(Refusal):
    code = "INVALID_API_KEY_SCOPES"
    kind = Kind.INVALID
    message = "A key has at least one scope: READ, RECEIVE or WRITE."


class InvalidKeyCap(Refusal):
    code = "INVALID_API_KEY_CAP"
    kind = Kind.INVALID
    message = "Invalid limit amount: a limit is a positive number of satoshi."


class KeyUnknown(Refusal):
    code = "API_KEY_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "API key not found"


class KeyMayNot(Refusal):
    """A key or an app that is itself bound would get around that by a new key."""

    code = "KEY_MAY_NOT"
    kind = Kind.FORBIDDEN
    blink = "NOT_AUTHORIZED"
    message = "Permission denied: a limited key or an app makes no keys, and nobody passes on more than they may."


class TooManyKeys(Refusal):
    code = "TOO_MANY_KEYS"
    kind = Kind.LIMIT
    message = "You have as many API keys as one can have. Revoke one first."
