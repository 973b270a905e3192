"""Endpoints for programs: tokens and what becomes of them, who somebody is, apps, discovery, keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from psycopg import OperationalError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hazina.api.bank import Bank
from hazina.api.graphql.http import NotServed, read_json
from hazina.api.oauth.limits import REGISTER, TooMany, counted
from hazina.api.pages.kernel import FORM_TYPE, read_form
from hazina.oauth import Asked, Malformed, Reply, Shown, fields_of, resource

log = structlog.get_logger("hazina.oauth")

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
DOCUMENT = {"cache-control": "public, max-age=3600"}
JSON_BYTES_MAX = 64_000

Serve = Callable[[Request], Awaitable[Response]]


def routes(bank: Bank, middleware: Sequence[Middleware]) -> list[Route]:
    def at(path: str, serve: Serve, *methods: str) -> Route:
        return Route(path, _answering(serve), methods=[*methods, "OPTIONS"], middleware=middleware)

    ends = Endpoints(bank)
    keys = [at(path, ends.jwks, "GET") for path in ("/oauth/jwks.json", "/.well-known/jwks.json")]
    known = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
    return [
        at("/oauth/token", ends.token, "POST"),
        at("/oauth/introspect", ends.introspect, "POST"),
        at("/oauth/revoke", ends.of("revocation"), "POST"),
        at("/oauth/device_authorization", ends.of("device_authorization"), "POST"),
        at("/oauth/userinfo", ends.userinfo, "GET", "POST"),
        at("/oauth/register", ends.register, "POST"),
        at("/oauth/register/{client_id}", ends.configure, "GET", "PUT", "DELETE"),
        *keys,
        *(at(path, ends.metadata, "GET") for path in known),
        at("/.well-known/oauth-protected-resource", ends.resource, "GET"),
    ]


def _answering(serve: Serve) -> Serve:
    """Whatever goes wrong is told in OAuth's words (RFC 6749 §5.2)."""

    async def endpoint(request: Request) -> Response:
        try:
            return await serve(request)
        except Malformed as bad:
            return _error(400, "invalid_request", str(bad))
        except NotServed as no:
            return _error(400, "invalid_request", no.message)
        except TooMany as no:
            return _error(429, "temporarily_unavailable", "Too many requests.", {"retry-after": str(no.wait_s)})
        except OperationalError as error:
            log.error("database", error=type(error).__name__)
            return _error(503, "temporarily_unavailable", "The database does not answer.", {"retry-after": "2"})

    return endpoint


def _error(status: int, error: str, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error, "error_description": text}, status, {**NO_STORE, **(headers or {})})


def _said(reply: Reply) -> Response:
    headers = {**NO_STORE, **{name.lower(): value for name, value in reply.headers.items()}}
    headers.pop("content-type", None)
    if reply.status == 204:
        return Response(status_code=204, headers=headers)
    return JSONResponse(reply.body or {}, reply.status, headers)


class Endpoints:
    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    async def token(self, request: Request) -> Response:
        return _said(await self.bank.oauth.token(await _form(request)))

    def of(self, name: str) -> Serve:
        async def serve(request: Request) -> Response:
            return _said(await self.bank.oauth.endpoint(name, await _form(request)))

        return serve

    async def introspect(self, request: Request) -> Response:
        """A form, or the same as JSON (as HODLXXI's clients send it)."""
        if _kind(request) == "application/json":
            given = await _object(request)
            if not all(isinstance(value, str) for value in given.values()):
                raise Malformed("Every member must be text.")
            asked = _asked(request, fields_of(given.items()))
        else:
            asked = await _form(request)
        return _said(await self.bank.oauth.endpoint("introspection", asked))

    async def register(self, request: Request) -> Response:
        await counted(self.bank, request, REGISTER)
        asked = _asked(request, {}, await _object(request))
        return _said(await self.bank.oauth.endpoint("client_registration", asked))

    async def configure(self, request: Request) -> Response:
        body = await _object(request) if request.method == "PUT" else None
        return _said(await self.bank.oauth.endpoint("client_configuration", _asked(request, {}, body)))

    # -- who somebody is ------------------------------------------------------------------------

    async def userinfo(self, request: Request) -> Response:
        """OpenID Connect Core §5.3: by GET or POST, the token in the header or, by POST, in the form."""
        token = _bearer(request.headers.get("authorization", ""))
        if request.method == "POST" and _kind(request) == FORM_TYPE:
            inside = (await read_form(request)).get("access_token")
            if inside is not None and token is not None:
                raise Malformed("Show the token in one place.")
            token = token or inside
        if token is None:
            return JSONResponse(None, 401, {**NO_STORE, "www-authenticate": 'Bearer realm="hazina"'})
        shown = await self.bank.oauth.shown(token)
        account = None if shown is None else await self.bank.accounts.of_user(shown.user_id)
        if shown is None or account is None:
            return _challenge(401, "invalid_token", "The access token is not valid.")
        if "openid" not in shown.scope:
            return _challenge(403, "insufficient_scope", "The token has not the scope openid.", 'scope="openid"')
        return JSONResponse(await self._claims(shown, account.username), headers=NO_STORE)

    async def _claims(self, shown: Shown, username: str | None) -> dict[str, Any]:
        async with self.bank.db.reading() as tx:
            user = await self.bank.identity.user(tx, shown.user_id)
        claims: dict[str, Any] = {"sub": shown.sub}
        if user is None:
            return claims
        if "profile" in shown.scope:
            claims |= {"preferred_username": username, "name": username, "locale": user.language or None}
        if "email" in shown.scope and user.email:
            claims |= {"email": user.email, "email_verified": True}
        if "phone" in shown.scope and user.phone:
            claims |= {"phone_number": user.phone, "phone_number_verified": True}
        return {name: value for name, value in claims.items() if value is not None}

    # -- documents ------------------------------------------------------------------------------

    async def jwks(self, _: Request) -> Response:
        return JSONResponse(await self.bank.oauth.jwks(), headers=DOCUMENT)

    async def metadata(self, _: Request) -> Response:
        return JSONResponse(dict(self.bank.oauth.metadata), headers=DOCUMENT)

    async def resource(self, _: Request) -> Response:
        return JSONResponse(resource(self.bank.oauth.issuer), headers=DOCUMENT)


def _challenge(status: int, error: str, text: str, more: str = "") -> Response:
    challenge = ", ".join(part for part in (f'Bearer realm="hazina", error="{error}"', more) if part)
    return _error(status, error, text, {"www-authenticate": challenge})


def _bearer(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _asked(request: Request, fields: dict[str, str], body: dict[str, Any] | None = None) -> Asked:
    return Asked(request.method, request.url.path, fields, request.headers.get("authorization", ""), body)


async def _form(request: Request) -> Asked:
    """Nothing of an endpoint's parameters may stand in the address: it is written into logs."""
    if request.url.query:
        raise Malformed("Parameters belong into the body.")
    return _asked(request, await read_form(request))


async def _object(request: Request) -> dict[str, Any]:
    if _kind(request) != "application/json":
        raise Malformed("The body must be application/json.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > JSON_BYTES_MAX:
            raise Malformed("The request is too long.")
    found = read_json(bytes(body))
    if not isinstance(found, dict):
        raise Malformed("The body must be a JSON object.")
    return found
