"""Being paid over Lightning: invoices, and the watch over the node that credits them.

The watch only takes what the node says and books it once; it may die anywhere and start again from
the stored cursor.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
from dataclasses import replace
from datetime import timedelta

import structlog

from hazina.access import Caller
from hazina.accounts import Holder, WalletUnknown, holders
from hazina.dealer import DealerOffline, Term, dealing
from hazina.dealer import forget as forget_exchange_quotes
from hazina.kernel import bolt11
from hazina.kernel.errors import InvalidInput
from hazina.kernel.ids import UUID, new_id
from hazina.kernel.money import Asset, Cents, Msats
from hazina.ledger import BANK
from hazina.payments import hooks, postings, store, store_nodes
from hazina.payments.attempts import take_news
from hazina.payments.common import Parts, may_move, own_wallet, party
from hazina.payments.errors import (
    AmountTooSmall,
    ExternalIdTaken,
    InvoiceAlreadyPaid,
    InvoiceClosed,
    InvoiceUnknown,
    LightningUnavailable,
    WrongCurrency,
)
from hazina.payments.exchanging import Terms, bitcoin_side
from hazina.payments.model import (
    Direction,
    Invoice,
    InvoiceState,
    InvoiceStatus,
    Kind,
    NewInvoice,
    Payment,
    State,
    expiry,
    memo_fits,
    positive,
    split_receipt,
)
from hazina.payments.ports import (
    AlreadySettled,
    Change,
    Incoming,
    IncomingState,
    Issued,
    Lightning,
    NodeRefused,
    NodeSilent,
)

log = structlog.get_logger("hazina.payments")

EXTERNAL_ID = re.compile(r"[a-z0-9_-]{1,100}", re.ASCII)
WATCH_PAUSE_S = 2.0
CREDIT_TRIES = 5


# --- invoices ---------------------------------------------------------------------------------------


async def create_invoice(parts: Parts, caller: Caller, wish: NewInvoice) -> Invoice:
    """A new invoice for one of the caller's wallets."""
    async with parts.db.reading() as tx:
        holder = await own_wallet(tx, caller, wish.wallet_id)
    return await _create(parts, holder, wish)


async def create_invoice_for(parts: Parts, wish: NewInvoice) -> Invoice:
    """A new invoice for anybody's wallet, as anybody may ask: it can only bring money. Raises WalletUnknown."""
    async with parts.db.reading() as tx:
        holder = (await holders(tx, [wish.wallet_id])).get(wish.wallet_id)
    if holder is None:
        raise WalletUnknown()
    return await _create(parts, holder, wish)


async def _create(parts: Parts, holder: Holder, wish: NewInvoice) -> Invoice:
    """The preimage is ours, so that the node's copy and our row can always be matched."""
    if wish.amount is not None:
        positive(wish.amount)
    memo_fits(wish.memo)
    if wish.external_id is not None:
        if not EXTERNAL_ID.fullmatch(wish.external_id):
            raise InvalidInput("An external id has 1 to 100 of a-z, 0-9, - and _.")
        async with parts.db.reading() as tx:
            if await store.external_id_taken(tx, holder.account.id, wish.external_id):
                raise ExternalIdTaken()
    may_move(holder)
    asset = holder.wallet.asset
    if wish.asset not in (None, asset):
        raise WrongCurrency()
    amount, cents = await agreed(parts, asset, wish.amount)
    life = expiry(wish.expires_in_minutes, wish.amount is not None, parts.policy, asset)
    within_s = wish.take_within_s if asset is Asset.BTC else parts.policy.expiry_usd_minutes * 60
    preimage, now = secrets.token_bytes(32), parts.clock.now()
    wire = replace(wish, amount=amount, take_within_s=within_s)
    node, issued = await _issue(parts, wire, amount, preimage, life)
    invoice = Invoice(
        new_id(), issued.payment_hash, issued.bolt11, issued.payment_secret, issued.preimage or preimage,
        holder.wallet.id, holder.account.id, node, amount, wish.memo,
        wish.external_id or issued.payment_hash.hex(), InvoiceState.OPEN, now, now + life, asset, cents,
    )  # fmt: skip
    async with parts.db.transaction() as tx:
        added = await store.add_invoice(tx, invoice)
        if added and within_s is not None:
            until = now + timedelta(seconds=within_s)
            await store_nodes.add_held(tx, store_nodes.Held(issued.payment_hash, until), node, now + life)
        if added and wish.webhook_url is not None:
            await hooks.add(tx, issued.payment_hash, wish.webhook_url, now + life)
    if not added:  # the same external id at the same moment; the node's copy was never shown to anyone
        raise ExternalIdTaken()
    return invoice


