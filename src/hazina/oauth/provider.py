"""The provider's requests: each is one call here, and runs in a thread from its first look to its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from authlib.oauth2 import OAuth2Error

from hazina.kernel.clock import Clock
from hazina.kernel.crypto import Keys
from hazina.kernel.ids import UUID
from hazina.oauth import endpoints, grants, rows
from hazina.oauth.authorize import Ask, Asking, Decision, Refused, Step, Stop, decide, new_family
from hazina.oauth.keys import KeyRing
from hazina.oauth.model import Asked, Client, Login, Policy, Reply, scope_list, sid_of
from hazina.oauth.server import Description, Request, Server
from hazina.oauth.threads import Threads, current

T = TypeVar("T")

JSON_ENDPOINTS = ("client_registration", "client_configuration")


@dataclass(frozen=True, slots=True)
class Leaving:
    """A valid request to log out. ``sure``: the app showed an ID token of this very session. ``back``: where to
    afterwards."""

    sure: bool
    back: str | None
    app: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A log-out that is refused: nothing was done, and the browser stays here."""

    why: str


@dataclass(frozen=True, slots=True)
class Provider:
    issuer: str
    clock: Clock
    policy: Policy
    threads: Threads
    keys: Keys
    server: Server = field(init=False, repr=False)

    def __post_init__(self) -> None:
        server = Server(self.issuer, self.clock, self.policy, KeyRing(self.threads, self.keys, self.clock, self.policy))
        grants.register(server)
        endpoints.register(server)
        object.__setattr__(self, "server", server)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self.threads.run(work)

    # -- what programs ask ----------------------------------------------------------------------

    async def token(self, asked: Asked) -> Reply:
        """RFC 6749 §3.2."""
        return await self._run(lambda: self.server.create_token_response(Request(self.issuer, asked)))

    async def endpoint(self, name: str, asked: Asked) -> Reply:
        """``introspection``, ``revocation``, ``device_authorization``, ``client_registration`` or
        ``client_configuration``."""
        kind = Description if name in JSON_ENDPOINTS else Request
        return await self._run(lambda: self.server.create_endpoint_response(name, kind(self.issuer, asked)))

    async def jwks(self) -> dict[str, Any]:
        return await self._run(self.server.ring.document)

    async def rotate_keys(self, *, stolen: bool = False) -> None:
        """Publish a new key of each algorithm, which signs in two days; or at once and alone."""
        await self._run(lambda: self.server.ring.rotate_now(current(), stolen=stolen))

    async def reseal_keys(self) -> int:
        return await self._run(lambda: self.server.ring.reseal(current()))

    # -- what people's browsers ask -------------------------------------------------------------

    async def authorize(self, fields: Mapping[str, str], login: Login | None) -> Step:
        """A fresh authorization request."""
        return await self._run(lambda: Asking(self.server, fields, login).step())

    async def resume(self, key: str, login: Login | None, decision: Decision | None = None) -> Step:
        """A stored one, looked at again: after a log-in, and with what the person decided."""

        def work() -> Step:
            found = rows.request(current(), key, self.clock.now())
            if found is None:
                return Stop("gone")
            fields, asked_at = found
            return Asking(self.server, fields, login, key, asked_at, decision).step()

        return await self._run(work)

    async def waiting(self, key: str) -> tuple[Client, str] | None:
        """The app of a stored request, and its way back; None when there is no such request (any more)."""

        def work() -> tuple[Client, str] | None:
            found = rows.request(current(), key, self.clock.now())
            client = rows.client(current(), found[0].get("client_id", "")) if found else None
            return None if found is None or client is None else (client, found[0].get("redirect_uri", ""))

        return await self._run(work)

    async def device(self, user_code: str, login: Login) -> Ask | None:
        """What a waiting device asks; None: no device waits with that code."""

        def work() -> Ask | None:
            found = self._waiting(user_code)
            if found is None:
                return None
            client, scope = found
            standing = rows.grant(current(), login.user_id, client.id)
            until = self.clock.now() + timedelta(seconds=self.policy.grant_s)
            before, caps = (standing.scope, standing.caps) if standing else ((), {})
            return Ask(user_code, client, "", scope, before, caps, until)

        return await self._run(work)

    async def answer_device(self, user_code: str, login: Login, decision: Decision) -> bool:
        """What the person said. False: no device waits with that code (any more)."""

        def work() -> bool:
            found = self._waiting(user_code)
            if found is None:
                return False
            client, scope = found
            now = self.clock.now()
            family_id: UUID | None = None
            try:
                given = decide(self.server, client, login.user_id, scope, decision)
                family_id = new_family(client, login, given, scope, None, now).id
            except Refused:
                pass  # the device hears it when it asks next
            rows.answer_device(current(), user_code, family_id, now)
            return True

        return await self._run(work)

    def _waiting(self, user_code: str) -> tuple[Client, tuple[str, ...]] | None:
        row = rows.waiting_device(current(), user_code, self.clock.now())
        client = rows.client(current(), row["client_id"]) if row else None
        return None if row is None or client is None else (client, tuple(scope_list(row["scope"])))

    async def leaving(self, fields: Mapping[str, str], login: Login | None) -> Leaving | Ended:
        """A log-out that an app asks for. Nothing is ended yet."""

        def work() -> Leaving | Ended:
            try:
                asked = Asked("GET", "/oauth/end_session", fields)
                wish = self.server.validate_endpoint_request("end_session", Request(self.issuer, asked))
            except OAuth2Error as error:
                return Ended(str(error.get_error_description()))
            if "post_logout_redirect_uri" in fields and wish.id_token_claims and wish.redirect_uri is None:
                return Ended("The address to go back to is not registered for this app.")
            app = wish.client.name if wish.client else None
            return Leaving(self._of_session(wish, login), wish.redirect_uri, app)

        return await self._run(work)

    def _of_session(self, wish: Any, login: Login | None) -> bool:
        """Is the ID token of the session that the browser has? An old token of somebody else, shown by any page,
        must not log people out unasked."""
        claims = wish.id_token_claims
        if claims is None or wish.client is None or login is None:
            return claims is not None and login is None  # nobody is logged in: there is nothing to ask
        return bool(claims.get("sid") == sid_of(login.session_id, wish.client.id))
