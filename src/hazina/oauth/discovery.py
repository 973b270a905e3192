"""What the provider says of itself: one document at both addresses (OpenID Connect Discovery 1.0 §3, RFC 8414 §2),
and the one for its API (RFC 9728). Checked when the bank is built."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from hazina.oauth.model import (
    ACRS,
    ALGORITHMS,
    BASIC,
    CLIENT_ALGORITHMS,
    GRANTS,
    KEY,
    NONE,
    PAIRWISE,
    POST,
    PUBLIC,
    SCOPES,
)

CLAIMS = (
    "iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
    "name", "preferred_username", "locale", "email", "email_verified", "phone_number", "phone_number_verified",
)  # fmt: skip


def document(issuer: str) -> dict[str, Any]:
    """Raises ValueError when it breaks a rule of either standard."""
    with_secret = [BASIC, POST, KEY]
    every = [*with_secret, NONE]
    algorithms = list(CLIENT_ALGORITHMS)
    said = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "registration_endpoint": f"{issuer}/oauth/register",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "end_session_endpoint": f"{issuer}/oauth/end_session",
        "device_authorization_endpoint": f"{issuer}/oauth/device_authorization",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "subject_types_supported": [PUBLIC, PAIRWISE],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "acr_values_supported": list(ACRS),
        "claims_supported": list(CLAIMS),
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "display_values_supported": ["page", "popup", "touch", "wap"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": ["en", "sw"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": every,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": every,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": with_secret,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
    }
    OpenIDProviderMetadata(said).validate()
    AuthorizationServerMetadata(said).validate()
    return said


def resource(issuer: str) -> dict[str, Any]:
    """RFC 9728 §2: of the bank's own API."""
    return {
        "resource": issuer,
        "authorization_servers": [issuer],
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "scopes_supported": ["read", "receive", "write"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Hazina",
    }
