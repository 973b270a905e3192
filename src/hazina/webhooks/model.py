"""Endpoints and deliveries; how a delivery is signed, and when it is tried again. Rules.

Signatures: Standard Webhooks (https://www.standardwebhooks.com, symmetric, ``v1``), and Flash's header.
"""

from __future__ import annotations

import base64
import hmac
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from uuid import UUID

PREFIX = "whsec_"
SECRET_BYTES = 32  # the standard asks for 24 to 64
GONE = 410
SLOW_DOWN = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator may tune."""

    endpoints_max: int = 10
    waiting_max: int = 10_000  # deliveries of one endpoint that wait; with more it is switched off
    at_once_max: int = 16  # calls under way in one process
    doubtful_max: int = 8  # of these, to endpoints whose last call failed, and to those of single invoices
    timeout_s: float = 15.0
    lease_margin_s: float = 15.0
    gaps_s: tuple[int, ...] = (5, 30, 300, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)
    """Between one try of a delivery and the next: about a day in all."""
    invoice_gaps_s: tuple[int, ...] = (300,) * 288  # Blink's, for the endpoint of one invoice
    retry_after_max_s: int = 28_800
    jitter: float = 0.2
    overlap_s: int = 86_400  # for so long the secret before signs too
    kept_days: int = 30


class State(IntEnum):
    WAITING = 0
    DELIVERED = 1
    GIVEN_UP = 2


class Why(IntEnum):
    """Why an endpoint is switched off."""

    GONE = 1  # it said so, with status 410
    FAILING = 2  # a delivery was given up after a day, and the one behind it failed too
    FULL = 3  # too many wait


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``waiting``: deliveries that have not arrived yet. ``old_until``: until then the secret before signs too."""

    id: UUID
    account_id: UUID | None
    url: str
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str | None
    old_until: datetime | None
    next_at: datetime | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint. ``status`` and ``error`` are of the last of its ``tries``."""

    id: UUID
    endpoint_id: UUID
    event_type: str
    body: str
    state: State
    created_at: datetime
    ended_at: datetime | None
    tries: int
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Try:
    at: datetime
    status: int | None
    error: str | None
    took_ms: int


@dataclass(frozen=True, slots=True)
class Task:
    """The delivery at the head of an endpoint's line, and the lease under which it is tried. Secrets are sealed."""

    endpoint_id: UUID
    lease_until: datetime
    delivery_id: UUID
    url: str
    body: str
    failures: int
    given_up: int
    once: bool
    sealed: tuple[bytes, ...]


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def message_id(delivery_id: UUID) -> str:
    """The same for every try and every replay: by it a receiver knows what it has had already."""
    return f"msg_{delivery_id.hex}"


def signature(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """``v1,<base64>`` over ``id.timestamp.body``."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, f"{id_}.{timestamp}.".encode() + body, sha256)).decode()


def flash_signature(secret: str, timestamp_ms: int, body: bytes) -> str:
    """Hexadecimal, over ``milliseconds.body``; the key is the text of the secret, as it is shown."""
    return hmac.new(secret.encode(), f"{timestamp_ms}.".encode() + body, sha256).hexdigest()


def headers(secrets_: Sequence[str], id_: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Of one call. The first secret is the newest. Without any the call is not signed. The names are Standard
    Webhooks' and those that Svix sends, which Blink's callbacks come from."""
    milliseconds = int(at.timestamp() * 1_000)
    seconds = milliseconds // 1_000
    fields = {"content-type": "application/json", "webhook-id": id_, "webhook-timestamp": str(seconds)}
    if secrets_:
        signed = " ".join(signature(secret, id_, seconds, body) for secret in secrets_)
        fields |= {
            "webhook-signature": signed,
            "svix-id": id_,
            "svix-timestamp": str(seconds),
            "svix-signature": signed,
            "x-flash-timestamp": str(milliseconds),
            "x-flash-signature": flash_signature(secrets_[0], milliseconds, body),
        }
    return fields


def succeeded(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def wait(
    policy: Policy, failures: int, once: bool, status: int | None, retry_after_s: int | None, chance: float
) -> timedelta | None:
    """Until the next try after ``failures`` tries that failed, this one included; None: it is given up. ``chance``
    is from 0 to 1."""
    gaps = policy.invoice_gaps_s if once else policy.gaps_s
    if failures > len(gaps):
        return None
    gap = gaps[failures - 1] * (1 + policy.jitter * (2 * chance - 1))
    if status in SLOW_DOWN and retry_after_s is not None:
        gap = max(gap, min(retry_after_s, policy.retry_after_max_s))
    return timedelta(seconds=gap)


def chance() -> float:
    return random.random()
