"""Logging in over plain HTTP: ``POST /auth/phone/captcha``, ``/code``, ``/login``, JSON or form.

Shapes and statuses are Blink's. An error is ``{"error": message, "code", "requestId"}``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from psycopg import OperationalError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hazina.api.bank import Bank
from hazina.api.credentials import client_ip
from hazina.api.graphql.errors import DATABASE_MESSAGE, RETRY_AFTER
from hazina.api.graphql.http import NotServed, read_json, refuse_unstorable
from hazina.api.graphql.public.users import challenge
from hazina.identity.factors import CaptchaAnswer
from hazina.kernel.errors import Kind, Refusal
from hazina.kernel.log import request_id

Fields = dict[str, Any]
Serve = Callable[[Bank, Request, Fields], Awaitable[Fields | None]]

STATUS = {Kind.UNAUTHENTICATED: 401, Kind.LIMIT: 429}  # Blink answers all else that it refuses with 400


async def captcha(bank: Bank, request: Request, fields: Fields) -> Fields:
    return {"result": challenge(await bank.factors.phones.puzzle())}


async def code(bank: Bank, request: Request, fields: Fields) -> Fields:
    """The captcha's fields are looked at where the bank has one; ``captchaToken`` is Turnstile's."""
    channel = text_of(fields, "channel") if fields.get("channel") else "SMS"
    answer = CaptchaAnswer(
        *(str(fields.get(name, "")) for name in ("challengeCode", "validationCode", "secCode", "captchaToken"))
    )
    await bank.factors.phones.request_code(text_of(fields, "phone"), channel, client_ip(request), answer)
    return {"success": True}


async def login(bank: Bank, request: Request, fields: Fields) -> Fields:
    entered = await bank.accounts.log_in(
        text_of(fields, "phone"),
        text_of(fields, "code"),
        ip=client_ip(request),
        agent=request.headers.get("user-agent"),
    )
    return {"authToken": entered.token, "totpRequired": entered.totp_required, "id": str(entered.user_id)}


def routes(bank: Bank, middleware: Sequence[Middleware] = ()) -> list[Route]:
    verbs: dict[str, Serve] = {"captcha": captcha, "code": code, "login": login}
    return [
        Route(f"/auth/phone/{name}", endpoint_of(bank, verb), methods=["POST", "OPTIONS"], middleware=middleware)
        for name, verb in verbs.items()
    ]


def endpoint_of(
    bank: Bank, serve: Serve, statuses: Mapping[Kind, int] = STATUS
) -> Callable[[Request], Awaitable[Response]]:
    """``serve`` as an endpoint. What gives None answers 200 without a body."""

    async def endpoint(request: Request) -> Response:
        try:
            answer = await serve(bank, request, await fields_of(request))
            return Response() if answer is None else JSONResponse(answer)
        except NotServed as no:
            return _error(no.status, no.code, no.message)
        except Refusal as refusal:
            return _error(statuses.get(refusal.kind, 400), refusal.blink or refusal.code, str(refusal), refusal.facts)
        except OperationalError:
            return _error(503, "DB_ERROR", DATABASE_MESSAGE)

    return endpoint


async def fields_of(request: Request) -> Fields:
    """The body as an object; an empty body has no fields."""
    body = await request.body()
    if not body:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        try:
            found: Any = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
        except ValueError:
            raise NotServed(400, "INVALID_INPUT", "The body is not a valid form.") from None
        refuse_unstorable(found)
    else:
        found = read_json(body)
    if not isinstance(found, dict):
        raise NotServed(400, "INVALID_INPUT", "The body must be a JSON object.")
    return found


def text_of(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise NotServed(400, "INVALID_INPUT", f'The field "{name}" is missing.')
    return value


def _error(status: int, code: str, message: str, facts: Fields | None = None) -> Response:
    retry_after_s = (facts or {}).get("retry_after_s")
    headers = {"retry-after": str(retry_after_s)} if retry_after_s else RETRY_AFTER if status == 503 else None
    more = {"extensions": facts} if facts else {}
    return JSONResponse({"error": message, "code": code, "requestId": request_id(), **more}, status, headers)
