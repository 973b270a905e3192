"""The four grants, where Authlib leaves them open: each code is taken once, under a lock, by the app that it is of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant

from hazina.oauth import rows
from hazina.oauth.model import BANK_SCOPES, Client, Code, Device, Family, Token, new_secret, scope_list
from hazina.oauth.server import ANY_CLIENT, SECRET_CLIENTS
from hazina.oauth.threads import current
from hazina.oauth.tokens import IdTokens, IdTokensOfCodes

CODE_MARK = "hzn_ac_"
_S256 = re.compile(r"[A-Za-z0-9\-_]{43}", re.ASCII)


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT

    def generate_authorization_code(self) -> str:
        return new_secret(CODE_MARK)

    def save_authorization_code(self, code: str, request: Any) -> None:
        """``request.user`` is the family that was made for this log-in."""
        ends = self.server.now() + timedelta(seconds=self.server.policy.code_s)
        fields = request.payload.data
        rows.put_code(
            current(), code, request.client.id, request.user.id, fields["redirect_uri"], fields["code_challenge"], ends
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        return rows.use_code(current(), code, client.id, self.server.now())

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """It is used already, and must be known again when it comes a second time."""

    def authenticate_user(self, authorization_code: Code) -> Family:
        return authorization_code.family


class Pkce(CodeChallenge):
    """S256, for every app."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = ["S256"]
    CODE_CHALLENGE_METHODS: ClassVar = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        fields: Mapping[str, str] = grant.request.payload.data
        if fields.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is needed: code_challenge_method S256.")
        if not _S256.fullmatch(fields.get("code_challenge", "")):
            raise InvalidRequestError("PKCE is needed: code_challenge is 43 characters of base64url.")


class RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        """Authlib asks this after it knows the client: no app can end another's family."""
        return rows.refresh_token(current(), refresh_token, self.client.id, self.server.now())

    def authenticate_user(self, refresh_token: Token) -> Family:
        if refresh_token.family is None:
            raise InvalidGrantError
        return refresh_token.family

    def revoke_old_credential(self, refresh_token: Token) -> None:
        rows.mark_traded(current(), self.request.form["refresh_token"], self.server.now())


class OwnGrant(ClientCredentialsGrant):
    """An app for itself. Identity scopes are of people, so they are refused."""

    TOKEN_ENDPOINT_AUTH_METHODS = SECRET_CLIENTS

    def generate_token(self, **named: Any) -> Any:
        own = [one for one in BANK_SCOPES if one in self.client.scope]
        asked = scope_list(self.request.payload.scope) or own
        if not asked or not set(asked) <= set(own):
            raise InvalidScopeError
        return super().generate_token(**{**named, "scope": " ".join(asked)})


class DeviceGrant(DeviceCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT
    _asker: Client
    _device: Device

    def authenticate_token_endpoint_client(self) -> Client:
        self._asker = super().authenticate_token_endpoint_client()
        return self._asker

    def query_device_credential(self, device_code: str) -> Device:
        found = rows.poll_device(current(), device_code, self._asker.id, self.server.now())
        if found is None:
            raise InvalidGrantError("The device code is not valid.")
        self._device = found
        return found

    def query_user_grant(self, user_code: str) -> tuple[Family | None, bool] | None:
        if self._device.denied:
            return None, False
        return None if self._device.family is None else (self._device.family, True)

    def should_slow_down(self, credential: Device) -> bool:
        return credential.early


def register(server: Any) -> None:
    """All of them, at start: the registries are only read afterwards."""
    parts = (server.issuer, server.clock, server.policy, server.ring)
    server.register_grant(CodeGrant, [Pkce(required=True), IdTokensOfCodes(*parts)])
    server.register_grant(RefreshGrant, [IdTokens(*parts)])
    server.register_grant(OwnGrant)
    server.register_grant(DeviceGrant, [IdTokens(*parts)])
