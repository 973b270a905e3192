"""Access tokens as JWTs (RFC 9068), refresh tokens, ID tokens.

The bank itself never reads what stands in an access token: it looks the token's hash up. What is written in it is for
resource servers of others, who know our keys.
"""

from __future__ import annotations

import secrets
from typing import Any

from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oidc.core import OpenIDCode
from authlib.oidc.core.grants.code import OpenIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from hazina.kernel.clock import Clock
from hazina.oauth.keys import KeyRing
from hazina.oauth.model import ES256, OFFLINE, Client, Family, Policy, new_secret, seconds, sid_of

ACCESS_TYPE = "at+jwt"
REFRESH_MARK = "hzn_rt_"


class TokenGenerator(BearerTokenGenerator):
    def __init__(self, issuer: str, clock: Clock, policy: Policy, ring: KeyRing) -> None:
        super().__init__(self.access_token, self.refresh_token, lambda client, grant_type: policy.access_s)
        self.issuer, self.clock, self.policy, self.ring = issuer, clock, policy, ring

    def generate(
        self,
        grant_type: str,
        client: Client,
        user: Family | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> Any:
        """Who may come back without the person is who was given ``offline_access``."""
        offline = user is not None and OFFLINE in user.scope.split()
        return super().generate(grant_type, client, user, scope, expires_in, include_refresh_token and offline)

    def access_token(self, client: Client, grant_type: str, user: Family | None, scope: str) -> str:
        now = seconds(self.clock.now())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": user.sub if user else client.id,
            "client_id": client.id,
            "scope": scope,
            "iat": now,
            "exp": now + self.policy.access_s,
            "jti": secrets.token_urlsafe(16),
        }
        if user is not None:
            claims |= {"auth_time": seconds(user.auth_time), "acr": user.acr, "amr": list(user.amr)}
        return jwt.encode({"alg": ES256, "typ": ACCESS_TYPE}, claims, self.ring.signing(ES256), [ES256])

    def refresh_token(self, client: Client, grant_type: str, user: Family | None, scope: str) -> str:
        return new_secret(REFRESH_MARK)


class IdTokens(OpenIDToken):
    """Beside refreshed tokens, and beside a device's."""

    def __init__(self, issuer: str, clock: Clock, policy: Policy, ring: KeyRing) -> None:
        self.issuer, self.clock, self.policy, self.ring = issuer, clock, policy, ring

    def resolve_client_private_key(self, client: Client) -> KeySet:
        return self.ring.signing(client.id_token_signed_response_alg)

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": client.id_token_signed_response_alg, "typ": "JWT"}

    def get_compatible_claims(self, request: Any) -> dict[str, Any]:
        """When the person logged in, and not when they were last heard of."""
        now, family, client = seconds(self.clock.now()), request.user, request.client
        return {
            "iss": self.issuer,
            "aud": [client.id],
            "azp": client.id,
            "iat": now,
            "exp": now + self.policy.id_token_s,
            "auth_time": seconds(family.auth_time),
            "acr": family.acr,
            "amr": list(family.amr),
            "sid": sid_of(family.session_id, client.id),
        }

    def generate_user_info(self, user: Family, scope: str) -> dict[str, str]:
        """Who it is, and no more: what else they let the app know is at ``userinfo``."""
        return {"sub": user.sub}


class IdTokensOfCodes(IdTokens, OpenIDCode):
    def __init__(self, issuer: str, clock: Clock, policy: Policy, ring: KeyRing) -> None:
        IdTokens.__init__(self, issuer, clock, policy, ring)
        self.require_nonce = False

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        """Apps compare it. To refuse one that was seen would refuse people who press Back."""
        return False
