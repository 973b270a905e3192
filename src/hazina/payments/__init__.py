"""Payments: one life cycle, now on two rails (inside the bank, Lightning).

Owns payments, invoices and the statement. A payment is decided by rules, committed as one unit
(hold or transfer), sent under a lease, and concluded only by what the node says.
"""

from hazina.payments.checks import checks_since, verify
from hazina.payments.common import Parts
from hazina.payments.effects import CLAIMS, EFFECTS
from hazina.payments.errors import (
    ExchangeUnavailable,
    InsufficientBalance,
    InvoiceAlreadyPaid,
    InvoiceExpired,
    InvoiceUnknown,
    LightningUnavailable,
    LimitExceeded,
    PaymentInProgress,
    PaymentUnknown,
    SelfPayment,
)
from hazina.payments.flow import drawing
from hazina.payments.model import (
    Direction,
    Invoice,
    InvoiceState,
    InvoiceStatus,
    Kind,
    Line,
    LineStatus,
    NewInvoice,
    Payment,
    Policy,
    Probe,
    SendInternal,
    SendInvoice,
    Sent,
    State,
    Via,
)
from hazina.payments.postings import receipt_id, settlement_id
from hazina.payments.service import Payments
from hazina.payments.store import invoices_with, sent_with, waiting_since

__all__ = [
    "CLAIMS",
    "EFFECTS",
    "Direction",
    "ExchangeUnavailable",
    "InsufficientBalance",
    "Invoice",
    "InvoiceAlreadyPaid",
    "InvoiceExpired",
    "InvoiceState",
    "InvoiceStatus",
    "InvoiceUnknown",
    "Kind",
    "LightningUnavailable",
    "LimitExceeded",
    "Line",
    "LineStatus",
    "NewInvoice",
    "Parts",
    "Payment",
    "PaymentInProgress",
    "PaymentUnknown",
    "Payments",
    "Policy",
    "Probe",
    "SelfPayment",
    "SendInternal",
    "SendInvoice",
    "Sent",
    "State",
    "Via",
    "checks_since",
    "drawing",
    "invoices_with",
    "receipt_id",
    "sent_with",
    "settlement_id",
    "verify",
    "waiting_since",
]
