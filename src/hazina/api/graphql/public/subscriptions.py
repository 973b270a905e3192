"""What is told as it happens. A source follows the hub first and reads the present second, so that
nothing falls between; the first event comes at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any
from uuid import UUID

from ariadne import ObjectType, SubscriptionType

from hazina.access import Caller
from hazina.api.credentials import BadCredential, caller_of
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.errors import payload_error, refused
from hazina.api.graphql.public.invoices import hash_of, status_payload
from hazina.api.graphql.public.price_stream import PriceStream
from hazina.api.graphql.public.transactions import whole
from hazina.api.graphql.scalars import first_invalid
from hazina.api.graphql.verbs import Payload
from hazina.dealer import RATE_SCALE, msats_of
from hazina.kernel.errors import NotAuthorized, Refusal
from hazina.kernel.events import Fact
from hazina.kernel.money import Asset, Cents
from hazina.payments import Direction, Kind, Line, State, Via

subscription, my_updates = SubscriptionType(), ObjectType("MyUpdatesPayload")

Events = AsyncGenerator[Payload, None]
PRICE_EVERY_S = 30.0
OLD_PRICE_SATS_MAX = 1_000_000


# -- myUpdates -----------------------------------------------------------------------------------


@subscription.source("myUpdates")
def my_updates_source(_: Any, info: Info) -> Events:
    """Raises NotAuthorized. Scopes are not looked at: Blink tells receipts to keys that may only receive."""
    context = context_of(info)
    if context.caller is None:
        raise NotAuthorized
    return _my_updates(context, context.caller)


async def _my_updates(context: Context, caller: Caller) -> Events:
    bank = context.bank
    with bank.hub.follow([f"account:{caller.account_id}"]) as queue:
        currency = (await bank.accounts.account(caller.account_id)).display_currency
        while await _still_valid(context):
            for price in await _stream(context).updates(currency):
                yield price
            end = asyncio.get_running_loop().time() + PRICE_EVERY_S
            while (fact := await _next(queue, end)) is not None:
                if fact.topic == "currency":  # the price in the one that was chosen comes at once
                    currency, end = fact.body["currency"], 0.0
                elif (update := await _receipt(context, caller, fact)) is not None and await _still_valid(context):
                    yield update


async def _next(queue: asyncio.Queue[Fact], end: float) -> Fact | None:
    """The next fact; None when the time has come."""
    try:
        async with asyncio.timeout_at(end):
            return await queue.get()
    except TimeoutError:
        return None


async def _still_valid(context: Context) -> bool:
    """A session that was ended hears no more, however long its socket stays open."""
    try:
        return await caller_of(context.bank, context.shown, context.ip) is not None
    except BadCredential:
        return False


def _stream(context: Context) -> PriceStream:
    assert context.prices is not None, "subscriptions come over a socket"
    return context.prices


async def _receipt(context: Context, caller: Caller, fact: Fact) -> Payload | None:
    """The update for a fact that tells of money received, or on its way, or of a withdrawal that has arrived; None
    for every other."""
    paying = context.bank.payments
    match fact.topic, fact.body:
        case "line", {"direction": Direction.RECEIVE.name, "line_id": id_}:
            line, told = await paying.line_of(caller.account_id, UUID(id_)), "OnchainReceipt"
        case "deposit", {"deposit_id": id_}:
            line, told = await paying.pending_deposit(caller.account_id, UUID(id_)), "OnchainReceiptPending"
        case "payment", {"kind": Kind.ONCHAIN_OUT.name, "state": State.PAID.name, "payment_id": id_}:
            line, told = await paying.line_sent(caller.account_id, UUID(id_)), "OnchainPayment"
        case _:
            return None
    if line is None:
        return None
    if line.settlement is Via.ONCHAIN:
        return {"errors": [], "update": _onchain_update(line, told)}
    return {"errors": [], "update": _ln_update(line) if line.initiation is Via.LN else _intraledger_update(line)}


def _ln_update(line: Line) -> dict[str, Any]:
    return {
        "__typename": "LnUpdate",
        "paymentHash": line.payment_hash,
        "status": "PAID",
        "transaction": line,
        "walletId": line.wallet_id,
    }


def _intraledger_update(line: Line) -> dict[str, Any]:
    """The fields besides the transaction are Blink's old ones: satoshi, and dollars for one of them."""
    return {
        "__typename": "IntraLedgerUpdate",
        "amount": _sats(line),
        **_per_sat(line),
        "transaction": line,
        "txNotificationType": "IntraLedgerReceipt",
        "walletId": line.wallet_id,
    }


def _onchain_update(line: Line, told: str) -> dict[str, Any]:
    return {
        "__typename": "OnChainUpdate",
        "amount": abs(_sats(line)),
        **_per_sat(line),
        "transaction": line,
        "txHash": line.txid,
        "txNotificationType": told,
        "walletId": line.wallet_id,
    }


