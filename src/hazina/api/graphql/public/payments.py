"""Paying: each resolver is one verb of ``hazina.payments``."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context
from hazina.api.graphql.errors import refused
from hazina.api.graphql.verbs import Payload, verb
from hazina.kernel.money import Asset, Cents, Msats
from hazina.payments import Probe, SendInternal, SendInvoice, Sent

mutation = MutationType()


def payload_of(sent: Sent) -> Payload:
    """A payment that failed shows no transaction; one that was made earlier shows that one, and no error."""
    return {
        "status": sent.status,
        "transaction": None if sent.status == "FAILURE" else sent.line,
        "errors": [refused(sent.refusal)] if sent.refusal is not None else [],
    }


async def _send_internal(context: Context, caller: Caller, order: dict[str, Any], amount: Msats | Cents) -> Payload:
    wanted = SendInternal(order["walletId"], order["recipientWalletId"], amount, order.get("memo"), context.key)
    return payload_of(await context.bank.payments.send_internal(caller, wanted))


@mutation.field("intraLedgerPaymentSend")
@verb(Scope.WRITE, status="FAILURE")
async def send_sats(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _send_internal(context, caller, input, input["amount"])


@mutation.field("intraLedgerUsdPaymentSend")
@verb(Scope.WRITE, status="FAILURE")
async def send_cents(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _send_internal(context, caller, input, input["amount"])


async def _send_invoice(
    context: Context, caller: Caller, order: dict[str, Any], amount: Msats | Cents | None
) -> Payload:
    wanted = SendInvoice(order["walletId"], order["paymentRequest"], amount, order.get("memo"), context.key)
    return payload_of(await context.bank.payments.send_invoice(caller, wanted))


@mutation.field("lnInvoicePaymentSend")
@verb(Scope.WRITE, status="FAILURE")
async def pay_invoice(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _send_invoice(context, caller, input, None)


@mutation.field("lnNoAmountInvoicePaymentSend")
@mutation.field("lnNoAmountUsdInvoicePaymentSend")
@verb(Scope.WRITE, status="FAILURE")
async def pay_no_amount_invoice(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    """The amount's scalar says which sort of wallet pays."""
    return await _send_invoice(context, caller, input, input["amount"])


def _probed(probe: Probe) -> Payload:
    """The amount may stand beside an error: then it is the bank's own ceiling."""
    errors = [refused(probe.refusal)] if probe.refusal is not None else []
    amount = probe.fee.sats_ceil if isinstance(probe.fee, Msats) else probe.fee.n
    return {"amount": amount, "errors": errors}


async def _probe(context: Context, caller: Caller, order: dict[str, Any], of: Asset) -> Payload:
    asked = order["walletId"], order["paymentRequest"], order.get("amount")
    return _probed(await context.bank.payments.probe_fee(caller, *asked, of))


@mutation.field("lnInvoiceFeeProbe")
@mutation.field("lnNoAmountInvoiceFeeProbe")
@verb(Scope.WRITE)
async def probe(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _probe(context, caller, input, Asset.BTC)


@mutation.field("lnUsdInvoiceFeeProbe")
@mutation.field("lnNoAmountUsdInvoiceFeeProbe")
@verb(Scope.WRITE)
async def probe_usd(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    """Cents; also where Blink types them as satoshi."""
    return await _probe(context, caller, input, Asset.USD)


BINDABLES = (mutation,)
