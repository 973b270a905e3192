"""Paying: inside the bank at once, or over Lightning by hold → call → settle.

Every journey here may be run again from its start by anybody: the claims decide who moved what.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from hazina.access import SEEN, Caller, seen_unit
from hazina.accounts import Holder, LimitKind, WalletUnknown, holders
from hazina.dealer import DealerOffline
from hazina.kernel.errors import Refusal
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats
from hazina.kernel.units import Claim
from hazina.ledger import BANK, Result
from hazina.payments import caps, postings, store, store_nodes
from hazina.payments.attempts import attempt, trusted
from hazina.payments.common import Parts, may_move, mine, own_wallet, party, spending
from hazina.payments.errors import (
    InvoiceAlreadyPaid,
    InvoiceExpired,
    InvoiceUnreadable,
    LightningUnavailable,
    NoRoute,
    PaymentFailed,
    PaymentInProgress,
    SelfPayment,
    WrongCurrency,
)
from hazina.payments.exchanging import Terms, landed, selling, terms
from hazina.payments.model import (
    Direction,
    Invoice,
    InvoiceState,
    Kind,
    LineStatus,
    Payment,
    SendInternal,
    SendInvoice,
    Sent,
    State,
    memo_fits,
    positive,
)
from hazina.payments.ports import Reason
from hazina.payments.quotes import outlay
from hazina.payments.reading import Reading, amount_to_pay, read_invoice
from hazina.safety import Rail, leaving

log = structlog.get_logger("hazina.payments")


# --- inside, by wallet ------------------------------------------------------------------------------


async def send_internal(parts: Parts, caller: Caller, order: SendInternal) -> Sent:
    """Pay another wallet of this bank, in one commit."""
    positive(order.amount)
    memo_fits(order.memo)
    if order.wallet_id == order.recipient_wallet_id:
        raise SelfPayment()
    both = await parts.accounts.holders(order.wallet_id, order.recipient_wallet_id)
    payer, payee = mine(both, caller, order.wallet_id), both.get(order.recipient_wallet_id)
    if payee is None:
        raise WalletUnknown()
    may_move(payer)
    may_move(payee)
    if payer.wallet.asset is not order.amount.asset:
        raise WrongCurrency()
    try:
        asked = await terms(parts, payer.account.id, order.amount, payee.wallet.asset, order.quote_id)
    except DealerOffline:
        return await _earlier_or(parts, caller, "send_internal", order)
    deal, payee = await landed(parts, asked, payer.account.id, payee)
    price, now = deal.price, parts.clock.now()
    payment = deal.of(Payment(
        new_id(), Kind.INTRALEDGER, State.PAID, order.amount.asset, order.amount.n, 0,
        payer.wallet.ledger_account, payee.wallet.ledger_account,
        payer.account.id, payer.wallet.id, payee.account.id, payee.wallet.id, memo=order.memo, price=price,
    ))  # fmt: skip
    me, other = party(payer), party(payee)
    sent = postings.statement_line(payment, me, other, Direction.SEND, now, memo=order.memo)
    received = postings.statement_line(payment, other, me, Direction.RECEIVE, now, memo=order.memo)
    kind = LimitKind.TRADE if payer.account.id == payee.account.id else LimitKind.INTRALEDGER
    claims = [
        *key_claims(payment, "send_internal", order.key, order.fingerprint(), now),
        *spending(parts, caller, payer, kind, order.amount, price, order.fingerprint(), _named(payee)),
        *deal.claims(now),
    ]
    result = await parts.books.commit(postings.transfer_inside(payment, sent, received, claims, now))
    if result.ok:
        return Sent("SUCCESS", sent)
    return await replay_or_refuse(parts, caller, result, payment)


async def _earlier_or(parts: Parts, caller: Caller, operation: str, order: SendInternal | SendInvoice) -> Sent:
    """How the first request of this key stands: it was made while there was a price. Raises DealerOffline where there
    is none: then nothing was moved."""
    if order.key is not None:
        async with parts.db.reading() as tx:
            unit = await seen_unit(tx, caller.account_id, operation, order.key, order.fingerprint())
        if unit is not None:
            return await standing(parts, caller, unit)
    raise DealerOffline()


def _named(payee: Holder) -> str:
    return payee.account.username or f"wallet {str(payee.wallet.id)[:8]}..."


def key_claims(payment: Payment, operation: str, key: str | None, mark: str, now: datetime) -> list[Claim]:
    return [] if key is None else [postings.key_claim(payment, operation, key, mark, now)]


async def replay_or_refuse(parts: Parts, caller: Caller, result: Result, payment: Payment) -> Sent:
    """A repeated request hears how the first one stands; everything else is refused by name."""
    if result.claim == "idempotency" and result.claim_code == SEEN:
        return await standing(parts, caller, UUID(result.detail["unit"]))
    raise await parts.refuse(result, payment.src, payment.asset, payment.amount + payment.fee_max)


# --- invoices ---------------------------------------------------------------------------------------


async def send_invoice(parts: Parts, caller: Caller, order: SendInvoice) -> Sent:
    """Pay a BOLT11 invoice: inside when it is ours, else over Lightning. Already paid comes before in
    progress, and that before expired: an answer about money outranks one about paper."""
    memo_fits(order.memo)
    reading = read_invoice(order.payment_request, parts.network)
    invoice = reading.says
    asked = amount_to_pay(invoice, order.amount)
    now = parts.clock.now()
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, order.wallet_id)
        ours = await store.invoice(tx, invoice.payment_hash)
        earlier = await store.payment_of_hash(tx, invoice.payment_hash)
    may_move(payer)
    if order.amount is not None and order.amount.asset is not payer.wallet.asset:
        raise WrongCurrency()
    if earlier is not None and (earlier.state.final or order.key is None):
        return await _already(parts, caller, earlier)
    if ours is not None and ours.payment_request != reading.text:
        raise InvoiceUnreadable("The invoice carries the payment hash of another invoice of this bank.")
    if ours is not None and ours.state is InvoiceState.PAID and earlier is None:
        return Sent("ALREADY_PAID")
    if now >= reading.expires_at and earlier is None:
        raise InvoiceExpired()
    if ours is not None:
        sent = _send_inside(parts, caller, order, payer, ours, asked, invoice.payee)
    else:
        sent = _send_out(parts, caller, order, payer, reading, asked)
    try:
        return await sent
    except DealerOffline:
        return await _earlier_or(parts, caller, "send_invoice", order)


async def _already(parts: Parts, caller: Caller, earlier: Payment) -> Sent:
    """Somebody paid, or is paying, this hash. Only the payer sees the payment."""
    if earlier.state is not State.PAID:
        raise PaymentInProgress()
    if earlier.account_id != caller.account_id:
        return Sent("ALREADY_PAID")
    async with parts.db.reading() as tx:
        return Sent("ALREADY_PAID", await store.line_of_payment(tx, earlier.id, Direction.SEND))


async def _send_out(
    parts: Parts,
    caller: Caller,
    order: SendInvoice,
    payer: Holder,
    reading: Reading,
    asked: Msats | Cents,
) -> Sent:
    costs = await outlay(parts, payer, asked, reading.says)
    amount, price, now = costs.terms.given, costs.terms.price, parts.clock.now()
    node = await _node_for(parts, reading, costs.wire + costs.route)
    payment = costs.of(Payment(
        new_id(), Kind.LN_OUT, State.HELD, amount.asset, amount.n, 0,
        payer.wallet.ledger_account, BANK.LIGHTNING_BTC, payer.account.id, payer.wallet.id,
        payment_hash=reading.says.payment_hash, payment_request=reading.text, node=node,
        memo=order.memo or reading.says.description or None, expires_at=reading.expires_at, address=order.address,
    ))  # fmt: skip
    line = postings.statement_line(
        payment, party(payer), None, Direction.SEND, now,
        status=LineStatus.PENDING, fee=payment.fee_max, memo=payment.memo, payee=reading.says.payee,
    )  # fmt: skip
    to = f"Lightning invoice {reading.text[:12]}...{reading.text[-6:]}"
    claims = [
        *key_claims(payment, "send_invoice", order.key, order.fingerprint(), now),
        *spending(parts, caller, payer, LimitKind.WITHDRAWAL, amount, price, order.fingerprint(), to),
        leaving(Rail.LIGHTNING),
        *costs.terms.claims(now),
        caps.in_flight(payment, parts.policy),
        postings.hash_claim(payment),
    ]
    result = await parts.books.commit(postings.set_aside(payment, line, claims, now, _first_look(parts, now)))
    if not result.ok:
        return await replay_or_refuse(parts, caller, result, payment)
    return await _await_outcome(parts, caller, payment.id)


async def _node_for(parts: Parts, reading: Reading, amount: Msats) -> str:
    """The node that will make this payment; one on which it failed before comes last. Raises
    LightningUnavailable, also while no node that is up can be trusted."""
    payment_hash = reading.says.payment_hash
    async with parts.db.reading() as tx:
        failed = await store_nodes.failed_on(tx, payment_hash)
    any_amount = reading.says.amount_msat is None
    for _ in parts.nodes.names:
        node = await parts.nodes.for_sending(payment_hash, amount, avoid=failed, any_amount=any_amount)
        if await trusted(parts, node.name):
            return node.name
    raise LightningUnavailable()


async def _send_inside(
    parts: Parts, caller: Caller, order: SendInvoice, payer: Holder, invoice: Invoice, asked: Msats | Cents,
    node_key: bytes,
) -> Sent:  # fmt: skip
    """The invoice is ours. The payer's money is held and the invoice claimed; then the node's copy is
    cancelled; only then the payee is credited. So nobody outside can pay it as well."""
    if invoice.wallet_id == payer.wallet.id:
        raise SelfPayment()
    async with parts.db.reading() as tx:
        payee = (await holders(tx, [invoice.wallet_id]))[invoice.wallet_id]
    may_move(payee)
    deal, payee = await landed(parts, await _terms_inside(parts, payer, invoice, asked), payer.account.id, payee)
    amount, price, now = deal.given, deal.price, parts.clock.now()
    payment = deal.of(Payment(
        new_id(), Kind.LN_INSIDE, State.HELD, amount.asset, amount.n, 0,
        payer.wallet.ledger_account, payee.wallet.ledger_account,
        payer.account.id, payer.wallet.id, payee.account.id, payee.wallet.id,
        invoice.payment_hash, invoice.payment_request, invoice.node, order.memo, price,
        expires_at=invoice.expires_at,
    ))  # fmt: skip
    line = postings.statement_line(
        payment, party(payer), party(payee), Direction.SEND, now,
        status=LineStatus.PENDING, memo=order.memo or invoice.memo, payee=node_key,
    )  # fmt: skip
    kind = LimitKind.TRADE if payer.account.id == payee.account.id else LimitKind.INTRALEDGER
    claims = [
        *key_claims(payment, "send_invoice", order.key, order.fingerprint(), now),
        *spending(parts, caller, payer, kind, amount, price, order.fingerprint(), _named(payee)),
        *deal.claims(now),
        postings.hash_claim(payment),
        postings.invoice_claim(invoice.payment_hash, InvoiceState.OPEN, InvoiceState.CLOSING),
    ]
    result = await parts.books.commit(postings.set_aside(payment, line, claims, now, _first_look(parts, now)))
    if not result.ok:
        return await replay_or_refuse(parts, caller, result, payment)
    return await _await_outcome(parts, caller, payment.id)


async def _terms_inside(parts: Parts, payer: Holder, invoice: Invoice, asked: Msats | Cents) -> Terms:
    """What the payer of our own invoice gives, and what its wallet gets: the cents that were agreed when it was made,
    or by the rate of this moment. Between dollar wallets nothing is exchanged."""
    if payer.wallet.asset is Asset.USD:
        if invoice.asset is Asset.BTC:
            return (await selling(parts, payer.account.id, asked, invoice.payment_hash)).terms
        cents = invoice.cents or asked
        return Terms(cents, cents, await parts.prices.latest())
    if invoice.cents is not None:
        return Terms(asked, invoice.cents, await parts.prices.latest())
    return await terms(parts, payer.account.id, asked, invoice.asset)


def _first_look(parts: Parts, now: datetime) -> datetime:
    """When the reconciliation looks at a payment whose sender died before it was sent."""
    return now + timedelta(seconds=parts.policy.look_first_s * 3)


# --- outcome ----------------------------------------------------------------------------------------


async def _await_outcome(parts: Parts, caller: Caller, payment_id: UUID) -> Sent:
    """Send, and wait a little for the end. What takes longer goes on without the asker, and so does a
    payment whose asker went away."""
    task = asyncio.create_task(_drive(parts, payment_id), name=f"payment-{payment_id}")
    parts.under_way.add(task)
    task.add_done_callback(parts.under_way.discard)
    await asyncio.wait({task}, timeout=parts.policy.inline_wait_s)
    return await standing(parts, caller, payment_id)


async def _drive(parts: Parts, payment_id: UUID) -> None:
    """Attempt, and look again whenever there is news or a little time has passed. The reconciliation
    takes over from here, so an error is only told."""
    wait = 0.1
    try:
        with parts.hub.follow([f"payment:{payment_id}"]) as news, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(parts.policy.inline_wait_s + parts.policy.lease_s):
                while not (await attempt(parts, payment_id)).state.final:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait):
                            await news.get()
                    wait = min(wait * 2, 1)
    except Exception:
        log.exception("payment_left_to_reconciliation", payment=str(payment_id))


async def standing(parts: Parts, caller: Caller, payment_id: UUID) -> Sent:
    """How a payment of the caller stands now."""
    async with parts.db.reading() as tx:
        payment = await store.payment(tx, payment_id)
        line = await store.line_of_payment(tx, payment_id, Direction.SEND)
    if payment is None:  # the first request of this key is being refused at this very moment
        raise PaymentInProgress("The same request is being worked on. Ask again in a moment.")
    assert payment.account_id == caller.account_id
    if payment.state is State.PAID:
        return Sent("SUCCESS", line)
    if payment.state is State.FAILED:
        return Sent("FAILURE", line, _why(payment.reason))
    return Sent("PENDING", line)


def _why(reason: str | None) -> Refusal:
    match reason:
        case Reason.EXPIRED.value:
            return InvoiceExpired("The invoice expired before it could be paid. Your money was returned.")
        case Reason.NO_ROUTE.value | Reason.NO_BALANCE.value | Reason.TIMEOUT.value:
            return NoRoute()
        case Reason.REJECTED.value:
            return PaymentFailed("The recipient did not accept the payment. Your money was returned.")
        case "already_paid":
            return InvoiceAlreadyPaid("The invoice was paid from elsewhere at the same moment. Nothing was taken.")
        case _:
            return PaymentFailed()
