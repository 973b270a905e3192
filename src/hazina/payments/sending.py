"""Paying: inside the bank at once, or over Lightning by hold → call → settle.

Every journey here may be run again from its start by anybody: the claims decide who moved what.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from hazina.access import SEEN, Caller
from hazina.accounts import Holder, LimitKind, WalletUnknown, holders
from hazina.kernel import bolt11
from hazina.kernel.errors import Refusal
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Msats, Price
from hazina.kernel.units import Claim
from hazina.ledger import BANK, Result
from hazina.payments import postings, store
from hazina.payments.common import Parts, limit_of, may_move, mine, own_wallet, party, volume
from hazina.payments.errors import (
    ExchangeUnavailable,
    InvoiceAlreadyPaid,
    InvoiceExpired,
    InvoiceForeignNetwork,
    InvoiceHasAmount,
    InvoiceNeedsAmount,
    InvoiceUnreadable,
    NoRoute,
    PaymentFailed,
    PaymentInProgress,
    SelfPayment,
    WrongCurrency,
)
from hazina.payments.fees import Matter, Network, Way, fee_of
from hazina.payments.flow import Event, after
from hazina.payments.model import (
    Direction,
    Invoice,
    InvoiceState,
    Kind,
    LineStatus,
    Payment,
    Policy,
    Probe,
    SendInternal,
    SendInvoice,
    Sent,
    State,
    fee_ceiling,
    memo_fits,
    positive,
)
from hazina.payments.ports import AlreadySettled, NodeRefused, NodeSilent, Outgoing, OutgoingState, Reason, Refused
from hazina.safety import Rail, leaving, stopping

log = structlog.get_logger("hazina.payments")

FAR_FUTURE = 4_102_444_800
"""1 January 2100, unix seconds: an invoice that lives longer is taken to end then."""
INSIDE_TRIES = 6
"""How often a silent node is asked to cancel its copy of an invoice that is being paid inside."""


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
    if payee.wallet.asset is not order.amount.asset:
        raise ExchangeUnavailable()
    price, now = await parts.prices.latest(), parts.clock.now()
    payment = Payment(
        new_id(), Kind.INTRALEDGER, State.PAID, order.amount.asset, order.amount.n, 0,
        payer.wallet.ledger_account, payee.wallet.ledger_account,
        payer.account.id, payer.wallet.id, payee.account.id, payee.wallet.id, memo=order.memo, price=price,
    )  # fmt: skip
    me, other = party(payer), party(payee)
    sent = postings.statement_line(payment, me, other, Direction.SEND, now, memo=order.memo)
    received = postings.statement_line(payment, other, me, Direction.RECEIVE, now, memo=order.memo)
    kind = LimitKind.TRADE if payer.account.id == payee.account.id else LimitKind.INTRALEDGER
    claims = [
        *_key_claims(payment, "send_internal", order.key, order.fingerprint(), now),
        limit_of(payer, kind, order.amount, price, parts),
    ]
    result = await parts.books.commit(postings.transfer_inside(payment, sent, received, claims, now))
    if result.ok:
        return Sent("SUCCESS", sent)
    return await _replay_or_refuse(parts, caller, result, payment)


def _key_claims(payment: Payment, operation: str, key: str | None, mark: str, now: datetime) -> list[Claim]:
    return [] if key is None else [postings.key_claim(payment, operation, key, mark, now)]


async def _replay_or_refuse(parts: Parts, caller: Caller, result: Result, payment: Payment) -> Sent:
    """A repeated request hears how the first one stands; everything else is refused by name."""
    if result.claim == "idempotency" and result.claim_code == SEEN:
        return await standing(parts, caller, UUID(result.detail["unit"]))
    raise await parts.refuse(result, payment.src, payment.asset, payment.amount + payment.fee_max)


# --- invoices ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """An invoice and its text in the one form that is stored and compared: lower case, no prefix."""

    text: str
    says: bolt11.Invoice11

    @property
    def expires_at(self) -> datetime:
        return datetime.fromtimestamp(min(self.says.expires_at, FAR_FUTURE), UTC)


def read_invoice(text: str, network: bolt11.Network) -> Reading:
    """Raises InvoiceUnreadable, InvoiceForeignNetwork."""
    try:
        says = bolt11.decode(text, network)
    except bolt11.Bolt11Error as error:
        if error.code is bolt11.Bolt11Code.WRONG_NETWORK:
            raise InvoiceForeignNetwork() from error
        raise InvoiceUnreadable(f"{InvoiceUnreadable.message} {error}", cause=error.code.value) from error
    return Reading(text.strip().lower().removeprefix("lightning:"), says)


def amount_to_pay(invoice: bolt11.Invoice11, wished: Msats | None) -> Msats:
    """Raises InvoiceHasAmount, InvoiceNeedsAmount, InvalidAmount."""
    if invoice.amount is None:
        if wished is None:
            raise InvoiceNeedsAmount()
        positive(wished)
        return wished
    if wished is not None:
        raise InvoiceHasAmount()
    positive(invoice.amount)
    return invoice.amount


async def send_invoice(parts: Parts, caller: Caller, order: SendInvoice) -> Sent:
    """Pay a BOLT11 invoice: inside when it is ours, else over Lightning. Already paid comes before in
    progress, and that before expired: an answer about money outranks one about paper."""
    memo_fits(order.memo)
    reading = read_invoice(order.payment_request, parts.network)
    invoice = reading.says
    amount = amount_to_pay(invoice, order.amount)
    now = parts.clock.now()
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, order.wallet_id)
        ours = await store.invoice(tx, invoice.payment_hash)
        earlier = await store.payment_of_hash(tx, invoice.payment_hash)
        since = now - timedelta(seconds=parts.policy.quote_life_s)
        quoted = await store.quote(tx, order.wallet_id, invoice.payment_hash, amount, since)
    may_move(payer)
    if payer.wallet.asset is not Asset.BTC:
        raise ExchangeUnavailable()
    if earlier is not None and (earlier.state.final or order.key is None):
        return await _already(parts, caller, earlier)
    if ours is not None and ours.payment_request != reading.text:
        raise InvoiceUnreadable("The invoice carries the payment hash of another invoice of this bank.")
    if ours is not None and ours.state is InvoiceState.PAID and earlier is None:
        return Sent("ALREADY_PAID")
    if now >= reading.expires_at and earlier is None:
        raise InvoiceExpired()
    if ours is not None:
        return await _send_inside(parts, caller, order, payer, ours, amount)
    return await _send_out(parts, caller, order, payer, reading, amount, quoted)


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
    amount: Msats,
    quoted: Msats | None,
) -> Sent:
    await parts.node_is_up()
    price, now = await parts.prices.latest(), parts.clock.now()
    ceiling = quoted if quoted is not None else fee_ceiling(amount, parts.policy)
    own = own_fee(amount, payer, price, parts.policy)
    fee_max = Msats.from_sats((amount + ceiling + own).sats_ceil) - amount  # customers pay whole satoshi
    payment = Payment(
        new_id(), Kind.LN_OUT, State.HELD, Asset.BTC, amount.n, fee_max.n,
        payer.wallet.ledger_account, BANK.LIGHTNING_BTC, payer.account.id, payer.wallet.id,
        payment_hash=reading.says.payment_hash, payment_request=reading.text, node=parts.lightning.name,
        memo=order.memo or reading.says.description or None, price=price, expires_at=reading.expires_at,
        bank_fee=own.n,
    )  # fmt: skip
    line = postings.statement_line(
        payment, party(payer), None, Direction.SEND, now,
        status=LineStatus.PENDING, fee=payment.fee_max, memo=payment.memo,
    )  # fmt: skip
    claims = [
        *_key_claims(payment, "send_invoice", order.key, order.fingerprint(), now),
        limit_of(payer, LimitKind.WITHDRAWAL, amount, price, parts),
        leaving(Rail.LIGHTNING),
        postings.hash_claim(payment),
    ]
    result = await parts.books.commit(postings.set_aside(payment, line, claims, now, _first_look(parts, now)))
    if not result.ok:
        return await _replay_or_refuse(parts, caller, result, payment)
    return await _await_outcome(parts, caller, payment.id)


async def _send_inside(
    parts: Parts, caller: Caller, order: SendInvoice, payer: Holder, invoice: Invoice, amount: Msats
) -> Sent:
    """The invoice is ours. The payer's money is held and the invoice claimed; then the node's copy is
    cancelled; only then the payee is credited. So nobody outside can pay it as well."""
    if invoice.wallet_id == payer.wallet.id:
        raise SelfPayment()
    async with parts.db.reading() as tx:
        payee = (await holders(tx, [invoice.wallet_id]))[invoice.wallet_id]
    may_move(payee)
    price, now = await parts.prices.latest(), parts.clock.now()
    payment = Payment(
        new_id(), Kind.LN_INSIDE, State.HELD, Asset.BTC, amount.n, 0,
        payer.wallet.ledger_account, payee.wallet.ledger_account,
        payer.account.id, payer.wallet.id, payee.account.id, payee.wallet.id,
        invoice.payment_hash, invoice.payment_request, invoice.node, order.memo, price,
        expires_at=invoice.expires_at,
    )  # fmt: skip
    line = postings.statement_line(
        payment, party(payer), party(payee), Direction.SEND, now,
        status=LineStatus.PENDING, memo=order.memo or invoice.memo,
    )  # fmt: skip
    kind = LimitKind.TRADE if payer.account.id == payee.account.id else LimitKind.INTRALEDGER
    claims = [
        *_key_claims(payment, "send_invoice", order.key, order.fingerprint(), now),
        limit_of(payer, kind, amount, price, parts),
        postings.hash_claim(payment),
        postings.invoice_claim(invoice.payment_hash, InvoiceState.OPEN, InvoiceState.CLOSING),
    ]
    result = await parts.books.commit(postings.set_aside(payment, line, claims, now, _first_look(parts, now)))
    if not result.ok:
        return await _replay_or_refuse(parts, caller, result, payment)
    return await _await_outcome(parts, caller, payment.id)


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


async def attempt(parts: Parts, payment_id: UUID) -> Payment:
    """Bring a payment one step nearer to its end; anybody may, at any time. The payment as it then is."""
    async with parts.db.reading() as tx:
        payment = await store.payment(tx, payment_id)
    assert payment is not None
    if not payment.state.final:
        if payment.kind is Kind.LN_INSIDE:
            await _close_inside(parts, payment)
        elif payment.state is State.HELD:
            await _send(parts, payment)
        else:
            await _look(parts, payment)
        async with parts.db.reading() as tx:
            payment = await store.payment(tx, payment_id)
        assert payment is not None
    return payment


async def _send(parts: Parts, payment: Payment) -> None:
    """Take the lease, then hand the payment to the node. The credential ends with the lease, so a call
    that was delayed on its way is refused by the node itself. While Lightning is closed the money waits
    where it is."""
    now, policy = parts.clock.now(), parts.policy
    assert payment.expires_at is not None and payment.payment_request is not None
    if now >= payment.expires_at:
        await _conclude(parts, payment, Event.FAIL, reason=Reason.EXPIRED.value)
        return
    until = now + timedelta(seconds=policy.lease_s)
    look_at = until + timedelta(seconds=policy.lease_margin_s)
    async with parts.db.transaction() as tx:
        if await stopping(tx, Rail.LIGHTNING):
            await store.look_again(tx, payment.id, now + timedelta(seconds=policy.closed_look_s))
            return
        mine = await store.take_lease(tx, payment.id, payment.state, now, until, look_at)
    if not mine:
        return
    invoice = bolt11.decode(payment.payment_request)
    amount = Msats(payment.amount) if invoice.amount_msat is None else None
    try:
        answer = await parts.lightning.pay(
            payment.payment_request,
            amount=amount,
            fee_max=Msats(payment.fee_max - payment.bank_fee),
            timeout_s=policy.node_timeout_s,
            not_after=until,
        )
    except (NodeSilent, NodeRefused) as error:
        log.warning("payment_unknown", payment=str(payment.id), why=str(error)[:200])
        return
    if isinstance(answer, Refused):
        log.info("payment_refused", payment=str(payment.id), reason=answer.reason.value, text=answer.text[:200])
        ours = replace(payment, state=State.SENT, lease_until=until)
        await _conclude(parts, ours, Event.FAIL, reason=answer.reason.value)
        return
    now = parts.clock.now()
    over, soon = now - timedelta(seconds=policy.lease_margin_s), now + timedelta(seconds=policy.look_first_s)
    async with parts.db.transaction() as tx:  # our one call has arrived: nobody need wait for it any more
        await store.end_lease(tx, payment.id, until, over, soon)
    await _look(parts, await _read(parts, payment.id))


async def _read(parts: Parts, payment_id: UUID) -> Payment:
    async with parts.db.reading() as tx:
        payment = await store.payment(tx, payment_id)
    assert payment is not None
    return payment


async def _look(parts: Parts, payment: Payment) -> None:
    """Ask the node how a sent payment stands. Only its answer moves money. While a call may still be on its
    way only success is believed: what has failed may be an earlier payment of the same hash, and what the
    node never heard of may reach it yet."""
    if payment.state.final:
        return
    assert payment.payment_hash is not None and payment.lease_until is not None
    now, policy = parts.clock.now(), parts.policy
    over = now >= payment.lease_until + timedelta(seconds=policy.lease_margin_s)  # before the node is asked
    try:
        news = await parts.lightning.outgoing(payment.payment_hash)
    except (NodeSilent, NodeRefused) as error:
        log.warning("payment_not_seen", payment=str(payment.id), why=str(error)[:200])
        await _look_later(parts, payment)
        return
    if news.state is OutgoingState.SUCCEEDED:
        await _succeed(parts, payment, news)
    elif not over:
        return
    elif news.state is OutgoingState.FAILED:
        await _conclude(parts, payment, Event.FAIL, reason=(news.reason or Reason.OTHER).value)
    elif news.state is OutgoingState.UNKNOWN:
        await _send(parts, payment)
    else:
        when = parts.clock.now() + postings.look_after(payment.attempts, policy.look_first_s, policy.look_max_s)
        async with parts.db.transaction() as tx:
            await store.look_when_due(tx, payment.id, now, when)


async def _look_later(parts: Parts, payment: Payment) -> None:
    policy = parts.policy
    when = parts.clock.now() + postings.look_after(payment.attempts, policy.look_first_s, policy.look_max_s)
    async with parts.db.transaction() as tx:
        await store.look_again(tx, payment.id, when)


async def take_news(parts: Parts, payment: Payment, news: Outgoing) -> None:
    """News from the node's stream. It may be old: whatever is not success makes us ask again."""
    if news.state is OutgoingState.SUCCEEDED:
        await _succeed(parts, payment, news)
    else:
        await _look(parts, payment)


