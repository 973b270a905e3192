"""What an app may say about itself: RFC 7591 §2, OpenID Connect Registration 1.0 §2, RP-Initiated Logout §3.1.

Every member that is kept is checked here; what asks for something that this provider does not do is refused by
name and never left out in silence. Members that nobody knows are left out, as the RFC has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from hazina.oauth.model import (
    ACRS,
    ALGORITHMS,
    AUTH_METHODS,
    BASIC,
    CLIENT_ALGORITHMS,
    CODE_GRANT,
    GRANTS,
    IDENTITY_SCOPES,
    KEY,
    LOOPBACK,
    NONE,
    OWN_GRANT,
    PAIRWISE,
    PUBLIC,
    SCOPES,
    scope_list,
)

URI_CHARS_MAX, NAME_CHARS_MAX, LIST_MAX, KEYS_MAX, RSA_BITS_LEAST = 500, 80, 10, 10, 2048
RSA_BITS_MAX = 8192
_URI = re.compile(r"[A-Za-z0-9\-._~:/?@!$&'()+,;=%\[\]]+", re.ASCII)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,3000}", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+", re.ASCII)

NOT_DONE = {
    "jwks_uri": "send the keys themselves in jwks: this provider fetches nothing",
    "sector_identifier_uri": "this provider fetches nothing: let all redirect URIs have one host",
    "software_statement": "software statements are not taken",
    "request_uris": "request objects are not taken",
    "request_object_signing_alg": "request objects are not taken",
    "request_object_encryption_alg": "request objects are not taken",
    "request_object_encryption_enc": "request objects are not taken",
    "id_token_encrypted_response_alg": "ID tokens are not encrypted",
    "id_token_encrypted_response_enc": "ID tokens are not encrypted",
    "userinfo_signed_response_alg": "userinfo answers are plain JSON",
    "userinfo_encrypted_response_alg": "userinfo answers are plain JSON",
    "userinfo_encrypted_response_enc": "userinfo answers are plain JSON",
    "dpop_bound_access_tokens": "tokens are not bound to a key",
    "tls_client_certificate_bound_access_tokens": "tokens are not bound to a key",
    "require_pushed_authorization_requests": "pushed requests are not taken",
    "require_signed_request_object": "request objects are not taken",
    "backchannel_logout_uri": "apps are not told of a log-out",
    "frontchannel_logout_uri": "apps are not told of a log-out",
}
"""False and empty ask for nothing and pass."""


class BadMetadata(Exception):
    """``error`` is RFC 7591's code; the text is fit for showing."""

    def __init__(self, text: str, error: str = "invalid_client_metadata") -> None:
        super().__init__(text)
        self.error = error


def checked_metadata(given: Any) -> dict[str, Any]:
    """What is kept of ``given``, defaults filled in; ``scope`` is not part of it (``checked_scope``). Raises
    BadMetadata."""
    if not isinstance(given, Mapping):
        raise BadMetadata("The description of an app is a JSON object.")
    for name, why in NOT_DONE.items():
        if given.get(name):
            raise BadMetadata(f"{name}: {why}.")
    kept: dict[str, Any] = {}
    for name, check in MEMBERS.items():
        if given.get(name) is not None:
            kept[name] = check(name, given[name])
    kept.setdefault("token_endpoint_auth_method", BASIC)
    kept.setdefault("grant_types", [CODE_GRANT])
    kept.setdefault("response_types", ["code"] if CODE_GRANT in kept["grant_types"] else [])
    kept.setdefault("application_type", "web")
    kept.setdefault("subject_type", PUBLIC)
    kept.setdefault("id_token_signed_response_alg", "RS256")
    _fits_together(kept)
    return kept if "client_name" in kept else {**kept, "client_name": _name_of(kept)}


def _fits_together(kept: dict[str, Any]) -> None:
    public = kept["token_endpoint_auth_method"] == NONE
    redirects = kept.get("redirect_uris", [])
    if (CODE_GRANT in kept["grant_types"]) != (kept["response_types"] == ["code"]):
        raise BadMetadata("response_types: they are [code] with the grant authorization_code, and empty without.")
    if CODE_GRANT in kept["grant_types"] and not redirects:
        raise BadMetadata("redirect_uris: an app that people log in to has at least one.", "invalid_redirect_uri")
    if public and OWN_GRANT in kept["grant_types"]:
        raise BadMetadata("grant_types: client_credentials needs an app that can keep a secret.")
    if not public and any(urlsplit(uri).scheme not in ("http", "https") for uri in redirects):
        text = "redirect_uris: an app with a scheme of its own is on people's devices and keeps no secret"
        raise BadMetadata(f"{text}: token_endpoint_auth_method none.", "invalid_redirect_uri")
    if (kept["token_endpoint_auth_method"] == KEY) and "jwks" not in kept:
        raise BadMetadata("jwks: private_key_jwt needs the public keys.")
    if kept["subject_type"] == PAIRWISE and len({urlsplit(uri).hostname for uri in redirects}) > 1:
        raise BadMetadata("subject_type: pairwise needs redirect_uris of one host.")


def _name_of(kept: dict[str, Any]) -> str:
    for uri in kept.get("redirect_uris", []):
        return str(urlsplit(uri).hostname or urlsplit(uri).scheme)
    raise BadMetadata("client_name: an app has a name.")


