"""SQL of access besides the claims."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from hazina.access.model import Window
from hazina.kernel.db import Tx


async def spent(tx: Tx, subject: str, since: datetime) -> int:
    """What ``subject`` has used after ``since`` and not got back, in the minor unit of its limit."""
    query = """
        select coalesce(sum(amount), 0)::bigint from limit_use
        where subject = %(subject)s and at > %(since)s and not given_back
    """
    used: int = await tx.value(query, {"subject": subject, "since": since})
    return used


async def remaining(tx: Tx, subject: str, caps: Mapping[Window, int], at: datetime) -> dict[Window, int]:
    """What is left of each cap at that moment."""
    return {
        window: max(cap - await spent(tx, subject, at - timedelta(seconds=window)), 0) for window, cap in caps.items()
    }


async def sweep(tx: Tx, before: datetime) -> int:
    """Forget requests seen before ``before``, and volume that had left its window by then. Subjects
    stay: somebody may be waiting for the lock on one."""
    seen = await tx.execute("delete from idempotency where at < %(before)s", {"before": before})
    query = """
        delete from limit_use where (unit, subject) in (
            select unit, subject from limit_use where until < %(before)s for update skip locked)
    """
    return seen + await tx.execute(query, {"before": before})
