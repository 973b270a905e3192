"""Refusals of the verbs that people use. What relying apps are refused is in OAuth's own words (RFC 6749 §5.2)."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class AppUnknown(Refusal):
    code = "APP_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no such app."


class ConnectionUnknown(Refusal):
    code = "CONNECTION_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "No such app is connected."


class InvalidApp(Refusal):
    """``message`` says which member, and why."""

    code = "INVALID_APP"
    kind = Kind.INVALID
    message = "The description of the app is not valid."


class TooManyApps(Refusal):
    code = "TOO_MANY_APPS"
    kind = Kind.LIMIT
    message = "You have as many apps as one customer may have."


class InvalidCap(Refusal):
    code = "INVALID_CAP"
    kind = Kind.INVALID
    message = "A spending cap is at least one cent and at most a million dollars."
