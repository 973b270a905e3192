"""How each event of the hedge moves money in the books. Pure.

EXCHANGE_BTC is what lies at the exchange, like cold storage: what the bank has there stands as a negative balance.
TRANSIT_BTC is what is between it and the hot wallet. Profits and costs stand in HEDGE_BTC (the position),
HEDGE_FUNDING_BTC and HEDGE_FEES_BTC. Each unit's id follows from what it books, so the same thing is booked once.
"""

from __future__ import annotations

from enum import IntEnum
from uuid import UUID

from hazina.hedging.model import Bill, BillKind
from hazina.kernel.ids import derived
from hazina.kernel.money import Msats, Price
from hazina.ledger import BANK, Leg, Txn, Unit, transfer

HEDGE = UUID("2f6f7d55-2a49-5c3e-8a51-6f0a2f6d9c17")
"""Namespace of ids of what the hedge books."""


class Own(IntEnum):
    """Kinds of transactions in the books."""

    OPENING = 41  # what was at the exchange when the bank took it into its books
    BILL = 42  # profit, loss, fee or funding
    COINS = 43  # coins that came to the exchange or left it
    CHAIN = 44  # a payout of ours, or coins that came back


ACCOUNT = {
    BillKind.TRADE: BANK.HEDGE_BTC,
    BillKind.LIQUIDATION: BANK.HEDGE_BTC,
    BillKind.FUNDING: BANK.HEDGE_FUNDING_BTC,
    BillKind.OTHER: BANK.HEDGE_BTC,
}


def _gained(account: BANK, amount: Msats, where: BANK = BANK.EXCHANGE_BTC) -> tuple[Leg, ...]:
    """``where`` has ``amount`` more (less, when below zero), to the good or at the cost of ``account``."""
    if not amount:
        return ()
    if amount.n > 0:
        return (transfer(where, account, amount),)
    return (transfer(account, where, -amount),)


def _unit(name: str, kind: Own, legs: tuple[Leg, ...], price: Price, **meta: str) -> Unit | None:
    if not legs:
        return None
    unit_id = derived(HEDGE, name)
    return Unit(unit_id, Txn(unit_id, kind, legs, price, dict(meta)))


def opening(there: Msats, price: Price) -> Unit | None:
    """The bank's own money, until somebody says otherwise."""
    return _unit("opening", Own.OPENING, _gained(BANK.OWN_BTC, there), price)


def billed(bill: Bill, price: Price) -> Unit | None:
    """Transfers stay at the exchange: nothing to book."""
    if bill.kind is BillKind.TRANSFER:
        return None
    legs = _gained(ACCOUNT[bill.kind], bill.amount - bill.fee) + _gained(BANK.HEDGE_FEES_BTC, bill.fee)
    return _unit(f"bill:{bill.id}", Own.BILL, legs, price, bill=bill.id)


def came(coins_id: str, sats: int, price: Price, *, ours: bool) -> Unit | None:
    """Coins were credited at the exchange. Not ours: the bank's people brought them there by hand."""
    source = BANK.TRANSIT_BTC if ours else BANK.OWN_BTC
    return _unit(f"came:{coins_id}", Own.COINS, _gained(source, Msats.from_sats(sats)), price, coins=coins_id)


def left(coins_id: str, sats: int, fee_sats: int, price: Price, *, ours: bool) -> Unit | None:
    """Coins left the exchange, and it took a fee on top."""
    to = BANK.TRANSIT_BTC if ours else BANK.OWN_BTC
    legs = _gained(to, Msats.from_sats(-sats)) + _gained(BANK.HEDGE_FEES_BTC, Msats.from_sats(-fee_sats))
    return _unit(f"left:{coins_id}", Own.COINS, legs, price, coins=coins_id)


def sent(move_id: UUID, seq: int, sats: int, fee_sats: int, price: Price) -> Unit | None:
    """A payout of ours to the exchange left the hot wallet: ``sats`` and the miners' ``fee_sats``, as far as they are
    more (or less) than was booked before event ``seq``."""
    legs = _gained(BANK.TRANSIT_BTC, Msats.from_sats(-sats), BANK.ONCHAIN_BTC)
    legs += _gained(BANK.CHAIN_FEES_BTC, Msats.from_sats(-fee_sats), BANK.ONCHAIN_BTC)
    return _unit(f"chain:{seq}", Own.CHAIN, legs, price, move=str(move_id))


def arrived(seq: int, sats: int, price: Price) -> Unit | None:
    """Coins from the exchange are in the hot wallet (below zero: a reorganisation took them back). What arrives without
    a customer is booked as the bank's own; this says where it came from."""
    return _unit(f"chain:{seq}", Own.CHAIN, _gained(BANK.OWN_BTC, Msats.from_sats(-sats), BANK.TRANSIT_BTC), price)
