"""How each event moves money: from a payment and an event to a unit for the books. Pure.

Every unit's id follows from the payment's id, so the same step asked for twice is the same
transaction. A unit carries everything of its step: ledger legs, the payment's change of state as a
claim, the rows of the statement, and the facts for listeners.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hazina.access import idempotency_claim, limit_back
from hazina.accounts import contact_address_row, contact_row
from hazina.kernel.events import fact
from hazina.kernel.ids import derived, new_id
from hazina.kernel.money import Asset, Cents, Msats, Price, amount_of
from hazina.kernel.units import Claim, Row
from hazina.ledger import BANK, Leg, Txn, Unit, hold, post_hold, transfer, void_hold
from hazina.payments.model import (
    Direction,
    Invoice,
    InvoiceState,
    Kind,
    Line,
    LineStatus,
    Party,
    Payment,
    State,
    Via,
    split_receipt,
)

VIA: dict[Kind, tuple[Via, Via]] = {
    Kind.INTRALEDGER: (Via.INTRALEDGER, Via.INTRALEDGER),
    Kind.LN_INSIDE: (Via.LN, Via.INTRALEDGER),
    Kind.LN_OUT: (Via.LN, Via.LN),
    Kind.LN_IN: (Via.LN, Via.LN),
    Kind.ONCHAIN_INSIDE: (Via.ONCHAIN, Via.INTRALEDGER),
    Kind.ONCHAIN_OUT: (Via.ONCHAIN, Via.ONCHAIN),
    Kind.ONCHAIN_IN: (Via.ONCHAIN, Via.ONCHAIN),
    Kind.ONCHAIN_REVERSED: (Via.ONCHAIN, Via.ONCHAIN),
    Kind.REFUND: (Via.INTRALEDGER, Via.INTRALEDGER),
}
"""How a payment was asked for, and how its money moved."""
RECEIPTS = UUID("5b6cf0d5-5f2a-5d7e-9a0d-6a3c0e6d4f11")
"""Namespace of receipt ids: one receipt for each payment hash."""


def receipt_id(payment_hash: bytes) -> UUID:
    return derived(RECEIPTS, payment_hash.hex())


def settlement_id(payment_id: UUID) -> UUID:
    """Of the transaction by which a payment was paid."""
    return derived(payment_id, "settle")


def hold_id(payment_id: UUID) -> UUID:
    return derived(payment_id, "hold")


# --- claims -----------------------------------------------------------------------------------------


def state_claim(payment: Payment, to: State) -> Claim:
    """A failure is also lost when the lease is another than the one that was judged: somebody has sent the
    payment again meanwhile. Success is success, whoever sent it."""
    values: dict[str, Any] = {"id": str(payment.id), "from": payment.state, "to": to}
    if to is State.FAILED:
        values |= {"fenced": True, "lease": payment.lease_until.isoformat() if payment.lease_until else None}
    return Claim("payment_state", values)


def invoice_claim(payment_hash: bytes, was: InvoiceState, to: InvoiceState) -> Claim:
    return Claim("invoice_state", {"hash": payment_hash.hex(), "from": was, "to": to})


def hash_claim(payment: Payment) -> Claim:
    assert payment.payment_hash is not None
    return Claim("payment_hash", {"hash": payment.payment_hash.hex(), "payment": str(payment.id)})


def key_claim(payment: Payment, operation: str, key: str, fingerprint: str, now: datetime) -> Claim:
    assert payment.account_id is not None
    return idempotency_claim(payment.account_id, operation, key, fingerprint, now)


# --- rows -------------------------------------------------------------------------------------------


def _price(price: Price | None) -> dict[str, Any]:
    if price is None:
        return {"price_cents": None, "price_source": None, "price_at": None}
    return {"price_cents": price.cents_per_btc, "price_source": price.source, "price_at": price.at.isoformat()}


def _text(value: UUID | bytes | None) -> str | None:
    return value.hex() if isinstance(value, bytes) else None if value is None else str(value)


def payment_row(payment: Payment, now: datetime, look_at: datetime | None) -> Row:
    values = {
        "id": str(payment.id),
        "kind": payment.kind,
        "state": payment.state,
        "asset": payment.asset,
        "amount": payment.amount,
        "fee_max": payment.fee_max,
        "bank_fee": payment.bank_fee,
        "src": payment.src,
        "dst": payment.dst,
        "account_id": _text(payment.account_id),
        "wallet_id": _text(payment.wallet_id),
        "to_account_id": _text(payment.to_account_id),
        "to_wallet_id": _text(payment.to_wallet_id),
        "payment_hash": _text(payment.payment_hash),
        "payment_request": payment.payment_request,
        "node": payment.node,
        "memo": payment.memo,
        "created_at": now.isoformat(),
        "expires_at": payment.expires_at.isoformat() if payment.expires_at else None,
        "to_asset": payment.to_asset,
        "to_amount": payment.to_amount,
        "route_max": payment.route_max,
        "address": payment.address,
        "look_at": look_at.isoformat() if look_at else None,
        **_price(payment.price),
    }
    return Row("payment", values)


def statement_line(
    payment: Payment,
    me: Party,
    other: Party | None,
    direction: Direction,
    now: datetime,
    *,
    status: LineStatus = LineStatus.SUCCESS,
    fee: int = 0,
    memo: str | None = None,
    preimage: bytes | None = None,
    external_id: str | None = None,
    payee: bytes | None = None,
) -> Line:
    """One side's statement row, in that side's currency. A sender's amount is negative and includes the fee."""
    shown = payment.gets if direction is Direction.RECEIVE else payment.given
    amount = shown.n if direction is Direction.RECEIVE else -shown.n - fee
    return Line(
        id=new_id(),
        payment_id=payment.id,
        account_id=me.account_id,
        wallet_id=me.wallet_id,
        asset=shown.asset,
        direction=direction,
        amount=amount,
        fee=fee,
        status=status,
        initiation=VIA[payment.kind][0],
        settlement=VIA[payment.kind][1],
        counterparty_wallet_id=other.wallet_id if other else None,
        counterparty_username=other.username if other else None,
        payment_hash=payment.payment_hash,
        payment_request=payment.payment_request,
        preimage=preimage,
        memo=memo,
        external_id=external_id,
        price=payment.price,
        display_currency=me.display_currency,
        created_at=now,
        payee=payee,
    )


