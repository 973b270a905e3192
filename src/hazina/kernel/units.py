"""What a verb that moves money hands to the books besides the ledger legs: claims and rows, as data.

A **claim** wins or is refused by code before anything is posted: an idempotency key, a state
transition, a limit reserved. A **row** is written only for a unit that was posted. Contexts say
once, in SQL over whole batches, what their claims and rows do; the books run them in the order
they were registered, which is also the order of locks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, LiteralString


@dataclass(frozen=True, slots=True)
class ClaimKind:
    """``take`` and ``undo`` take one parameter, ``%(rows)s``: a JSON array with one object per claim,
    its ``values`` plus ``n`` (place in the batch) and ``unit`` (the unit's id).

    ``take`` locks, decides one after the other in order of ``n``, writes what the winners reserve,
    and returns a row ``(n, code, detail)`` for **every loser** and nothing for winners. ``code`` is
    1 or more and belongs to the claim kind; ``detail`` is JSON or null. ``undo`` takes back what
    ``take`` wrote for winners whose unit was refused after all, in the same transaction, and nothing
    that stood before: a claim may win because its own unit took it in an earlier transaction.
    """

    name: str
    take: LiteralString
    undo: LiteralString


@dataclass(frozen=True, slots=True)
class EffectKind:
    """``write`` takes ``%(rows)s``, a JSON array with one object per row of this kind in the batch,
    and must never fail for anything that a client can provoke. Two rows of one batch may touch the
    same key: group in the SQL, and write in order of key."""

    name: str
    write: LiteralString


@dataclass(frozen=True, slots=True)
class Claim:
    kind: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    kind: str
    values: dict[str, Any] = field(default_factory=dict)