def checked_scope(text: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """What the app may ever ask; the identity scopes when it names none. Raises BadMetadata."""
    if text is not None and not isinstance(text, str):
        raise BadMetadata("scope: names with a space between them.")
    asked = tuple(scope_list(text)) or IDENTITY_SCOPES
    for one in asked:
        if one not in SCOPES:
            raise BadMetadata("scope: one of them is not known here.")
        if one not in allowed:
            raise BadMetadata(f"scope: {one} is given by the bank's operators or the customer that the app is of.")
    return asked


# -- members ------------------------------------------------------------------------------------


def _redirects(name: str, value: Any) -> list[str]:
    return [_redirect(name, one) for one in _list(name, value)]


def _redirect(name: str, value: Any) -> str:
    error = "invalid_redirect_uri" if name == "redirect_uris" else "invalid_client_metadata"
    parts = _split(name, value, error)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        if not parts.hostname:
            raise BadMetadata(f"{name}: a host is missing.", error)
    elif not (_PRIVATE_SCHEME.fullmatch(parts.scheme) and parts.path and not parts.netloc):
        text = "https, http on the same machine, or a private scheme such as com.example.app:/back"
        raise BadMetadata(f"{name}: {text}.", error)
    return str(value)


def _split(name: str, value: Any, error: str = "invalid_client_metadata") -> SplitResult:
    if not isinstance(value, str) or not 1 <= len(value) <= URI_CHARS_MAX or not _URI.fullmatch(value):
        raise BadMetadata(f"{name}: a URI of at most {URI_CHARS_MAX} characters, without a fragment.", error)
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise BadMetadata(f"{name}: that is no URI.", error) from None
    if _BROKEN_ESCAPE.search(value) or "@" in parts.netloc or set(parts.query) & set("$'[]"):
        raise BadMetadata(f"{name}: without user names, wildcards and what a query does not hold.", error)
    return parts


def _web(name: str, value: Any) -> str:
    """An address for people. It is never fetched."""
    parts = _split(name, value)
    if parts.scheme != "https" or not parts.hostname:
        raise BadMetadata(f"{name}: an address that begins with https://.")
    return str(value)


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > LIST_MAX:
        raise BadMetadata(f"{name}: a list of at most {LIST_MAX}.")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= NAME_CHARS_MAX or not value.isprintable():
        raise BadMetadata(f"{name}: 1 to {NAME_CHARS_MAX} printable characters.")
    return value.strip()


def _texts(name: str, value: Any) -> list[str]:
    return [_text(name, one) for one in _list(name, value)]


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadMetadata(f"{name}: true or false.")
    return value


def _age(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**9:
        raise BadMetadata(f"{name}: whole seconds.")
    return value


def _one_of(*known: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise BadMetadata(f"{name}: one of {', '.join(known)}.")
        return value

    return check


def _some_of(*known: str) -> Callable[[str, Any], list[str]]:
    one = _one_of(*known)
    return lambda name, value: list(dict.fromkeys(one(name, each) for each in _list(name, value)))


def _jwks(name: str, value: Any) -> dict[str, Any]:
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= KEYS_MAX:
        raise BadMetadata(f"{name}: an object with a list keys of 1 to {KEYS_MAX}.")
    if not all(isinstance(key, dict) and key.get("kty") in ("EC", "RSA", "OKP") for key in keys):
        raise BadMetadata(f"{name}: keys of the kinds EC, RSA and OKP.")
    if any(key.keys() & {"d", "p", "q", "k"} for key in keys):
        raise BadMetadata(f"{name}: there is a private key among them. Make new ones.")
    if any(key["kty"] == "RSA" and not _long_enough(key.get("n")) for key in keys):
        raise BadMetadata(f"{name}: RSA keys have {RSA_BITS_LEAST} to {RSA_BITS_MAX} bits.")
    try:
        found = KeySet.import_key_set({"keys": keys}).keys
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise BadMetadata(f"{name}: one of the keys cannot be read.") from None
    assert all(isinstance(key, ECKey | RSAKey | OKPKey) for key in found), "the kinds were looked at"
    return {"keys": keys}


def _long_enough(modulus: Any) -> bool:
    """In base64url, as a JWK has it."""
    if not isinstance(modulus, str) or not _BASE64URL.fullmatch(modulus):
        return False
    return RSA_BITS_LEAST - 7 <= len(modulus.lstrip("A")) * 6 <= RSA_BITS_MAX + 16


MEMBERS: dict[str, Callable[[str, Any], Any]] = {
    "redirect_uris": _redirects,
    "post_logout_redirect_uris": _redirects,
    "token_endpoint_auth_method": _one_of(*AUTH_METHODS),
    "token_endpoint_auth_signing_alg": _one_of(*CLIENT_ALGORITHMS),
    "grant_types": _some_of(*GRANTS),
    "response_types": _some_of("code"),
    "client_name": _text,
    "client_uri": _web,
    "logo_uri": _web,
    "tos_uri": _web,
    "policy_uri": _web,
    "initiate_login_uri": _web,
    "contacts": _texts,
    "jwks": _jwks,
    "software_id": _text,
    "software_version": _text,
    "application_type": _one_of("web", "native"),
    "subject_type": _one_of(PUBLIC, PAIRWISE),
    "id_token_signed_response_alg": _one_of(*ALGORITHMS),
    "default_max_age": _age,
    "require_auth_time": _flag,
    "default_acr_values": _some_of(*ACRS),
}
