"""Nouns and rules of the provider: apps, what they may ask, what a log-in is worth, how long things live."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

from hazina.access import Scope, Window
from hazina.kernel.ids import UUID
from hazina.oauth.errors import InvalidCap

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400

# -- scopes -------------------------------------------------------------------------------------

OPENID, OFFLINE = "openid", "offline_access"
IDENTITY_SCOPES = (OPENID, "profile", "email", "phone", OFFLINE)
BANK_SCOPES = ("read", "receive", "write")
SCOPES = (*IDENTITY_SCOPES, *BANK_SCOPES)
SPENDING = "write"
DEFAULT_SCOPES = (OPENID, "profile")
"""Of a request that names none."""

RIGHTS = {"read": Scope.READ, "receive": Scope.RECEIVE, "write": Scope.WRITE}


def scope_list(text: str | None) -> list[str]:
    """The names in a ``scope``, each once, in our order; unknown ones last."""
    asked = dict.fromkeys((text or "").split())
    return [one for one in SCOPES if one in asked] + [one for one in asked if one not in SCOPES]


def rights_of(scope: Iterable[str]) -> frozenset[Scope]:
    """How far a token with this scope goes in the bank's own API."""
    return frozenset(RIGHTS[one] for one in scope if one in RIGHTS)


# -- how long, how often ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds, unless a name says otherwise."""

    code_s: int = MINUTE_S
    access_s: int = HOUR_S
    id_token_s: int = HOUR_S
    refresh_idle_s: int = 30 * DAY_S
    family_s: int = 90 * DAY_S
    """However often its refresh token is traded, a log-in at an app ends."""
    request_s: int = 10 * MINUTE_S
    device_s: int = 10 * MINUTE_S
    device_poll_s: int = 5
    grant_s: int = 90 * DAY_S
    """What a person agrees to lasts so long, unless they agree again."""
    key_life_s: int = 90 * DAY_S
    key_notice_s: int = 2 * DAY_S
    """A new key is published so long before it signs: whoever keeps our keys for a day knows it by then."""
    open_registration: bool = False
    """Apps may register themselves without an initial access token."""
    apps_per_customer: int = 20


SANDBOX_POLICY = Policy(open_registration=True)


# -- apps ---------------------------------------------------------------------------------------

BASIC, POST, KEY, NONE = "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
AUTH_METHODS = (BASIC, POST, KEY, NONE)
CODE_GRANT, REFRESH_GRANT, OWN_GRANT = "authorization_code", "refresh_token", "client_credentials"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = (CODE_GRANT, REFRESH_GRANT, OWN_GRANT, DEVICE_GRANT)
RS256, ES256 = "RS256", "ES256"
ALGORITHMS = (ES256, RS256)
CLIENT_ALGORITHMS = ("ES256", "ES384", "PS256", "RS256", "EdDSA")
PUBLIC, PAIRWISE = "public", "pairwise"


