"""The other ways to log in: e-mail, a Lightning wallet, a Bitcoin address, a Nostr key, a passkey.

Each ends in ``Login.entered``. All but the passkey go without a script (a signature is pasted, a wallet is asked
about by a button); with one, ``ways.js`` asks the device and sends the same forms.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hazina.api.browser import browser_of, new_browser, remember
from hazina.api.credentials import client_ip
from hazina.api.pages.browser import Visitor, local_path
from hazina.api.pages.login import Login
from hazina.api.pages.serving import page
from hazina.api.qr import qr_svg
from hazina.identity import Proved
from hazina.identity.factors import EmailCodeWrong
from hazina.identity.proofs import Asker, AttemptOver, NotProvedYet, Purpose, Shown
from hazina.kernel.db import Tx
from hazina.kernel.errors import InvalidInput, Refusal

SIGNED_CHARS_MAX = 10_000


class Ways:
    def __init__(self, login: Login) -> None:
        self.login, self.pages, self.bank = login, login.pages, login.bank

    def routes(self) -> list[Route]:
        forms = {
            "/login/email": (self.email, self.send_email),
            "/login/email/code": (None, self.check_email),
            "/login/wallet": (self.wallet, self.check_wallet),
            "/login/bitcoin": (self.bitcoin, self.ask_bitcoin),
            "/login/bitcoin/sign": (None, self.check_bitcoin),
            "/login/nostr": (self.nostr, self.check_nostr),
            "/login/passkey": (None, self.check_passkey),
        }
        return [
            *(Route(path, page(self.pages, get), methods=["GET"]) for path, (get, _) in forms.items() if get),
            *(Route(path, page(self.pages, post), methods=["POST"]) for path, (_, post) in forms.items()),
            Route("/login/wallet/ready", page(self.pages, self.wallet_ready), methods=["GET"]),
        ]

    # -- e-mail ---------------------------------------------------------------------------------

    async def email(self, request: Request, visitor: Visitor) -> Response:
        return await self.login.ask(request, visitor, "email.html", _wanted(request), email="")

    async def send_email(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        email, wanted = fields.get("email", ""), local_path(fields.get("next"))
        try:
            asked = await self.bank.factors.emails.ask_login(email, client_ip(request))
        except Refusal as no:
            return await self.login.ask(request, visitor, "email.html", wanted, no, email=email[:300])
        return await self.login.ask(request, visitor, "email_code.html", wanted, email=email, asked=str(asked))

    async def check_email(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        wanted, emails = local_path(fields.get("next")), self.bank.factors.emails
        ip, agent = client_ip(request), request.headers.get("user-agent")
        try:
            asked = _uuid(fields.get("asked", ""))
            proof = await emails.prove_login(asked, fields.get("code", ""), ip, agent)
            logged_in = await self.bank.accounts.enter(lambda tx: emails.redeem_login(tx, proof), ip=ip, agent=agent)
        except Refusal as no:
            shown = {"email": fields.get("email", "")[:300], "asked": fields.get("asked", "")[:40]}
            return await self.login.ask(request, visitor, "email_code.html", wanted, no, **shown)
        return await self.login.entered(visitor, logged_in, wanted)

    # -- a Lightning wallet ---------------------------------------------------------------------

    async def wallet(self, request: Request, visitor: Visitor) -> Response:
        asker = _asker(self.bank, request)
        try:
            made = await self.bank.proofs.ask_wallet(asker, Purpose.ENTER)
        except Refusal as no:
            return await self.login.ask(request, visitor, "login.html", _wanted(request), no, phone="")
        values = {"handle": made.handle, "lnurl": made.lnurl, "keyauth": made.keyauth, "qr": _image(made.lnurl)}
        response = await self.login.ask(request, visitor, "wallet.html", _wanted(request), None, **values)
        return self._remembered(request, response, asker)

    async def wallet_ready(self, request: Request, visitor: Visitor) -> Response:
        """For the script: whether the wallet has answered. Uses nothing up."""
        asker = _asker(self.bank, request)
        try:
            found = await self.bank.proofs.wallet_subject(asker, request.query_params.get("id", "")[:200])
        except AttemptOver:
            return JSONResponse({"ready": False, "over": True}, 404)
        return JSONResponse({"ready": found is not None}, headers={"cache-control": "no-store"})

    async def check_wallet(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        wanted, asker = local_path(fields.get("next")), _asker(self.bank, request)
        handle, lnurl = fields.get("handle", "")[:200], fields.get("lnurl", "")[:2_000]
        try:
            shown = await self.bank.proofs.collect_wallet(asker, handle)
        except NotProvedYet as no:
            keyauth = fields.get("keyauth", "")[:2_000]
            values = {"handle": handle, "lnurl": lnurl, "qr": _image(lnurl), "keyauth": _link(keyauth)}
            return await self.login.ask(request, visitor, "wallet.html", wanted, no, **values)
        except Refusal as no:
            return await self.login.ask(request, visitor, "login.html", wanted, no, phone="")
        return await self._enter(request, visitor, shown, wanted)

    # -- a Bitcoin address ----------------------------------------------------------------------

    async def bitcoin(self, request: Request, visitor: Visitor) -> Response:
        return await self.login.ask(request, visitor, "bitcoin.html", _wanted(request), address="")

    async def ask_bitcoin(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        wanted, address, asker = local_path(fields.get("next")), fields.get("address", ""), _asker(self.bank, request)
        try:
            made = await self.bank.proofs.ask_bitcoin(asker, Purpose.ENTER, address)
        except Refusal as no:
            return await self.login.ask(request, visitor, "bitcoin.html", wanted, no, address=address[:100])
        values = {"address": made.address, "nonce": made.nonce, "text": made.text}
        response = await self.login.ask(request, visitor, "bitcoin_sign.html", wanted, None, **values)
        return self._remembered(request, response, asker)

    async def check_bitcoin(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        wanted, asker = local_path(fields.get("next")), _asker(self.bank, request)
        try:
            signature = fields.get("signature", "")[:SIGNED_CHARS_MAX].strip()
            shown = await self.bank.proofs.show_bitcoin(asker, fields.get("nonce", ""), signature)
        except Refusal as no:  # a text is good for one try
            return await self.login.ask(
                request, visitor, "bitcoin.html", wanted, no, address=fields.get("address", "")[:100]
            )
        return await self._enter(request, visitor, shown, wanted)

    # -- a Nostr key ----------------------------------------------------------------------------

    async def nostr(self, request: Request, visitor: Visitor) -> Response:
        asker = _asker(self.bank, request)
        try:
            made = await self.bank.proofs.ask_nostr(asker, Purpose.ENTER)
        except Refusal as no:
            return await self.login.ask(request, visitor, "login.html", _wanted(request), no, phone="")
        event = json.dumps(made.event, indent=1)
        response = await self.login.ask(request, visitor, "nostr.html", _wanted(request), event=event)
        return self._remembered(request, response, asker)

    async def check_nostr(self, request: Request, visitor: Visitor) -> Response:
        fields = await self.pages.form(request, visitor)
        wanted, asker = local_path(fields.get("next")), _asker(self.bank, request)
        try:
            shown = await self.bank.proofs.show_nostr(asker, _object(fields.get("event", "")))
        except Refusal as no:
            return await self.login.ask(request, visitor, "login.html", wanted, no, phone="")
        return await self._enter(request, visitor, shown, wanted)

    # -- a passkey ------------------------------------------------------------------------------

    async def check_passkey(self, request: Request, visitor: Visitor) -> Response:
        """What the script got from the device (``POST /auth/passkey/options`` asked for it); ``new``: it was made
        just now (``/auth/passkey/register/options``)."""
        fields = await self.pages.form(request, visitor)
        wanted, asker = local_path(fields.get("next")), _asker(self.bank, request)
        try:
            credential = _object(fields.get("credential", ""))
            if fields.get("new"):
                shown = await self.bank.proofs.show_new_passkey(asker, credential, "Passkey")
            else:
                shown = await self.bank.proofs.show_passkey(asker, credential)
        except Refusal as no:
            return await self.login.ask(request, visitor, "login.html", wanted, no, phone="")
        return await self._enter(request, visitor, shown, wanted)

    # -- inside ---------------------------------------------------------------------------------

    async def _enter(self, request: Request, visitor: Visitor, shown: Shown, wanted: str) -> Response:
        if shown.purpose not in (Purpose.ENTER, Purpose.LOGIN, Purpose.REGISTER):
            return self.pages.stop(request, visitor, "request")

        async def redeem(_: Tx) -> Proved:
            return shown.proved

        try:
            logged_in = await self.bank.accounts.enter(
                redeem, ip=client_ip(request), agent=request.headers.get("user-agent")
            )
        except Refusal as no:
            return await self.login.ask(request, visitor, "login.html", wanted, no, phone="")
        return await self.login.entered(visitor, logged_in, wanted)

    def _remembered(self, request: Request, response: Response, asker: Asker) -> Response:
        if browser_of(self.bank, request) is None and asker.browser is not None:
            remember(self.bank, response, asker.browser)
        return response


def _asker(bank: Any, request: Request) -> Asker:
    browser = browser_of(bank, request) or new_browser()
    return Asker(browser, None, client_ip(request), request.headers.get("user-agent"))


def _wanted(request: Request) -> str:
    return local_path(request.query_params.get("next"))


def _image(text: str) -> str:
    """A QR code as a data address."""
    return f"data:image/svg+xml;base64,{base64.b64encode(qr_svg(text).encode()).decode()}" if text else ""


def _link(text: str) -> str:
    """Only what opens a wallet; a form field is anybody's."""
    return text if text.startswith("keyauth://") else ""


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise EmailCodeWrong from None


def _object(text: str) -> Any:
    try:
        return json.loads(text[:SIGNED_CHARS_MAX])
    except (ValueError, RecursionError):
        raise InvalidInput("What was pasted is not JSON.") from None
