"""Invoices of ours: making, cancelling, looking whether they are paid."""

from __future__ import annotations

from typing import Any

from ariadne import InterfaceType, MutationType, ObjectType, QueryType

from hazina.access import Caller, Scope
from hazina.accounts import WalletUnknown
from hazina.api.bank import Bank
from hazina.api.graphql.context import Context, Info, context_of
from hazina.api.graphql.verbs import Payload, question, verb
from hazina.identity import ip_keys
from hazina.kernel import bolt11, rates
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.money import Asset, Cents, Msats
from hazina.payments import Invoice, InvoiceStatus, InvoiceUnknown, NewInvoice

query, mutation = QueryType(), MutationType()
invoice, amount_invoice = InterfaceType("Invoice"), ObjectType("LnInvoice")
invoice.set_type_resolver(lambda one, *_: "LnNoAmountInvoice" if one.amount is None else "LnInvoice")

INVOICE_RATE = rates.Rate("invoice", points=60, window_s=60, block_s=300)  # Blink's, for an account
STRANGER_RATE = rates.Rate("invoice-for-ip", points=1_200, window_s=600, block_s=300)
"""Of one address that is not logged in, for whomever: each invoice is kept here and at a node."""
RECIPIENT_RATE = rates.Rate("invoice-for", points=60, window_s=60, block_s=300)  # Blink's, for who is to be paid


def invoice_cursor(one: Invoice) -> str:
    return one.payment_hash.hex()


def hash_of(payment_request: str) -> bytes:
    """The payment hash inside an invoice. Raises InvoiceUnknown for what is none."""
    try:
        return bolt11.decode(payment_request).payment_hash
    except bolt11.Bolt11Error as error:
        raise InvoiceUnknown(f"{InvoiceUnknown.message} {error}") from None


# -- making and cancelling -----------------------------------------------------------------------


async def _within(bank: Bank, *counted: tuple[rates.Rate, str]) -> None:
    """Raises TooManyRequests."""
    async with bank.db.transaction() as tx:
        wait = await rates.take(tx, counted, bank.clock.now())
    if wait:
        raise TooManyRequests(retry_after_s=wait)


Sum = Msats | Cents | None


async def _create(
    context: Context, caller: Caller, order: dict[str, Any], amount: Sum, asset: Asset | None = None
) -> Payload:
    """``asset``: the wallet must be of it."""
    bank = context.bank
    await _within(bank, (INVOICE_RATE, str(caller.account_id)))
    wanted = NewInvoice(
        order["walletId"], amount, order.get("memo"), order.get("expiresIn"), order.get("externalId"), asset=asset
    )
    return {"invoice": await bank.payments.create_invoice(caller, wanted)}


async def _create_for(context: Context, order: dict[str, Any], amount: Sum, asset: Asset | None = None) -> Payload:
    """For anybody's wallet, by anybody: it can only bring money. So it is counted for whoever is to be paid, apart
    from what they make themselves."""
    bank = context.bank
    recipient = (await bank.accounts.holders(order["recipientWalletId"])).get(order["recipientWalletId"])
    if recipient is None:
        raise WalletUnknown()
    if (url := order.get("webhookUrl")) is not None:
        bank.webhooks.check(url)
    stranger = [(STRANGER_RATE, ip_keys(context.ip)[0])] if context.caller is None and context.ip else []
    await _within(bank, (RECIPIENT_RATE, str(recipient.account.id)), *stranger)
    wanted = NewInvoice(
        recipient.wallet.id, amount, order.get("memo"), order.get("expiresIn"), order.get("externalId"),
        description_hash=order.get("descriptionHash"), webhook_url=order.get("webhookUrl"), asset=asset,
    )  # fmt: skip
    return {"invoice": await bank.payments.create_invoice_for(wanted)}


@mutation.field("lnInvoiceCreate")
@verb(Scope.RECEIVE)
async def create(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _create(context, caller, input, input["amount"], Asset.BTC)


@mutation.field("lnUsdInvoiceCreate")
@verb(Scope.RECEIVE)
async def create_usd(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    """Cents, which are what is credited; the invoice asks for what they cost in bitcoin, and ends in five minutes."""
    return await _create(context, caller, input, input["amount"], Asset.USD)


@mutation.field("lnNoAmountInvoiceCreate")
@verb(Scope.RECEIVE)
async def create_no_amount(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _create(context, caller, input, None)


@mutation.field("lnInvoiceCreateOnBehalfOfRecipient")
@verb()
async def create_for(context: Context, input: dict[str, Any]) -> Payload:
    return await _create_for(context, input, input["amount"], Asset.BTC)


@mutation.field("lnUsdInvoiceCreateOnBehalfOfRecipient")
@mutation.field("lnUsdInvoiceBtcDenominatedCreateOnBehalfOfRecipient")
@verb()
async def create_usd_for(context: Context, input: dict[str, Any]) -> Payload:
    """For a dollar wallet: over cents, or over satoshi that become cents at the rate of this moment."""
    return await _create_for(context, input, input["amount"], Asset.USD)


@mutation.field("lnNoAmountInvoiceCreateOnBehalfOfRecipient")
@verb()
async def create_no_amount_for(context: Context, input: dict[str, Any]) -> Payload:
    return await _create_for(context, input, None)


@mutation.field("lnInvoiceCancel")
@verb(Scope.RECEIVE, success=False)
async def cancel(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.payments.cancel_invoice(caller, input["walletId"], input["paymentHash"])
    return {"success": True}


# -- is it paid? (anyone who holds the invoice may ask) -------------------------------------------


def status_fields(found: InvoiceStatus) -> dict[str, Any]:
    return {
        "paymentHash": found.payment_hash,
        "paymentRequest": found.payment_request,
        "paymentPreimage": found.preimage,
        "status": found.status,
    }


async def status_payload(bank: Bank, payment_hash: bytes) -> Payload:
    """Raises Refusal for an invoice that is none of ours."""
    return {"errors": [], **status_fields(await bank.payments.invoice_status(payment_hash))}


@query.field("lnInvoicePaymentStatus")
@verb()
async def status(context: Context, input: dict[str, Any]) -> Payload:
    """A query whose refusals stand in its payload."""
    return await status_payload(context.bank, hash_of(input["paymentRequest"]))


@query.field("lnInvoicePaymentStatusByHash")
@question
async def status_by_hash(_: Any, context: Context, input: dict[str, Any]) -> dict[str, Any]:
    return status_fields(await context.bank.payments.invoice_status(input["paymentHash"]))


@query.field("lnInvoicePaymentStatusByPaymentRequest")
@question
async def status_by_request(_: Any, context: Context, input: dict[str, Any]) -> dict[str, Any]:
    return status_fields(await context.bank.payments.invoice_status(hash_of(input["paymentRequest"])))


# -- fields of Invoice ---------------------------------------------------------------------------


def _payment_status(one: Invoice, info: Info) -> str:
    return one.status_at(context_of(info).bank.clock.now())


def _satoshis(one: Invoice, _: Info) -> int:
    assert one.amount is not None, "the type says so"
    return one.amount.sats_floor


invoice.set_field("createdAt", lambda one, _: one.created_at)
invoice.set_field("externalId", lambda one, _: one.external_id)
invoice.set_field("paymentHash", lambda one, _: one.payment_hash)
invoice.set_field("paymentRequest", lambda one, _: one.payment_request)
invoice.set_field("paymentSecret", lambda one, _: one.payment_secret)
invoice.set_field("paymentStatus", _payment_status)
amount_invoice.set_field("satoshis", _satoshis)

BINDABLES = (query, mutation, invoice, amount_invoice)