def _sats(line: Line) -> int:
    """What a line is in satoshi, at its price where it is in dollars."""
    if line.asset is Asset.BTC:
        return whole(Asset.BTC, line.amount)
    return msats_of(Cents(line.amount), line.price).sats_floor if line.price else 0


def _per_sat(line: Line) -> dict[str, float]:
    dollars = line.price.cents_per_btc / 10**10 if line.price else 0.0
    rate = (line.display_rate or RATE_SCALE) / RATE_SCALE
    return {"usdPerSat": dollars, "displayCurrencyPerSat": dollars * rate}


@my_updates.field("me")
async def my_updates_me(payload: Payload, info: Info) -> Me | None:
    """Null beside the old price, as Blink has it."""
    return None if payload["update"]["__typename"] == "Price" else context_of(info).me()


# -- is an invoice paid? -------------------------------------------------------------------------


async def _invoice_events(context: Context, payment_hash: bytes) -> Events:
    """The state at once, and once more when it is paid or has expired."""
    bank = context.bank
    with bank.hub.follow([f"hash:{payment_hash.hex()}"]) as queue:
        told: Any = None
        while True:
            found = await bank.payments.invoice_status(payment_hash)
            if found.status != told:
                told = found.status
                yield await status_payload(bank, payment_hash)
            if told != "PENDING":
                return
            left = found.expires_at + timedelta(seconds=1) - bank.clock.now()
            await _next(queue, asyncio.get_running_loop().time() + max(left.total_seconds(), 1.0))


async def _or_error(events: Events) -> Events:
    """A refusal is an event of its own, and the last."""
    try:
        async for event in events:
            yield event
    except Refusal as refusal:
        yield {"errors": [refused(refusal)]}
    finally:
        await events.aclose()


async def _only(payload: Payload) -> Events:
    yield payload


def _invoice_source(info: Info, arguments: dict[str, Any], key: str) -> Events:
    if bad := first_invalid(arguments):
        return _only({"errors": [payload_error(bad.message)]})
    value = arguments["input"][key]
    try:
        payment_hash = value if isinstance(value, bytes) else hash_of(value)
    except Refusal as refusal:
        return _only({"errors": [refused(refusal)]})
    return _or_error(_invoice_events(context_of(info), payment_hash))


@subscription.source("lnInvoicePaymentStatus")
@subscription.source("lnInvoicePaymentStatusByPaymentRequest")
def status_by_request_source(_: Any, info: Info, **arguments: Any) -> Events:
    return _invoice_source(info, arguments, "paymentRequest")


@subscription.source("lnInvoicePaymentStatusByHash")
def status_by_hash_source(_: Any, info: Info, **arguments: Any) -> Events:
    return _invoice_source(info, arguments, "paymentHash")


# -- prices --------------------------------------------------------------------------------------


@subscription.source("realtimePrice")
def price_source(_: Any, info: Info, **arguments: Any) -> Events:
    if bad := first_invalid(arguments):
        return _only({"errors": [payload_error(bad.message)]})
    return _price_events(context_of(info), arguments["input"].get("currency") or "USD")


async def _price_events(context: Context, currency: str) -> Events:
    while True:
        try:
            yield await _stream(context).realtime(currency)
        except Refusal as refusal:
            yield {"errors": [payload_error(str(refusal))]}
            return
        await asyncio.sleep(PRICE_EVERY_S)


@subscription.source("price")
def old_price_source(_: Any, info: Info, **arguments: Any) -> Events:
    wanted = arguments["input"]
    if bad := first_invalid(arguments):
        return _only({"errors": [payload_error(bad.message)]})
    if (wanted["amountCurrencyUnit"], wanted["priceCurrencyUnit"]) != ("BTCSAT", "USDCENT"):
        return _only({"errors": [payload_error("Only the price of satoshi in US cents is served.")]})
    sats = wanted["amount"].sats_floor
    if sats >= OLD_PRICE_SATS_MAX:
        return _only({"errors": [payload_error(f"Unsupported amount: it must be less than {OLD_PRICE_SATS_MAX}.")]})
    return _old_price_events(context_of(info), sats)


async def _old_price_events(context: Context, sats: int) -> Events:
    while True:
        yield await _stream(context).old(sats)
        await asyncio.sleep(PRICE_EVERY_S)


@subscription.field("myUpdates")
@subscription.field("lnInvoicePaymentStatus")
@subscription.field("lnInvoicePaymentStatusByHash")
@subscription.field("lnInvoicePaymentStatusByPaymentRequest")
@subscription.field("realtimePrice")
@subscription.field("price")
def as_it_is(event: Payload, info: Info, **_: Any) -> Payload:
    context_of(info).forget()
    return event


BINDABLES = (subscription, my_updates)