def line_row(line: Line) -> Row:
    values = {
        "id": str(line.id),
        "payment_id": str(line.payment_id),
        "account_id": str(line.account_id),
        "wallet_id": str(line.wallet_id),
        "asset": line.asset,
        "direction": line.direction,
        "amount": line.amount,
        "fee": line.fee,
        "status": line.status,
        "initiation": line.initiation,
        "settlement": line.settlement,
        "counterparty_wallet_id": _text(line.counterparty_wallet_id),
        "counterparty_username": line.counterparty_username,
        "payment_hash": _text(line.payment_hash),
        "payment_request": line.payment_request,
        "preimage": _text(line.preimage),
        "memo": line.memo,
        "external_id": line.external_id,
        "display_currency": line.display_currency,
        "created_at": line.created_at.isoformat(),
        "address": line.address,
        "txid": _text(line.txid),
        "vout": line.vout,
        "payee": _text(line.payee),
        **_price(line.price),
    }
    return Row("line", values)


def line_fact(line: Line) -> Row:
    """Tells the owner's open screens and sockets that their statement has a new row."""
    return fact(
        "line",
        [f"account:{line.account_id}"],
        line_id=str(line.id),
        wallet_id=str(line.wallet_id),
        kind=line.initiation.name.lower(),
        direction=line.direction.name,
        status=line.status.name,
    )


def outcome_facts(payment: Payment, state: State) -> list[Row]:
    keys = [f"payment:{payment.id}"]
    if payment.account_id is not None:
        keys.append(f"account:{payment.account_id}")
    return [fact("payment", keys, payment_id=str(payment.id), state=state.name, kind=payment.kind.name)]


