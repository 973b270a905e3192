"""The adapter to Authlib: its server class over our rows, and its defaults tightened where every grant and endpoint
has them. What is particular to one is in ``grants`` and ``endpoints``.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Payload
from authlib.oauth2.rfc6749.requests import JsonPayload, JsonRequest
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from hazina.kernel.clock import Clock
from hazina.oauth import rows
from hazina.oauth.keys import KeyRing
from hazina.oauth.model import (
    BASIC,
    CLIENT_ALGORITHMS,
    KEY,
    NONE,
    POST,
    SCOPES,
    Asked,
    Client,
    Family,
    Policy,
    Reply,
    TokenKind,
    seconds,
)
from hazina.oauth.threads import current
from hazina.oauth.tokens import TokenGenerator

logging.getLogger("authlib").setLevel(logging.INFO)  # at DEBUG it writes whole tokens
log = structlog.get_logger("hazina.oauth")

ANY_CLIENT = [BASIC, POST, KEY, NONE]
SECRET_CLIENTS = [BASIC, POST, KEY]
ASSERTION_LIFE_S_MAX = 2 * 3_600
"""Authlib's own client signs for an hour."""


class Payload(OAuth2Payload):
    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)

    @property
    def data(self) -> dict[str, str]:
        return self._fields

    @property
    def datalist(self) -> dict[str, list[str]]:
        """Each once: ``fields_of`` has refused what is repeated."""
        return {name: [value] for name, value in self._fields.items()}


class Request(OAuth2Request):
    """At the configured address, whatever the Host header says (and whatever stands before us)."""

    def __init__(self, issuer: str, asked: Asked) -> None:
        super().__init__(asked.method, issuer + asked.path, headers=_credentials(asked))
        self.payload = Payload(asked.fields)

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.data)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.data)


class _Json(JsonPayload):
    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def data(self) -> dict[str, Any]:
        return self._data


class Description(JsonRequest):
    """A request that has a JSON object as its body, or none."""

    def __init__(self, issuer: str, asked: Asked) -> None:
        super().__init__(asked.method, issuer + asked.path, {"Authorization": asked.authorization})
        self.payload = _Json(asked.body or {})


def _credentials(asked: Asked) -> dict[str, str]:
    """The Authorization header, if it is one that can be read: Authlib fails on the others."""
    scheme, _, rest = asked.authorization.partition(" ")
    if scheme.lower() != "basic":
        return {"Authorization": asked.authorization} if asked.authorization else {}
    try:
        base64.b64decode(rest, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return {"Authorization": "Basic Og=="}
    return {"Authorization": asked.authorization}


class Server(AuthorizationServer):
    def __init__(self, issuer: str, clock: Clock, policy: Policy, ring: KeyRing) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.issuer, self.clock, self.policy, self.ring = issuer, clock, policy, ring
        self.register_token_generator("default", TokenGenerator(issuer, clock, policy, ring))
        self.register_client_auth_method(KEY, Assertion(self))

    def now(self) -> datetime:
        return self.clock.now()

    def query_client(self, client_id: str) -> Client | None:
        return rows.client(current(), client_id)

    def save_token(self, token: Mapping[str, Any], request: Any) -> None:
        """Hashes only. The refresh token keeps the whole scope of its log-in, whatever this access token has."""
        family: Family | None = request.user
        tx, now, client = current(), self.now(), request.client
        scope = token.get("scope", "")
        rows.put_token(tx, token["access_token"], TokenKind.ACCESS, client.id, family, scope, now, token["expires_in"])
        if family is not None and "refresh_token" in token:
            ends = seconds(family.created_at) + self.policy.family_s
            life = max(min(self.policy.refresh_idle_s, ends - seconds(now)), 0)
            rows.put_token(tx, token["refresh_token"], TokenKind.REFRESH, client.id, family, family.scope, now, life)

    def send_signal(self, name: str, *args: Any, **named: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def create_json_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Reply:
        fields = dict(headers)
        return Reply(status, body, fields, fields.pop("Location", None))

    def handle_error_response(self, request: Any, error: Any) -> Reply:
        reply: Reply = super().handle_error_response(request, error)
        log.info("oauth refused", error=error.error, why=error.get_error_description())
        return reply

    def authenticate_client(self, request: Any, methods: list[str], endpoint: str = "token") -> Client:
        """Who shows a secret may show it in one place only; who fails hears nothing of why."""
        fields = request.payload.data
        basic = request.headers.get("Authorization", "").lower().startswith("basic ")
        if basic + ("client_secret" in fields) + ("client_assertion" in fields) > 1:
            raise InvalidRequestError("Show one kind of client authentication.")
        try:
            client: Client = super().authenticate_client(request, methods, endpoint)
        except InvalidClientError as error:
            log.info("client authentication failed", why=error.description)
            raise InvalidClientError("Client authentication failed.", status_code=401) from None
        if fields.get("client_id", client.id) != client.id:
            raise InvalidClientError("Client authentication failed.", status_code=401)
        return client


class Assertion(JWTBearerClientAssertion):
    """``private_key_jwt`` (RFC 7523, OpenID Connect Core §9)."""

    CLIENT_AUTH_METHOD = KEY

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server

    def get_audiences(self) -> list[str]:
        return [self.server.issuer, f"{self.server.issuer}/oauth/token"]

    def resolve_client_public_key(self, client: Client) -> KeySet:
        if client.auth_method != KEY:
            raise InvalidClientError("The client has no keys.")
        return KeySet.import_key_set(client.metadata["jwks"])

    def extract_assertion(self, assertion: str) -> Any:
        try:
            return super().extract_assertion(assertion)
        except (ValueError, RecursionError):
            raise InvalidClientError("Not a JWT.") from None

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Any:
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=list(CLIENT_ALGORITHMS)).claims
            self.verify_claims(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise InvalidClientError("The assertion is not valid.") from None
        return claims

    def validate_jti(self, claims: Mapping[str, Any], jti: Any) -> bool:
        now, ends = self.server.now(), claims["exp"]
        if not isinstance(jti, str) or not 1 <= len(jti) <= 200 or ends > seconds(now) + ASSERTION_LIFE_S_MAX:
            return False
        return rows.take_assertion(current(), claims["sub"], jti, datetime.fromtimestamp(int(ends) + 120, UTC))
