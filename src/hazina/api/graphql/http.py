"""GraphQL over HTTP: POST with a JSON body, GET for queries.

Order: who asks (401), what is asked (400, 405, 415), whether it was asked before (409), then execution,
which always answers 200. A body is refused as a whole for text that the database cannot hold.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from inspect import isawaitable
from typing import Any, NoReturn
from uuid import UUID

import structlog
from graphql import DocumentNode, ExecutionResult, OperationType, execute, get_operation_ast
from psycopg import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hazina.access import Caller
from hazina.api.bank import Bank
from hazina.api.credentials import BadCredential, caller_of, client_ip, credential
from hazina.api.graphql.context import Context
from hazina.api.graphql.documents import Documents
from hazina.api.graphql.errors import DATABASE_MESSAGE, RETRY_AFTER, body, shown
from hazina.kernel import rates
from hazina.kernel.log import request_id

log = structlog.get_logger("hazina.api")

IDEMPOTENCY = rates.Rate("idempotency", points=1, window_s=3600, block_s=None)
"""Blink locks a key for an hour from its first use and never replays the answer: the client looks at its history."""

_ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)


class NotServed(Exception):
    """A request that is refused before GraphQL begins."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in GraphQL's terms. ``document`` is valid; ``variables`` are JSON."""

    document: DocumentNode
    variables: dict[str, Any] | None
    operation: str | None


