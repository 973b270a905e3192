"""Paying on-chain: a quote, the money held and the payout queued in one commit, and what the chain tells of it.

An address of this bank is paid inside, at once and without a fee. Everything else waits in the chain's queues; the
hold becomes a payment when the payout's transaction is deep enough. Of dollars, these are held, at the rate of the
moment, and the dealer gives the bitcoin when they are taken: given back, they are the same dollars.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from hazina.access import Caller, seen_unit
from hazina.accounts import Holder, LimitKind, WalletUnknown, holders
from hazina.chain import EventKind, PayoutNews, payer_of, submit_payout
from hazina.dealer import Term, cents_of, dealing
from hazina.kernel.db import Tx
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.ledger import BANK, Unit
from hazina.payments import postings, store, store_onchain
from hazina.payments import postings_onchain as books
from hazina.payments.common import Parts, may_move, party, spending
from hazina.payments.costs import Facts, Parcel, facts_of, fee_due, parcel, rate_for
from hazina.payments.errors import DustAmount, InsufficientBalance, SelfPayment
from hazina.payments.exchanging import Terms, landed, terms
from hazina.payments.flow import Event, after
from hazina.payments.model import (
    Direction,
    Kind,
    LineStatus,
    OnchainFee,
    Payment,
    SendOnchain,
    Sent,
    State,
    Withdrawal,
    memo_fits,
)
from hazina.payments.sending import key_claims, replay_or_refuse, standing
from hazina.safety import Rail, leaving

log = structlog.get_logger("hazina.payments")

OPERATION = "send_onchain"


# --- sending ----------------------------------------------------------------------------------------


async def send(parts: Parts, caller: Caller, order: SendOnchain) -> Sent:
    """Hold the money and queue the payout. SUCCESS means that both are done, as Blink's clients expect; the
    transaction itself stays pending until it is deep in the chain."""
    memo_fits(order.memo)
    if (earlier := await _earlier(parts, caller, order)) is not None:
        return earlier
    facts = await facts_of(parts, caller, order)
    if facts.owner is not None:
        return await _send_inside(parts, caller, order, facts, facts.owner)
    rate = await rate_for(parts, facts, Term.IMMEDIATE)
    what = parcel(facts.asked, facts.payer.wallet.asset, rate)
    if what.sats < parts.policy.onchain_sats_min:
        raise DustAmount(least_sats=parts.policy.onchain_sats_min)
    fee = await fee_due(parts, facts, what)
    if facts.all:
        what = _less_fee(parts, what, fee)
    price, now = rate.price if rate is not None else await parts.prices.latest(), parts.clock.now()
    payment = _held(order, facts.payer, what, fee, price)
    withdrawal = Withdrawal(payment.id, facts.address, order.speed.value, fee.miner_sats, fee.miner_sats)
    line = postings.statement_line(
        payment, party(facts.payer), None, Direction.SEND, now,
        status=LineStatus.PENDING, fee=payment.fee_max, memo=order.memo,
    )  # fmt: skip
    mark = order.fingerprint()
    claims = [
        *key_claims(payment, OPERATION, order.key, mark, now),
        *spending(parts, caller, facts.payer, LimitKind.WITHDRAWAL, what.given, price, mark, facts.address),
        leaving(Rail.ONCHAIN),
    ]
    payout = submit_payout(payment.id, facts.address, what.sats, order.speed, fee.miner_sats, now)
    line = replace(line, address=facts.address)
    result = await parts.books.commit(books.withdraw(payment, withdrawal, line, payout, claims, now))
    if not result.ok:
        return _as_sent(await replay_or_refuse(parts, caller, result, payment))
    return Sent("SUCCESS", line)


def _less_fee(parts: Parts, what: Parcel, fee: OnchainFee) -> Parcel:
    """All there is, without the fee. Raises InsufficientBalance when that is too little to be sent."""
    least, has = parts.policy.onchain_sats_min, what.given
    if isinstance(has, Cents):
        left = Cents(max(has.n - fee.cents, 0))
        assert what.rate is not None
        sats, available, unit = what.rate.msats_for_selling(left).sats_floor, has.n, "cents"
        needed, made = fee.cents + what.rate.cents_to_sell(Msats.from_sats(least)).n, Parcel(sats, left, what.rate)
    else:
        sats, available, unit = what.sats - fee.sats, what.sats, "sats"
        needed, made = fee.sats + least, Parcel(sats, Msats.from_sats(sats))
    if sats < least:
        raise InsufficientBalance(
            f"Payment amount '{needed}' {unit} (with the fee) exceeds balance '{available}' {unit}.",
            needed=needed, available=available,
        )  # fmt: skip
    return made


def _held(order: SendOnchain, payer: Holder, what: Parcel, fee: OnchainFee, price: Price | None) -> Payment:
    """What the customer gives, whole satoshi or cents; the dealer turns dollars into what leaves."""
    dollars = isinstance(what.given, Cents)
    fee_max, bank = (fee.cents, fee.bank_cents or 0) if dollars else (
        Msats.from_sats(fee.sats).n, Msats.from_sats(fee.bank_sats).n
    )  # fmt: skip
    payment = Payment(
        new_id(), Kind.ONCHAIN_OUT, State.HELD, what.given.asset, what.given.n, fee_max,
        payer.wallet.ledger_account, BANK.ONCHAIN_BTC, payer.account.id, payer.wallet.id,
        memo=order.memo, price=price, bank_fee=bank,
    )  # fmt: skip
    if not dollars:
        return payment
    return replace(
        payment, to_asset=Asset.BTC, to_amount=Msats.from_sats(what.sats).n,
        route_max=Msats.from_sats(fee.miner_sats).n,
    )  # fmt: skip


async def _earlier(parts: Parts, caller: Caller, order: SendOnchain) -> Sent | None:
    """How the first request of this key stands, before anything is looked at that it may have changed: the balance it
    took, the quote, the price of its time."""
    if order.key is None:
        return None
    async with parts.db.reading() as tx:
        unit = await seen_unit(tx, caller.account_id, OPERATION, order.key, order.fingerprint())
    return None if unit is None else _as_sent(await standing(parts, caller, unit))


def _as_sent(sent: Sent) -> Sent:
    """A repeated request hears what the first heard."""
    return replace(sent, status="SUCCESS") if sent.status == "PENDING" else sent


async def _send_inside(parts: Parts, caller: Caller, order: SendOnchain, facts: Facts, wallet_id: UUID) -> Sent:
    """To a customer's address: from wallet to wallet, in one commit."""
    payer = facts.payer
    async with parts.db.reading() as tx:
        payee = (await holders(tx, [wallet_id])).get(wallet_id)
    if payee is None:
        raise WalletUnknown()
    if payee.wallet.id == payer.wallet.id:
        raise SelfPayment()
    may_move(payee)
    deal, payee = await landed(parts, await _terms(parts, facts, payee), payer.account.id, payee)
    now, price = parts.clock.now(), deal.price
    payment = deal.of(Payment(
        new_id(), Kind.ONCHAIN_INSIDE, State.PAID, deal.given.asset, deal.given.n, 0,
        payer.wallet.ledger_account, payee.wallet.ledger_account,
        payer.account.id, payer.wallet.id, payee.account.id, payee.wallet.id, memo=order.memo, price=price,
    ))  # fmt: skip
    me, other = party(payer), party(payee)
    sent = postings.statement_line(payment, me, other, Direction.SEND, now, memo=order.memo)
    received = postings.statement_line(payment, other, me, Direction.RECEIVE, now, memo=order.memo)
    sent, received = replace(sent, address=facts.address), replace(received, address=facts.address)
    kind = LimitKind.TRADE if payer.account.id == payee.account.id else LimitKind.INTRALEDGER
    claims = [
        *key_claims(payment, OPERATION, order.key, order.fingerprint(), now),
        *spending(parts, caller, payer, kind, deal.given, price, order.fingerprint(), facts.address),
    ]
    result = await parts.books.commit(postings.transfer_inside(payment, sent, received, claims, now))
    if result.ok:
        return Sent("SUCCESS", sent)
    return await replay_or_refuse(parts, caller, result, payment)


