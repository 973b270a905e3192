"""Identifiers. Rows that are read in order of creation have time-ordered ids (UUIDv7, RFC 9562);
ids that Blink's clients check against the old UUID pattern (wallets, accounts, users) are version 4."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4, uuid5

from uuid_utils.compat import uuid7

__all__ = ["UUID", "derived", "ids_between", "new_id", "public_id"]


def new_id() -> UUID:
    """A time-ordered id."""
    return uuid7()


def public_id() -> UUID:
    """A random id, version 4."""
    return uuid4()


def derived(root: UUID, role: str) -> UUID:
    """The id that ``root`` always gives for ``role``: the same step asked for twice names the same thing."""
    return uuid5(root, role)


def ids_between(first: datetime, last: datetime) -> tuple[UUID, UUID]:
    """Bounds that hold every ``new_id`` made between two moments (its first 48 bits are milliseconds)."""
    low, high = (max(int(at.timestamp() * 1000), 0) for at in (first, last))
    return UUID(int=low << 80), UUID(int=((high + 1) << 80) - 1)
