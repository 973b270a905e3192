"""The pay page of a customer: ``/<username>``, a till that whoever wants to pay fills in; ``/<username>/print``, its
paycode for the wall. Both are complete without a script; with one the keys answer at once.

A link may say how much (``?amount=``, in ``display``: a currency or SAT) and for what (``memo``): then nothing is left
to type. Names that are routes of ours cannot be taken, so no page is behind another.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hazina.accounts import Account, Wallet
from hazina.api.credentials import client_ip
from hazina.api.pages.browser import Visitor
from hazina.api.pages.kernel import WORDS, Pages, language, read_form
from hazina.api.pages.money import SATS, minor_text, press, read_typed, sats_text, typed_text
from hazina.api.pages.serving import page
from hazina.api.qr import qr_svg
from hazina.dealer import Currency, FiatRate, PriceUnavailable, UnknownCurrency, estimate
from hazina.kernel import lnurl
from hazina.kernel.errors import Kind, Refusal
from hazina.kernel.money import Asset, Cents, Msats
from hazina.links import clean

KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "dot", "0", "back")
TIPS = (0, 5, 10, 15)
MEMO_MAX = 140
SATS_MAX = 100_000_000


@dataclass(frozen=True, slots=True)
class Till:
    """Whose page it is, and what amounts are said in. ``rate`` None: no price is known, so only satoshi are."""

    account: Account
    wallet: Wallet
    unit: Currency
    rate: FiatRate | None
    units: tuple[Currency, ...]

    @property
    def name(self) -> str:
        return self.account.username or ""


class UsernameConvertor(Convertor[str]):
    """What could be a name, so that any other address is answered as it always was."""

    regex = "[0-9A-Za-z_]{3,50}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("username", UsernameConvertor())


class Pay:
    def __init__(self, pages: Pages) -> None:
        self.pages, self.bank = pages, pages.bank

    def routes(self) -> list[Route]:
        return [
            Route("/{name:username}", page(self.pages, self.till), methods=["GET"]),
            Route("/{name:username}", page(self.pages, self.charge), methods=["POST"]),
            Route("/{name:username}/print", page(self.pages, self.paycode), methods=["GET"]),
        ]

    # -- the till -------------------------------------------------------------------------------

    async def till(self, request: Request, visitor: Visitor) -> Response:
        query = request.query_params
        till = await self._till(request.path_params["name"], query.get("unit") or query.get("display") or "")
        if till is None:
            return self.pages.stop(request, visitor, "name", 404)
        if "amount" in query and (minor := read_typed(query["amount"], till.unit)):
            return await self._show(request, visitor, till, typed_text(minor, till.unit), fixed=True)
        typed = query.get("typed", "")[:20]
        if "key" in query:
            typed = press(typed, query["key"], till.unit)
        return await self._show(request, visitor, till, typed)

    async def charge(self, request: Request, visitor: Visitor) -> Response:
        """An invoice, and on to the page that shows it. No session is behind this form, and nobody's money: it needs
        no proof that our own page sent it."""
        fields = await read_form(request)
        till = await self._till(request.path_params["name"], fields.get("unit", ""))
        if till is None:
            return self.pages.stop(request, visitor, "name", 404)
        fixed, typed = "amount" in fields, fields.get("amount") or fields.get("typed", "")
        minor, memo = read_typed(typed[:20], till.unit), clean(fields.get("memo", "")).strip()[:MEMO_MAX]
        tip = _tip(fields.get("tip"))
        if not minor:
            return await self._show(
                request, visitor, till, typed[:20], error="error_amount", fixed=fixed, memo=memo, tip=tip
            )
        try:
            amount = await self._amount(till, minor + (minor * tip + 50) // 100)
            words = " · ".join(part for part in (memo, f"tip {tip} %" if tip else "") if part) or None
            made = await self.bank.links.request(till.account.id, till.wallet.id, amount, words, client_ip(request))
        except Refusal as no:
            return await self._show(
                request, visitor, till, typed[:20], error=_said(no), fixed=fixed, memo=memo, tip=tip
            )
        on = urlencode({"from": till.name, "lang": language(request)})
        return self.pages.go(f"/checkout/{made.payment_hash.hex()}?{on}")

    async def _till(self, name: str, unit: str) -> Till | None:
        """None: nobody has this name. A phone number has no page."""
        try:
            wallet = await self.bank.accounts.default_wallet(name, None)
        except Refusal:
            return None
        account = await self.bank.accounts.account(wallet.account_id)
        if account.username != name.lower():
            return None
        own = await self._rate(account.display_currency)
        wished = own if unit in ("", account.display_currency) else await self._rate(unit)
        units = ((own.currency,) if own else ()) + (SATS,)
        if unit == SATS.code or wished is None:
            return Till(account, wallet, SATS, None, units)
        if wished.currency not in units:
            units = (wished.currency, *units)
        return Till(account, wallet, wished.currency, wished, units)

    async def _rate(self, code: str) -> FiatRate | None:
        try:
            await self.bank.prices.fresh()
            return await self.bank.prices.rates.of(code)
        except (PriceUnavailable, UnknownCurrency):
            return None

    async def _amount(self, till: Till, minor: int) -> Msats | Cents:
        """What the wallet is to get, in its own asset where a currency is meant. Raises PriceUnavailable."""
        if till.rate is None:
            return Msats.from_sats(min(minor, SATS_MAX + 1))
        worth = estimate(_major(minor, till.unit), await self.bank.prices.fresh(), till.rate)
        return Cents(worth.cents) if till.wallet.asset is Asset.USD else Msats.from_sats(worth.sats)

    async def _about(self, till: Till, typed: str) -> str:
        """The other unit beside it."""
        minor = read_typed(typed, till.unit)
        if not minor:
            return ""
        try:
            if till.rate is not None:
                worth = estimate(_major(minor, till.unit), await self.bank.prices.fresh(), till.rate)
                return sats_text(worth.sats)
        except PriceUnavailable:
            pass
        return ""

    async def _show(
        self, request: Request, visitor: Visitor, till: Till, typed: str, *, error: str = "", fixed: bool = False,
        memo: str | None = None, tip: int = 0,
    ) -> Response:  # fmt: skip
        query, say = request.query_params, WORDS[language(request)]
        place = self.bank.links.place(request.headers.get("host"))
        minor = read_typed(typed, till.unit)
        return self.pages.show(
            request,
            "pay.html",
            visitor,
            status=400 if error else 200,
            name=till.name,
            address=f"{till.name}@{place.domain}",
            typed=typed,
            fixed=fixed,
            shown=minor_text(minor, till.unit) if minor else "",
            about=await self._about(till, typed),
            unit=till.unit,
            units=till.units,
            keys=KEYS,
            tips=() if query.get("tip") == "off" else TIPS,
            tip=tip or _tip(query.get("tip")),
            memo=(query.get("memo", "") if memo is None else memo)[:MEMO_MAX],
            error=say[error] if error else "",
        )

    # -- the paycode ----------------------------------------------------------------------------

    async def paycode(self, request: Request, visitor: Visitor) -> Response:
        """For the wall: wallets read the LNURL inside, cameras open this page."""
        till = await self._till(request.path_params["name"], "")
        if till is None:
            return self.pages.stop(request, visitor, "name", 404)
        place = self.bank.links.place(request.headers.get("host"))
        text = lnurl.encode(f"{place.origin}/.well-known/lnurlp/{till.name}")
        code = f"{place.origin}/{till.name}?lightning={text}".upper()
        return self.pages.show(
            request,
            "paycode.html",
            visitor,
            name=till.name,
            address=f"{till.name}@{place.domain}",
            page=f"{place.domain}/{till.name}",
            qr=qr_data(code, "h"),
        )


def qr_data(text: str, error: str = "m") -> str:
    """A QR code as the source of a picture."""
    return "data:image/svg+xml;base64," + b64encode(qr_svg(text, error).encode()).decode()


def _tip(text: str | None) -> int:
    """Per cent."""
    return next((one for one in TIPS if str(one) == text), 0)


def _major(minor: int, currency: Currency) -> Decimal:
    return Decimal(minor).scaleb(-currency.digits)


def _said(no: Refusal) -> str:
    if no.kind is Kind.LIMIT:
        return "error_pay_wait"
    if no.code in ("AMOUNT_TOO_SMALL", "AMOUNT_OUT_OF_RANGE", "AMOUNT_TOO_LARGE", "INVALID_AMOUNT"):
        return "error_amount"
    return "error_pay_away"
