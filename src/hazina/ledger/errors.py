"""The books' refusals that belong to no single unit: whether one was done is what they differ in."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class LedgerBusy(Refusal):
    """The queue is full, or locks could not be had in time. Surely nothing of the unit was done."""

    code = "LEDGER_BUSY"
    kind = Kind.BUSY
    blink = "TOO_MANY_REQUEST"
    message = "The bank is busy. Nothing was moved; try again in a moment."


class LedgerUnavailable(Refusal):
    """The database is away, or cannot write. Surely nothing of the unit was done."""

    code = "LEDGER_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "UNKNOWN_CLIENT_ERROR"
    message = "The bank's books are away. Nothing was moved; try again in a moment."


class OutcomeUnknown(Refusal):
    """The connection broke while the unit was being committed, and did not come back in time. The unit
    may stand or not: ask again with the same unit, never with a new one."""

    code = "OUTCOME_UNKNOWN"
    kind = Kind.BUSY
    blink = "UNKNOWN_CLIENT_ERROR"
    message = "It is not known yet whether this was done. Look again in a moment before you repeat it."
