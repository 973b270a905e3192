"""Callback endpoints beyond what Blink's API has: their secrets, their state, their log. With a session, a key or an
app's token, and its scopes (READ to look; WRITE for secrets and all else).

=================================================  ======  ============================================================
path                                               method  what
=================================================  ======  ============================================================
/api/callbacks                                     GET     ``endpoints``: id, url, createdAt, waiting, nextTryAt,
                                                           disabledAt, disabledWhy, oldSecretUntil
/api/callbacks/{id}/secret                         GET     ``secret`` (``whsec_...``)
/api/callbacks/{id}/secret                         POST    make a new one: ``secret``; both sign for a day
/api/callbacks/{id}/enable                         POST    switch it on again; what waits goes out
/api/callbacks/{id}/deliveries                     GET     ``deliveries``, newest first: id, messageId, eventType, state
                                                           (waiting, delivered, given_up), tries, status, error,
                                                           createdAt, endedAt; ``?before=``: last id of the page before
/api/callbacks/{id}/deliveries/{delivery}          GET     one of them, with ``body`` and its ``attempts``
/api/callbacks/{id}/deliveries/{delivery}/replay   POST    send it once more, under the same id
=================================================  ======  ============================================================

Endpoints are added and deleted over GraphQL. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hazina.access import Caller, require_read, require_write
from hazina.api.bank import Bank
from hazina.api.credentials import BadCredential, caller_of, client_ip, credential
from hazina.api.graphql.errors import DATABASE_MESSAGE
from hazina.api.rest.auth import Fields
from hazina.api.rest.proofs import error, refused
from hazina.kernel.errors import InvalidInput, NotAuthenticated, Refusal
from hazina.webhooks import Delivery, DeliveryUnknown, Endpoint, EndpointUnknown, message_id

PORTAL = "/callbacks"
BASE = "/api/callbacks"


@dataclass(frozen=True, slots=True)
class Asked:
    bank: Bank
    request: Request
    caller: Caller

    @property
    def endpoint(self) -> UUID:
        try:
            return UUID(self.request.path_params["id"])
        except ValueError:
            raise EndpointUnknown from None

    @property
    def delivery(self) -> UUID:
        try:
            return UUID(self.request.path_params["delivery"])
        except ValueError:
            raise DeliveryUnknown from None


Serve = Callable[[Asked], Awaitable[Fields]]


async def endpoints(asked: Asked) -> Fields:
    return {"endpoints": [_endpoint(one) for one in await asked.bank.webhooks.endpoints(asked.caller)]}


async def secret(asked: Asked) -> Fields:
    require_write(asked.caller)  # whoever has it can sign in the bank's name
    return {"secret": await asked.bank.webhooks.secret(asked.caller, asked.endpoint)}


async def rotate(asked: Asked) -> Fields:
    return {"secret": await asked.bank.webhooks.rotate(asked.caller, asked.endpoint)}


async def enable(asked: Asked) -> Fields:
    await asked.bank.webhooks.enable(asked.caller, asked.endpoint)
    return {"enabled": str(asked.endpoint)}


async def log(asked: Asked) -> Fields:
    before = asked.request.query_params.get("before")
    try:
        place = None if before is None else UUID(before)
    except ValueError:
        raise InvalidInput("The place is not one of this list.") from None
    found = await asked.bank.webhooks.log(asked.caller, asked.endpoint, place)
    return {"deliveries": [_delivery(one) for one in found]}


async def delivery(asked: Asked) -> Fields:
    found, tries = await asked.bank.webhooks.delivery(asked.caller, asked.endpoint, asked.delivery)
    attempts = [
        {"at": _seconds(one.at), "status": one.status, "error": one.error, "tookMs": one.took_ms} for one in tries
    ]
    return {**_delivery(found), "body": found.body, "attempts": attempts}


async def replay(asked: Asked) -> Fields:
    await asked.bank.webhooks.replay(asked.caller, asked.endpoint, asked.delivery)
    return {"replayed": str(asked.delivery)}


def _endpoint(one: Endpoint) -> Fields:
    return {
        "id": str(one.id),
        "url": one.url,
        "createdAt": _seconds(one.created_at),
        "waiting": one.waiting,
        "nextTryAt": _seconds(one.next_at),
        "disabledAt": _seconds(one.disabled_at),
        "disabledWhy": one.disabled_why,
        "oldSecretUntil": _seconds(one.old_until),
    }


def _delivery(one: Delivery) -> Fields:
    return {
        "id": str(one.id),
        "messageId": message_id(one.id),
        "eventType": one.event_type,
        "state": one.state.name.lower(),
        "tries": one.tries,
        "status": one.status,
        "error": one.error,
        "createdAt": _seconds(one.created_at),
        "endedAt": _seconds(one.ended_at),
    }


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def routes(bank: Bank) -> list[Route]:
    one = f"{BASE}/{{id}}"
    verbs: tuple[tuple[str, str, Serve], ...] = (
        (BASE, "GET", endpoints),
        (f"{one}/secret", "GET", secret),
        (f"{one}/secret", "POST", rotate),
        (f"{one}/enable", "POST", enable),
        (f"{one}/deliveries", "GET", log),
        (f"{one}/deliveries/{{delivery}}", "GET", delivery),
        (f"{one}/deliveries/{{delivery}}/replay", "POST", replay),
    )
    return [Route(path, _served(bank, serve), methods=[method]) for path, method, serve in verbs]


def _served(bank: Bank, serve: Serve) -> Callable[[Request], Awaitable[Response]]:
    async def served(request: Request) -> Response:
        try:
            response: Response = JSONResponse(await serve(await _asked(bank, request)))
        except Refusal as refusal:
            response = refused(refusal)
        except OperationalError:
            response = error(503, "DB_ERROR", DATABASE_MESSAGE)
        response.headers["cache-control"] = "no-store"
        return response

    return served


async def _asked(bank: Bank, request: Request) -> Asked:
    """Raises NotAuthenticated; for a credential that does not go so far ReadNotAllowed, WriteNotAllowed."""
    ip = client_ip(request)
    try:
        caller = await caller_of(bank, credential(request.headers), ip)
    except BadCredential:
        raise NotAuthenticated from None
    if caller is None:
        raise NotAuthenticated
    (require_read if request.method == "GET" else require_write)(caller)
    return Asked(bank, request, caller)
