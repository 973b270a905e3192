"""Refusals of the hedge."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class HedgeNotSet(Refusal):
    code = "HEDGE_NOT_SET"
    kind = Kind.UNAVAILABLE
    blink = "UNKNOWN_CLIENT_ERROR"
    message = "The settings name no exchange: add [hedging] to them first."


class Blind(Exception):
    """Something that must be known to act is not; the text says what. Nothing is ordered or moved meanwhile."""
