"""Who asks, what they may do, and the claims that limits and repeated requests are made of."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any

from hazina.access.errors import InvalidIdempotencyKey, InvalidKeyName, ReadNotAllowed, WriteNotAllowed
from hazina.kernel.errors import NotAuthorized
from hazina.kernel.ids import UUID
from hazina.kernel.money import Asset
from hazina.kernel.units import Claim, Row


class Scope(Enum):
    READ = "READ"  # queries
    RECEIVE = "RECEIVE"  # make and cancel invoices and addresses
    WRITE = "WRITE"  # every mutation, receiving included; no queries


ALL_SCOPES = frozenset(Scope)
READ_ONLY = frozenset({Scope.READ})


@dataclass(frozen=True, slots=True)
class Cap:
    """``subject`` (a grant, a key) may spend so much in each of the windows; fees are no part of it. In cents, or
    with ``asset`` BTC in satoshi."""

    subject: str
    windows: Mapping[Window, int]
    asset: Asset = Asset.USD


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who proved who they are, and how far that goes."""

    user_id: UUID
    account_id: UUID
    session_id: UUID | None
    scopes: frozenset[Scope]
    ip: str | None
    caps: tuple[Cap, ...] = ()
    """What the credential itself may spend, beside the account's own limits."""
    client_id: str | None = None
    """The app that acts for them; None: they themselves."""
    amr: tuple[str, ...] = ()
    """How their session was opened (RFC 8176)."""
    auth_time: datetime | None = None
    wary: bool = False
    """The session was opened in a way that can be relayed or copied: money needs a second proof sooner."""
    step_up: str | None = None
    """A proof that they hold out for this request (header ``X-Step-Up``)."""


def require_person(caller: Caller) -> None:
    """They themselves, logged in: no key, and no app. Raises NotAuthorized."""
    if caller.session_id is None:
        raise NotAuthorized("Only the customer, logged in, may do this.")


def require_read(caller: Caller) -> None:
    if Scope.READ not in caller.scopes:
        raise ReadNotAllowed


def require_write(caller: Caller) -> None:
    if Scope.WRITE not in caller.scopes:
        raise WriteNotAllowed


def require_receive(caller: Caller) -> None:
    if not caller.scopes & {Scope.RECEIVE, Scope.WRITE}:
        raise WriteNotAllowed


# -- limits -------------------------------------------------------------------------------------


class Window(IntEnum):
    """Seconds that roll: any hour, any day. A month has 30 days, a year 365."""

    HOUR = 3_600
    DAY = 86_400
    WEEK = 7 * DAY
    MONTH = 30 * DAY
    YEAR = 365 * DAY


def caps_claim(subject: str, caps: Mapping[Window, int], amount: int, at: datetime) -> Claim:
    """Reserve ``amount`` of what ``subject`` (an account, a key, a grant, a card) may use in each of the
    windows, in all of them or in none; amounts in one minor unit, cents of a dollar. An amount equal to the
    rest passes. Lost with code 1 and detail ``{"remaining", "window_s", "subject"}`` of the tightest window.

    It is one reservation, so ``limit_back`` of the unit returns it to every window, once. What is older
    than the longest window of its claim is forgotten: a longer one added later starts with less."""
    assert caps and amount >= 0 and min(caps.values()) >= 0, "a limit is of something"
    windows = sorted(caps)
    return Claim(
        "limit",
        {
            "subject": subject,
            "windows": [int(window) for window in windows],
            "caps": [caps[window] for window in windows],
            "amount": amount,
            "at": at.isoformat(),
        },
    )


def limit_claim(subject: str, window_s: int, cap: int, amount: int, at: datetime) -> Claim:
    """The same with one window: an account's own limit."""
    return caps_claim(subject, {Window(window_s): cap}, amount, at)


def limit_back(unit: UUID) -> Row:
    """Return what ``unit`` reserved: its payment came to nothing. A second time changes nothing."""
    return Row("limit_back", {"unit": str(unit)})


# -- repeated requests --------------------------------------------------------------------------

SEEN, OTHER_BODY = 1, 2
"""Codes of a lost ``idempotency`` claim; detail is ``{"unit": …}``, the unit that won."""

_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,98}[\x21-\x7e])?")


def fingerprint(**request: Any) -> str:
    """Hex SHA-256 of what makes two requests the same: plain values, named."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def idempotency_claim(account_id: UUID, operation: str, key: str, fingerprint: str, at: datetime) -> Claim:
    """Win only if this account never asked ``operation`` with ``key``. Lost with ``SEEN`` or
    ``OTHER_BODY``. Another account's key and another operation's are other keys. Raises
    InvalidIdempotencyKey."""
    assert len(fingerprint) == 64 and operation
    if len(key) > 100 or not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey
    return Claim(
        "idempotency",
        {
            "account_id": str(account_id),
            "operation": operation,
            "key": key,
            "fingerprint": fingerprint,
            "at": at.isoformat(),
        },
    )


# -- API keys -----------------------------------------------------------------------------------

KEY_PREFIX = "hazina_"
"""By which leaked keys are found. Clients written for Blink take any."""
KEY_CHARACTERS = 64
KEYS_MAX = 100
"""Live ones of one person."""
KEY_DAYS_MAX = 3_650
KEY_NAME_MAX = 100
SATS_MAX = 21 * 10**14
_API_KEY = re.compile(KEY_PREFIX + "[0-9A-Za-z]{64}", re.ASCII)
_ALNUM = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class ApiKey:
    """``caps``: satoshi in each window."""

    id: UUID
    user_id: UUID
    account_id: UUID
    name: str
    scopes: frozenset[Scope]
    caps: Mapping[Window, int]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def live_at(self, now: datetime) -> bool:
        return self.revoked_at is None and not self.expired_at(now)

    def expired_at(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def new_key() -> str:
    """380 random bits behind a prefix."""
    return KEY_PREFIX + "".join(secrets.choice(_ALNUM) for _ in range(KEY_CHARACTERS))


def key_hash(secret: str) -> bytes | None:
    """SHA-256, the form at rest; None: no key of ours."""
    return hashlib.sha256(secret.encode()).digest() if _API_KEY.fullmatch(secret) else None


def key_subject(key_id: UUID) -> str:
    """What a key's spending is counted under."""
    return f"api_key:{key_id}"


def parse_key_name(text: str) -> str:
    """1 to 100 printable characters. Raises InvalidKeyName."""
    name = " ".join(text.split()) if len(text) <= 4 * KEY_NAME_MAX else ""
    if not 1 <= len(name) <= KEY_NAME_MAX or not name.isprintable():
        raise InvalidKeyName
    return name
