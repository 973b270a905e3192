"""Introspection, revocation, device authorization, log-out, and the registration of apps by program."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint, InvalidClientMetadataError
from authlib.oauth2.rfc7592 import ClientConfigurationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint
from authlib.oidc.rpinitiated import EndSessionEndpoint
from joserfc import jwt
from joserfc.errors import JoseError

from hazina.oauth import rows
from hazina.oauth.clients import BadMetadata, checked_metadata, checked_scope
from hazina.oauth.model import (
    ALGORITHMS,
    BASIC,
    DEVICE_GRANT,
    IDENTITY_SCOPES,
    POST,
    SCOPES,
    AppKind,
    Client,
    Token,
    TokenKind,
    hashed,
    new_secret,
    new_user_code,
    seconds,
    shown_user_code,
)
from hazina.oauth.server import ANY_CLIENT, SECRET_CLIENTS
from hazina.oauth.threads import current

CLIENT_MARK, SECRET_MARK, ACCESS_MARK, DEVICE_MARK = "client_", "hzn_cs_", "hzn_ra_", "hzn_dc_"
JSON_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache")]


class Introspection(IntrospectionEndpoint):
    """RFC 7662. An app may ask about its own tokens, a resource server about all; every other answer is the same."""

    CLIENT_AUTH_METHODS = SECRET_CLIENTS

    def check_params(self, request: Any, client: Client) -> None:
        """A hint that nobody knows is no hint (RFC 7662 §2.1)."""
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        return rows.token(current(), token_string, self.server.now())

    def check_permission(self, token: Token, client: Client, request: Any) -> bool:
        return token.check_client(client) or (client.introspects and token.kind is TokenKind.ACCESS)

    def introspect_token(self, token: Token) -> dict[str, Any]:
        said: dict[str, Any] = {
            "active": True,
            "client_id": token.client_id,
            "sub": token.family.sub if token.family else token.client_id,
            "scope": token.scope,
            "iss": self.server.issuer,
            "aud": self.server.issuer,
            "iat": seconds(token.issued_at),
            "exp": seconds(token.expires_at),
        }
        if token.kind is TokenKind.ACCESS:
            said["token_type"] = "Bearer"  # noqa: S105 - a type, no token
        if token.family is not None:
            said |= {"auth_time": seconds(token.family.auth_time), "acr": token.family.acr}
        return said


class Revocation(RevocationEndpoint):
    """RFC 7009. Another app's token is as if unknown: 200, and nothing happens."""

    CLIENT_AUTH_METHODS = ANY_CLIENT

    def check_params(self, request: Any, client: Client) -> None:
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def authenticate_token(self, request: Any, client: Client) -> Token | None:
        self.check_params(request, client)
        token = rows.token(current(), request.form["token"], self.server.now())
        return token if token is not None and token.check_client(client) else None

    def revoke_token(self, token: Token, request: Any) -> None:
        rows.revoke_token(current(), request.form["token"], self.server.now())


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """RFC 8628 §3.1."""

    CLIENT_AUTH_METHODS = ANY_CLIENT

    def create_endpoint_response(self, request: Any) -> Any:
        client: Client = self.authenticate_client(request)
        if not client.check_grant_type(DEVICE_GRANT):
            raise UnauthorizedClientError("The app is not registered for devices.")
        scope = client.get_allowed_scope(request.payload.scope)
        if scope is None:
            raise InvalidScopeError
        policy, code = self.server.policy, new_secret(DEVICE_MARK)
        ends = self.server.now() + timedelta(seconds=policy.device_s)
        while True:
            user_code = new_user_code()
            if rows.put_device(current(), code, user_code, client.id, scope, policy.device_poll_s, ends):
                break
        place, shown = f"{self.server.issuer}/device", shown_user_code(user_code)
        data = {
            "device_code": code,
            "user_code": shown,
            "verification_uri": place,
            "verification_uri_complete": f"{place}?user_code={shown}",
            "expires_in": policy.device_s,
            "interval": policy.device_poll_s,
        }
        return 200, data, JSON_HEADERS


class EndSession(EndSessionEndpoint):
    """OpenID Connect RP-Initiated Logout 1.0. Ending the session itself is for who has the browser's cookie."""

    def get_server_jwks(self) -> Any:
        return self.server.ring.published()

    def _validate_id_token_hint(self, id_token_hint: str) -> dict[str, Any]:
        """An ID token of ours, however old (§2). An access token is none."""
        try:
            token = jwt.decode(id_token_hint, self.get_server_jwks(), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError, KeyError):
            raise InvalidRequestError("The id_token_hint is not an ID token of this provider.") from None
        claims = token.claims
        if claims.get("iss") != self.server.issuer or token.header.get("typ") != "JWT" or "sid" not in claims:
            raise InvalidRequestError("The id_token_hint is not an ID token of this provider.")
        return dict(claims)

    def resolve_client_from_id_token_claims(self, id_token_claims: Mapping[str, Any]) -> Client | None:
        aud = id_token_claims.get("aud")
        audience = aud if isinstance(aud, list) else [aud]
        return self.server.query_client(audience[0]) if audience and isinstance(audience[0], str) else None

    def _is_valid_post_logout_redirect_uri(self, client: Client, post_logout_redirect_uri: str) -> bool:
        return post_logout_redirect_uri in client.post_logout_redirect_uris

    def end_session(self, end_session_request: Any) -> None:
        """Who asks has done it."""


