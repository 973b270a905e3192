"""Refusals of identity. ``blink`` is the code that Blink's clients know for the same cause."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class InvalidPhone(Refusal):
    code = "INVALID_PHONE"
    kind = Kind.INVALID
    message = "Invalid value for Phone"


class InvalidChannel(Refusal):
    code = "INVALID_CHANNEL"
    kind = Kind.INVALID
    message = "Codes are sent by SMS or WHATSAPP."


class InvalidCode(Refusal):
    code = "INVALID_CODE"
    kind = Kind.INVALID
    message = "A code has six digits."


class WrongCode(Refusal):
    """Wrong, expired, used, replaced or never sent: an outsider learns no more than that."""

    code = "WRONG_CODE"
    kind = Kind.UNAUTHENTICATED
    blink = "PHONE_CODE_ERROR"
    message = "Invalid or incorrect phone code entered."


class PhoneNotServed(Refusal):
    """A number that this bank sends no SMS to: its country or its kind costs more than it brings."""

    code = "PHONE_NOT_SERVED"
    kind = Kind.FORBIDDEN
    blink = "PHONE_PROVIDER_ERROR"
    message = "Codes cannot be sent to this phone number."


class SmsUnavailable(Refusal):
    """The provider did not take the message, or did not say so."""

    code = "SMS_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "PHONE_PROVIDER_ERROR"
    message = "The code could not be sent. Try again in a moment."


class SessionUnknown(Refusal):
    code = "SESSION_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no such session."
