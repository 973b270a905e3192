"""``/checkout/<hash>``: one invoice as a page, for shops that made it by the API and for the till.

``POST /checkout`` (form or JSON: ``hash``, ``returnUrl``; without one, where the browser came from) leads there. The
page shows the amount, the code, how it stands, and a way back to the shop; the shop's address is a link that names
its host, and never where the browser is sent by itself.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

from psycopg import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from hazina.api.graphql.http import NotServed, read_json
from hazina.api.pages.browser import Visitor
from hazina.api.pages.kernel import FORM_BYTES_MAX, FORM_TYPE, Pages, read_form
from hazina.api.pages.money import sats_text
from hazina.api.pages.pay import qr_data
from hazina.api.pages.serving import page
from hazina.dealer import PriceUnavailable, UnknownCurrency, display_amount
from hazina.kernel import bolt11
from hazina.kernel.money import Msats
from hazina.oauth import Malformed
from hazina.payments import InvoiceStatus, InvoiceUnknown

RETURN_MAX = 2_000
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Checkout:
    def __init__(self, pages: Pages) -> None:
        self.pages, self.bank = pages, pages.bank

    def routes(self) -> list[Route]:
        return [
            Route("/checkout", self.begin, methods=["POST"]),
            Route("/checkout/{hash}", page(self.pages, self.show), methods=["GET"]),
            Route("/checkout/{hash}/status", self.status, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        try:
            fields = await _fields(request)
        except (Malformed, NotServed):
            fields = {}
        text = str(fields.get("hash", "")).lower()
        if not _HASH.fullmatch(text):
            return JSONResponse({"error": "Invalid hash"}, 404)
        back = checked_return(fields.get("returnUrl") or request.headers.get("referer"), self._local)
        query = f"?{urlencode({'returnUrl': back})}" if back else ""
        return RedirectResponse(f"/checkout/{text}{query}", 303, headers={"cache-control": "no-store"})

    async def status(self, request: Request) -> Response:
        """For the page's script."""
        found = await self._find(request)
        if found is None:
            return JSONResponse({"error": "Invalid hash"}, 404)
        return JSONResponse({"status": found.status}, headers={"cache-control": "no-store"})

    async def _find(self, request: Request) -> InvoiceStatus | None:
        text = request.path_params["hash"].lower()
        if not _HASH.fullmatch(text):
            return None
        try:
            return await self.bank.payments.invoice_status(bytes.fromhex(text))
        except (InvoiceUnknown, OperationalError):
            return None

    @property
    def _local(self) -> bool:
        return self.bank.settings.strangers_on_loopback

    async def show(self, request: Request, visitor: Visitor) -> Response:
        found, query = await self._find(request), request.query_params
        invoice = bolt11.decode(found.payment_request) if found is not None else None
        if found is None or invoice is None or invoice.amount is None:
            return self.pages.stop(request, visitor, "invoice", 404)
        left = (found.expires_at - self.bank.clock.now()).total_seconds()
        pending = found.status == "PENDING"
        name, code = await self._shop(found, query.get("from", ""))
        back = checked_return(query.get("returnUrl"), self._local)
        return self.pages.show(
            request,
            "checkout.html",
            visitor,
            state=found.status.lower(),
            name=name,
            sats=sats_text(invoice.amount.sats_ceil),
            about=await self._about(invoice.amount, code),
            memo=invoice.description or "",
            invoice=found.payment_request if pending else "",
            qr=qr_data(found.payment_request.upper(), "l") if pending else "",
            minutes=max(math.ceil(left / 60), 1),
            again=f"/{name}" if name else "",
            back=back,
            back_host=urlsplit(back).netloc if back else "",
            hash=found.payment_hash.hex(),
        )

    async def _shop(self, found: InvoiceStatus, name: str) -> tuple[str, str]:
        """The name that the page was opened with, if the invoice is theirs, and their currency. Neither is told
        otherwise."""
        if name and found.wallet_id is not None:
            holder = (await self.bank.accounts.holders(found.wallet_id)).get(found.wallet_id)
            if holder is not None and holder.account.username == name:
                return name, holder.account.display_currency
        return "", "USD"

    async def _about(self, amount: Msats, code: str) -> str:
        """What it is worth at this moment."""
        try:
            price, rate = await self.bank.prices.fresh(), await self.bank.prices.rates.of(code)
        except (PriceUnavailable, UnknownCurrency):
            return ""
        return f"{code} {Decimal(display_amount(amount, price, rate)):,}"


async def _fields(request: Request) -> dict[str, Any]:
    """Raises Malformed, NotServed."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM_TYPE:
        return dict(await read_form(request))
    body = await request.body()
    found = read_json(body) if 0 < len(body) <= FORM_BYTES_MAX else {}
    return found if isinstance(found, dict) else {}


def checked_return(url: Any, local: bool) -> str:
    """A web address to go back to, or "". Only https (on this machine also http): nothing that runs, no user, no
    characters by which a browser reads another host."""
    if not isinstance(url, str) or not url or len(url) > RETURN_MAX or not url.isascii():
        return ""
    if any(ord(char) <= 32 or char in '\\"<>^`{|}\x7f' for char in url):
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ""
    plain = local and parts.scheme == "http" and host in ("localhost", "127.0.0.1")
    if not host or "@" in parts.netloc or not (parts.scheme == "https" or plain):
        return ""
    return url
