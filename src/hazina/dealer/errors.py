"""Refusals of the dealer."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class PriceUnavailable(Refusal):
    """There is no price, or only an old one. What needs none goes on."""

    code = "PRICE_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "PRICE_SERVICE_OFFLINE"
    message = "The price of bitcoin is not known at present. Nothing was moved."


class DealerOffline(Refusal):
    """The price is too old to exchange at. Everything within one currency goes on."""

    code = "DEALER_OFFLINE"
    kind = Kind.UNAVAILABLE
    blink = "DEALER_OFFLINE"
    message = "Bitcoin and dollars cannot be exchanged at present: there is no fresh price. Nothing was moved."


class QuoteInvalid(Refusal):
    """Used, expired, another account's, or for other amounts: who asks is not told which."""

    code = "QUOTE_INVALID"
    kind = Kind.CONFLICT
    message = "This quote cannot be used: it is used or expired, or is not for this. Ask for a new one."


class UnknownCurrency(Refusal):
    """No such currency, or none that there is a rate of."""

    code = "UNKNOWN_CURRENCY"
    kind = Kind.INVALID
    blink = "INVALID_INPUT"
    message = "Unsupported currency."


class FeedUnavailable(Exception):
    """A feed is away, or its answer makes no sense. The text says which; no customer sees it."""
