"""How LND's REST gateway talks: JSON with LND's spacing, gRPC codes as HTTP statuses, errors bare on
single answers and wrapped on streams, and streams that send nothing, not even a status, before their
first message."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import re
from collections.abc import AsyncGenerator
from typing import Any

from starlette.types import Receive, Scope, Send

from hazina.sandbox.events import NodeStopped
from hazina.sandbox.faults import cut

UNKNOWN, BAD_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, UNIMPLEMENTED = 2, 3, 5, 6, 12
STATUS = {UNKNOWN: 500, BAD_ARGUMENT: 400, NOT_FOUND: 404, ALREADY_EXISTS: 409, UNIMPLEMENTED: 501}
INT64_MAX = 2**63 - 1

Object = dict[str, Any]
Stream = AsyncGenerator[Object, None]


class LndError(Exception):
    def __init__(self, message: str, code: int = UNKNOWN, *, bare: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.bare = bare  # not wrapped even on a stream: the gateway never got as far as the call

    def object(self) -> Object:
        return {"code": self.code, "message": str(self), "details": []}


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(", ", ":"), ensure_ascii=False).encode("utf-8", "replace")


async def answer(send: Send, status: int, value: Any) -> None:
    body = dump(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: LndError, *, stream: bool) -> None:
    value = error.object()
    await answer(send, STATUS[error.code], {"error": value} if stream and not error.bare else value)


async def answer_stream(scope: Scope, receive: Receive, send: Send, stream: Stream) -> None:
    """One object a line until the stream ends, the client leaves, or the node stops."""
    told = asyncio.create_task(_tell(scope, send, stream))
    left = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({told, left}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        left.cancel()
        if not told.done():
            told.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await told


async def _tell(scope: Scope, send: Send, stream: Stream) -> None:
    started = False
    try:
        async with contextlib.aclosing(stream):
            async for item in stream:
                if not started:
                    await _start(send, 200)
                    started = True
                await _line(send, {"result": item})
    except LndError as error:
        if not started:
            return await answer_error(send, error, stream=True)
        await _line(send, {"error": error.object()})
    except NodeStopped:
        return await cut(scope)
    if not started:
        await _start(send, 200)
    await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})


async def _line(send: Send, value: Any) -> None:
    await send({"type": "http.response.body", "body": dump(value) + b"\n", "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


# --- values


def b64(octets: bytes | None) -> str:
    return base64.b64encode(octets or b"").decode("ascii")


def read_b64(text: str, name: str) -> bytes:
    """Either alphabet; the padding must be there."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise LndError(
            f'parsing field "{name}": illegal base64 data at input byte {len(text) // 4 * 4}', BAD_ARGUMENT, bare=True
        ) from None


def hash_of(octets: bytes) -> bytes:
    if len(octets) != 32:
        raise LndError(f"invalid hash length of {len(octets)}, want 32")
    return octets


def go_float(number: int) -> str:
    """As Go prints a whole float with %v: from a million on with an exponent."""
    if abs(number) < 1_000_000:
        return str(number)
    digits, _, power = f"{number:.16e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{power}"


def read_hex(text: str) -> bytes:
    if strange := re.search(r"[^0-9a-fA-F]", text):
        raise LndError(f"encoding/hex: invalid byte: U+{ord(strange[0]):04X} {strange[0]!r}")
    if len(text) % 2:
        raise LndError("encoding/hex: odd length hex string")
    return bytes.fromhex(text)


def read_int(text: str, name: str) -> int:
    """A number in a query."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII):
        raise LndError(f'parsing field "{name}": strconv.ParseUint: parsing "{text}": invalid syntax', BAD_ARGUMENT)
    return int(text)


def read_message(body: bytes, **kinds: str) -> Object:
    """A request body whose fields are of ``kinds``: int, text, bytes, bool, number, ints, object,
    objects. Missing
    ones have their zero value; unknown ones are refused, as LND does."""
    try:
        found = json.loads(body, parse_constant=lambda name: _raise(name)) if body else {}
    except (ValueError, RecursionError):
        raise LndError("unexpected EOF" if not body.rstrip().endswith(b"}") else "invalid character", BAD_ARGUMENT,
                       bare=True) from None  # fmt: skip
    if not isinstance(found, dict):
        raise LndError("proto: syntax error (line 1:1): unexpected token", BAD_ARGUMENT, bare=True)
    for name in found:
        if name not in kinds:
            at = max(body.find(f'"{name}"'.encode("utf-8", "replace")), 0) + 1
            raise LndError(f'proto: (line 1:{at}): unknown field "{name}"', BAD_ARGUMENT, bare=True)
    try:
        return {name: _value(found.get(name), kind, name) for name, kind in kinds.items()}
    except _NoNumber as wrong:
        told = re.search(rf'"{wrong.name}"\s*:\s*'.encode(), body)
        place = f"(line 1:{told.end() + 1})" if told else "(line 1:1)"
        raise LndError(f"proto: {place}: invalid value for int64 type: {wrong}", BAD_ARGUMENT, bare=True) from None


class _NoNumber(Exception):
    def __init__(self, name: str, value: Any) -> None:
        super().__init__(json.dumps(value)[:80])
        self.name = name


def _raise(name: str) -> None:
    raise ValueError(name)


_ZERO: dict[str, Any] = {
    "int": 0,
    "number": 0,
    "text": "",
    "bytes": b"",
    "bool": False,
    "ints": [],
    "object": {},
    "objects": [],
}
_JSON: dict[str, Any] = {"bool": bool, "number": (int, float), "object": dict, "objects": list}


def _value(value: Any, kind: str, name: str) -> Any:
    if value is None:
        return _ZERO[kind]
    if kind == "int":
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value, re.ASCII):
            value = int(value)
        if type(value) is int and -INT64_MAX <= value <= INT64_MAX:
            return value
        raise _NoNumber(name, value)
    if kind == "ints" and isinstance(value, list):
        return [_value(item, "int", name) for item in value]
    if kind == "bytes" and isinstance(value, str):
        try:
            padded = value + "=" * (-len(value) % 4)
            return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            pass
    elif kind == "text" and isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # as Go reads lone surrogates
    elif kind in _JSON and isinstance(value, _JSON[kind]):
        return value
    raise LndError(f"proto: invalid value for {kind} field {name}: {json.dumps(value)[:80]}", BAD_ARGUMENT, bare=True)
