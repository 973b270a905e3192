"""How the sandbox says that a request makes no sense: HTTP 400 (or another status) with a code and a sentence."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

BODY_BYTES_MAX = 64 * 1024


class Problem(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


async def read_body(request: Request) -> bytes:
    """The body, if it is not too long."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise Problem("BODY_TOO_LARGE", f"A body has at most {BODY_BYTES_MAX:,} bytes.", 413)
    return bytes(body)


def read_object(body: bytes, *allowed: str) -> dict[str, Any]:
    """A JSON object (an empty body counts as an empty one) with no other names than ``allowed``."""
    try:
        found = json.loads(body or b"{}", parse_constant=_refuse)
        body.decode("utf-8")
    except (ValueError, RecursionError):
        raise Problem("BAD_JSON", "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise Problem("BAD_JSON", "The body must be a JSON object.")
    if unknown := sorted(set(found) - set(allowed)):
        raise Problem("UNKNOWN_FIELD", f"Unknown field {unknown[0][:40]!r}. There are: {', '.join(allowed)}.")
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)


# --- the fields of an object


def whole(body: dict[str, Any], field: str, least: int, most: int) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        raise Problem(f"BAD_{field.upper()}", f"{field} must be a whole number from {least} to {most}.")
    return value


def flag(body: dict[str, Any], field: str) -> bool:
    value = body.get(field, False)
    if not isinstance(value, bool):
        raise Problem(f"BAD_{field.upper()}", f"{field} must be true or false.")
    return value


def name(body: dict[str, Any], field: str) -> str | None:
    value = body.get(field)
    if value is not None and not isinstance(value, str):
        raise Problem(f"BAD_{field.upper()}", f"{field} must be text.")
    return value