async def agreed(parts: Parts, asset: Asset, asked: Msats | Cents | None) -> tuple[Msats | None, Cents | None]:
    """What the invoice asks for, and what a dollar wallet is credited for it: a quote that stands as long as the
    invoice, so at the dealer's delayed rate. Neither where the payer chooses. Raises WrongCurrency, DealerOffline,
    AmountTooSmall."""
    if asset is Asset.BTC:
        if isinstance(asked, Cents):
            raise WrongCurrency()
        return asked, None
    if asked is None:
        return None, None
    at = await dealing(parts.prices, Term.DELAYED)
    msats, cents = (at.cost_of_buying(asked), asked) if isinstance(asked, Cents) else (asked, at.cents_bought(asked))
    if not cents:
        raise AmountTooSmall()
    positive(msats)
    return msats, cents


async def _issue(
    parts: Parts, wish: NewInvoice, amount: Msats | None, preimage: bytes, life: timedelta
) -> tuple[str, Issued]:
    """At a node that takes new work, by its name. Money that may have to be refused is asked for with a hold
    invoice, all other with a plain one."""
    hold = wish.take_within_s is not None
    payment_hash = hashlib.sha256(preimage).digest()
    hashed = wish.description_hash
    node = await parts.nodes.for_receiving(payment_hash, amount, hold=hold, hashed=hashed is not None)
    memo, expiry_s = wish.memo or "" if hashed is None else "", int(life.total_seconds())
    try:
        if hold:
            return node.name, await node.issue_hold(
                payment_hash=payment_hash, amount=amount, description=memo, expiry_s=expiry_s,
                description_hash=hashed,
            )  # fmt: skip
        return node.name, await node.issue(
            preimage=preimage, amount=amount, description=memo, expiry_s=expiry_s, description_hash=hashed
        )
    except (NodeSilent, NodeRefused) as error:
        raise LightningUnavailable() from error


async def cancel_invoice(parts: Parts, caller: Caller, wallet_id: UUID, payment_hash: bytes) -> None:
    """Make an unpaid invoice unpayable: first at the node, then in our books."""
    invoice = await _own_invoice(parts, caller, wallet_id, payment_hash)
    if invoice.state is InvoiceState.PAID:
        raise InvoiceAlreadyPaid()
    if invoice.status_at(parts.clock.now()) != "PENDING" or invoice.state is not InvoiceState.OPEN:
        raise InvoiceClosed()
    try:
        answer = await parts.nodes.of(invoice.node).cancel(payment_hash)
    except (NodeSilent, NodeRefused) as error:
        raise LightningUnavailable() from error
    if isinstance(answer, AlreadySettled):
        raise InvoiceAlreadyPaid()
    async with parts.db.transaction() as tx:
        done = await store.move_invoice(tx, payment_hash, InvoiceState.OPEN, InvoiceState.CANCELLED)
    if not done:
        raise InvoiceClosed()


async def _own_invoice(parts: Parts, caller: Caller, wallet_id: UUID, payment_hash: bytes) -> Invoice:
    async with parts.db.reading() as tx:
        await own_wallet(tx, caller, wallet_id)
        invoice = await store.invoice(tx, payment_hash)
    if invoice is None or invoice.wallet_id != wallet_id:
        raise InvoiceUnknown()
    return invoice


async def invoice_by_hash(parts: Parts, caller: Caller, wallet_id: UUID, payment_hash: bytes) -> Invoice:
    return await _own_invoice(parts, caller, wallet_id, payment_hash)


async def invoice_status(parts: Parts, payment_hash: bytes) -> InvoiceStatus:
    """Public: whoever has an invoice may ask whether it is paid. The preimage is told once it is: the
    payer has it anyway."""
    async with parts.db.reading() as tx:
        invoice = await store.invoice(tx, payment_hash)
    if invoice is None:
        raise InvoiceUnknown()
    status = invoice.status_at(parts.clock.now())
    preimage = invoice.preimage if status == "PAID" else None
    return InvoiceStatus(payment_hash, invoice.payment_request, status, preimage, invoice.expires_at, invoice.wallet_id)


def hash_of(payment_request: str) -> bytes:
    """The payment hash of an invoice's text. Raises InvoiceUnknown for what is no invoice."""
    try:
        return bolt11.decode(payment_request.strip()).payment_hash
    except bolt11.Bolt11Error as error:
        raise InvoiceUnknown() from error


# --- the watch --------------------------------------------------------------------------------------


def reader(node: str) -> str:
    return f"node:{node}"


async def watch(parts: Parts, node: Lightning) -> None:
    """Follow a node for ever, from the stored cursor."""
    while True:
        try:
            async with parts.db.reading() as tx:
                cursor = await store.cursor(tx, reader(node.name))
            async with contextlib.aclosing(node.changes(cursor)) as changes:
                async for change in changes:
                    await take(parts, node.name, change)
        except (NodeSilent, NodeRefused) as error:
            log.warning("node_not_followed", node=node.name, why=str(error)[:200])
        except Exception:
            log.exception("watch_stumbled", node=node.name)
        await asyncio.sleep(WATCH_PAUSE_S)


