"""Callback endpoints: add, see what was sent and how it went, send it again, read and renew the secret."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hazina.access import Caller
from hazina.api.pages.browser import Visitor
from hazina.api.pages.kernel import WORDS, Pages, language
from hazina.api.pages.serving import Show, page
from hazina.api.rest.callbacks import PORTAL
from hazina.kernel.errors import Refusal
from hazina.webhooks import Delivery, DeliveryUnknown, Endpoint, EndpointUnknown

URL_CHARS_MAX = 2_048


class Callbacks:
    def __init__(self, pages: Pages) -> None:
        self.pages, self.bank = pages, pages.bank

    def routes(self) -> list[Route]:
        one = f"{PORTAL}/{{id}}"
        posts: dict[str, Show] = {
            PORTAL: self.add,
            f"{one}/secret": self.secret,
            f"{one}/rotate": self.rotate,
            f"{one}/enable": self.enable,
            f"{one}/delete": self.delete,
            f"{one}/replay": self.replay,
        }
        gets: dict[str, Show] = {PORTAL: self.listed, one: self.log}
        return [
            *(Route(path, page(self.pages, show), methods=["GET"]) for path, show in gets.items()),
            *(Route(path, page(self.pages, show), methods=["POST"]) for path, show in posts.items()),
        ]

    async def listed(self, request: Request, visitor: Visitor) -> Response:
        if (caller := _person(visitor)) is None:
            return self._log_in_first()
        return await self._listed(request, visitor, caller)

    async def add(self, request: Request, visitor: Visitor) -> Response:
        caller, fields = await self._form(request, visitor)
        if caller is None:
            return self._log_in_first()
        url = fields.get("url", "").strip()[:URL_CHARS_MAX]
        try:
            await self.bank.webhooks.add(caller, url)
        except Refusal as no:
            return await self._listed(request, visitor, caller, url=url, error=str(no))
        return self.pages.go(PORTAL)

    async def log(self, request: Request, visitor: Visitor) -> Response:
        if (caller := _person(visitor)) is None:
            return self._log_in_first()
        return await self._one(request, visitor, caller)

    async def secret(self, request: Request, visitor: Visitor) -> Response:
        """Shown in the answer to a form, so that no history and no cache has it."""
        return await self._with_secret(request, visitor, new=False)

    async def rotate(self, request: Request, visitor: Visitor) -> Response:
        return await self._with_secret(request, visitor, new=True)

    async def _with_secret(self, request: Request, visitor: Visitor, *, new: bool) -> Response:
        caller, _ = await self._form(request, visitor)
        if caller is None:
            return self._log_in_first()
        ask = self.bank.webhooks.rotate if new else self.bank.webhooks.secret
        try:
            return await self._one(request, visitor, caller, secret=await ask(caller, _id(request)))
        except EndpointUnknown:
            return self.pages.go(PORTAL)

    async def enable(self, request: Request, visitor: Visitor) -> Response:
        caller, _ = await self._form(request, visitor)
        if caller is None:
            return self._log_in_first()
        try:
            await self.bank.webhooks.enable(caller, _id(request))
        except EndpointUnknown:
            return self.pages.go(PORTAL)
        return self.pages.go(f"{PORTAL}/{_id(request)}")

    async def delete(self, request: Request, visitor: Visitor) -> Response:
        caller, _ = await self._form(request, visitor)
        if caller is None:
            return self._log_in_first()
        with contextlib.suppress(EndpointUnknown):  # somebody was quicker, and that is what was wanted
            await self.bank.webhooks.delete(caller, _id(request))
        return self.pages.go(PORTAL)

    async def replay(self, request: Request, visitor: Visitor) -> Response:
        caller, fields = await self._form(request, visitor)
        if caller is None:
            return self._log_in_first()
        try:
            await self.bank.webhooks.replay(caller, _id(request), _delivery_id(fields))
        except (EndpointUnknown, DeliveryUnknown):
            return self.pages.go(PORTAL)
        return self.pages.go(f"{PORTAL}/{_id(request)}")

    # -- inside ---------------------------------------------------------------------------------

    async def _listed(
        self, request: Request, visitor: Visitor, caller: Caller, *, url: str = "", error: str = ""
    ) -> Response:
        say = WORDS[language(request)]
        found = [_shown(one, say) for one in await self.bank.webhooks.endpoints(caller)]
        status = 400 if error else 200
        return self.pages.show(
            request, "callbacks.html", visitor, status=status, endpoints=found, url=url, error=error
        )  # fmt: skip

    async def _one(self, request: Request, visitor: Visitor, caller: Caller, *, secret: str = "") -> Response:
        say = WORDS[language(request)]
        try:
            deliveries = await self.bank.webhooks.log(caller, _id(request))
        except EndpointUnknown:
            return self.pages.go(PORTAL)
        endpoint = next(one for one in await self.bank.webhooks.endpoints(caller) if one.id == _id(request))
        return self.pages.show(
            request,
            "callback.html",
            visitor,
            endpoint=_shown(endpoint, say),
            secret=secret,
            deliveries=[_row(one, say) for one in deliveries],
        )

    async def _form(self, request: Request, visitor: Visitor) -> tuple[Caller | None, dict[str, str]]:
        fields = await self.pages.form(request, visitor)
        return _person(visitor), fields

    def _log_in_first(self) -> Response:
        return self.pages.go(f"/login?{urlencode({'next': PORTAL})}")


def _person(visitor: Visitor) -> Caller | None:
    return None if visitor.login is None else visitor.caller


def _shown(one: Endpoint, say: dict[str, str]) -> dict[str, Any]:
    state = say["callback_on"]
    if one.disabled_why:
        state = say[f"callback_{one.disabled_why}"]
    elif one.waiting:
        state = say["callback_waiting"].format(n=f"{one.waiting:,}")
    return {
        "id": str(one.id),
        "url": one.url,
        "state": state,
        "off": one.disabled_why is not None,
        "since": f"{one.created_at:%Y-%m-%d}",
        "both": f"{one.old_until:%Y-%m-%d %H:%M}" if one.old_until else "",
    }


def _row(one: Delivery, say: dict[str, str]) -> dict[str, Any]:
    last = one.error or (f"{say['callback_status']} {one.status}" if one.status else "")
    return {
        "id": str(one.id),
        "type": one.event_type,
        "at": f"{one.created_at:%Y-%m-%d %H:%M:%S}",
        "state": say[f"delivery_{one.state.name.lower()}"],
        "tries": one.tries,
        "last": last,
    }


def _id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise EndpointUnknown from None


def _delivery_id(fields: dict[str, str]) -> UUID:
    try:
        return UUID(fields.get("delivery", ""))
    except ValueError:
        raise DeliveryUnknown from None
