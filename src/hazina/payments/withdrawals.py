"""Paying on-chain: a quote, the money held and the payout queued in one commit, and what the chain tells of it.

An address of this bank is paid inside, at once and without a fee. Everything else waits in the chain's queues; the
hold becomes a payment when the payout's transaction is deep enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from hazina.access import Caller
from hazina.accounts import Holder, LimitKind, WalletUnknown, holders
from hazina.chain import Address, EventKind, PayoutNews, Speed, owner_of, submit_payout
from hazina.dealer import cents_of
from hazina.kernel import addresses, bip21
from hazina.kernel.db import Tx
from hazina.kernel.errors import InvalidInput
from hazina.kernel.ids import new_id
from hazina.kernel.money import MSAT_PER_SAT, Asset, Msats
from hazina.ledger import BANK, Unit, balances
from hazina.payments import postings, store, store_onchain
from hazina.payments import postings_onchain as books
from hazina.payments.common import Parts, may_move, own_wallet, party, spending
from hazina.payments.errors import (
    DustAmount,
    ExchangeUnavailable,
    FeeTooHigh,
    InsufficientBalance,
    QuoteExpired,
    SelfPayment,
)
from hazina.payments.fees import BASIS, Matter, Network, Way, fee_of
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
    positive,
)
from hazina.payments.sending import key_claims, replay_or_refuse
from hazina.safety import Rail, leaving

log = structlog.get_logger("hazina.payments")

IMBALANCE_AGE_S = 600
QUOTES_KEPT = 10
"""A quote stands for so many times its life before it is forgotten: whoever uses it late is told."""


# --- where to ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Destination:
    """An address, and what its link asks for."""

    address: str
    amount: Msats | None = None


def read_destination(text: str) -> Destination:
    """An address, or a BIP-21 link of one. Raises InvalidInput for a link that cannot be followed: an amount that is
    none, or a parameter that must be understood and is not."""
    if not bip21.is_link(text):
        return Destination(text.strip())
    try:
        link = bip21.read(text)
    except bip21.BadLink as error:
        raise InvalidInput(str(error)) from None
    return Destination(link.address, link.amount)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a withdrawal is decided by. ``ours``: the address is the bank's. ``sats``: what was asked for, or all
    that there is."""

    payer: Holder
    address: str
    ours: Address | None
    sats: int
    all: bool
    quoted: tuple[OnchainFee, datetime] | None


async def _facts(parts: Parts, caller: Caller, order: SendOnchain) -> Facts:
    """Read once; raises what can be refused before a fee is known."""
    there = read_destination(order.address)
    if order.amount is not None:
        positive(order.amount)
        if there.amount is not None and there.amount != order.amount:
            raise InvalidInput("The link asks for another amount.")
    parts.on_chain()
    address = addresses.read(there.address, parts.network).text
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, order.wallet_id)
        ours = await owner_of(tx, address)
        account = payer.wallet.ledger_account
        has = (await balances(tx, [account]))[account].available if order.amount is None else 0
        sats = order.amount.sats_floor if order.amount is not None else has // MSAT_PER_SAT
        quoted = await store_onchain.kept_fee(tx, order.wallet_id, address, sats, order.speed.value)
    may_move(payer)
    if payer.wallet.asset is not Asset.BTC:
        raise ExchangeUnavailable()
    if order.amount is None and sats <= 0:
        raise InsufficientBalance("The balance is zero: there is nothing to send.", needed=1, available=0)
    return Facts(payer, address, ours, sats, order.amount is None, quoted)


# --- what it costs ----------------------------------------------------------------------------------


async def quote(parts: Parts, caller: Caller, order: SendOnchain) -> OnchainFee:
    """What sending would cost. Kept for a few minutes as what sending exactly this costs, unless the miners' fee
    rises steeply. Nothing to an address of this bank. Enforces no limits and no balance."""
    facts = await _facts(parts, caller, order)
    if facts.ours is not None and facts.ours.owner is not None:
        return OnchainFee(0, 0)
    fee = await _fee_now(parts, facts, order.speed)
    async with parts.db.transaction() as tx:
        await store_onchain.keep_fee(
            tx, order.wallet_id, facts.address, facts.sats, order.speed.value, fee, parts.clock.now()
        )
    return fee


