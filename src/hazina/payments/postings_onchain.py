"""How coins move money: deposits, withdrawals, and what the bank does with its own coins. Pure; see ``postings``.

ONCHAIN_BTC is the hot wallet as the books see it: what came in stands there as a negative balance. A customer pays
the miners what was quoted; what the miners really took is booked against CHAIN_FEES_BTC when the transaction is
broadcast, and again when it is replaced. Amounts of coins are satoshi. Where a customer has dollars for it, these go
to the dealer and the dealer moves the bitcoin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from hazina.kernel.events import fact
from hazina.kernel.ids import derived
from hazina.kernel.money import Asset, Cents, Msats, Price, amount_of
from hazina.kernel.units import Claim, Row
from hazina.ledger import BANK, Leg, Txn, Unit, hold, post_hold, transfer
from hazina.payments.model import Deposit, Kind, Line, LineStatus, Payment, State, Withdrawal
from hazina.payments.postings import (
    close_line,
    close_payment,
    first_stop,
    give_back,
    hold_id,
    line_fact,
    line_row,
    outcome_facts,
    payment_row,
    second_leg,
    settlement_id,
    state_claim,
)

OUTPUTS = UUID("0d5b6c1e-8f0f-5a51-9c7e-3f5d4b8f2a60")
"""Namespace of ids of deposits: each follows from its output, and from how often it was settled."""
NEVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
"""When the reconciliation looks at a withdrawal: the chain's events tell of it."""


class Own(IntEnum):
    """Kinds of transactions that are no customer's payment."""

    COINS = 21  # an output that the bank keeps, and its reversal
    FEE = 22  # the miners' fee of a withdrawal, as quoted against as paid
    MOVE = 23  # between the bank's own wallets


def deposit_txn(deposit: Deposit, step: str) -> UUID:
    """``step``: ``in`` or ``back``; the round is part of it."""
    return derived(OUTPUTS, f"{deposit.txid.hex()}:{deposit.vout}:{deposit.rounds}:{step}")


def _place(deposit: Deposit) -> dict[str, Any]:
    return {"txid": deposit.txid.hex(), "vout": deposit.vout}


def deposit_fact(deposit: Deposit) -> Row:
    """Tells the owner's screens that what is on its way to them has changed."""
    return fact(
        "deposit", [f"account:{deposit.account_id}"], deposit_id=str(deposit.id), state=deposit.state.name,
        wallet_id=str(deposit.wallet_id),
    )  # fmt: skip


# --- deposits ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shares:
    """Of a deposit, in msat: ``customer`` is credited, ``owed`` is what was credited before and is still owed,
    ``bank`` is the fee. All of it is the bank's where no customer is credited."""

    customer: Msats
    owed: Msats
    bank: Msats


def shares(deposit: Deposit) -> Shares:
    credit = Msats.from_sats(deposit.credit_sats)
    owed = min(credit, deposit.owed)
    return Shares(credit - owed, owed, Msats.from_sats(deposit.sats) - credit)


