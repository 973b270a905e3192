"""Nouns of safety, and the rule of two operators."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hazina.kernel.units import Claim
from hazina.safety.errors import InvalidOperatorName, LiftNeedsAnother, PassphraseTooShort

LIFT_LIFE = timedelta(hours=1)
"""How long a request to lift waits for the second operator."""
PASSPHRASE_MIN, PASSPHRASE_MAX = 12, 1_000
REASON_MAX = 500
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,39}", re.ASCII)
_HASHER = PasswordHasher()


class Rail(Enum):
    """A way out of the bank; ``BANK`` is all of them."""

    BANK = "bank"
    LIGHTNING = "lightning"
    ONCHAIN = "onchain"


@dataclass(frozen=True, slots=True)
class Closure:
    """A rail that is closed. ``by``: an invariant's name, or an operator. ``lift_asked_by``: who asked to
    lift it; the request ends at ``lift_until``."""

    id: int
    rail: Rail
    since: datetime
    by: str
    reason: str
    lift_asked_by: str | None = None
    lift_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lift:
    """What became of a wish to lift: done, or waiting for another operator until ``until``."""

    done: bool
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    added_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    rail: str | None
    what: str
    by: str
    said: str


def leaving(rail: Rail) -> Claim:
    """Of a unit by which money would leave over ``rail``. Lost with code 1 while that rail or the bank is
    closed; detail ``{"rail", "since"}``."""
    assert rail is not Rail.BANK, "money leaves by a rail"
    return Claim("leaving", {"rail": rail.value})


def lifts(closure: Closure, operator: str, now: datetime) -> bool:
    """True: this operator is the second, and it is lifted. False: this is the first, whose wish is a request.
    Raises LiftNeedsAnother while the same operator's request stands."""
    if closure.lift_asked_by is None or closure.lift_until is None or closure.lift_until <= now:
        return False
    if closure.lift_asked_by == operator:
        raise LiftNeedsAnother()
    return True


def operator_name(text: str) -> str:
    """Raises InvalidOperatorName."""
    if not _NAME.fullmatch(text):
        raise InvalidOperatorName()
    return text


def sealed(passphrase: str) -> str:
    """What is stored of a passphrase (argon2id). Raises PassphraseTooShort."""
    if not PASSPHRASE_MIN <= len(passphrase) <= PASSPHRASE_MAX:
        raise PassphraseTooShort()
    return _HASHER.hash(passphrase)


@cache
def nobody() -> str:
    """Verified for a name that is not known, so that the answer takes as long."""
    return _HASHER.hash("nobody has this passphrase")


def opens(passphrase: str, stored: str) -> bool:
    try:
        return len(passphrase) <= PASSPHRASE_MAX and _HASHER.verify(stored, passphrase)
    except (VerificationError, InvalidHashError):
        return False
