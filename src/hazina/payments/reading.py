"""Reading an invoice that somebody wants paid. Rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hazina.kernel import bolt11
from hazina.kernel.money import Cents, Msats
from hazina.payments.errors import InvoiceForeignNetwork, InvoiceHasAmount, InvoiceNeedsAmount, InvoiceUnreadable
from hazina.payments.model import positive

FAR_FUTURE = 4_102_444_800
"""1 January 2100, unix seconds: an invoice that lives longer is taken to end then."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An invoice and its text in the one form that is stored and compared: lower case, no prefix."""

    text: str
    says: bolt11.Invoice11

    @property
    def expires_at(self) -> datetime:
        return datetime.fromtimestamp(min(self.says.expires_at, FAR_FUTURE), UTC)


def read_invoice(text: str, network: bolt11.Network) -> Reading:
    """Raises InvoiceUnreadable, InvoiceForeignNetwork."""
    try:
        says = bolt11.decode(text, network)
    except bolt11.Bolt11Error as error:
        if error.code is bolt11.Bolt11Code.WRONG_NETWORK:
            raise InvoiceForeignNetwork() from error
        raise InvoiceUnreadable(f"{InvoiceUnreadable.message} {error}", cause=error.code.value) from error
    return Reading(text.strip().lower().removeprefix("lightning:"), says)


def amount_to_pay(invoice: bolt11.Invoice11, wished: Msats | Cents | None) -> Msats | Cents:
    """What the invoice asks for, or what is wished. Raises InvoiceHasAmount, InvoiceNeedsAmount, InvalidAmount."""
    if invoice.amount is None:
        if wished is None:
            raise InvoiceNeedsAmount()
        positive(wished)
        return wished
    if wished is not None:
        raise InvoiceHasAmount()
    positive(invoice.amount)
    return invoice.amount
