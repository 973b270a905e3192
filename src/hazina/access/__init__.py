"""Access: who asks, how far their credential goes, how much they may move, what they asked before.

Owns the tables ``limit_subject``, ``limit_use``, ``idempotency`` and ``api_key``. Limits and repeated requests are
claims of the unit that moves the money (``CLAIMS``, ``EFFECTS``; registered with the books), so they
are decided in the same commit and hold across processes.
"""

from hazina.access.effects import CLAIMS, EFFECTS
from hazina.access.errors import (
    InvalidIdempotencyKey,
    InvalidKeyCap,
    KeyMayNot,
    KeyUnknown,
    ReadNotAllowed,
    WriteNotAllowed,
)
from hazina.access.model import (
    ALL_SCOPES,
    OTHER_BODY,
    READ_ONLY,
    SEEN,
    ApiKey,
    Caller,
    Cap,
    Scope,
    Window,
    caps_claim,
    fingerprint,
    idempotency_claim,
    limit_back,
    limit_claim,
    require_person,
    require_read,
    require_receive,
    require_write,
)
from hazina.access.service import ApiKeys, caps_of
from hazina.access.store import remaining, seen_unit, spent, sweep

__all__ = [
    "ALL_SCOPES",
    "CLAIMS",
    "EFFECTS",
    "OTHER_BODY",
    "READ_ONLY",
    "SEEN",
    "ApiKey",
    "ApiKeys",
    "Caller",
    "Cap",
    "InvalidIdempotencyKey",
    "InvalidKeyCap",
    "KeyMayNot",
    "KeyUnknown",
    "ReadNotAllowed",
    "Scope",
    "Window",
    "WriteNotAllowed",
    "caps_claim",
    "caps_of",
    "fingerprint",
    "idempotency_claim",
    "limit_back",
    "limit_claim",
    "remaining",
    "require_person",
    "require_read",
    "require_receive",
    "require_write",
    "seen_unit",
    "spent",
    "sweep",
]
