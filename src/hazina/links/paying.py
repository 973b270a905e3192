"""Paying to a Lightning Address or an LNURL: ask the other side for an invoice, look hard at it, pay it as any other.

What the customer orders is an address and an amount; what is paid is an invoice that a stranger gave. So the invoice
of an order with an idempotency key is kept before it is paid: asked again, the same order pays the same invoice and
no second one. An order that waits for a second proof keeps its invoice as well, as the proof is bound to it; clients
ask again under another key then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog

from hazina.access import Caller, fingerprint
from hazina.identity import StepUpRequired
from hazina.kernel import bolt11, lnurl
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Asset, Msats
from hazina.links import store
from hazina.links.common import Parts
from hazina.links.errors import AmountOutOfRange, LnurlFailed, LnurlUnreadable
from hazina.links.model import STRANGER_RATE, PayRequest, read_invoice, read_name, read_pay_request
from hazina.links.ports import ServiceRefused, ServiceSilent
from hazina.payments import KeyReused, NewInvoice, SendInternal, SendInvoice, Sent, payment_of_hash

log = structlog.get_logger("hazina.links")

KEPT = timedelta(days=7)
"""As long as idempotency keys are."""
KEPT_FOR_PROOF = timedelta(minutes=10)
PATHS = ("/.well-known/lnurlp/", "/lnurlp/")


@dataclass(frozen=True, slots=True)
class PayTo:
    """``text``: a Lightning Address, or an LNURL in any of its forms. ``key``: idempotency key of the asker."""

    wallet_id: UUID
    text: str
    amount: Msats
    key: str | None = None

    def fingerprint(self) -> str:
        return fingerprint(wallet=self.wallet_id, to=self.text.strip().lower(), amount=self.amount.n)


async def pay(parts: Parts, caller: Caller, order: PayTo) -> Sent:
    """Raises WalletUnknown, LnurlUnreadable, LnurlFailed, AmountOutOfRange, TooManyRequests, what payments raise."""
    payer, url = await parts.accounts.wallet_for(caller, order.wallet_id), _read(order.text)
    name = _own_name(parts, url)
    if name is not None and payer.asset is Asset.BTC:
        return await _inside(parts, caller, order, name)
    waiting = f"again:{order.fingerprint()}"
    async with parts.db.reading() as tx:
        now, given = parts.clock.now(), None
        if order.key is not None:
            given = await store.given(tx, caller.account_id, f"key:{order.key}", now)
        waits = given is None and (given := await store.given(tx, caller.account_id, waiting, now)) is not None
    if given is None:
        given = await (_ask(parts, caller, order, url) if name is None else _ask_ourselves(parts, order, name))
    if order.key is not None:
        given = await _keep(parts, caller, f"key:{order.key}", given, KEPT)
    else:
        await _keep_action(parts, caller, given)
    if given.fingerprint != order.fingerprint():
        raise KeyReused()
    try:
        sent = await parts.payments.send_invoice(
            caller,
            SendInvoice(
                order.wallet_id, given.payment_request, memo=_address(order.text), key=order.key,
                address=_address(order.text) if name is None else None,
            ),
        )  # fmt: skip
    except StepUpRequired:
        await _keep(parts, caller, waiting, given, KEPT_FOR_PROOF)
        raise
    except Refusal:
        await _forget(parts, caller, waiting, given)
        raise
    if waits:
        await _forget(parts, caller, waiting)
    return sent


async def _keep(parts: Parts, caller: Caller, name: str, given: store.Given, life: timedelta) -> store.Given:
    """The invoice of the order from here on, and what its service wants shown: in one commit, before it is paid."""
    now = parts.clock.now()
    async with parts.db.transaction() as tx:
        kept = await store.keep_given(tx, caller.account_id, name, given, now, now + life)
        if given.action is not None and kept.payment_request == given.payment_request:
            await store.put_action(tx, caller.account_id, _hash(parts, given), given.action, now)
    return kept


async def _keep_action(parts: Parts, caller: Caller, given: store.Given) -> None:
    if given.action is not None:
        async with parts.db.transaction() as tx:
            await store.put_action(tx, caller.account_id, _hash(parts, given), given.action, parts.clock.now())


def _hash(parts: Parts, given: store.Given) -> bytes:
    return bolt11.decode(given.payment_request, parts.network).payment_hash


async def _forget(parts: Parts, caller: Caller, name: str, refused: store.Given | None = None) -> None:
    """An invoice that waited; of one that was ``refused`` nothing will be shown, unless it is being paid all the
    same."""
    async with parts.db.transaction() as tx:
        await store.forget_given(tx, caller.account_id, name)
        if refused is not None and await payment_of_hash(tx, _hash(parts, refused)) is None:
            await store.forget_action(tx, caller.account_id, _hash(parts, refused))


def _read(text: str) -> str:
    try:
        return lnurl.read(text)
    except lnurl.NoLnurl:
        raise LnurlUnreadable from None


def _address(text: str) -> str | None:
    """The address that is paid to; an LNURL says nothing to people."""
    try:
        return str(lnurl.read_address(text.strip()))
    except lnurl.NoLnurl:
        return None


def _own_name(parts: Parts, url: str) -> str | None:
    """The customer that the address names, where it is one of this bank: no way leads over the outside then."""
    there = urlsplit(url)
    if not parts.places.ours(there.netloc):
        return None
    for path in PATHS:
        name = unquote(there.path.removeprefix(path))
        if there.path.startswith(path) and name and "/" not in name:
            return name
    raise LnurlFailed("This address of the bank is not one to pay to. Nothing was moved.")


async def _inside(parts: Parts, caller: Caller, order: PayTo, name: str) -> Sent:
    payee = await parts.accounts.default_wallet(read_name(name).whom, Asset.BTC)
    wanted = SendInternal(order.wallet_id, payee.id, order.amount, key=order.key)
    return await parts.payments.send_internal(caller, wanted)


async def _ask_ourselves(parts: Parts, order: PayTo, name: str) -> store.Given:
    """Dollars that pay satoshi inside the bank do so by an invoice: it says what the payee gets."""
    payee = await parts.accounts.default_wallet(read_name(name).whom, Asset.BTC)
    made = await parts.payments.create_invoice_for(NewInvoice(payee.id, order.amount))
    return store.Given(order.fingerprint(), made.payment_request)


async def _ask(parts: Parts, caller: Caller, order: PayTo, url: str) -> store.Given:
    """An invoice that may be paid, from the other side."""
    await parts.within((STRANGER_RATE, f"account:{caller.account_id}"))
    try:
        asked = read_pay_request(await parts.services.ask(url))
        _within(asked, order.amount)
        answer = await parts.services.ask(asked.callback, {"amount": str(order.amount.n)})
    except ServiceSilent as error:
        log.info("lnurl_silent", why=str(error)[:200])
        raise LnurlFailed("The recipient's service does not answer. Nothing was moved.") from None
    except ServiceRefused as error:
        raise LnurlFailed(f"The recipient's service says: {str(error)[:200]} Nothing was moved.") from None
    return store.Given(order.fingerprint(), *read_invoice(answer, asked, order.amount, parts.network))


def _within(asked: PayRequest, amount: Msats) -> None:
    """Raises AmountOutOfRange."""
    if not asked.least.n <= amount.n <= asked.most.n:
        raise AmountOutOfRange(
            f"This recipient takes from {asked.least.sats_ceil:,} to {asked.most.sats_floor:,} sat at a time."
            " Nothing was moved."
        )