class AppKind(IntEnum):
    OPERATOR = 1
    CUSTOMER = 2
    ITSELF = 3  # registered by program (RFC 7591)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered app. The methods are the ones that Authlib asks a client for."""

    id: str
    owner_id: UUID | None
    kind: AppKind
    metadata: Mapping[str, Any]
    secret_hash: bytes | None
    scope: tuple[str, ...]
    checked: bool
    introspects: bool
    created_at: datetime
    disabled_at: datetime | None

    @property
    def name(self) -> str:
        return str(self.metadata["client_name"])

    @property
    def auth_method(self) -> str:
        return str(self.metadata["token_endpoint_auth_method"])

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        return tuple(self.metadata.get("redirect_uris", ()))

    @property
    def post_logout_redirect_uris(self) -> tuple[str, ...]:
        return tuple(self.metadata.get("post_logout_redirect_uris", ()))

    @property
    def id_token_signed_response_alg(self) -> str:
        """RS256 for whoever names none: the standard's default."""
        return str(self.metadata.get("id_token_signed_response_alg", RS256))

    @property
    def sector(self) -> str | None:
        """Whose users look alike to each other; None where a person has one name for all apps."""
        if self.metadata.get("subject_type", PUBLIC) != PAIRWISE:
            return None
        hosts = {urlsplit(uri).hostname or urlsplit(uri).scheme for uri in self.redirect_uris}
        return hosts.pop() if len(hosts) == 1 else self.id  # registration lets one host pass

    def get_client_id(self) -> str:
        return self.id

    def get_default_redirect_uri(self) -> None:
        """None: a request names it, always."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """None (and not less than was asked) when anything in it is not this app's: then ``invalid_scope``."""
        asked = scope_list(scope) or [one for one in DEFAULT_SCOPES if one in self.scope]
        return " ".join(asked) if asked and set(asked) <= set(self.scope) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly one of those registered, letter by letter."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret_hash is not None and hmac.compare_digest(hashed(client_secret), self.secret_hash)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Whoever has a secret may show it in either of two places: libraries differ in their default."""
        own = self.auth_method
        return method == own or (method in (BASIC, POST) and own in (BASIC, POST))

    def check_response_type(self, response_type: str) -> bool:
        return response_type in self.metadata.get("response_types", ())

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.metadata.get("grant_types", ())

    @property
    def asks_again(self) -> bool:
        """Anybody can pretend to be an app without a secret whose answer stays on the device (RFC 8252 §8.6):
        then the person is asked each time."""
        return self.auth_method == NONE and any(
            urlsplit(uri).scheme not in ("https",) or urlsplit(uri).hostname in LOOPBACK for uri in self.redirect_uris
        )


LOOPBACK = ("localhost", "127.0.0.1", "::1")


# -- a person at an app -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Login:
    """A person's log-in at the bank, in the browser that asks."""

    session_id: UUID
    user_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person agreed to for an app."""

    id: UUID
    user_id: UUID
    client_id: str
    scope: tuple[str, ...]
    offered: tuple[str, ...]
    caps: Mapping[Window, int]  # cents
    created_at: datetime
    changed_at: datetime
    expires_at: datetime | None
    used_at: datetime | None

    def covers(self, asked: Iterable[str], at: datetime) -> bool:
        """Was all of it asked before and something of it given, for a time that is not over?"""
        wanted = set(asked)
        lasts = self.expires_at is None or at < self.expires_at
        return lasts and wanted <= set(self.offered) and bool(wanted & set(self.scope))


@dataclass(frozen=True, slots=True)
class Family:
    """One log-in of a person at an app, and all tokens that come of it. To Authlib this is the "user"."""

    id: UUID
    grant_id: UUID
    user_id: UUID
    client_id: str
    session_id: UUID
    scope: str
    nonce: str | None
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    created_at: datetime
    sub: str

    def get_user_id(self) -> str:
        return self.sub


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that was just used."""

    family: Family
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.family.scope

    def get_nonce(self) -> str | None:
        return self.family.nonce

    def get_auth_time(self) -> int:
        return seconds(self.family.auth_time)

    def get_acr(self) -> str:
        return self.family.acr

    def get_amr(self) -> list[str]:
        return list(self.family.amr)


class TokenKind(IntEnum):
    ACCESS = 1
    REFRESH = 2


@dataclass(frozen=True, slots=True)
class Token:
    """As stored: whoever holds the text itself shows it."""

    kind: TokenKind
    client_id: str
    family: Family | None
    scope: str
    issued_at: datetime
    expires_at: datetime
    dead: bool
    """Revoked, alone or with its family or its grant, or run out."""

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.id

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return self.dead

    def is_revoked(self) -> bool:
        return self.dead


@dataclass(frozen=True, slots=True)
class Device:
    """A device without a browser, waiting for its person."""

    user_code: str
    client_id: str
    scope: str
    expired: bool
    denied: bool
    early: bool
    """It asks again too soon."""
    family: Family | None

    def get_client_id(self) -> str:
        return self.client_id

    def get_scope(self) -> str:
        return self.family.scope if self.family else self.scope

    def get_user_code(self) -> str:
        return self.user_code

    def is_expired(self) -> bool:
        return self.expired


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom an access token lets act, and how far."""

    user_id: UUID
    client_id: str
    grant_id: UUID
    rights: frozenset[Scope]
    caps: Mapping[Window, int]


def spending_subject(grant_id: UUID) -> str:
    """What a grant's spending is counted under (``access.caps_claim``)."""
    return f"grant:{grant_id}"


