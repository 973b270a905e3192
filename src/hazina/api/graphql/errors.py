"""Errors as Blink's clients read them: ``message``, ``path``, ``code``; at the top level the code stands
twice, since Blink's two servers put it in different places."""

from __future__ import annotations

from typing import Any

import structlog
from graphql import GraphQLError
from psycopg import OperationalError

from hazina.kernel.errors import Kind, Refusal
from hazina.kernel.log import request_id

log = structlog.get_logger("hazina.api")

UNEXPECTED = "UNEXPECTED_CLIENT_ERROR"
UNEXPECTED_MESSAGE = "Something went wrong on our side. If you were sending money, look at your history first."
DATABASE_MESSAGE = "Our database does not answer. If you were sending money, look at your history first."
RETRY_AFTER = {"retry-after": "2"}
"""Beside DATABASE_MESSAGE: a database that was shut down is back in seconds."""
MESSAGE_CHARS_MAX = 500

# Blink's words for a lock that another request holds. The BTCPay plug-in tries again when it reads them.
BUSY_NAME = "(code: ResourceAttemptsRedlockServiceError)"


def message_of(refusal: Refusal) -> str:
    return f"{refusal} {BUSY_NAME}" if refusal.kind is Kind.BUSY else str(refusal)


def payload_error(message: str, code: str | None = None) -> dict[str, Any]:
    """One item of a mutation's ``errors``."""
    return {"message": message, "path": None, "code": code}


def refused(refusal: Refusal) -> dict[str, Any]:
    return payload_error(message_of(refusal), refusal.blink or None)


def told(refusal: Refusal) -> dict[str, Any]:
    """What a client needs to go on after some refusals: it stands in the answer's ``extensions``."""
    facts = refusal.facts
    if refusal.code == "STEP_UP_REQUIRED":
        asked = {name: facts[name] for name in ("challenge", "methods", "said")}
        return {"stepUp": {**asked, "expiresAt": facts["expires_at"]}}
    if refusal.code == "OUTGOING_HELD":
        return {"hold": {"until": facts["until"], "remainingCents": facts["remaining_cents"]}}
    return {}


def code_of(error: GraphQLError) -> str | None:
    code = error.extensions.get("code") if error.extensions else None
    return code if isinstance(code, str) else None


def body(message: str, code: str) -> dict[str, Any]:
    """A whole answer that is one error, for what is refused before GraphQL begins."""
    return {"errors": [{"message": message, "code": code, "extensions": {"code": code, "requestId": request_id()}}]}


def shown(error: GraphQLError) -> dict[str, Any]:
    """A top-level error for the client. What we did not expect is logged, and told as one fixed sentence."""
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, Refusal):
        message, code = message_of(cause), cause.blink or "NOT_FOUND"  # Blink's payloads leave some codes out
    elif cause is None or isinstance(cause, GraphQLError):
        message, code = error.message[:MESSAGE_CHARS_MAX], code_of(error) or "INVALID_INPUT"
    elif isinstance(cause, OperationalError):
        log.error("database", path=error.path, error=type(cause).__name__)
        message, code = DATABASE_MESSAGE, "DB_ERROR"
    else:
        log.error("unexpected", path=error.path, exc_info=cause)
        message, code = UNEXPECTED_MESSAGE, UNEXPECTED
    more = told(cause) if isinstance(cause, Refusal) else {}
    extensions = {"code": code, "requestId": request_id(), **more}
    answer: dict[str, Any] = {"message": message, "code": code, "extensions": extensions}
    if error.locations:
        answer["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        answer["path"] = error.path
    return answer
