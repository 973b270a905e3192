"""The authorization endpoint's decisions: is the request sound, is the person there and surely enough, have they
agreed? Every look starts from the request again, so that nothing between two pages has to be believed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from authlib.oauth2 import OAuth2Error
from joserfc import jwt
from joserfc.errors import JoseError

from hazina.access import Window
from hazina.kernel.ids import UUID, new_id
from hazina.oauth import rows
from hazina.oauth.model import (
    ALGORITHMS,
    SPENDING,
    Asked,
    Client,
    Family,
    Grant,
    Login,
    acr_of,
    acr_reaches,
    new_secret,
    scope_list,
)
from hazina.oauth.server import Request, Server
from hazina.oauth.threads import current

PROMPTS = {"none", "login", "consent", "select_account"}
AGE_S_MAX = 10**9
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser there."""

    uri: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A page of our own: nobody whom we know asked, so there is nowhere to send the browser."""

    why: str  # "client", "redirect" or "gone"


@dataclass(frozen=True, slots=True)
class LogIn:
    """The person logs in first (again, if they are logged in), then comes back to ``key``."""

    key: str
    client: Client
    redirect_uri: str
    hint: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The person decides. ``granted``: what they gave this app before."""

    key: str
    client: Client
    redirect_uri: str
    scope: tuple[str, ...]
    granted: tuple[str, ...]
    caps: Mapping[Window, int]
    until: datetime


Step = Redirect | Stop | LogIn | Ask


@dataclass(frozen=True, slots=True)
class Decision:
    """Of a person on the consent page. ``scope`` may be less than was asked."""

    allow: bool
    scope: tuple[str, ...] = ()
    caps: Mapping[Window, int] | None = None


class Refused(Exception):
    """An error that the app hears, in OAuth's words."""

    def __init__(self, error: str, text: str = "") -> None:
        super().__init__(text)
        self.error, self.text = error, text


def with_params(uri: str, params: Mapping[str, str]) -> str:
    """``uri`` with more in its query."""
    parts = urlsplit(uri)
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return urlunsplit(parts._replace(query=query))


# -- the request --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an authorization request asks beside RFC 6749's own."""

    prompts: frozenset[str]
    max_age_s: int | None
    acr: tuple[str, ...]
    sub: str | None

    @classmethod
    def of(cls, fields: Mapping[str, str], client: Client, server: Server) -> Wanted:
        """Raises Refused for what this provider does not do: it never leaves that out in silence."""
        for name, error in (
            ("request", "request_not_supported"),
            ("request_uri", "request_uri_not_supported"),
            ("registration", "registration_not_supported"),
        ):
            if name in fields:
                raise Refused(error, f"{name} is not taken here.")
        if fields.get("response_mode", "query") != "query":
            raise Refused("invalid_request", "response_mode: query only.")
        if fields.get("resource", server.issuer) != server.issuer:
            raise Refused("invalid_target", "The only resource here is the bank itself.")
        if "dpop_jkt" in fields:
            raise Refused("invalid_request", "Tokens are not bound to a key here.")
        if "response_type" not in fields:
            raise Refused("invalid_request", "Missing response_type.")
        prompts = frozenset(fields.get("prompt", "").split())
        if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
            raise Refused("invalid_request", "prompt: none alone, or some of login, consent, select_account.")
        claims = _claims(fields.get("claims"))
        sub = _hinted(fields["id_token_hint"], client, server) if "id_token_hint" in fields else claims.sub
        return cls(prompts, _max_age(fields.get("max_age"), client), claims.acr, sub)


def _max_age(text: str | None, client: Client) -> int | None:
    if text is None:
        default = client.metadata.get("default_max_age")
        return None if default is None else int(default)
    if not _NUMBER.fullmatch(text) or int(text) > AGE_S_MAX:
        raise Refused("invalid_request", "max_age: whole seconds.")
    return int(text)


@dataclass(frozen=True, slots=True)
class _Claims:
    """What ``claims`` asks that must not be left out (OpenID Connect Core §5.5.1): all else may be, and is at
    ``userinfo`` anyway for whoever was given its scope."""

    acr: tuple[str, ...] = ()
    sub: str | None = None


def _claims(text: str | None) -> _Claims:
    if text is None:
        return _Claims()
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        asked = None
    parts: list[Any] = [asked.get(one) or {} for one in ("id_token", "userinfo")] if isinstance(asked, dict) else [0]
    if not all(isinstance(part, dict) and all(isinstance(one, dict | None) for one in part.values()) for part in parts):
        raise Refused("invalid_request", "claims: an object of objects (OpenID Connect Core 5.5).")
    token = parts[0]
    acr, sub = token.get("acr") or {}, (token.get("sub") or {}).get("value")
    values = acr.get("values") or ([acr["value"]] if "value" in acr else [])
    must = tuple(str(one) for one in values) if acr.get("essential") is True and isinstance(values, list) else ()
    return _Claims(must, None if sub is None else str(sub))


def _hinted(hint: str, client: Client, server: Server) -> str:
    """Of whom the ID token is that the app shows."""
    try:
        token = jwt.decode(hint, server.ring.published(), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError):
        raise Refused("invalid_request", "id_token_hint is not an ID token of this provider.") from None
    claims, audience = token.claims, token.claims.get("aud")
    own = claims.get("iss") == server.issuer and audience in (client.id, [client.id])
    if not own or token.header.get("typ") != "JWT":
        raise Refused("invalid_request", "id_token_hint is not an ID token of this provider for this app.")
    return str(claims["sub"])


