"""Logging in: a phone and its code, then the second factor where there is one.

Other factors begin where they like and end in ``entered``: it sets the cookie, ends the session that the browser had
before, and goes on to where the person wanted to be.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hazina.accounts import LoggedIn
from hazina.api.credentials import client_ip
from hazina.api.pages.browser import Visitor, local_path
from hazina.api.pages.captcha import answer_in, widget_of
from hazina.api.pages.kernel import WORDS, Pages, language
from hazina.api.pages.serving import page
from hazina.kernel.errors import Kind, Refusal

Leads = Callable[[str], Awaitable["Destination"]]


class Destination:
    """What a log-in is for: the app's name for showing, and where forms may lead in the end."""

    def __init__(self, app: str = "", to: tuple[str, ...] = ()) -> None:
        self.app, self.to = app, to


class Login:
    """``leads`` tells what waits behind a path of ours."""

    def __init__(self, pages: Pages, leads: Leads) -> None:
        self.pages, self.bank, self.leads = pages, pages.bank, leads
        self.captcha = widget_of(pages.bank.settings)

    def routes(self) -> list[Route]:
        return [
            Route("/login", page(self.pages, self.begin), methods=["GET"]),
            Route("/login", page(self.pages, self.send), methods=["POST"]),
            Route("/login/code", page(self.pages, self.check), methods=["POST"]),
            Route("/login/second", page(self.pages, self.second), methods=["GET"]),
            Route("/login/second", page(self.pages, self.check_second), methods=["POST"]),
        ]

    async def begin(self, request: Request, visitor: Visitor) -> Response:
        wanted = local_path(request.query_params.get("next"))
        return await self.ask(request, visitor, "login.html", wanted, phone=request.query_params.get("hint", "")[:40])

    async def send(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        phone, wanted = fields.get("phone", ""), local_path(fields.get("next"))
        try:
            await self.bank.factors.phones.request_code(phone, "SMS", client_ip(request), answer_in(fields))
        except Refusal as no:
            return await self.ask(request, visitor, "login.html", wanted, no, phone=phone[:40])
        return await self.ask(request, visitor, "code.html", wanted, phone=phone)

    async def check(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        phone, wanted = fields.get("phone", ""), local_path(fields.get("next"))
        try:
            logged_in = await self.bank.accounts.log_in(
                phone, fields.get("code", ""), ip=client_ip(request), agent=request.headers.get("user-agent")
            )
        except Refusal as no:
            return await self.ask(request, visitor, "code.html", wanted, no, phone=phone)
        return await self.entered(visitor, logged_in, wanted)

    async def entered(self, before: Visitor, logged_in: LoggedIn, wanted: str) -> Response:
        """The browser has a new session: the end of every way to log in."""
        second = f"/login/second?{urlencode({'next': wanted})}"
        response = self.pages.go(second if logged_in.totp_required else wanted)
        await self.pages.sessions.end(before, response)
        self.pages.sessions.begin(response, logged_in.token)
        return response

    async def second(self, request: Request, visitor: Visitor) -> Response:
        return await self.ask(request, visitor, "second.html", local_path(request.query_params.get("next")))

    async def check_second(self, request: Request, visitor: Visitor) -> Response:
        """The token that the browser has opens everything from now on."""
        fields = await self.pages.form(request, visitor)
        wanted = local_path(fields.get("next"))
        if visitor.token is None:
            return self.pages.go(f"/login?{urlencode({'next': wanted})}")
        try:
            await self.bank.factors.totp.validate(
                visitor.token, fields.get("code", ""), ip=client_ip(request), agent=request.headers.get("user-agent")
            )
        except Refusal as no:
            return await self.ask(request, visitor, "second.html", wanted, no)
        return self.pages.go(wanted)

    async def ask(
        self, request: Request, visitor: Visitor, template: str, wanted: str, no: Refusal | None = None, **values: str
    ) -> Response:
        """A page with one form; again, and with what was wrong, after a refusal."""
        status = 200 if no is None else 429 if no.kind is Kind.LIMIT else 400
        error = "" if no is None else said(no, language(request))
        lead = await self.leads(wanted)
        captcha = self.captcha if template == "login.html" else None
        return self.pages.show(
            request, template, visitor,
            status=status, to=lead.to, captcha=captcha, app=lead.app, next=wanted, error=error, **values,
        )  # fmt: skip


def said(no: Refusal, lang: str) -> str:
    """A refusal in the reader's language."""
    say = WORDS[lang]
    if no.kind is Kind.LIMIT:
        return say["error_wait"].format(minutes=math.ceil(int(no.facts.get("retry_after_s", 60)) / 60))
    return say[ERRORS.get(no.code, "error_other")]


ERRORS = {
    "WRONG_CODE": "error_wrong_code",
    "INVALID_CODE": "error_wrong_code",
    "TOTP_CODE_WRONG": "error_wrong_code",
    "INVALID_PHONE": "error_phone",
    "PHONE_NOT_SERVED": "error_phone",
    "SMS_UNAVAILABLE": "error_sms",
    "CAPTCHA_FAILED": "error_captcha",
    "INVALID_EMAIL": "error_email",
    "EMAIL_CODE_WRONG": "error_wrong_code",
    "NOT_PROVED_YET": "error_wallet_waits",
    "ATTEMPT_OVER": "error_over",
    "NOT_REGISTERED": "error_nobody",
    "KEY_UNKNOWN": "error_nobody",
    "PASSKEY_UNKNOWN": "error_nobody",
}