async def _terms(parts: Parts, facts: Facts, payee: Holder) -> Terms:
    """What is given and what arrives inside the bank. Satoshi that somebody with dollars asked for arrive as satoshi,
    or between two dollar wallets as what they are worth. Raises DealerOffline, PriceUnavailable."""
    asked, payer = facts.asked, facts.payer
    if asked.asset is payer.wallet.asset:
        return await terms(parts, payer.account.id, asked, payee.wallet.asset)
    assert isinstance(asked, Msats), "cents are of dollar wallets"
    if payee.wallet.asset is Asset.BTC:
        rate = await dealing(parts.prices)
        return Terms(rate.cents_to_sell(asked), asked, rate.price)
    price = await parts.prices.fresh()
    worth = cents_of(asked, price)
    return Terms(worth, worth, price)


# --- events -----------------------------------------------------------------------------------------


async def take(tx: Tx, parts: Parts, kind: EventKind, news: PayoutNews, seq: int) -> Unit | None:
    """Note what an event says of a payout; the unit that books it, if anything is to be booked."""
    payment = await store.payment(tx, news.payout_id)
    withdrawal = await store_onchain.withdrawal(tx, news.payout_id)
    if payment is None and await payer_of(tx, news.payout_id) is not None:
        return None  # the bank's own coins: whoever sent them books them
    assert payment is not None and withdrawal is not None, f"payout {news.payout_id} is nobody's"
    now = parts.clock.now()
    match kind:
        case EventKind.PAYOUT_BROADCAST if payment.state is not State.FAILED:
            return await _sent_out(tx, payment, withdrawal, _where(news, withdrawal, seq), now)
        case EventKind.PAYOUT_SETTLED if after(payment.kind, payment.state, Event.SUCCEED):
            return await _settled(tx, payment, withdrawal, _where(news, withdrawal, seq), now)
        case EventKind.PAYOUT_SETTLED if payment.state is State.PAID:  # anew, after a reorganisation
            return await _sent_out(tx, payment, withdrawal, _where(news, withdrawal, seq), now)
        case EventKind.PAYOUT_CANCELLED if after(payment.kind, payment.state, Event.FAIL):
            return await _cancelled(tx, payment, withdrawal, now)
        case EventKind.PAYOUT_UNSETTLED:  # the chain brings it back: it stays paid
            log.warning("payout_unsettled", payment=str(payment.id))
        case _:
            log.info("payout_told_again", payment=str(payment.id), told=kind.name, state=payment.state.name)
    return None