def share_of(deposit: Deposit, cents: Cents) -> Msats:
    """What part of a deposit's bitcoin ``cents`` of its dollars are, by the rate that it was exchanged at."""
    return Msats(Msats.from_sats(deposit.credit_sats).n * cents.n // deposit.credit_cents)


def deposited(deposit: Deposit, payment: Payment | None, line: Line | None, price: Price | None, now: datetime) -> Unit:
    """An output has enough confirmations. ``payment`` is of the customer's share, None when that is nothing.
    What the customer has had of this deposit before, and spent, is collected first."""
    part = shares(deposit)
    txn_id = deposit_txn(deposit, "in")
    kind: int = Kind.ONCHAIN_IN if deposit.credit_sats else Own.COINS
    legs: list[Leg] = []
    rows: list[Row] = []
    if payment is not None and line is not None:
        legs += [transfer(BANK.ONCHAIN_BTC, first_stop(payment), part.customer), *second_leg(payment)]
        rows += [payment_row(payment, now, None), line_row(line), line_fact(line)]
    if part.owed:
        legs.append(transfer(BANK.ONCHAIN_BTC, BANK.REVERSED_BTC, part.owed))
    if part.bank:
        keeper = BANK.FEES_BTC if deposit.credit_sats else BANK.OWN_BTC
        legs.append(transfer(BANK.ONCHAIN_BTC, keeper, part.bank))
    if deposit.credit_sats:
        rows.append(deposit_fact(deposit))
    return Unit(txn_id, Txn(txn_id, kind, tuple(legs), price, _place(deposit)), rows=tuple(rows))


def reversed_(
    deposit: Deposit, taken: Msats, payment: Payment | None, line: Line | None, price: Price | None, now: datetime
) -> Unit:
    """A reorganisation undid the deposit. ``taken`` is what the customer still has of it; the rest they owe.
    ``payment`` is of what is taken, None when that is nothing."""
    credit = Msats.from_sats(deposit.credit_sats)
    bank = Msats.from_sats(deposit.sats) - credit
    txn_id = deposit_txn(deposit, "back")
    kind: int = Kind.ONCHAIN_REVERSED if deposit.credit_sats else Own.COINS
    legs: list[Leg] = []
    rows: list[Row] = []
    if payment is not None and line is not None:
        legs += [transfer(payment.src, first_stop(payment), payment.given), *second_leg(payment)]
        rows += [payment_row(payment, now, None), line_row(line), line_fact(line)]
    if credit > taken:
        legs.append(transfer(BANK.REVERSED_BTC, BANK.ONCHAIN_BTC, credit - taken))
    if bank:
        keeper = BANK.FEES_BTC if deposit.credit_sats else BANK.OWN_BTC
        legs.append(transfer(keeper, BANK.ONCHAIN_BTC, bank))
    if deposit.credit_sats:
        rows.append(deposit_fact(deposit))
    return Unit(txn_id, Txn(txn_id, kind, tuple(legs), price, _place(deposit)), rows=tuple(rows))


# --- withdrawals ------------------------------------------------------------------------------------


def withdraw(
    payment: Payment, withdrawal: Withdrawal, line: Line, payout: Row, claims: Sequence[Claim], now: datetime
) -> Unit:
    """Amount and fees are held and the payout is queued, in one commit."""
    whole = amount_of(payment.asset, payment.amount + payment.fee_max)
    queued = {
        "payment_id": str(payment.id),
        "address": withdrawal.address,
        "speed": withdrawal.speed,
        "miner_sats": withdrawal.miner_sats,
    }
    return Unit(
        id=payment.id,
        txn=Txn(
            payment.id,
            payment.kind,
            (hold(payment.src, first_stop(payment), whole, hold_id(payment.id)),),
            payment.price,
        ),
        claims=tuple(claims),
        rows=(
            payment_row(payment, now, NEVER),
            Row("withdrawal", queued),
            line_row(line),
            line_fact(line),
            payout,
        ),
    )


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Where a payout stands in the chain, as its event ``seq`` says. ``share_sats``: its part of the fee."""

    seq: int
    txid: bytes
    vout: int
    share_sats: int


def sent_out(payment: Payment, withdrawal: Withdrawal, news: Broadcast, now: datetime) -> Unit | None:
    """The payout's transaction was broadcast, or replaced by another. The difference of its fee to what was booked
    so far is the bank's. None when there is nothing to book."""
    legs = _fee_legs(withdrawal.share_sats, news.share_sats)
    claims = (state_claim(payment, State.SENT),) if payment.state is State.HELD else ()
    if not legs and not claims:
        return None
    unit_id = fee_txn(payment.id, news.seq)
    return Unit(
        id=unit_id,
        txn=Txn(unit_id, Own.FEE, legs, payment.price, {"payment": str(payment.id)}) if legs else None,
        claims=claims,
        rows=tuple(outcome_facts(payment, max(payment.state, State.SENT))),
    )


def fee_txn(payment_id: UUID, seq: int) -> UUID:
    """Of the transaction that books the fee that event ``seq`` tells of."""
    return derived(payment_id, f"chain:{seq}")


def _fee_legs(booked: int, real: int) -> tuple[Leg, ...]:
    """What the miners take less than was booked comes back to the hot wallet; what they take more leaves it."""
    return (_either_way(BANK.CHAIN_FEES_BTC, BANK.ONCHAIN_BTC, real - booked),) if real != booked else ()


def settle_onchain(payment: Payment, withdrawal: Withdrawal, share_sats: int, now: datetime) -> Unit:
    """The payout has its confirmations: the hold becomes amount and miners' fee, as quoted, and the bank's fee. Where
    another version of its transaction was mined than the last that was told, its fee is booked too."""
    assert payment.kind is Kind.ONCHAIN_OUT
    spent = amount_of(payment.asset, payment.amount + payment.fee_max - payment.bank_fee)
    legs = [post_hold(payment.src, first_stop(payment), spent, hold_id(payment.id))]
    if payment.bank_fee:
        earned = BANK.FEES_BTC if payment.asset is Asset.BTC else BANK.FEES_USD
        legs.append(transfer(payment.src, earned, amount_of(payment.asset, payment.bank_fee)))
    if payment.exchanged:
        miner = Msats.from_sats(withdrawal.miner_sats)
        legs.append(transfer(BANK.DEALER_BTC, payment.dst, Msats(payment.gets.n) + miner))
    legs += _fee_legs(withdrawal.share_sats, share_sats)
    unit_id = settlement_id(payment.id)
    return Unit(
        id=unit_id,
        txn=Txn(unit_id, payment.kind, tuple(legs), payment.price),
        claims=(state_claim(payment, State.PAID),),
        rows=(
            close_payment(payment, now, fee=payment.fee_max),
            close_line(payment, LineStatus.SUCCESS, -payment.amount - payment.fee_max, payment.fee_max, None),
            *outcome_facts(payment, State.PAID),
        ),
    )


def returned(payment: Payment, withdrawal: Withdrawal, reason: str, now: datetime) -> Unit:
    """The payout will never be: all is given back, and no fee was paid after all."""
    unit = give_back(payment, reason, now)
    assert unit.txn is not None
    legs = (*unit.txn.legs, *_fee_legs(withdrawal.share_sats, withdrawal.miner_sats))
    return replace(unit, txn=replace(unit.txn, legs=legs))


# --- the bank's own coins ---------------------------------------------------------------------------


def moved(transfer_id: str, seq: int, src: int, dst: int, sats: int, fee_sats: int, price: Price | None) -> Unit | None:
    """Coins went from the wallet of ledger account ``src`` to that of ``dst``, and the miners took ``fee_sats`` from
    ``src``: both as far as they are more, or less, than was booked before event ``seq``. None: they are the same."""
    legs: list[Leg] = []
    if sats:
        legs.append(_either_way(dst, src, sats))
    if fee_sats:
        legs.append(_either_way(BANK.CHAIN_FEES_BTC, src, fee_sats))
    if not legs:
        return None
    unit_id = derived(OUTPUTS, f"transfer:{transfer_id}:{seq}")
    return Unit(unit_id, Txn(unit_id, Own.MOVE, tuple(legs), price, {"transfer": transfer_id}))


def _either_way(src: int, dst: int, sats: int) -> Leg:
    if sats < 0:
        src, dst = dst, src
    return transfer(src, dst, Msats.from_sats(abs(sats)))