async def sweep(parts: Parts) -> None:
    """List what was settled on each node since its cursor and book it: what the watch missed while it was away,
    and in the small gap at the start of a subscription. A node that is away keeps the others from nothing."""
    silent: Exception | None = None
    for node in parts.nodes.all():
        async with parts.db.reading() as tx:
            cursor = await store.cursor(tx, reader(node.name))
        try:
            for change in await node.settled_since(cursor):
                await take(parts, node.name, change)
        except (NodeSilent, NodeRefused) as error:
            silent = error
    if silent is not None:
        raise silent


async def take(parts: Parts, node: str, change: Change) -> None:
    """Book one piece of news, then remember the place. News may come twice, and counts only from the node that the
    payment or the invoice belongs to."""
    if isinstance(change.item, Incoming):
        if change.item.state is IncomingState.SETTLED:
            await credit(parts, node, change.item)
    else:
        async with parts.db.reading() as tx:
            payment = await store.payment_of_hash(tx, change.item.payment_hash)
        if payment is not None and payment.kind is Kind.LN_OUT and payment.state is State.SENT and payment.node == node:
            await take_news(parts, payment, change.item)
    if change.cursor is not None:
        async with parts.db.transaction() as tx:
            await store.keep_cursor(tx, reader(node), change.cursor)


async def credit(parts: Parts, node: str, news: Incoming) -> None:
    """Credit what arrived, once per hash, whatever we thought of the invoice meanwhile: the money is here.
    That holds for more than was asked, for an invoice that has expired or was cancelled, and for one that was
    paid inside as well. Less than was asked the node does not settle.

    An invoice that a payer inside had just claimed (``CLOSING``) is taken over: that payer's attempt to
    settle loses its claim and is given back.
    """
    for _ in range(CREDIT_TRIES):
        async with parts.db.reading() as tx:
            invoice = await store.invoice(tx, news.payment_hash)
            holder = (await holders(tx, [invoice.wallet_id]))[invoice.wallet_id] if invoice else None
            booked = await store.payment(tx, postings.receipt_id(news.payment_hash)) is not None
        if invoice is None or holder is None or invoice.node != node:
            log.warning("foreign_invoice_settled", node=node, hash=news.payment_hash.hex())
            return
        whole, _rest = split_receipt(news.received)
        if booked or (invoice.state is InvoiceState.PAID and not whole):
            return
        now = parts.clock.now()
        deal, holder = await _worth(parts, invoice, holder, whole)
        payment = deal.of(Payment(
            postings.receipt_id(news.payment_hash), Kind.LN_IN, State.PAID, Asset.BTC, whole.n, 0,
            BANK.LIGHTNING_BTC, holder.wallet.ledger_account, to_account_id=holder.account.id,
            to_wallet_id=holder.wallet.id, payment_hash=invoice.payment_hash, payment_request=invoice.payment_request,
            node=invoice.node, memo=invoice.memo, price=deal.price, expires_at=invoice.expires_at,
        ))  # fmt: skip
        line = postings.statement_line(
            payment, party(holder), None, Direction.RECEIVE, now,
            memo=invoice.memo, preimage=invoice.preimage, external_id=invoice.external_id,
        )  # fmt: skip
        result = await parts.books.commit(postings.receive(payment, line, invoice, news.received, now))
        if result.ok:
            return
    raise AssertionError(f"receipt {news.payment_hash.hex()} could not be booked: {result}")


async def _worth(parts: Parts, invoice: Invoice, holder: Holder, whole: Msats) -> tuple[Terms, Holder]:
    """What arrived is worth to its wallet. A dollar wallet is credited the cents that were agreed, once, and what comes
    on top, or without an agreement, at the rate of this moment; too little for a cent, or without a fresh price, it
    is bitcoin and goes to the bitcoin wallet."""
    price = await parts.prices.latest()
    if invoice.asset is Asset.BTC or not whole:
        return Terms(whole, whole, price), holder
    first = invoice.state is not InvoiceState.PAID
    fixed = invoice.cents if first and invoice.cents is not None else Cents(0)
    rest = whole - invoice.amount if fixed and invoice.amount is not None else whole
    cents = fixed
    with contextlib.suppress(DealerOffline):
        at = await dealing(parts.prices)
        price, cents = at.price, fixed + at.cents_bought(max(rest, Msats(0)))
    if cents:
        return Terms(whole, cents, price), holder
    async with parts.db.reading() as tx:
        return Terms(whole, whole, price), await bitcoin_side(tx, holder)


async def forget(parts: Parts) -> None:
    """Drop quotes that nobody can use any more."""
    await forget_exchange_quotes(parts.prices)
    async with parts.db.transaction() as tx:
        await store.forget_quotes(tx, parts.clock.now() - timedelta(seconds=10 * parts.policy.quote_life_s))
