"""Connected apps (see, cap, stop) and apps of one's own (register, renew the secret, remove)."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hazina.access import Window
from hazina.api.pages.browser import Visitor
from hazina.api.pages.kernel import WORDS, Pages, language
from hazina.api.pages.serving import Show, page
from hazina.kernel.errors import Refusal
from hazina.oauth import SCOPES, SPENDING, AppUnknown, Client, Connection, ConnectionUnknown, Login, Made

CENTS_MAX = 100_000_000
REDIRECTS_MAX = 10
_AMOUNT = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?", re.ASCII)


def cents_of(text: str) -> int | None:
    """An amount of dollars that a person typed; None: it is none, or out of bounds."""
    found = _AMOUNT.fullmatch(text.strip().replace(",", ""))
    cents = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    return cents if 1 <= cents <= CENTS_MAX else None


def dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


class Apps:
    def __init__(self, pages: Pages) -> None:
        self.pages, self.bank = pages, pages.bank

    def routes(self) -> list[Route]:
        posts: dict[str, Show] = {
            "/apps/{id}/end": self.end,
            "/apps/{id}/cap": self.cap,
            "/apps/mine/new": self.make,
            "/apps/mine/{id}/secret": self.renew,
            "/apps/mine/{id}/remove": self.remove,
        }
        gets: dict[str, Show] = {"/apps": self.connected, "/apps/mine": self.mine, "/apps/mine/new": self.begin}
        return [
            *(Route(path, page(self.pages, show), methods=["GET"]) for path, show in gets.items()),
            *(Route(path, page(self.pages, show), methods=["POST"]) for path, show in posts.items()),
        ]

    # -- connected ------------------------------------------------------------------------------

    async def connected(self, request: Request, visitor: Visitor) -> Response:
        if (login := visitor.login) is None:
            return self._log_in_first("/apps")
        return await self._connected(request, visitor, login)

    async def end(self, request: Request, visitor: Visitor) -> Response:
        login, _ = await self._form(request, visitor)
        if login is None:
            return self._log_in_first("/apps")
        try:
            await self.bank.oauth.disconnect(login.user_id, _id(request))
        except ConnectionUnknown:
            return await self._connected(request, visitor, login, "connection_unknown")
        return self.pages.go("/apps")

    async def cap(self, request: Request, visitor: Visitor) -> Response:
        login, fields = await self._form(request, visitor)
        if login is None:
            return self._log_in_first("/apps")
        cents = cents_of(fields.get("cap", ""))
        if cents is None:
            return await self._connected(request, visitor, login, "cap_wrong")
        try:
            await self.bank.oauth.cap(login.user_id, _id(request), {Window.DAY: cents})
        except ConnectionUnknown:
            return await self._connected(request, visitor, login, "connection_unknown")
        return self.pages.go("/apps")

    async def _connected(self, request: Request, visitor: Visitor, login: Login, wrong: str = "") -> Response:
        found = [_shown(one) for one in await self.bank.oauth.connections(login.user_id)]
        error = WORDS[language(request)][wrong] if wrong else ""
        return self.pages.show(request, "apps.html", visitor, status=400 if wrong else 200, apps=found, error=error)

    # -- of one's own ---------------------------------------------------------------------------

    async def mine(self, request: Request, visitor: Visitor) -> Response:
        if (login := visitor.login) is None:
            return self._log_in_first("/apps/mine")
        apps = [_mine(one) for one in await self.bank.oauth.apps(login.user_id)]
        return self.pages.show(request, "my_apps.html", visitor, apps=apps)

    async def begin(self, request: Request, visitor: Visitor) -> Response:
        if visitor.login is None:
            return self._log_in_first("/apps/mine/new")
        return self._describe(request, visitor, {"kind": "secret"}, "")

    async def make(self, request: Request, visitor: Visitor) -> Response:
        login, fields = await self._form(request, visitor)
        if login is None:
            return self._log_in_first("/apps/mine/new")
        try:
            made = await self.bank.oauth.make_app(login.user_id, described(fields))
        except Refusal as no:
            return self._describe(request, visitor, fields, str(no))
        return self._made(request, visitor, made)

    async def renew(self, request: Request, visitor: Visitor) -> Response:
        login, _ = await self._form(request, visitor)
        if login is None:
            return self._log_in_first("/apps/mine")
        try:
            made = await self.bank.oauth.new_app_secret(login.user_id, request.path_params["id"])
        except Refusal:
            return self.pages.go("/apps/mine")
        return self._made(request, visitor, made)

    async def remove(self, request: Request, visitor: Visitor) -> Response:
        login, _ = await self._form(request, visitor)
        if login is None:
            return self._log_in_first("/apps/mine")
        with contextlib.suppress(AppUnknown):
            await self.bank.oauth.remove_app(login.user_id, request.path_params["id"])
        return self.pages.go("/apps/mine")

    def _describe(self, request: Request, visitor: Visitor, fields: dict[str, str], error: str) -> Response:
        scopes = [
            {"name": name, "given": (not error and name != SPENDING) or f"give_{name}" in fields}
            for name in SCOPES
            if name != "openid"
        ]
        return self.pages.show(
            request,
            "new_app.html",
            visitor,
            status=400 if error else 200,
            name=fields.get("name", "")[:200],
            redirects=fields.get("redirects", "")[:4_000],
            kind=fields.get("kind", "secret"),
            scopes=scopes,
            error=error,
        )

    def _made(self, request: Request, visitor: Visitor, made: Made) -> Response:
        app = _mine(made.client)
        return self.pages.show(request, "made_app.html", visitor, app=app, secret=made.secret or "")

    # -- inside ---------------------------------------------------------------------------------

    async def _form(self, request: Request, visitor: Visitor) -> tuple[Login | None, dict[str, str]]:
        fields = await self.pages.form(request, visitor)
        return visitor.login, fields

    def _log_in_first(self, path: str) -> Response:
        return self.pages.go(f"/login?{urlencode({'next': path})}")


def described(fields: dict[str, str]) -> dict[str, Any]:
    """The form as the metadata of RFC 7591."""
    given = [name for name in SCOPES if name == "openid" or f"give_{name}" in fields]
    public = fields.get("kind") == "public"
    return {
        "client_name": fields.get("name", "").strip(),
        "redirect_uris": fields.get("redirects", "").split()[: REDIRECTS_MAX + 1],
        "scope": " ".join(given),
        "token_endpoint_auth_method": "none" if public else "client_secret_basic",
        "grant_types": ["authorization_code", *(["refresh_token"] if "offline_access" in given else [])],
        "response_types": ["code"],
    }


def _shown(one: Connection) -> dict[str, Any]:
    grant, day = one.grant, one.grant.caps.get(Window.DAY)
    return {
        "id": str(grant.id),
        "name": one.client.name,
        "checked": one.client.checked,
        "rights": [name for name in SCOPES if name in grant.scope],
        "spends": SPENDING in grant.scope,
        "cap": dollars(day) if day is not None else "",
        "since": f"{grant.created_at:%Y-%m-%d}",
        "used": f"{grant.used_at:%Y-%m-%d %H:%M}" if grant.used_at else "",
        "until": f"{grant.expires_at:%Y-%m-%d}" if grant.expires_at else "",
    }


def _mine(app: Client) -> dict[str, Any]:
    return {
        "id": app.id,
        "name": app.name,
        "redirects": list(app.metadata.get("redirect_uris", ())),
        "has_secret": app.secret_hash is not None,
        "off": app.disabled_at is not None,
        "since": f"{app.created_at:%Y-%m-%d}",
    }


def _id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise ConnectionUnknown from None
