"""What an endpoint is told: Blink's six events of an account, and the two of a single invoice.

The payload is ``{transaction, accountId, walletId, eventType}``; the transaction is the internal object of Blink's
core, not the GraphQL shape: lower-case words, times as ISO text, big integers as text.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from hazina.dealer import FiatRate, display_amount, display_price
from hazina.kernel.money import Asset, Msats, Price, amount_of
from hazina.learn import memo_shown
from hazina.payments import Direction, InvoiceHook, Line, LineStatus, Via

STATUS = {LineStatus.PENDING: "pending", LineStatus.SUCCESS: "success", LineStatus.FAILURE: "failure"}
RAIL = {Via.INTRALEDGER: "intraledger", Via.LN: "lightning", Via.ONCHAIN: "onchain"}


def event_type(line: Line) -> str:
    """As the account's live updates name it: on-chain is what moved there, Lightning what an invoice asked for, and
    all else moved inside."""
    rail = Via.INTRALEDGER
    if line.settlement is Via.ONCHAIN:
        rail = Via.ONCHAIN
    elif line.initiation is Via.LN:
        rail = Via.LN
    return f"{'receive' if line.direction is Direction.RECEIVE else 'send'}.{RAIL[rail]}"


def payload(line: Line, price: Price | None, rate: FiatRate | None) -> str:
    """JSON. ``price`` of bitcoin, and ``rate`` of the line's currency, when it happened."""
    told = {
        "accountId": str(line.account_id),
        "walletId": str(line.wallet_id),
        "eventType": event_type(line),
        "transaction": _transaction(line, price, rate),
    }
    return json.dumps(told, separators=(",", ":"))


def _transaction(line: Line, price: Price | None, rate: FiatRate | None) -> dict[str, Any]:
    amount, fee = _whole(line.asset, line.amount), _fee(line)
    per_unit = display_price(amount_of(line.asset, line.amount), price, rate) if price else None
    return {
        "id": str(line.id),
        "walletId": str(line.wallet_id),
        "status": STATUS[line.status],
        "direction": "receive" if line.direction is Direction.RECEIVE else "send",
        "memo": memo_shown(line),
        "externalId": line.external_id,
        "createdAt": line.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "initiationVia": _initiation(line),
        "settlementVia": _settlement(line),
        "settlementAmount": amount,
        "settlementFee": fee,
        "settlementCurrency": line.asset.name,
        "settlementDisplayAmount": _shown(line, line.amount, price, rate),
        "settlementDisplayFee": _shown(line, line.fee, price, rate),
        "settlementDisplayPrice": {
            "base": str(per_unit.base if per_unit else 0),
            "offset": str(per_unit.offset if per_unit else 12),
            "displayCurrency": line.display_currency,
            "walletCurrency": line.asset.name,
        },
    }


def _initiation(line: Line) -> dict[str, Any]:
    via: dict[str, Any] = {"type": RAIL[line.initiation]}
    if line.initiation is Via.LN:
        return {**via, "paymentHash": _hex(line.payment_hash), "paymentRequest": line.payment_request}
    return {**via, "address": line.address} if line.initiation is Via.ONCHAIN else {**via, **_counterparty(line)}


def _settlement(line: Line) -> dict[str, Any]:
    via: dict[str, Any] = {"type": RAIL[line.settlement]}
    if line.settlement is Via.LN:
        return {**via, "revealedPreImage": _hex(line.preimage)}
    if line.settlement is Via.ONCHAIN:
        return {**via, "transactionHash": _hex(line.txid), "vout": line.vout}
    return {**via, **_counterparty(line), "preImage": _hex(line.preimage)}


def _counterparty(line: Line) -> dict[str, Any]:
    other = line.counterparty_wallet_id
    return {"counterPartyWalletId": str(other) if other else None, "counterPartyUsername": line.counterparty_username}


def _whole(asset: Asset, n: int) -> int:
    return Msats(n).sats_floor if asset is Asset.BTC else n


def _fee(line: Line) -> int:
    return Msats(line.fee).sats_ceil if line.asset is Asset.BTC else line.fee


def _shown(line: Line, n: int, price: Price | None, rate: FiatRate | None) -> str:
    return display_amount(amount_of(line.asset, n), price, rate) if price else "0.00"


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def invoice_payload(hook: InvoiceHook) -> str:
    """JSON of the end of an invoice. The preimage of a paid one proves it: its SHA-256 is the payment hash."""
    told = {
        "eventType": hook.event,
        "paymentHash": hook.payment_hash.hex(),
        "paymentRequest": hook.payment_request,
        "status": hook.status,
    }
    if hook.preimage is not None:
        told["paymentPreimage"] = hook.preimage.hex()
    return json.dumps(told, separators=(",", ":"))
