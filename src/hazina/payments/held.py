"""Hold invoices: money that may have to be refused is held first, then taken or given back.

The decision is made once and stored before the node hears of it; a decision to give back needs no memory, for
what made it (time, a closed account) only becomes truer. Killed anywhere, the next round goes on. Money that nobody
decides about goes back by itself: the node gives it up when its blocks run out.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from hazina.accounts import Holder, holders
from hazina.dealer import DealerOffline, dealing
from hazina.kernel.money import Asset, Msats
from hazina.payments import store, store_nodes
from hazina.payments.common import Parts
from hazina.payments.model import Invoice, InvoiceState
from hazina.payments.ports import AlreadySettled, IncomingState, Lightning, NodeRefused, NodeSilent
from hazina.payments.receiving import credit
from hazina.payments.store_nodes import Held

log = structlog.get_logger("hazina.payments")

LATE, CLOSED, TOO_MUCH = "late", "account closed", "more than twice what was asked"
OVERPAID = 2
"""Up to so many times what was asked is taken, as BOLT 4 has it: payers may hide an amount by paying a little more, and
gross mistakes go back. The agreed cents are for what was asked; what comes on top is exchanged at the rate of the
moment, like money for an invoice without an amount."""
HELD_FOR = timedelta(days=1)
"""So long after its expiry an invoice is asked about: it may hold money that came before. What it holds longer, while
the bank is away, the node gives back by itself."""
ROUND_MAX = 100


def refusal(invoice: Invoice, held: Held, holder: Holder, arrived: Msats, now: datetime) -> str | None:
    """Why what an invoice holds must go back; None: it may be taken."""
    if invoice.state not in (InvoiceState.OPEN, InvoiceState.TAKING):
        return CLOSED
    if invoice.state is InvoiceState.TAKING:
        return None
    if held.take_until is not None and now >= held.take_until:
        return LATE
    if invoice.amount is not None and arrived.n > OVERPAID * invoice.amount.n:
        return TOO_MUCH
    return None if holder.active else CLOSED


async def decide(parts: Parts) -> int:
    """Look at all that is held, and go on with what was decided; how many there were."""
    async with parts.db.reading() as tx:
        taking = await store_nodes.taking(tx, ROUND_MAX)
    done = len(taking)
    for payment_hash in taking:
        await _guarded(_take(parts, payment_hash), payment_hash)
    for node in parts.nodes.all():
        async with parts.db.reading() as tx:
            any_open = await store_nodes.held_open(tx, node.name, parts.clock.now() - HELD_FOR)
        if any_open:
            done += await _of_node(parts, node)
    return done


async def _of_node(parts: Parts, node: Lightning) -> int:
    try:
        hashes = await node.held()
    except (NodeSilent, NodeRefused) as error:
        log.warning("held_not_seen", node=node.name, why=str(error)[:200])
        return 0
    async with parts.db.reading() as tx:
        found = await store_nodes.held(tx, hashes[:ROUND_MAX])
    await asyncio.gather(*(_guarded(_one(parts, node, one), one.payment_hash) for one in found))
    return len(found)


async def _guarded(work: object, payment_hash: bytes) -> None:
    """One that fails keeps the others from nothing."""
    assert asyncio.iscoroutine(work)
    try:
        await work
    except (NodeSilent, NodeRefused) as error:
        log.warning("held_not_decided", hash=payment_hash.hex(), why=str(error)[:200])
    except Exception:
        log.exception("held_not_decided", hash=payment_hash.hex())


async def _one(parts: Parts, node: Lightning, held: Held) -> None:
    """Take or give back what one invoice of ours holds."""
    async with parts.db.reading() as tx:
        invoice = await store.invoice(tx, held.payment_hash)
        assert invoice is not None, "a hold invoice is an invoice"
        holder = (await holders(tx, [invoice.wallet_id]))[invoice.wallet_id]
    if invoice.node != node.name:
        log.error("held_elsewhere", node=node.name, belongs=invoice.node, hash=held.payment_hash.hex())
        return
    if invoice.state is InvoiceState.OPEN and await _waits(parts, invoice, held):
        return
    news = await node.incoming(held.payment_hash) if invoice.amount is not None else None
    why = refusal(invoice, held, holder, news.held if news is not None else Msats(0), parts.clock.now())
    if why is not None:
        await _give_back(parts, node, invoice, why)
        return
    async with parts.db.transaction() as tx:
        mine = await store.move_invoice(tx, held.payment_hash, InvoiceState.OPEN, InvoiceState.TAKING)
    if mine or invoice.state is InvoiceState.TAKING:
        await _take(parts, held.payment_hash)


async def _waits(parts: Parts, invoice: Invoice, held: Held) -> bool:
    """Dollars that are yet to be bought wait for a price until it is too late."""
    if invoice.asset is not Asset.USD or invoice.cents is not None:
        return False
    if held.take_until is not None and parts.clock.now() >= held.take_until:
        return False
    try:
        await dealing(parts.prices)
    except DealerOffline:
        return True
    return False


async def _give_back(parts: Parts, node: Lightning, invoice: Invoice, why: str) -> None:
    """At the node first: until it says so, the payer may still lose the money to us."""
    answer = await node.cancel(invoice.payment_hash)
    if isinstance(answer, AlreadySettled):
        log.error("held_was_settled", node=node.name, hash=invoice.payment_hash.hex())
        return
    async with parts.db.transaction() as tx:
        await store.move_invoice(tx, invoice.payment_hash, InvoiceState.OPEN, InvoiceState.CANCELLED)
        await store_nodes.refuse(tx, invoice.payment_hash, why)
    log.info("held_given_back", hash=invoice.payment_hash.hex(), why=why)


async def _take(parts: Parts, payment_hash: bytes) -> None:
    """Settle at the node, and credit when it says so. Where the node has given the money back meanwhile, the invoice
    is over and nothing is credited."""
    async with parts.db.reading() as tx:
        invoice = await store.invoice(tx, payment_hash)
    if invoice is None or invoice.state is not InvoiceState.TAKING:
        return
    node = parts.nodes.of(invoice.node)
    refused: NodeRefused | None = None
    try:
        await node.settle(payment_hash, invoice.preimage)
    except NodeRefused as error:
        refused = error
    news = await node.incoming(payment_hash)
    if news is not None and news.state is IncomingState.SETTLED:
        await credit(parts, node.name, news)
    elif refused is not None and (news is None or news.state is not IncomingState.HELD):
        async with parts.db.transaction() as tx:
            await store.move_invoice(tx, payment_hash, InvoiceState.TAKING, InvoiceState.CANCELLED)
            await store_nodes.refuse(tx, payment_hash, "gone from the node")
        log.warning("held_was_gone", hash=payment_hash.hex(), why=str(refused)[:200])
