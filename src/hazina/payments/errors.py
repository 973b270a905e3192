"""Refusals of payments. ``blink`` is the code that Blink's clients know for the same cause."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class InvalidAmount(Refusal):
    code = "INVALID_AMOUNT"
    kind = Kind.INVALID
    message = "The amount must be a whole number greater than zero."


class AmountTooLarge(Refusal):
    code = "AMOUNT_TOO_LARGE"
    kind = Kind.INVALID
    message = "The amount is larger than all bitcoin there will ever be."


class AmountTooSmall(Refusal):
    """Exchanged, it would be less than one cent, or than one satoshi."""

    code = "AMOUNT_TOO_SMALL"
    kind = Kind.INVALID
    message = "This is too little to be exchanged: it would be less than one cent, or one satoshi. Nothing was moved."


class WrongCurrency(Refusal):
    code = "WRONG_CURRENCY"
    kind = Kind.INVALID
    message = "This wallet holds another currency."


class SelfPayment(Refusal):
    code = "SELF_PAYMENT"
    kind = Kind.INVALID
    blink = "CANT_PAY_SELF"
    message = "User tried to pay themselves: sender and recipient are the same wallet."


class InsufficientBalance(Refusal):
    code = "INSUFFICIENT_BALANCE"
    kind = Kind.LIMIT
    blink = "INSUFFICIENT_BALANCE"
    message = "The balance is too low. Nothing was moved."


class LimitExceeded(Refusal):
    code = "LIMIT_EXCEEDED"
    kind = Kind.LIMIT
    blink = "TRANSACTION_RESTRICTED"
    message = "This is more than the limit of your account allows in 24 hours."


class SpendingCapExceeded(LimitExceeded):
    """Of the credential: an app, or a key. The account itself may do more."""

    code = "SPENDING_CAP_EXCEEDED"
    message = "This is more than you let this app spend."


class AccountNotActive(Refusal):
    code = "ACCOUNT_NOT_ACTIVE"
    kind = Kind.FORBIDDEN
    message = "This account cannot send or receive at present."


class MemoTooLong(Refusal):
    code = "MEMO_TOO_LONG"
    kind = Kind.INVALID
    message = "A memo has at most 639 bytes."


class InvoiceUnreadable(Refusal):
    code = "INVOICE_UNREADABLE"
    kind = Kind.INVALID
    blink = "INVOICE_DECODE_ERROR"
    message = "This is not a Lightning invoice that can be paid."


class InvoiceForeignNetwork(Refusal):
    code = "INVOICE_FOREIGN_NETWORK"
    kind = Kind.INVALID
    blink = "INVOICE_DECODE_ERROR"
    message = "This invoice is for another Bitcoin network."


class InvoiceExpired(Refusal):
    code = "INVOICE_EXPIRED"
    kind = Kind.CONFLICT
    blink = "LIGHTNING_PAYMENT_ERROR"
    message = "The invoice has expired. Ask for a new one. Nothing was moved."


class InvoiceHasAmount(Refusal):
    code = "INVOICE_HAS_AMOUNT"
    kind = Kind.INVALID
    message = "Invoice has an amount already: it cannot be paid with another one."


class InvoiceNeedsAmount(Refusal):
    code = "INVOICE_NEEDS_AMOUNT"
    kind = Kind.INVALID
    message = "Invoice is without an amount: say how much to pay."


class InvoiceUnknown(Refusal):
    code = "INVOICE_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no such invoice."


class InvoiceAlreadyPaid(Refusal):
    code = "INVOICE_ALREADY_PAID"
    kind = Kind.CONFLICT
    blink = "LIGHTNING_PAYMENT_ERROR"
    message = "The invoice is already paid."


class InvoiceClosed(Refusal):
    code = "INVOICE_CLOSED"
    kind = Kind.CONFLICT
    message = "The invoice can no longer be paid or cancelled."


class ExternalIdTaken(Refusal):
    code = "EXTERNAL_ID_TAKEN"
    kind = Kind.CONFLICT
    message = "Another invoice of this account has the same external id."


class PaymentInProgress(Refusal):
    code = "PAYMENT_IN_PROGRESS"
    kind = Kind.CONFLICT
    message = "A payment of this invoice is on its way. Do not pay again; look at the history."


class PaymentFailed(Refusal):
    code = "PAYMENT_FAILED"
    kind = Kind.CONFLICT
    blink = "LIGHTNING_PAYMENT_ERROR"
    message = "The payment could not be delivered. Your money was returned."


class NoRoute(Refusal):
    code = "NO_ROUTE"
    kind = Kind.CONFLICT
    blink = "ROUTE_FINDING_ERROR"
    message = "No way to the recipient was found within the fee limit. Your money was returned."


class LightningUnavailable(Refusal):
    code = "LIGHTNING_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "LND_OFFLINE"
    message = "The bank's Lightning node is away. Nothing was moved."


class TooManyInFlight(Refusal):
    code = "TOO_MANY_IN_FLIGHT"
    kind = Kind.LIMIT
    blink = "TRANSACTION_RESTRICTED"
    message = "Too many of your Lightning payments are still on their way. Nothing was moved; try again when they end."


class LightningBusy(Refusal):
    code = "LIGHTNING_BUSY"
    kind = Kind.BUSY
    blink = "LND_OFFLINE"
    message = "The bank's Lightning node has as many payments on their way as it may. Nothing was moved; try again."


class PaymentUnknown(Refusal):
    code = "PAYMENT_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no such payment."


class DustAmount(Refusal):
    code = "DUST_AMOUNT"
    kind = Kind.INVALID
    message = "This is too little to be sent on-chain: use Lightning. (LessThanDustThreshold)"


class FeeTooHigh(Refusal):
    code = "FEE_TOO_HIGH"
    kind = Kind.CONFLICT
    blink = "ONCHAIN_FEE_ESTIMATION_ERROR"
    message = "The miners' fee is too high for this amount at present. Nothing was moved."


class QuoteExpired(Refusal):
    code = "QUOTE_EXPIRED"
    kind = Kind.CONFLICT
    blink = "ONCHAIN_FEE_ESTIMATION_ERROR"
    message = "The fee has risen since it was shown. Look at the new one, and send again. Nothing was moved."


class KeyReused(Refusal):
    code = "IDEMPOTENCY_KEY_REUSED"
    kind = Kind.CONFLICT
    message = "This idempotency key was used for another request."