def acquainted(payment: Payment, now: datetime) -> tuple[Row, ...]:
    """Two customers who pay each other become contacts; an address on the chain says nothing of whose it is."""
    one, other = payment.account_id, payment.to_account_id
    if payment.kind not in (Kind.INTRALEDGER, Kind.LN_INSIDE) or one is None or other is None or one == other:
        return ()
    return (contact_row(one, other, now),)


def _acquainted_outside(payment: Payment, now: datetime) -> tuple[Row, ...]:
    """Whose Lightning Address elsewhere was paid is a contact of the payer."""
    if payment.address is None or payment.account_id is None:
        return ()
    return (contact_address_row(payment.account_id, payment.address, now),)


def _invoice_fact(payment_hash: bytes) -> Row:
    return fact("invoice", [f"hash:{payment_hash.hex()}"], status="PAID")


# --- units ------------------------------------------------------------------------------------------

DEALER: dict[Asset, BANK] = {Asset.BTC: BANK.DEALER_BTC, Asset.USD: BANK.DEALER_USD}


def first_stop(payment: Payment) -> int:
    """Where the payer's money goes: to the payee, or to the dealer where the payee gets another asset."""
    return DEALER[payment.asset] if payment.exchanged else payment.dst


def second_leg(payment: Payment) -> tuple[Leg, ...]:
    """What the dealer gives for it; nothing where nothing is exchanged."""
    gets = payment.gets
    return (transfer(DEALER[gets.asset], payment.dst, gets),) if payment.exchanged else ()


def transfer_inside(payment: Payment, sent: Line, received: Line, claims: Sequence[Claim], now: datetime) -> Unit:
    """Between two wallets of this bank, at once."""
    legs = (transfer(payment.src, first_stop(payment), payment.given), *second_leg(payment))
    return Unit(
        id=payment.id,
        txn=Txn(payment.id, payment.kind, legs, payment.price),
        claims=tuple(claims),
        rows=(
            payment_row(payment, now, None),
            line_row(sent),
            line_row(received),
            line_fact(sent),
            line_fact(received),
            *acquainted(payment, now),
        ),
    )


def set_aside(payment: Payment, line: Line, claims: Sequence[Claim], now: datetime, look_at: datetime) -> Unit:
    """The first step of an invoice's payment: amount and highest fee are held, nothing has left."""
    whole = amount_of(payment.asset, payment.amount + payment.fee_max)
    legs = (hold(payment.src, first_stop(payment), whole, hold_id(payment.id)),)
    return Unit(
        id=payment.id,
        txn=Txn(payment.id, payment.kind, legs, payment.price),
        claims=tuple(claims),
        rows=(payment_row(payment, now, look_at), line_row(line), line_fact(line)),
    )


def settle_out(payment: Payment, fee: Msats, preimage: bytes, now: datetime) -> Unit:
    """The node paid: the hold becomes amount + real fee, and what is left of it is free again. The
    customer pays whole satoshi, so that a statement's rows always add up to the balance shown; what
    that is more than the real fee goes to the rounding account.

    A node that took more than it was allowed is paid out of the bank's own fees: the customer never
    pays above the ceiling. The bank's own fee is charged on top of the route's.
    """
    assert payment.kind is Kind.LN_OUT
    if payment.exchanged:
        return _settle_dollars(payment, fee, preimage, now)
    covered = min(fee.n, payment.fee_max - payment.bank_fee)
    spent, own = Msats(payment.amount + covered), Msats(payment.bank_fee)
    charged = Msats.from_sats((spent + own).sats_ceil)
    assert charged.n <= payment.amount + payment.fee_max, "the ceiling is in whole satoshi"
    legs = [post_hold(payment.src, payment.dst, spent, hold_id(payment.id))]
    if own:
        legs.append(transfer(payment.src, BANK.FEES_BTC, own))
    if charged > spent + own:
        legs.append(transfer(payment.src, BANK.ROUNDING_BTC, charged - spent - own))
    if fee.n > covered:
        legs.append(transfer(BANK.FEES_BTC, payment.dst, Msats(fee.n - covered)))
    return _settled(payment, legs, charged.n - payment.amount, preimage, now)


