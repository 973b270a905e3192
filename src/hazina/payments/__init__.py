"""Payments: one life cycle on three rails (inside the bank, Lightning, on-chain).

Owns payments, invoices, deposits, withdrawals and the statement. A payment is decided by rules, committed as one unit
(hold or transfer), sent under a lease, and concluded only by what the node says.
"""

from hazina.payments.caps import IN_FLIGHT
from hazina.payments.checks import checks_since, verify
from hazina.payments.common import Parts
from hazina.payments.effects import CLAIMS as _CLAIMS
from hazina.payments.effects import EFFECTS
from hazina.payments.errors import (
    AmountTooSmall,
    DustAmount,
    FeeTooHigh,
    InsufficientBalance,
    InvoiceAlreadyPaid,
    InvoiceExpired,
    InvoiceUnknown,
    KeyReused,
    LightningUnavailable,
    LimitExceeded,
    PaymentInProgress,
    PaymentUnknown,
    QuoteExpired,
    SelfPayment,
)
from hazina.payments.flow import drawing
from hazina.payments.hooks import InvoiceHook, take_invoice_hooks
from hazina.payments.model import (
    Direction,
    Invoice,
    InvoiceState,
    InvoiceStatus,
    Kind,
    Line,
    LineStatus,
    NewInvoice,
    OnchainFee,
    Payment,
    Policy,
    Probe,
    SendInternal,
    SendInvoice,
    SendOnchain,
    Sent,
    State,
    Via,
)
from hazina.payments.nodes import Nodes, NodeStanding, NodesUnfit, Seat
from hazina.payments.postings import receipt_id, settlement_id
from hazina.payments.service import Payments
from hazina.payments.store import (
    accounts_moved_since,
    invoices_with,
    paid_at,
    payment_of_hash,
    sent_with,
    waiting_since,
)

CLAIMS = (*_CLAIMS, IN_FLIGHT)

__all__ = [
    "CLAIMS",
    "EFFECTS",
    "AmountTooSmall",
    "Direction",
    "DustAmount",
    "FeeTooHigh",
    "InsufficientBalance",
    "Invoice",
    "InvoiceAlreadyPaid",
    "InvoiceExpired",
    "InvoiceHook",
    "InvoiceState",
    "InvoiceStatus",
    "InvoiceUnknown",
    "KeyReused",
    "Kind",
    "LightningUnavailable",
    "LimitExceeded",
    "Line",
    "LineStatus",
    "NewInvoice",
    "NodeStanding",
    "Nodes",
    "NodesUnfit",
    "OnchainFee",
    "Parts",
    "Payment",
    "PaymentInProgress",
    "PaymentUnknown",
    "Payments",
    "Policy",
    "Probe",
    "QuoteExpired",
    "Seat",
    "SelfPayment",
    "SendInternal",
    "SendInvoice",
    "SendOnchain",
    "Sent",
    "State",
    "Via",
    "accounts_moved_since",
    "checks_since",
    "drawing",
    "invoices_with",
    "paid_at",
    "payment_of_hash",
    "receipt_id",
    "sent_with",
    "settlement_id",
    "take_invoice_hooks",
    "verify",
    "waiting_since",
]
