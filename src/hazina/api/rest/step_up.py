"""Confirming something by a second proof: ``POST /auth/step-up/begin`` and ``/auth/step-up/prove``.

A verb that needs it refuses with ``STEP_UP_REQUIRED`` and, in ``extensions``, the challenge and the methods.
``begin`` takes ``challenge`` and ``method`` and answers what the client needs (where a code was sent, options
for a passkey); ``prove`` takes ``challenge``, ``method`` and ``answer`` and gives ``token``, for the header
``X-Step-Up`` of the same request sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from hazina.access import Caller
from hazina.api.bank import Bank
from hazina.api.credentials import BadCredential, caller_of, client_ip, credential
from hazina.api.rest.auth import Fields, Serve, endpoint_of, text_of
from hazina.identity import ChallengeUnknown
from hazina.kernel.errors import NotAuthenticated


async def begin(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller, challenge = await caller_by_session(bank, request), _challenge(fields)
    method = text_of(fields, "method")
    return await bank.identity.stepup.begin(caller.user_id, challenge, method, client_ip(request))


async def prove(bank: Bank, request: Request, fields: Fields) -> Fields:
    caller, challenge = await caller_by_session(bank, request), _challenge(fields)
    token = await bank.identity.stepup.prove(
        caller.user_id,
        challenge,
        text_of(fields, "method"),
        text_of(fields, "answer"),
        ip=client_ip(request),
        agent=request.headers.get("user-agent"),
    )
    return {"token": token}


async def caller_by_session(bank: Bank, request: Request) -> Caller:
    """Somebody who is there themselves: no key and no app may act for them here. Raises NotAuthenticated."""
    try:
        caller = await caller_of(bank, credential(request.headers), client_ip(request))
    except BadCredential:
        caller = None
    if caller is None or caller.session_id is None:
        raise NotAuthenticated
    return caller


def _challenge(fields: Fields) -> UUID:
    try:
        return UUID(text_of(fields, "challenge"))
    except ValueError:
        raise ChallengeUnknown from None


def routes(bank: Bank, middleware: Sequence[Middleware] = ()) -> list[Route]:
    verbs: dict[str, Serve] = {"begin": begin, "prove": prove}
    return [
        Route(f"/auth/step-up/{name}", endpoint_of(bank, verb), methods=["POST", "OPTIONS"], middleware=middleware)
        for name, verb in verbs.items()
    ]
