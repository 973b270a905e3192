"""Refusals of safety."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class SafeMode(Refusal):
    code = "SAFE_MODE"
    kind = Kind.UNAVAILABLE
    blink = "UNKNOWN_CLIENT_ERROR"
    message = (
        "Sending is paused while the bank checks its books. Nothing was moved, and your money is safe. "
        "You can still receive, and pay other customers of this bank."
    )


class NotClosed(Refusal):
    code = "RAIL_NOT_CLOSED"
    kind = Kind.CONFLICT
    message = "It is not closed: there is nothing to lift."


class LiftNeedsAnother(Refusal):
    code = "LIFT_NEEDS_ANOTHER"
    kind = Kind.FORBIDDEN
    message = "You have asked for this already. Another operator has to lift it."


class OperatorRefused(Refusal):
    """A name that is not known and a wrong passphrase look the same."""

    code = "OPERATOR_REFUSED"
    kind = Kind.UNAUTHENTICATED
    message = "There is no such operator, or the passphrase is wrong."


class OperatorTaken(Refusal):
    code = "OPERATOR_TAKEN"
    kind = Kind.CONFLICT
    message = "There is, or was, an operator of this name."


class InvalidOperatorName(Refusal):
    code = "INVALID_OPERATOR_NAME"
    kind = Kind.INVALID
    message = "An operator's name has 2 to 40 of a-z, 0-9, dot, - and _, and begins with a letter."


class PassphraseTooShort(Refusal):
    code = "PASSPHRASE_TOO_SHORT"
    kind = Kind.INVALID
    message = "A passphrase has at least 12 characters."
