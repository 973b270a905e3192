"""What people's browsers do at the provider: authorize an app, connect a device, log out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hazina.access import Window
from hazina.api.bank import Bank
from hazina.api.oauth.limits import AUTHORIZE, USER_CODE, TooMany, counted
from hazina.api.pages import Pages, Visitor
from hazina.api.pages.apps import Apps, cents_of, dollars
from hazina.api.pages.kernel import WORDS, language, read_form
from hazina.api.pages.login import Destination, Login
from hazina.api.pages.serving import Show, page
from hazina.api.pages.ways import Ways
from hazina.oauth import SPENDING, Ask, Decision, Ended, LogIn, Redirect, Step, Stop, fields_of, typed_user_code
from hazina.oauth import shown_user_code as shown_code

CAP_FIRST = "10.00"
ANSWER_PATH = "/oauth/authorize/"


def routes(bank: Bank, pages: Pages) -> list[Route]:
    here = Browsers(bank, pages)
    login = Login(pages, here.leads)

    def at(path: str, show: Show, *methods: str) -> Route:
        return Route(path, page(pages, _unless_too_many(pages, show)), methods=list(methods))

    return [
        *login.routes(),
        *Ways(login).routes(),
        *Apps(pages).routes(),
        at("/oauth/authorize", here.authorize, "GET"),
        at("/oauth/authorize", here.by_get, "POST"),
        at("/oauth/authorize/{key}", here.resume, "GET"),
        at("/oauth/authorize/{key}", here.answer, "POST"),
        at("/device", here.device, "GET"),
        at("/device", here.device_asked, "POST"),
        at("/device/answer", here.device_answered, "POST"),
        at("/oauth/end_session", here.leave, "GET"),
        at("/oauth/end_session", here.by_get, "POST"),
        at("/oauth/end_session/confirm", here.leave_now, "POST"),
        at("/logout", here.leave, "GET"),
    ]


def _unless_too_many(pages: Pages, show: Show) -> Show:
    async def guarded(request: Request, visitor: Visitor) -> Response:
        try:
            return await show(request, visitor)
        except TooMany:
            return pages.stop(request, visitor, "busy", 429)

    return guarded


class Browsers:
    def __init__(self, bank: Bank, pages: Pages) -> None:
        self.bank, self.pages = bank, pages

    # -- authorize ------------------------------------------------------------------------------

    async def authorize(self, request: Request, visitor: Visitor) -> Response:
        fields = fields_of(request.query_params.multi_items())
        await counted(self.bank, request, AUTHORIZE)
        step = await self.bank.oauth.authorize(fields, visitor.login)
        if isinstance(step, Ask):
            return self.pages.go(ANSWER_PATH + step.key)
        return self._taken(request, visitor, step)

    async def by_get(self, request: Request, visitor: Visitor) -> Response:
        """The same as GET. A form that another site sends comes without our cookies; the GET has them."""
        fields = await read_form(request)
        return self.pages.go(f"{request.url.path}?{urlencode(fields)}")

    async def resume(self, request: Request, visitor: Visitor) -> Response:
        step = await self.bank.oauth.resume(request.path_params["key"], visitor.login)
        return self._taken(request, visitor, step)

    async def answer(self, request: Request, visitor: Visitor) -> Response:
        fields, key = await self.pages.form(request, visitor), request.path_params["key"]
        decision = decided(fields)
        if decision is None:
            step = await self.bank.oauth.resume(key, visitor.login)
            return self._taken(request, visitor, step, fields)
        return self._taken(request, visitor, await self.bank.oauth.resume(key, visitor.login, decision))

    def _taken(self, request: Request, visitor: Visitor, step: Step, wrong: dict[str, str] | None = None) -> Response:
        match step:
            case Redirect(uri):
                return self.pages.go(uri)
            case Stop(why):
                return self.pages.stop(request, visitor, why)
            case LogIn():
                query = {"next": ANSWER_PATH + step.key, **({"hint": step.hint} if step.hint else {})}
                return self.pages.go(f"/login?{urlencode(query)}")
            case Ask():
                return self._consent(request, visitor, step, ANSWER_PATH + step.key, wrong)

    def _consent(
        self, request: Request, visitor: Visitor, ask: Ask, action: str, wrong: dict[str, str] | None, device: str = ""
    ) -> Response:
        client = ask.client
        known = ask.caps.get(Window.DAY)
        cap = wrong.get("cap", "") if wrong is not None else dollars(known) if known else CAP_FIRST
        app = {"name": client.name, "checked": client.checked, "place": _place(client.metadata.get("client_uri", ""))}
        return self.pages.show(
            request,
            "consent.html",
            visitor,
            status=200 if wrong is None else 400,
            to=(ask.redirect_uri,) if ask.redirect_uri else (),
            app=app,
            action=action,
            rights=_rights(ask, wrong),
            cap=cap,
            until=f"{ask.until:%Y-%m-%d}",
            back=_place(ask.redirect_uri),
            error="" if wrong is None else WORDS[language(request)]["cap_wrong"],
            device=device,
        )

    async def leads(self, path: str) -> Destination:
        """Behind a log-in may wait an app."""
        if not path.startswith(ANSWER_PATH):
            return Destination()
        found = await self.bank.oauth.waiting(path.removeprefix(ANSWER_PATH))
        return Destination() if found is None else Destination(found[0].name, (found[1],))

    # -- devices (RFC 8628 §3.3) -----------------------------------------------------------------

    async def device(self, request: Request, visitor: Visitor) -> Response:
        typed = request.query_params.get("user_code", "")[:20]
        if visitor.login is None:
            wanted = f"/device?{urlencode({'user_code': typed})}" if typed else "/device"
            return self.pages.go(f"/login?{urlencode({'next': wanted})}")
        return self.pages.show(request, "device.html", visitor, user_code=typed, error="")

    async def device_asked(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        if visitor.login is None:
            return self.pages.go("/login?next=/device")
        await counted(self.bank, request, USER_CODE, str(visitor.login.user_id))
        code = typed_user_code(fields.get("user_code", ""))
        ask = None if code is None else await self.bank.oauth.device(code, visitor.login)
        if ask is None or code is None:
            return self._no_device(request, visitor, fields)
        return self._consent(request, visitor, ask, "/device/answer", None, shown_code(code))

    async def device_answered(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        if visitor.login is None:
            return self.pages.go("/login?next=/device")
        await counted(self.bank, request, USER_CODE, str(visitor.login.user_id))
        code, decision = typed_user_code(fields.get("user_code", "")), decided(fields)
        if code is not None and decision is None:
            ask = await self.bank.oauth.device(code, visitor.login)
            if ask is not None:
                return self._consent(request, visitor, ask, "/device/answer", fields, shown_code(code))
        if code is None or decision is None:
            return self._no_device(request, visitor, fields)
        if not await self.bank.oauth.answer_device(code, visitor.login, decision):
            return self._no_device(request, visitor, fields)
        return self.pages.show(request, "said.html", visitor, what="device_done" if decision.allow else "device_no")

    def _no_device(self, request: Request, visitor: Visitor, fields: dict[str, str]) -> Response:
        error = WORDS[language(request)]["device_wrong"]
        typed = fields.get("user_code", "")[:20]
        return self.pages.show(request, "device.html", visitor, status=400, user_code=typed, error=error)

    # -- log out --------------------------------------------------------------------------------

    async def leave(self, request: Request, visitor: Visitor) -> Response:
        fields = fields_of(request.query_params.multi_items())
        wish = await self.bank.oauth.leaving(fields, visitor.login)
        if isinstance(wish, Ended):
            return self.pages.stop(request, visitor, "logout")
        if wish.sure or visitor.login is None:
            return await self._left(request, visitor, wish.back)
        kept = {name: value for name, value in fields.items() if name in LOGOUT_FIELDS}
        to = (wish.back,) if wish.back else ()
        return self.pages.show(request, "logout.html", visitor, to=to, app=wish.app or "", fields=kept)

    async def leave_now(self, request: Request, visitor: Visitor) -> Response:
        """The person said so."""
        fields = await self.pages.form(request, visitor)
        wish = await self.bank.oauth.leaving(fields, visitor.login)
        return await self._left(request, visitor, None if isinstance(wish, Ended) else wish.back)

    async def _left(self, request: Request, visitor: Visitor, back: str | None) -> Response:
        nobody = Visitor(None, None)
        response = self.pages.go(back) if back else self.pages.show(request, "said.html", nobody, what="left")
        await self.pages.sessions.end(visitor, response)
        return response


LOGOUT_FIELDS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint")


def decided(fields: dict[str, str]) -> Decision | None:
    """What a consent form says; None: it gives spending, with a cap that is no amount."""
    if fields.get("answer") != "allow":
        return Decision(False)
    given = ("openid", *(name.removeprefix("give_") for name in fields if name.startswith("give_")))
    if SPENDING not in given:
        return Decision(True, given)
    cents = cents_of(fields.get("cap", ""))
    return None if cents is None else Decision(True, given, {Window.DAY: cents})


def _rights(ask: Ask, wrong: dict[str, str] | None) -> list[dict[str, Any]]:
    """In our order. Spending is off unless it was given before; all else is on."""

    def given(name: str) -> bool:
        if wrong is not None:
            return f"give_{name}" in wrong
        return name in ask.granted if name == SPENDING else True

    return [
        {"name": name, "needed": name == "openid", "spends": name == SPENDING, "given": name == "openid" or given(name)}
        for name in ask.scope
    ]


def _place(uri: str) -> str:
    """Where an address is, for people."""
    parts = urlsplit(uri)
    return parts.netloc or parts.scheme
