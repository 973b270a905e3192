"""Identifiers. Rows that are read in order of creation have time-ordered ids (UUIDv7, RFC 9562);
ids that Blink's clients check against the old UUID pattern (wallets, accounts, users) are version 4."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from uuid_utils.compat import uuid7

__all__ = ["UUID", "derived", "new_id", "public_id"]


def new_id() -> UUID:
    """A time-ordered id."""
    return uuid7()


def public_id() -> UUID:
    """A random id, version 4."""
    return uuid4()


def derived(root: UUID, role: str) -> UUID:
    """The id that ``root`` always gives for ``role``: the same step asked for twice names the same thing."""
    return uuid5(root, role)
