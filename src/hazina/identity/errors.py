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


class FactorTaken(Refusal):
    """A phone, e-mail or key that logs somebody else in. It moves only with that person's own consent."""

    code = "FACTOR_TAKEN"
    kind = Kind.CONFLICT
    blink = "PHONE_ACCOUNT_ALREADY_EXISTS_ERROR"
    message = "This already belongs to an account. Log in to that account and release it there first."


class FactorExists(Refusal):
    code = "FACTOR_EXISTS"
    kind = Kind.CONFLICT
    message = "Your account has one of this kind already. Remove it first."


class FactorUnknown(Refusal):
    code = "FACTOR_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no such way to log in."


class NotRegistered(Refusal):
    """Proved, and nobody's; and this kind makes no account by itself."""

    code = "NOT_REGISTERED"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "No account can be entered this way."


class LastFactor(Refusal):
    code = "LAST_FACTOR"
    kind = Kind.CONFLICT
    message = "It is the last way to log in to this account. Add another one first."


class TooManyFactors(Refusal):
    code = "TOO_MANY_FACTORS"
    kind = Kind.LIMIT
    message = "Your account has as many ways to log in as it can have. Remove one first."


class OutgoingHeld(Refusal):
    """Facts: ``until`` (ISO 8601), ``remaining_cents``."""

    code = "OUTGOING_HELD"
    kind = Kind.LIMIT
    blink = "TRANSACTION_RESTRICTED"
    message = "A way to log in was changed a short time ago, so only little may be sent for now."


class StepUpRequired(Refusal):
    """Facts: ``challenge`` (its id), ``methods``, ``expires_at`` (ISO 8601)."""

    code = "STEP_UP_REQUIRED"
    kind = Kind.FORBIDDEN
    blink = "STEP_UP_REQUIRED"
    message = "Confirm this with a second proof, then send it again."


class StepUpRefused(Refusal):
    """A proof that is of something else, of somebody else, used or too old."""

    code = "STEP_UP_REFUSED"
    kind = Kind.FORBIDDEN
    blink = "STEP_UP_REFUSED"
    message = "The confirmation is not of this request, or was used, or is too old. Ask for a new one."


class ChallengeUnknown(Refusal):
    code = "CHALLENGE_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is nothing to confirm under this id, or it is too late."