def read_json(text: bytes | str) -> Any:
    """The JSON value. Raises NotServed for what is no JSON, NaN included, and for text that holds NUL or
    half a surrogate pair, which no other program could store or print."""
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        value = json.loads(plain, parse_constant=_no_constant)
    except RecursionError:
        raise NotServed(400, "INVALID_INPUT", "The body is nested too deeply.") from None
    except ValueError:
        raise NotServed(400, "INVALID_INPUT", "The body is not valid JSON.") from None
    if _ESCAPED.search(plain):
        refuse_unstorable(value)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def refuse_unstorable(value: Any) -> None:
    """Raises NotServed when any text inside ``value`` holds NUL or a lone surrogate."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if "\0" in one or any("\ud800" <= c <= "\udfff" for c in one):
                raise NotServed(400, "INVALID_INPUT", "Text with NUL or half a surrogate pair is not accepted.")
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one


_KEYS_IN_URLS = {"apikey", "api_key", "api-key", "x-api-key", "access_token"}


class Endpoint:
    """``/graphql``."""

    def __init__(self, bank: Bank, documents: Documents) -> None:
        self.bank = bank
        self.documents = documents

    async def serve(self, request: Request) -> Response:
        try:
            return await self._serve(request)
        except BadCredential:
            return JSONResponse(body("The credential is not valid. Log in again.", "NOT_AUTHENTICATED"), 401)
        except NotServed as no:
            return JSONResponse(body(no.message, no.code), no.status)
        except OperationalError as error:
            log.error("database", error=type(error).__name__)
            return JSONResponse(body(DATABASE_MESSAGE, "DB_ERROR"), 503, RETRY_AFTER)

    async def _serve(self, request: Request) -> Response:
        if not _KEYS_IN_URLS.isdisjoint(name.lower() for name in request.query_params):
            raise NotServed(400, "KEY_IN_URL", "A key in an address ends up in logs. Use a header; revoke this one.")
        ip = client_ip(request)
        held = credential(request.headers)
        caller = await caller_of(self.bank, held, ip)
        key = _idempotency_key(request)
        data = await _read(request)
        text = self._text(data)
        if text is None:
            return JSONResponse(body("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND"))
        checked = self.documents.get(text)
        if checked.document is None:
            return JSONResponse({"errors": [shown(error) for error in checked.errors]}, 400)
        self._persist(data, text)
        asked = Asked(checked.document, data.get("variables"), data.get("operationName"))
        _allowed(asked, request.method)
        if key is not None:
            await self._take_key(key, caller)
        context = Context(self.bank, caller, held, ip, request.headers.get("user-agent"), key)
        return JSONResponse(await self._run(asked, context))

    async def _run(self, asked: Asked, context: Context) -> dict[str, Any]:
        given = execute(
            self.documents.schema,
            asked.document,
            context_value=context,
            variable_values=asked.variables,
            operation_name=asked.operation,
        )
        result: ExecutionResult = await given if isawaitable(given) else given
        answer: dict[str, Any] = {}
        if result.errors:
            answer["errors"] = [shown(error) for error in result.errors]
        answer["data"] = result.data
        if context.refused:
            answer["extensions"] = {"requestId": request_id(), **context.told}
        return answer

    def _text(self, data: dict[str, Any]) -> str | None:
        """The document's text; None for a digest that we have not seen (Apollo's persisted queries)."""
        text, digest = data.get("query"), _digest(data)
        if text is None and digest is not None:
            return self.documents.persisted(digest)
        if not isinstance(text, str):
            raise NotServed(400, "INVALID_INPUT", 'The body has no "query".')
        if digest is not None and sha256(text.encode()).hexdigest() != digest:
            raise NotServed(400, "INVALID_INPUT", "provided sha does not match query")
        return text

    def _persist(self, data: dict[str, Any], text: str) -> None:
        if (digest := _digest(data)) is not None and data.get("query") is not None:
            self.documents.persist(digest, text)

    async def _take_key(self, key: str, caller: Caller | None) -> None:
        owner = "anonymous" if caller is None else str(caller.account_id)
        async with self.bank.db.transaction() as tx:
            taken = await rates.take(tx, [(IDEMPOTENCY, f"{owner}:{key}")], self.bank.clock.now())
        if taken:
            raise NotServed(409, "INVALID_INPUT", "409: Conflict: the idempotency key already exist")  # Blink's words


def _allowed(asked: Asked, method: str) -> None:
    operation = get_operation_ast(asked.document, asked.operation)
    if operation is None:
        return  # execution names the mistake
    if operation.operation is OperationType.SUBSCRIPTION:
        raise NotServed(400, "INVALID_INPUT", "A subscription needs a websocket.")
    if method == "GET" and operation.operation is not OperationType.QUERY:
        raise NotServed(405, "INVALID_INPUT", "GET serves queries only.")


def _digest(data: dict[str, Any]) -> str | None:
    extensions = data.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return digest if isinstance(digest, str) else None


def _idempotency_key(request: Request) -> str | None:
    """The key in its plain form. Raises NotServed for anything but a UUID."""
    given = request.headers.get("x-idempotency-key")
    if given is None:
        return None
    try:
        return str(UUID(given)) if len(given) == 36 else _not_a_key()
    except ValueError:
        _not_a_key()


def _not_a_key() -> NoReturn:
    raise NotServed(400, "INVALID_INPUT", "The idempotency key must be a UUID.")


async def _read(request: Request) -> dict[str, Any]:
    """The request as a JSON object, with ``variables`` and ``operationName`` of the right types."""
    if request.method == "GET":
        fields = request.query_params
        data: Any = {name: fields[name] for name in ("query", "operationName") if fields.get(name)}
        data |= {name: read_json(fields[name]) for name in ("variables", "extensions") if fields.get(name)}
        refuse_unstorable(data)
    else:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise NotServed(415, "INVALID_INPUT", "The body must be application/json.")
        data = read_json(await request.body())
    if isinstance(data, list):
        raise NotServed(400, "INVALID_INPUT", "Batches of operations are not served.")
    return checked_request(data)


def checked_request(data: Any) -> dict[str, Any]:
    """Raises NotServed unless ``data`` has the shape of a GraphQL request."""
    if not isinstance(data, dict):
        raise NotServed(400, "INVALID_INPUT", "The body must be a JSON object.")
    if not isinstance(data.get("variables"), dict | None):
        raise NotServed(400, "INVALID_INPUT", '"variables" must be an object.')
    if not isinstance(data.get("operationName"), str | None):
        raise NotServed(400, "INVALID_INPUT", '"operationName" must be text.')
    return data
