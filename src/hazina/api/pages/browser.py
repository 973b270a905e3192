"""A person's browser: its session cookie, and where it may be sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from hazina.access import Caller
from hazina.api.bank import Bank
from hazina.api.credentials import client_ip
from hazina.oauth import Login

COOKIE_S = 180 * 86_400
"""The browser's own limit; the session may end sooner."""
PATH_CHARS_MAX = 2_000
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*", re.ASCII)


def local_path(text: str | None, otherwise: str = "/wallet") -> str:
    """A path at this bank to go on to; anything else leads to ``otherwise``."""
    return text if text and len(text) <= PATH_CHARS_MAX and _PATH.fullmatch(text) else otherwise


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sits at the browser. ``token`` may be a session's that still waits for its second factor: then there is
    no caller yet."""

    token: str | None
    caller: Caller | None

    @property
    def login(self) -> Login | None:
        one = self.caller
        if one is None or one.session_id is None or one.auth_time is None:
            return None
        return Login(one.session_id, one.user_id, one.auth_time, one.amr)


@dataclass(frozen=True, slots=True)
class Sessions:
    """The same opaque token as everywhere, in a cookie that no script reads and no other site sends along."""

    bank: Bank

    @property
    def secure(self) -> bool:
        """Plain http is for this machine alone, where some browsers refuse Secure cookies."""
        return self.bank.settings.origin.startswith("https://")

    @property
    def name(self) -> str:
        return "__Host-hazina" if self.secure else "hazina"

    async def visitor(self, request: Request) -> Visitor:
        token = request.cookies.get(self.name) or None
        if token is None or not token.isascii():
            return Visitor(None, None)
        return Visitor(token, await self.bank.accounts.caller(token, client_ip(request)))

    def begin(self, response: Response, token: str) -> None:
        response.set_cookie(
            self.name, token, max_age=COOKIE_S, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    async def end(self, visitor: Visitor, response: Response) -> None:
        """Log out: the session, and its cookie."""
        if visitor.caller is not None and visitor.caller.session_id is not None:
            await self.bank.identity.revoke(visitor.caller.user_id, visitor.caller.session_id)
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="lax")