def _settle_dollars(payment: Payment, fee: Msats, preimage: bytes, now: datetime) -> Unit:
    """The same for a payer of dollars: of the cents that were held for the route those are charged that its real fee
    is of the highest one, rounded up. The dealer pays Lightning."""
    covered = min(fee, payment.route_fee_max)
    reserve = payment.fee_max - payment.bank_fee
    route = -(-reserve * covered.n // payment.route_fee_max.n) if covered else 0
    legs = [post_hold(payment.src, BANK.DEALER_USD, Cents(payment.amount + route), hold_id(payment.id))]
    if payment.bank_fee:
        legs.append(transfer(payment.src, BANK.FEES_USD, Cents(payment.bank_fee)))
    legs.append(transfer(BANK.DEALER_BTC, payment.dst, payment.on_the_wire + covered))
    if fee > covered:
        legs.append(transfer(BANK.FEES_BTC, payment.dst, fee - covered))
    return _settled(payment, legs, route + payment.bank_fee, preimage, now)


def _settled(payment: Payment, legs: Sequence[Leg], fee: int, preimage: bytes, now: datetime) -> Unit:
    unit_id = settlement_id(payment.id)
    return Unit(
        id=unit_id,
        txn=Txn(unit_id, payment.kind, tuple(legs), payment.price),
        claims=(state_claim(payment, State.PAID),),
        rows=(
            close_payment(payment, now, fee=fee, preimage=preimage),
            close_line(payment, LineStatus.SUCCESS, -payment.amount - fee, fee, preimage),
            *outcome_facts(payment, State.PAID),
            *_acquainted_outside(payment, now),
        ),
    )


def settle_inside(payment: Payment, received: Line, invoice: Invoice, now: datetime) -> Unit:
    """The node's copy of the invoice is cancelled, so nobody outside can pay it any more."""
    assert payment.kind is Kind.LN_INSIDE
    unit_id = settlement_id(payment.id)
    legs = (
        post_hold(payment.src, first_stop(payment), payment.given, hold_id(payment.id)),
        *second_leg(payment),
    )
    return Unit(
        id=unit_id,
        txn=Txn(unit_id, payment.kind, legs, payment.price),
        claims=(
            invoice_claim(invoice.payment_hash, InvoiceState.CLOSING, InvoiceState.PAID),
            state_claim(payment, State.PAID),
        ),
        rows=(
            line_row(received),
            close_payment(payment, now, fee=0, preimage=invoice.preimage),
            close_line(payment, LineStatus.SUCCESS, -payment.amount, 0, invoice.preimage),
            _invoice_paid(invoice.payment_hash, _msats_paid(payment, invoice), now),
            *outcome_facts(payment, State.PAID),
            line_fact(received),
            _invoice_fact(invoice.payment_hash),
            *acquainted(payment, now),
        ),
    )


def _msats_paid(payment: Payment, invoice: Invoice) -> int | None:
    """What an invoice brought that was paid inside. Nothing is said of one without an amount, paid from dollars to
    dollars."""
    for amount in (payment.given, payment.gets, invoice.amount):
        if isinstance(amount, Msats):
            return amount.n
    return None


def give_back(payment: Payment, reason: str, now: datetime) -> Unit:
    """Surely nothing left: the hold is void, the volume counts no more, the invoice may be tried again."""
    unit_id = derived(payment.id, "void")
    reopen: tuple[Row, ...] = ()
    if payment.kind is Kind.LN_INSIDE:
        assert payment.payment_hash is not None
        reopen = (Row("invoice_reopen", {"hash": payment.payment_hash.hex()}),)
    return Unit(
        id=unit_id,
        txn=Txn(
            unit_id, payment.kind, (void_hold(payment.src, first_stop(payment), hold_id(payment.id)),), payment.price
        ),
        claims=(state_claim(payment, State.FAILED),),
        rows=(
            *reopen,
            close_payment(payment, now, reason=reason),
            close_line(payment, LineStatus.FAILURE, -payment.amount, 0, None),
            Row("hash_free", {"payment": str(payment.id)}),
            limit_back(payment.id),
            *outcome_facts(payment, State.FAILED),
        ),
    )


REFUND_MEMO = "Usd payment canceled"
"""Blink's words; its clients look for them."""


def refund(failed: Payment, payer: Party, payee: Party, now: datetime) -> Unit:
    """Dollars of a payment that failed late become the whole satoshi that they were sold for."""
    payment = Payment(
        derived(failed.id, "refund"), Kind.REFUND, State.PAID, failed.asset, failed.amount, 0,
        payer.ledger_account, payee.ledger_account, payer.account_id, payer.wallet_id, payee.account_id,
        payee.wallet_id, memo=REFUND_MEMO, price=failed.price,
        to_asset=Asset.BTC, to_amount=Msats.from_sats(failed.on_the_wire.sats_floor).n,
    )  # fmt: skip
    sent = statement_line(payment, payer, payee, Direction.SEND, now, memo=REFUND_MEMO)
    received = statement_line(payment, payee, payer, Direction.RECEIVE, now, memo=REFUND_MEMO)
    return transfer_inside(payment, sent, received, (), now)


def receive(payment: Payment, line: Line, invoice: Invoice, arrived: Msats, now: datetime) -> Unit:
    """Money came in over Lightning: whole satoshi to the customer, or to the dealer for dollars; the rest of one to the
    rounding account. Less than one satoshi is nobody's payment, but it is booked."""
    whole, rest = split_receipt(arrived)
    legs = []
    if whole:
        legs += [transfer(BANK.LIGHTNING_BTC, first_stop(payment), whole), *second_leg(payment)]
    if rest:
        legs.append(transfer(BANK.LIGHTNING_BTC, BANK.ROUNDING_BTC, rest))
    shown = (payment_row(payment, now, None), line_row(line), line_fact(line)) if whole else ()
    first = invoice.state is not InvoiceState.PAID  # else it was paid inside as well: this is the customer's, too
    paid = (_invoice_paid(invoice.payment_hash, arrived.n, now), _invoice_fact(invoice.payment_hash)) if first else ()
    return Unit(
        id=payment.id,
        txn=Txn(payment.id, payment.kind, tuple(legs), payment.price, {"node": invoice.node}),
        claims=(invoice_claim(invoice.payment_hash, invoice.state, InvoiceState.PAID),) if first else (),
        rows=(*shown, *paid),
    )


def issue_dollars(payment: Payment, line: Line, claims: Sequence[Claim], now: datetime) -> Unit:
    """An operator puts dollars into a wallet, against dollars that the bank took in by other ways."""
    assert payment.asset is Asset.USD
    legs = (transfer(BANK.ISSUED_USD, payment.dst, Cents(payment.amount)),)
    return Unit(
        id=payment.id,
        txn=Txn(payment.id, payment.kind, legs, payment.price),
        claims=tuple(claims),
        rows=(payment_row(payment, now, None), line_row(line), line_fact(line)),
    )


def look_after(attempts: int, first_s: float, most_s: float) -> timedelta:
    """When to ask the node again: soon at first, then ever more seldom."""
    return timedelta(seconds=min(most_s, first_s * 2 ** min(attempts, 10)))


def close_payment(
    payment: Payment, now: datetime, *, fee: int | None = None, preimage: bytes | None = None, reason: str | None = None
) -> Row:
    return Row(
        "payment_close",
        {
            "id": str(payment.id),
            "fee": fee,
            "preimage": preimage.hex() if preimage else None,
            "reason": reason,
            "at": now.isoformat(),
        },
    )


def close_line(payment: Payment, status: LineStatus, amount: int, fee: int, preimage: bytes | None) -> Row:
    return Row(
        "line_close",
        {
            "payment": str(payment.id),
            "status": status,
            "amount": amount,
            "fee": fee,
            "preimage": preimage.hex() if preimage else None,
        },
    )


def _invoice_paid(payment_hash: bytes, msat: int | None, now: datetime) -> Row:
    return Row("invoice_paid", {"hash": payment_hash.hex(), "msat": msat, "at": now.isoformat()})