def _where(news: PayoutNews, known: Withdrawal, seq: int) -> books.Broadcast:
    txid = bytes.fromhex(news.txid) if news.txid else known.txid
    vout = news.vout if news.vout is not None else known.vout
    assert txid is not None and vout is not None, "a payout in the chain has a place"
    share = known.share_sats if news.fee_share_sats is None else news.fee_share_sats
    return books.Broadcast(seq, txid, vout, share)


async def _sent_out(tx: Tx, payment: Payment, was: Withdrawal, at: books.Broadcast, now: datetime) -> Unit | None:
    unit = books.sent_out(payment, was, at, now)
    booked = unit.txn.id if unit is not None and unit.txn is not None else None
    await store_onchain.place_withdrawal(tx, payment, at.txid, at.vout, at.share_sats, booked, now)
    return unit


async def _settled(tx: Tx, payment: Payment, was: Withdrawal, at: books.Broadcast, now: datetime) -> Unit:
    unit = books.settle_onchain(payment, was, at.share_sats, now)
    booked = unit.id if at.share_sats != was.share_sats else None
    await store_onchain.place_withdrawal(tx, payment, at.txid, at.vout, at.share_sats, booked, now)
    return unit


async def _cancelled(tx: Tx, payment: Payment, was: Withdrawal, now: datetime) -> Unit:
    unit = books.returned(payment, was, "cancelled", now)
    booked = unit.id if was.share_sats != was.miner_sats else None
    await store_onchain.unplace_withdrawal(tx, payment, was.miner_sats, booked)
    return unit
