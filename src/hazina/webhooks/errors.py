"""Refusals of webhooks."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class EndpointUnknown(Refusal):
    code = "CALLBACK_ENDPOINT_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "You have no such callback endpoint."


class DeliveryUnknown(Refusal):
    code = "CALLBACK_DELIVERY_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "This callback endpoint has no such delivery."


class EndpointUrlRefused(Refusal):
    code = "CALLBACK_URL_REFUSED"
    kind = Kind.INVALID
    message = "The address cannot be called: it must begin with https:// and be one of the public internet."


class TooManyEndpoints(Refusal):
    code = "CALLBACK_ENDPOINTS_TOO_MANY"
    kind = Kind.LIMIT
    message = "The account has as many callback endpoints as it can have. Delete one first."


class NoCallbacks(Refusal):
    code = "CALLBACKS_NOT_FOR_LEVEL"
    kind = Kind.FORBIDDEN
    blink = "NOT_AUTHORIZED"
    message = "An account needs a phone number, or another proof of who holds it, before it can have callbacks."