class Registration(ClientRegistrationEndpoint):
    """RFC 7591. The app that registers itself may know who somebody is; to move their money it is made by a
    customer or an operator, or it shows an operator's initial access token."""

    def authenticate_token(self, request: Any) -> str:
        token = bearer(request)
        if token is None and self.server.policy.open_registration:
            return "open"
        if token is None or not rows.take_initial(current(), token, self.server.now()):
            raise InvalidTokenError("An initial access token is needed.")
        return "initial"

    def extract_client_metadata(self, request: Any) -> dict[str, Any]:
        return described(request, SCOPES if request.credential == "initial" else IDENTITY_SCOPES)

    def generate_client_info(self, request: Any) -> dict[str, Any]:
        return {"client_id": new_secret(CLIENT_MARK), "client_id_issued_at": seconds(self.server.now())}

    def save_client(self, client_info: dict[str, Any], client_metadata: dict[str, Any], request: Any) -> Client:
        request.secrets = made_secrets(client_metadata) | {"registration_access_token": new_secret(ACCESS_MARK)}
        app = new_client(client_info["client_id"], AppKind.ITSELF, client_metadata, request.secrets, self.server.now())
        rows.put_client(current(), app, hashed(request.secrets["registration_access_token"]))
        return app

    def generate_client_registration_info(self, client: Client, request: Any) -> dict[str, Any]:
        return {**request.secrets, "registration_client_uri": f"{self.server.issuer}/oauth/register/{client.id}"}


class Configuration(ClientConfigurationEndpoint):
    """RFC 7592. A secret is shown when it is made, and never again."""

    def authenticate_token(self, request: Any) -> Any:
        token = bearer(request)
        client = rows.client_of_access(current(), hashed(token)) if token else None
        if client is None:
            raise InvalidTokenError("The registration access token is not valid.")
        return Holder(client)

    def authenticate_client(self, request: Any) -> Client:
        """The token of one app opens no other: that is as if absent."""
        if request.uri.rpartition("/")[2] != request.credential.client.id:
            raise InvalidTokenError("The registration access token is not valid.")
        return request.credential.client  # type: ignore[no-any-return] # Authlib has no types

    def check_permission(self, client: Client, request: Any) -> bool:
        return True

    def extract_client_metadata(self, request: Any) -> dict[str, Any]:
        return described(request, (*IDENTITY_SCOPES, *request.credential.client.scope))

    def update_client(self, client: Client, client_metadata: dict[str, Any], request: Any) -> Client:
        scope = scope_of(client_metadata)
        rows.change_client(current(), client.id, without_scope(client_metadata), scope)
        fresh = made_secrets(client_metadata)
        if bool(fresh) != (client.secret_hash is not None):
            request.secrets = fresh
            rows.set_secret(current(), client.id, hashed(fresh["client_secret"]) if fresh else None)
        changed = rows.client(current(), client.id)
        assert changed is not None, "it was changed, not removed"
        return changed

    def delete_client(self, client: Client, request: Any) -> None:
        rows.drop_client(current(), client.id)

    def introspect_client(self, client: Client) -> dict[str, Any]:
        info = {"client_id": client.id, "client_id_issued_at": seconds(client.created_at)}
        return {**client.metadata, "scope": " ".join(client.scope), **info}

    def generate_client_registration_info(self, client: Client, request: Any) -> dict[str, Any]:
        uri = f"{self.server.issuer}/oauth/register/{client.id}"
        shown = {"registration_access_token": bearer(request), "registration_client_uri": uri}
        return {**getattr(request, "secrets", {}), **shown}


class Holder:
    """Of a registration access token."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def check_client(self, client: Client) -> bool:
        return client.id == self.client.id


def bearer(request: Any) -> str | None:
    scheme, _, token = request.headers["Authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def described(request: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    """The checked metadata with ``scope``, which is registered but is no part of what the app says of itself."""
    data = request.payload.data
    try:
        return {**checked_metadata(data), "scope": " ".join(checked_scope(data.get("scope"), allowed))}
    except BadMetadata as bad:
        error = InvalidClientMetadataError(plain(str(bad)))
        error.error = bad.error
        raise error from None


def plain(text: str) -> str:
    """Only what an ``error_description`` may hold."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text)


def scope_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(metadata["scope"].split())


def without_scope(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != "scope"}


def made_secrets(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """For an app that shows one; it does not run out."""
    if metadata["token_endpoint_auth_method"] not in (BASIC, POST):
        return {}
    return {"client_secret": new_secret(SECRET_MARK), "client_secret_expires_at": 0}


def new_client(
    client_id: str, kind: AppKind, metadata: Mapping[str, Any], secrets: Mapping[str, Any], at: Any
) -> Client:
    secret = secrets.get("client_secret")
    return Client(
        client_id,
        None,
        kind,
        without_scope(metadata),
        hashed(secret) if secret else None,
        scope_of(metadata),
        False,
        False,
        at,
        None,
    )


def register(server: Any) -> None:
    for endpoint in (Introspection, Revocation, DeviceAuthorization, EndSession):
        server.register_endpoint(endpoint)
    server.register_endpoint(Registration(server))
    server.register_endpoint(Configuration(server))
