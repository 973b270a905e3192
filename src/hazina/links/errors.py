"""Refusals of links. ``blink`` is the code that Blink's clients know for the same cause."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class LnurlUnreadable(Refusal):
    code = "LNURL_UNREADABLE"
    kind = Kind.INVALID
    message = "This is no LNURL and no Lightning Address."


class LnurlFailed(Refusal):
    """The other side gave no invoice that may be paid. Nothing was moved."""

    code = "LNURL_FAILED"
    kind = Kind.CONFLICT
    blink = "LNURL_REQUEST_INVOICE_ERROR"
    message = "The recipient's service gave no invoice that can be paid. Nothing was moved."


class AmountOutOfRange(Refusal):
    code = "AMOUNT_OUT_OF_RANGE"
    kind = Kind.INVALID
    message = "The amount is outside of what may be sent there."


class CommentTooLong(Refusal):
    code = "COMMENT_TOO_LONG"
    kind = Kind.INVALID
    message = "The comment is too long."


class ZapInvalid(Refusal):
    code = "ZAP_INVALID"
    kind = Kind.INVALID
    message = "The zap request is not valid."


class PayerDataInvalid(Refusal):
    code = "PAYER_DATA_INVALID"
    kind = Kind.INVALID
    message = "The payer data are not valid."


class LinkUnknown(Refusal):
    """Unknown, ended, expired, used up: to a stranger all the same."""

    code = "LINK_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "This link is not valid, or has been used."


class LinkBusy(Refusal):
    code = "LINK_BUSY"
    kind = Kind.CONFLICT
    message = "This link is being used at this moment."


class LinkTerms(Refusal):
    code = "LINK_TERMS"
    kind = Kind.INVALID
    message = "A link has a title, an amount from 1 sat up, 1 to 100 uses and an end within a year."