async def _fee_now(parts: Parts, facts: Facts, speed: Speed) -> OnchainFee:
    """By the miners' rates and the bank's strategies of this moment. Raises FeeTooHigh."""
    policy, chain = parts.policy, parts.on_chain()
    asked = await chain.estimate(facts.sats, speed, facts.address)
    if (
        asked.msat_per_vb > policy.rate_max_msat
        or asked.miner_sats * BASIS > facts.sats * policy.miner_share_max_basis_points
    ):
        raise FeeTooHigh(miner_sats=asked.miner_sats)
    price = await parts.prices.latest()
    matter = Matter(
        facts.sats, cents_of(Msats.from_sats(facts.sats), price).n if price else 0, account_id=facts.payer.account.id,
        imbalance_sats=await _imbalance(parts), miner_sats=asked.miner_sats,
        sats_per_vbyte=max(asked.msat_per_vb // MSAT_PER_SAT, 1),
    )  # fmt: skip
    fee = fee_of(policy.fees, Network.ONCHAIN, Way.SEND, matter)
    return OnchainFee(fee.miner_sats, fee.bank_sats)


async def _imbalance(parts: Parts) -> int:
    """Lightning's net inflow of the last days above the chain's. Summed anew now and then: it moves slowly."""
    flows, now = parts.flows, parts.clock.steady()
    if now - flows.at > IMBALANCE_AGE_S:
        async with parts.db.reading() as tx:
            since = parts.clock.now() - timedelta(days=parts.policy.imbalance_days)
            lightning, onchain = await store_onchain.net_inflow(tx, since)
        flows.imbalance_sats, flows.at = lightning - onchain, now
    return flows.imbalance_sats


async def _fee_due(parts: Parts, facts: Facts, order: SendOnchain) -> OnchainFee:
    """What was quoted, while it stands; else what it costs now. Raises QuoteExpired when the customer has been shown
    less than it costs now: the new fee is in the refusal, and stands for the next try."""
    now_costs = await _fee_now(parts, facts, order.speed)
    if facts.quoted is None:
        return now_costs
    shown, at = facts.quoted
    now, policy = parts.clock.now(), parts.policy
    rose = now_costs.miner_sats * BASIS > shown.miner_sats * (BASIS + policy.rate_rise_basis_points)
    if now - at <= timedelta(seconds=policy.quote_life_s) and not rose:
        return shown
    if now_costs.sats <= shown.sats:
        return now_costs
    async with parts.db.transaction() as tx:
        await store_onchain.keep_fee(tx, order.wallet_id, facts.address, facts.sats, order.speed.value, now_costs, now)
    raise QuoteExpired(shown_sats=shown.sats, fee_sats=now_costs.sats)


# --- sending ----------------------------------------------------------------------------------------


async def send(parts: Parts, caller: Caller, order: SendOnchain) -> Sent:
    """Hold the money and queue the payout. SUCCESS means that both are done, as Blink's clients expect; the
    transaction itself stays pending until it is deep in the chain."""
    memo_fits(order.memo)
    facts = await _facts(parts, caller, order)
    if facts.ours is not None and facts.ours.owner is not None:
        return await _send_inside(parts, caller, order, facts, facts.ours.owner)
    if facts.sats < parts.policy.onchain_sats_min:
        raise DustAmount(least_sats=parts.policy.onchain_sats_min)
    fee = await _fee_due(parts, facts, order)
    sats = facts.sats - fee.sats if facts.all else facts.sats
    if sats < parts.policy.onchain_sats_min:
        raise InsufficientBalance(
            f"Payment amount '{parts.policy.onchain_sats_min + fee.sats}' sats (with the fee) exceeds balance"
            f" '{facts.sats}' sats.",
            needed=parts.policy.onchain_sats_min + fee.sats, available=facts.sats,
        )  # fmt: skip
    price, now = await parts.prices.latest(), parts.clock.now()
    payment = Payment(
        new_id(), Kind.ONCHAIN_OUT, State.HELD, Asset.BTC, Msats.from_sats(sats).n, Msats.from_sats(fee.sats).n,
        facts.payer.wallet.ledger_account, BANK.ONCHAIN_BTC, facts.payer.account.id, facts.payer.wallet.id,
        memo=order.memo, price=price, bank_fee=Msats.from_sats(fee.bank_sats).n,
    )  # fmt: skip
    withdrawal = Withdrawal(payment.id, facts.address, order.speed.value, fee.miner_sats, fee.miner_sats)
    line = postings.statement_line(
        payment, party(facts.payer), None, Direction.SEND, now,
        status=LineStatus.PENDING, fee=payment.fee_max, memo=order.memo,
    )  # fmt: skip
    claims = [
        *key_claims(payment, "send_onchain", order.key, order.fingerprint(), now),
        *spending(
            parts,
            caller,
            facts.payer,
            LimitKind.WITHDRAWAL,
            Msats(payment.amount),
            price,
            order.fingerprint(),
            facts.address,
        ),
        leaving(Rail.ONCHAIN),
    ]
    payout = submit_payout(payment.id, facts.address, sats, order.speed, fee.miner_sats, now)
    line = replace(line, address=facts.address)
    result = await parts.books.commit(books.withdraw(payment, withdrawal, line, payout, claims, now))
    if not result.ok:
        return _as_sent(await replay_or_refuse(parts, caller, result, payment))
    return Sent("SUCCESS", line)


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
    if payee.wallet.asset is not Asset.BTC:
        raise ExchangeUnavailable()
    price, now, amount = await parts.prices.latest(), parts.clock.now(), Msats.from_sats(facts.sats)
    payment = Payment(
        new_id(), Kind.ONCHAIN_INSIDE, State.PAID, Asset.BTC, amount.n, 0,
        payer.wallet.ledger_account, payee.wallet.ledger_account,
        payer.account.id, payer.wallet.id, payee.account.id, payee.wallet.id, memo=order.memo, price=price,
    )  # fmt: skip
    me, other = party(payer), party(payee)
    sent = postings.statement_line(payment, me, other, Direction.SEND, now, memo=order.memo)
    received = postings.statement_line(payment, other, me, Direction.RECEIVE, now, memo=order.memo)
    sent, received = replace(sent, address=facts.address), replace(received, address=facts.address)
    kind = LimitKind.TRADE if payer.account.id == payee.account.id else LimitKind.INTRALEDGER
    claims = [
        *key_claims(payment, "send_onchain", order.key, order.fingerprint(), now),
        *spending(parts, caller, payer, kind, amount, price, order.fingerprint(), facts.address),
    ]
    result = await parts.books.commit(postings.transfer_inside(payment, sent, received, claims, now))
    if result.ok:
        return Sent("SUCCESS", sent)
    return await replay_or_refuse(parts, caller, result, payment)


# --- events -----------------------------------------------------------------------------------------


async def take(tx: Tx, parts: Parts, kind: EventKind, news: PayoutNews, seq: int) -> Unit | None:
    """Note what an event says of a payout; the unit that books it, if anything is to be booked."""
    payment = await store.payment(tx, news.payout_id)
    withdrawal = await store_onchain.withdrawal(tx, news.payout_id)
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


async def forget(parts: Parts) -> None:
    """Drop quotes that nobody can use any more."""
    before = parts.clock.now() - timedelta(seconds=QUOTES_KEPT * parts.policy.quote_life_s)
    async with parts.db.transaction() as tx:
        await store_onchain.forget_fees(tx, before)
