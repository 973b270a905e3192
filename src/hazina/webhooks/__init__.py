"""Webhooks: what happens to an account, told to addresses that its owner named.

Owns the tables ``webhook_endpoint``, ``webhook_delivery`` and ``webhook_try``. Follows the facts of payments with a
cursor of its own and stores a delivery for each endpoint in the commit that moves it; a delivery is called at least
once, in order for each endpoint, signed, with retries over a day. Its calls have connections and room of their own:
an endpoint that hangs slows no payment and no other endpoint. Endpoints of single invoices (``payments.hooks``) are
told once.
"""

from hazina.kernel.clock import Clock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database
from hazina.payments import Payments
from hazina.webhooks.errors import DeliveryUnknown, EndpointUnknown, EndpointUrlRefused, NoCallbacks, TooManyEndpoints
from hazina.webhooks.following import Following
from hazina.webhooks.model import (
    Delivery,
    Endpoint,
    Policy,
    State,
    Try,
    flash_signature,
    headers,
    message_id,
    new_secret,
    signature,
    wait,
)
from hazina.webhooks.ports import Outward
from hazina.webhooks.sending import Sender
from hazina.webhooks.service import Office, Webhooks


def of(
    db: Database, clock: Clock, keys: Keys, payments: Payments, outward: Outward, policy: Policy | None = None
) -> Webhooks:
    policy = policy or Policy()
    following, sender = Following(db, clock, payments, policy), Sender(db, clock, keys, outward, policy)
    office = Office(db, clock, keys, policy)
    return Webhooks(db, clock, payments.parts.accounts, outward, following, sender, office, policy)


__all__ = [
    "Delivery",
    "DeliveryUnknown",
    "Endpoint",
    "EndpointUnknown",
    "EndpointUrlRefused",
    "Following",
    "NoCallbacks",
    "Office",
    "Outward",
    "Policy",
    "Sender",
    "State",
    "TooManyEndpoints",
    "Try",
    "Webhooks",
    "flash_signature",
    "headers",
    "message_id",
    "new_secret",
    "of",
    "signature",
    "wait",
]
