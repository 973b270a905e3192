"""Refusals of merchants; the first two are Blink's codes."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class InvalidCoordinates(Refusal):
    code = "INVALID_COORDINATES"
    kind = Kind.INVALID
    blink = "INVALID_COORDINATES"
    message = "A latitude lies between -90 and 90, a longitude between -180 and 180."


class InvalidTitle(Refusal):
    code = "INVALID_TITLE"
    kind = Kind.INVALID
    blink = "INVALID_TITLE"
    message = "A title has 3 to 100 printable characters."


class MerchantUnknown(Refusal):
    code = "MERCHANT_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no such merchant."


class TooManySuggested(Refusal):
    """Operators look at each: more would only be in the way of the others."""

    code = "TOO_MANY_SUGGESTED"
    kind = Kind.LIMIT
    blink = "TOO_MANY_REQUEST"
    message = "Enough places wait for the bank's people to look at. Try again another day."