async def _succeed(parts: Parts, payment: Payment, news: Outgoing) -> None:
    assert news.preimage is not None and news.fee is not None
    if news.fee.n > payment.fee_max - payment.bank_fee:
        log.error("fee_above_limit", payment=str(payment.id), fee_msat=news.fee.n, limit_msat=payment.fee_max)
    await _conclude(parts, payment, Event.SUCCEED, fee=news.fee, preimage=news.preimage)


async def _conclude(
    parts: Parts,
    payment: Payment,
    event: Event,
    *,
    fee: Msats | None = None,
    preimage: bytes | None = None,
    reason: str = "",
) -> None:
    """The last step, in one commit. Lost claims mean that another did it: fine."""
    if after(payment.kind, payment.state, event) is None:
        return
    now = parts.clock.now()
    if event is Event.SUCCEED:
        assert fee is not None and preimage is not None
        unit = postings.settle_out(payment, fee, preimage, now)
    else:
        unit = postings.give_back(payment, reason, now)
    result = await parts.books.commit(unit)
    assert result.ok or result.claim is not None, f"payment {payment.id} could not be concluded: {result}"


async def _close_inside(parts: Parts, payment: Payment) -> None:
    """Cancel the node's copy of the invoice, then credit the payee. Giving up is safe at any time."""
    assert payment.payment_hash is not None and payment.to_wallet_id is not None and payment.wallet_id is not None
    try:
        answer = await parts.lightning.cancel(payment.payment_hash)
    except (NodeSilent, NodeRefused):
        if payment.attempts >= INSIDE_TRIES:
            await _conclude(parts, payment, Event.FAIL, reason="node_away")
        else:
            await _look_later(parts, payment)
        return
    if isinstance(answer, AlreadySettled):
        await _conclude(parts, payment, Event.FAIL, reason="already_paid")
        return
    async with parts.db.reading() as tx:
        invoice = await store.invoice(tx, payment.payment_hash)
        both = await holders(tx, [payment.wallet_id, payment.to_wallet_id])
    assert invoice is not None
    payer, payee, now = both[payment.wallet_id], both[payment.to_wallet_id], parts.clock.now()
    received = postings.statement_line(
        payment, party(payee), party(payer), Direction.RECEIVE, now,
        memo=payment.memo or invoice.memo, preimage=invoice.preimage, external_id=invoice.external_id,
    )  # fmt: skip
    result = await parts.books.commit(postings.settle_inside(payment, received, invoice, now))
    if result.claim == "invoice_state":  # the money came from outside after all: the feed has credited it
        await _conclude(parts, payment, Event.FAIL, reason="already_paid")


