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
