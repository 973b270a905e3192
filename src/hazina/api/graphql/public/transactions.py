"""Lines of the statement as Blink's ``Transaction``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ariadne import EnumType, ObjectType

from hazina.api.graphql.context import Context, Info, context_of
from hazina.dealer import DisplayPrice, FiatRate, currency, display_amount, display_price
from hazina.kernel.money import Asset, Msats, Price, amount_of
from hazina.learn import memo_shown
from hazina.links import Said
from hazina.payments import Direction, Line, LineStatus, Via

T = TypeVar("T")
transaction = ObjectType("Transaction")
onchain = ObjectType("SettlementViaOnChain")
settlement_price = ObjectType("PriceOfOneSettlementMinorUnitInDisplayMinorUnit")


def line_cursor(line: Line) -> str:
    return str(line.id)


def whole(asset: Asset, n: int) -> int:
    """Minor units of the ledger as the customer sees them: whole satoshi, towards minus infinity, or cents."""
    return Msats(n).sats_floor if asset is Asset.BTC else n


def _fee(line: Line, _: Info) -> int:
    """Never negative; with the amount rounded down, amount and fee stay consistent."""
    return Msats(line.fee).sats_ceil if line.asset is Asset.BTC else line.fee


def _initiation(line: Line, _: Info) -> dict[str, Any]:
    if line.initiation is Via.LN:
        return {
            "__typename": "InitiationViaLn",
            "paymentHash": line.payment_hash,
            "paymentRequest": line.payment_request or "",
        }
    if line.initiation is Via.ONCHAIN:
        return {"__typename": "InitiationViaOnChain", "address": line.address}
    return {"__typename": "InitiationViaIntraLedger", **_counterparty(line)}


def _settlement(line: Line, _: Info) -> dict[str, Any]:
    if line.settlement is Via.LN:
        # The older name of the preimage is "payment secret"; clients still read it.
        return {"__typename": "SettlementViaLn", "preImage": line.preimage, "paymentSecret": line.preimage}
    if line.settlement is Via.ONCHAIN:
        return {"__typename": "SettlementViaOnChain", "transactionHash": line.txid, "vout": line.vout, "line": line}
    return {"__typename": "SettlementViaIntraLedger", "preImage": line.preimage, **_counterparty(line)}


def _counterparty(line: Line) -> dict[str, Any]:
    return {"counterPartyUsername": line.counterparty_username, "counterPartyWalletId": line.counterparty_wallet_id}


def _own_rate(line: Line) -> FiatRate | None:
    """What a dollar was in the line's currency when it happened, where that was read back with it."""
    if line.display_rate is None:
        return None
    return FiatRate(currency(line.display_currency), line.display_rate, "", line.created_at)


async def rate_of(line: Line, context: Context) -> FiatRate | None:
    """What a dollar was in the line's currency when it happened; what is so fresh that it was not read back, and
    what waits for its confirmations, shows today's."""
    return _own_rate(line) or await context.bank.prices.rates.last(line.display_currency)


def _shown(line: Line, info: Info, show: Callable[[Price | None, FiatRate | None], T]) -> T | Awaitable[T]:
    """``show`` of the price and the rate when it happened; a line from before the first price shows today's. Nearly
    every line carries both: a field that need not wait costs a fraction of one that might."""
    if line.price is not None and (rate := _own_rate(line)) is not None:
        return show(line.price, rate)

    async def later() -> T:
        context = context_of(info)
        return show(line.price or await context.bank.prices.latest(), await rate_of(line, context))

    return later()


async def _confirmations(via: dict[str, Any], info: Info) -> int | None:
    found = await context_of(info).bank.payments.confirmations(via["line"])
    return found[0] if found else None


async def _confirmations_needed(via: dict[str, Any], info: Info) -> int | None:
    found = await context_of(info).bank.payments.confirmations(via["line"])
    return found[1] if found else None


onchain.set_field("confirmations", _confirmations)
onchain.set_field("confirmationsNeeded", _confirmations_needed)


@transaction.field("settlementPrice")
def _settlement_price(line: Line, info: Info) -> DisplayPrice | Awaitable[DisplayPrice]:
    def show(price: Price | None, rate: FiatRate | None) -> DisplayPrice:
        if price is None and line.asset is Asset.BTC:
            return DisplayPrice(0, 12)  # the field may not be null
        return display_price(amount_of(line.asset, line.amount), price, rate) if price else DisplayPrice(10**6, 6)

    return _shown(line, info, show)


def _amount(line: Line, info: Info, n: int) -> str | Awaitable[str]:
    def show(price: Price | None, rate: FiatRate | None) -> str:
        return display_amount(amount_of(line.asset, n), price, rate) if price else "0.00"

    return _shown(line, info, show)


@transaction.field("settlementDisplayAmount")
def _display_amount(line: Line, info: Info) -> str | Awaitable[str]:
    return _amount(line, info, line.amount)


@transaction.field("settlementDisplayFee")
def _display_fee(line: Line, info: Info) -> str | Awaitable[str]:
    return _amount(line, info, line.fee)


@transaction.field("successAction")
async def _success_action(line: Line, info: Info) -> Said | None:
    return await context_of(info).bank.links.said(line)


transaction.set_field("id", lambda line, _: str(line.id))
transaction.set_field("createdAt", lambda line, _: line.created_at)
transaction.set_field("direction", lambda line, _: line.direction)
transaction.set_field("status", lambda line, _: line.status)
transaction.set_field("memo", lambda line, _: memo_shown(line))
transaction.set_field("externalId", lambda line, _: line.external_id)
transaction.set_field("settlementAmount", lambda line, _: whole(line.asset, line.amount))
transaction.set_field("settlementFee", _fee)
transaction.set_field("settlementCurrency", lambda line, _: line.asset)
transaction.set_field("settlementDisplayCurrency", lambda line, _: line.display_currency)
transaction.set_field("initiationVia", _initiation)
transaction.set_field("settlementVia", _settlement)

settlement_price.set_field("formattedAmount", lambda price, _: price.formatted_amount)

BINDABLES = (
    transaction,
    onchain,
    settlement_price,
    EnumType("TxDirection", Direction),
    EnumType("TxStatus", LineStatus),
)