async def reconcile(parts: Parts, limit: int = 100) -> int:
    """Look at every open payment whose time has come. The net under everything else: run every few seconds."""
    async with parts.db.reading() as tx:
        due = await store.due(tx, parts.clock.now(), limit)
    gate = asyncio.Semaphore(8)

    async def one(payment_id: UUID) -> None:
        async with gate:
            try:
                await attempt(parts, payment_id)
            except Exception:
                log.exception("payment_not_reconciled", payment=str(payment_id))

    await asyncio.gather(*(one(payment_id) for payment_id in due))
    return len(due)


# --- fees -------------------------------------------------------------------------------------------


def own_fee(amount: Msats, payer: Holder, price: Price | None, policy: Policy) -> Msats:
    """What the bank itself asks for a payment over Lightning, whole satoshi."""
    cents = volume(amount, price).n if price is not None else 0
    matter = Matter(amount.sats_ceil, cents, account_id=payer.account.id)
    return Msats.from_sats(fee_of(policy.fees, Network.LIGHTNING, Way.SEND, matter).bank_sats)


async def probe_fee(parts: Parts, caller: Caller, wallet_id: UUID, text: str, wished: Msats | None) -> Probe:
    """What paying this invoice will cost at most. The answer is kept for a few minutes as the ceiling of
    the payment, so that the customer never pays more than was shown."""
    reading = read_invoice(text, parts.network)
    invoice = reading.says
    amount = amount_to_pay(invoice, wished)
    now = parts.clock.now()
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, wallet_id)
        ours = await store.invoice(tx, invoice.payment_hash)
    if payer.wallet.asset is not Asset.BTC:
        raise ExchangeUnavailable()
    if now >= reading.expires_at:
        raise InvoiceExpired()
    if ours is not None:
        return Probe(Msats(0))
    await parts.node_is_up()
    ceiling = fee_ceiling(amount, parts.policy)
    own = own_fee(amount, payer, await parts.prices.latest(), parts.policy)
    try:
        found = await parts.lightning.quote(
            reading.text, amount if invoice.amount_msat is None else None, parts.policy.probe_timeout_s
        )
    except (NodeSilent, NodeRefused):
        found = None
    if found is None:
        return Probe(ceiling + own, NoRoute("No way to the recipient was found yet. Nothing was moved."))
    fee = Msats.from_sats(found.sats_ceil)
    async with parts.db.transaction() as tx:
        await store.keep_quote(tx, wallet_id, invoice.payment_hash, amount, fee, now)
    return Probe(fee + own)