# -- the decision -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asking:
    """One look at one request."""

    server: Server
    fields: Mapping[str, str]
    login: Login | None
    key: str | None = None
    asked_at: datetime | None = None
    """When the request was stored. Who logged in after that did so for this request."""
    decision: Decision | None = None

    def step(self) -> Step:
        client = self.server.query_client(self.fields.get("client_id", ""))
        if client is None:
            return Stop("client")
        redirect_uri = self.fields.get("redirect_uri", "")
        if not client.check_redirect_uri(redirect_uri):
            return Stop("redirect")
        try:
            return self._step(client, redirect_uri)
        except Refused as no:
            return self._back(redirect_uri, {"error": no.error} | ({"error_description": no.text} if no.text else {}))
        except OAuth2Error as error:
            return self._back(redirect_uri, {name: str(value) for name, value in error.get_body() if name != "state"})

    def _back(self, redirect_uri: str, params: Mapping[str, str]) -> Redirect:
        """The one way back to an app: it always names us (RFC 9207) and says what the app said (``state``)."""
        if self.key is not None:
            rows.drop_request(current(), self.key)
        state = {"state": self.fields["state"]} if "state" in self.fields else {}
        return Redirect(with_params(redirect_uri, {**params, **state, "iss": self.server.issuer}))

    def _step(self, client: Client, redirect_uri: str) -> Step:
        wanted = Wanted.of(self.fields, client, self.server)
        request = Request(self.server.issuer, Asked("GET", "/oauth/authorize", self.fields))
        grant = self.server.get_consent_grant(request, self.login)
        scope = tuple(scope_list(request.scope))
        if why := self._must_log_in(client, wanted):
            if "none" in wanted.prompts or (self.login is not None and self._fresh() and why == "other"):
                raise Refused("login_required")
            return LogIn(self._kept(), client, redirect_uri, self.fields.get("login_hint", ""))
        login = self.login
        assert login is not None, "who must not log in is logged in"
        if wanted.acr and not acr_reaches(acr_of(login.amr), wanted.acr):
            raise Refused(
                "unmet_authentication_requirements", "The person did not log in in any of the ways asked for."
            )
        given = self._given(client, login, scope, wanted)
        if isinstance(given, Ask):
            return Ask(given.key, client, redirect_uri, scope, given.granted, given.caps, given.until)
        family = new_family(client, login, given, scope, self.fields.get("nonce"), self.server.now())
        _, _, headers = grant.create_authorization_response(redirect_uri, family)
        return Redirect(with_params(self._done(dict(headers)["Location"]), {"iss": self.server.issuer}))

    def _done(self, location: str) -> str:
        if self.key is not None:
            rows.drop_request(current(), self.key)
        return location

    def _fresh(self) -> bool:
        """Did they log in for this very request?"""
        return self.login is not None and self.asked_at is not None and self.login.auth_time >= self.asked_at

    def _must_log_in(self, client: Client, wanted: Wanted) -> str:
        """Why; empty: they are logged in as the request wants."""
        if self.login is None:
            return "nobody"
        sub = rows.subject(current(), self.login.user_id, client.sector)
        if wanted.sub is not None and wanted.sub != sub:
            return "other"
        if self._fresh():
            return ""
        if wanted.prompts & {"login", "select_account"}:
            return "asked"
        if wanted.max_age_s is not None:
            oldest = self.server.now() - timedelta(seconds=wanted.max_age_s)
            return "age" if self.login.auth_time < oldest else ""
        return ""

    def _given(self, client: Client, login: Login, scope: tuple[str, ...], wanted: Wanted) -> Grant | Ask:
        """What the person agrees to, or the question."""
        tx, now = current(), self.server.now()
        standing = rows.grant(tx, login.user_id, client.id)
        if self.decision is not None:
            return decide(self.server, client, login.user_id, scope, self.decision)
        asks = "consent" in wanted.prompts or client.asks_again
        if standing is not None and standing.covers(scope, now) and not asks:
            return standing
        if "none" in wanted.prompts:
            raise Refused("consent_required")
        until = now + timedelta(seconds=self.server.policy.grant_s)
        before = standing.scope if standing else ()
        return Ask(self._kept(), client, "", scope, before, standing.caps if standing else {}, until)

    def _kept(self) -> str:
        """The key of the stored request."""
        if self.key is not None:
            return self.key
        key, now = new_secret("r_"), self.server.now()
        until = now + timedelta(seconds=self.server.policy.request_s)
        rows.put_request(current(), key, self.fields, now, until)
        return key


def decide(server: Server, client: Client, user_id: UUID, asked: Sequence[str], decision: Decision) -> Grant:
    """Store what the person said. Raises Refused when they said no."""
    scope = [one for one in asked if one in decision.scope]
    if not decision.allow or not scope:
        raise Refused("access_denied", "The person refused.")
    caps = dict(decision.caps or {}) if SPENDING in scope else {}
    now = server.now()
    until = now + timedelta(seconds=server.policy.grant_s)
    return rows.put_grant(current(), user_id, client.id, scope, asked, caps, now, until)


def new_family(
    client: Client, login: Login, grant: Grant, asked: Sequence[str], nonce: str | None, now: datetime
) -> Family:
    """The log-in at the app, with what the person gives of what it asked."""
    scope = " ".join(one for one in asked if one in grant.scope)
    if not scope:
        raise Refused("access_denied", "The person gave none of it.")
    sub = rows.subject(current(), login.user_id, client.sector)
    acr = acr_of(login.amr)
    family = Family(
        new_id(), grant.id, login.user_id, client.id, login.session_id, scope, nonce, acr, login.amr,
        login.auth_time, now, sub,
    )  # fmt: skip
    rows.put_family(current(), family)
    return family