CENTS_MAX = 100_000_000


def check_caps(caps: Mapping[Window, int]) -> None:
    """Raises InvalidCap."""
    if not all(1 <= cents <= CENTS_MAX for cents in caps.values()):
        raise InvalidCap


# -- acr: how sure the bank is of the person (amr after RFC 8176) ----------------------------------

ACR_PHISHING_RESISTANT = "phr"  # OpenID EAP ACR Values 1.0 §2
ACR_TWO, ACR_ONE = "urn:hazina:acr:2", "urn:hazina:acr:1"
ACRS = (ACR_PHISHING_RESISTANT, ACR_TWO, ACR_ONE)
"""Best first."""


def acr_of(amr: Sequence[str]) -> str:
    """One factor, two, or a passkey (bound to our address, with the person verified)."""
    known = set(amr)
    if known & {"hwk", "swk"} and "user" in known:
        return ACR_PHISHING_RESISTANT
    return ACR_TWO if "mfa" in known else ACR_ONE


def acr_reaches(acr: str, wanted: Iterable[str]) -> bool:
    """Is it any of the wanted ones, or better?"""
    known = [one for one in wanted if one in ACRS]
    return bool(known) and ACRS.index(acr) <= max(ACRS.index(one) for one in known)


def sid_of(session_id: UUID, client_id: str) -> str:
    """The session as one app knows it: two apps cannot find out that they have the same person."""
    return hashlib.sha256(f"{session_id}\0{client_id}".encode()).hexdigest()[:32]


# -- secrets ------------------------------------------------------------------------------------

USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628 §6.1: no vowels, no digits
USER_CODE_LENGTH = 8


def hashed(secret: str) -> bytes:
    """SHA-256, the form at rest: what is random needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_secret(prefix: str) -> str:
    """256 random bits behind a mark by which leaked ones are found."""
    return prefix + secrets.token_urlsafe(32)


def new_user_code() -> str:
    """34 random bits, for people to type."""
    return "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))


def shown_user_code(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"


def typed_user_code(text: str) -> str | None:
    """What a person meant; None for what is no code."""
    plain = re.sub(r"[\s\-]", "", text[:40]).upper()
    return plain if re.fullmatch(f"[{USER_CODE_LETTERS}]{{{USER_CODE_LENGTH}}}", plain) else None


def new_subject() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(18)).decode()


def seconds(at: datetime) -> int:
    """Seconds since 1970, as in a JWT."""
    return int(at.timestamp())


# -- what an app asks --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in HTTP's plain terms. Each field once: ``fields_of``."""

    method: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""
    body: Any = None
    """A JSON object, where one is asked for."""


@dataclass(slots=True)
class Reply:
    """What to answer. ``location`` is settable; a body is JSON."""

    status: int
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    location: str | None = None


class Malformed(Exception):
    """Refused before anybody looks at what it asks."""


FIELD_CHARS_MAX, FIELDS_MAX = 8_000, 60


def fields_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Empty values are as if absent (RFC 6749 §3.1). Raises Malformed for a repeated name, for too much, and
    for text that no database stores."""
    found: dict[str, str] = {}
    for number, (name, value) in enumerate(pairs):
        if number >= FIELDS_MAX or len(name) > 100 or len(value) > FIELD_CHARS_MAX:
            raise Malformed("The request is too long.")
        if "\0" in (both := name + value) or any("\ud800" <= c <= "\udfff" for c in both):
            raise Malformed("The request holds characters that nobody can store.")
        if name in found:
            raise Malformed("A parameter is repeated.")
        found[name] = value
    return {name: value for name, value in found.items() if value}
