"""Refusals of the dealer."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class PriceUnavailable(Refusal):
    """There is no price, or only an old one. What needs none goes on."""

    code = "PRICE_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "PRICE_SERVICE_OFFLINE"
    message = "The price of bitcoin is not known at present. Nothing was moved."


class FeedUnavailable(Exception):
    """A feed is away, or its answer makes no sense. The text says which; no customer sees it."""
