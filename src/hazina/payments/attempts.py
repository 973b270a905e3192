"""Bringing open payments to their end: by the sender, by the reconciliation, by news from the node.

Every journey here may be run again from its start by anybody: the claims decide who moved what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from hazina.accounts import holders
from hazina.kernel import bolt11
from hazina.kernel.db import Tx
from hazina.kernel.money import Msats
from hazina.ledger import Result, Unit, apply_units
from hazina.payments import postings, store, store_nodes
from hazina.payments.common import Parts, party
from hazina.payments.exchanging import bitcoin_side
from hazina.payments.flow import Event, after
from hazina.payments.model import Direction, Kind, Payment, State
from hazina.payments.ports import AlreadySettled, NodeRefused, NodeSilent, Outgoing, OutgoingState, Reason, Refused
from hazina.safety import Rail, stopping

log = structlog.get_logger("hazina.payments")

INSIDE_TRIES = 6
"""How often a silent node is asked to cancel its copy of an invoice that is being paid inside."""
TRUST_S = 30.0


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


async def trusted(parts: Parts, name: str, *, fresh: bool = False) -> bool:
    """Does the node still know the last payment that it surely made? One that does not has lost its records: that
    it knows nothing of a payment proves nothing then, and nothing is sent by it. Looked at now and then, and
    (``fresh``) whenever its not knowing would decide."""
    pulse = parts.nodes.pulses.get(name)
    if pulse is None:
        return False
    if not fresh and parts.clock.steady() - pulse.trusted_at < TRUST_S:
        return not pulse.forgot
    async with parts.db.reading() as tx:
        canary = await store_nodes.canary(tx, name)
    if canary is not None:
        try:
            found = await parts.nodes.of(name).outgoing(canary)
        except (NodeSilent, NodeRefused):
            return False
        pulse.forgot = found.state is not OutgoingState.SUCCEEDED
        if pulse.forgot:
            log.error("node_forgot", node=name, paid_hash=canary.hex(), says=found.state.value)
    pulse.trusted_at = parts.clock.steady()
    return not pulse.forgot


async def _send(parts: Parts, payment: Payment) -> None:
    """Take the lease, then hand the payment to its node. The credential ends with the lease, so a call
    that was delayed on its way is refused by the node itself. While Lightning is closed the money waits
    where it is."""
    now, policy = parts.clock.now(), parts.policy
    assert payment.expires_at is not None and payment.payment_request is not None and payment.node is not None
    again = payment.state is State.SENT
    if not again and payment.exchanged and now >= _sold_until(parts, payment):
        await _conclude(parts, payment, Event.FAIL, reason=Reason.EXPIRED.value)
        return
    if not await trusted(parts, payment.node, fresh=again):
        await _look_later(parts, payment)
        return
    if now >= payment.expires_at + (timedelta(seconds=policy.lease_margin_s) if again else timedelta(0)):
        await _conclude(parts, payment, Event.FAIL, reason=Reason.EXPIRED.value)
        return
    until = now + timedelta(seconds=policy.lease_s)
    look_at = until + timedelta(seconds=policy.lease_margin_s)
    async with parts.db.transaction() as tx:
        if await stopping(tx, Rail.LIGHTNING):
            await store.look_again(tx, payment.id, now + timedelta(seconds=policy.closed_look_s))
            return
        mine = await store.take_lease(tx, payment.id, payment.state, now, until, look_at)
        if mine:
            await store_nodes.call_begins(tx, payment.id)
    if not mine:
        return
    invoice = bolt11.decode(payment.payment_request)
    amount = payment.on_the_wire if invoice.amount_msat is None else None
    try:
        answer = await parts.nodes.of(payment.node).pay(
            payment.payment_request,
            amount=amount,
            fee_max=payment.route_fee_max,
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
        await store_nodes.call_answered(tx, payment.id)
    await _look(parts, await _read(parts, payment.id))


def _sold_until(parts: Parts, payment: Payment) -> datetime:
    """So long the rate stands at which dollars were sold for this payment: it begins before that, or never."""
    assert payment.created_at is not None
    return payment.created_at + timedelta(seconds=parts.prices.policy.quote_life_s)


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
    assert payment.payment_hash is not None and payment.lease_until is not None and payment.node is not None
    now, policy = parts.clock.now(), parts.policy
    over = now >= payment.lease_until + timedelta(seconds=policy.lease_margin_s)  # before the node is asked
    try:
        news = await parts.nodes.of(payment.node).outgoing(payment.payment_hash)
    except (NodeSilent, NodeRefused) as error:
        log.warning("payment_not_seen", payment=str(payment.id), why=str(error)[:200])
        await _look_later(parts, payment)
        return
    if news.state is OutgoingState.SUCCEEDED:
        await _succeed(parts, payment, news)
    elif not over:
        return
    elif news.state is OutgoingState.FAILED:
        if await _may_arrive(parts, payment):
            await _look_later(parts, payment)
            return
        await _conclude(parts, payment, Event.FAIL, reason=(news.reason or Reason.OTHER).value)
    elif news.state is OutgoingState.UNKNOWN:
        await _send(parts, payment)
    else:
        when = parts.clock.now() + postings.look_after(payment.attempts, policy.look_first_s, policy.look_max_s)
        async with parts.db.transaction() as tx:
            await store.look_when_due(tx, payment.id, now, when)


async def _may_arrive(parts: Parts, payment: Payment) -> bool:
    """Can a call still be on its way to a node that does not refuse late ones? Not when each was answered, and not
    when the invoice has expired: no node pays such."""
    assert payment.node is not None and payment.expires_at is not None
    if parts.nodes.of(payment.node).can.fenced:
        return False
    if parts.clock.now() >= payment.expires_at + timedelta(seconds=parts.policy.lease_margin_s):
        return False
    async with parts.db.reading() as tx:
        return await store_nodes.calls_unanswered(tx, payment.id) > 0


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
    if news.fee > payment.route_fee_max:
        limit = payment.route_fee_max.n
        log.error("fee_above_limit", payment=str(payment.id), fee_msat=news.fee.n, limit_msat=limit)
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
        if _failed_late(parts, payment, now):
            await _refund(parts, payment, unit, now)
            return
    result = await parts.books.commit(unit)
    assert result.ok or result.claim is not None, f"payment {payment.id} could not be concluded: {result}"


# --- dollars whose payment failed late --------------------------------------------------------------


class NotRefunded(Exception):
    """The books refused one of the two units: neither stands."""

    def __init__(self, results: Sequence[Result]) -> None:
        super().__init__(str(results))
        self.results = results


def _failed_late(parts: Parts, payment: Payment, now: datetime) -> bool:
    """Was it sold for bitcoin so long ago that giving the dollars back would be a bet on the price against the bank?
    What was never sent was not."""
    if not payment.exchanged or payment.kind is not Kind.LN_OUT or payment.state is not State.SENT:
        return False
    assert payment.created_at is not None
    late = now - payment.created_at >= timedelta(seconds=parts.policy.late_after_s)
    return late and payment.on_the_wire.sats_floor > 0


async def _refund(parts: Parts, payment: Payment, void: Unit, now: datetime) -> None:
    """The payment fails, and in the same commit the dollars become the bitcoin that they were sold for, in the bitcoin
    wallet of the same account. Both or neither; a lost claim means that another did it."""
    assert payment.wallet_id is not None
    async with parts.db.reading() as tx:
        payer = (await holders(tx, [payment.wallet_id]))[payment.wallet_id]
        payee = await bitcoin_side(tx, payer)
    refund = postings.refund(payment, party(payer), party(payee), now)

    async def both(tx: Tx) -> None:
        results = await apply_units(tx, parts.books.registry, [void, refund])
        if not all(one.ok for one in results):
            raise NotRefunded(results)

    try:
        await parts.db.again(both)
    except NotRefunded as error:
        assert error.results[0].claim is not None, f"payment {payment.id} could not be refunded: {error}"


async def _close_inside(parts: Parts, payment: Payment) -> None:
    """Cancel the node's copy of the invoice, then credit the payee. Giving up is safe at any time."""
    assert payment.payment_hash is not None and payment.to_wallet_id is not None and payment.wallet_id is not None
    assert payment.node is not None
    try:
        answer = await parts.nodes.of(payment.node).cancel(payment.payment_hash)
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
