"""What the Lightning nodes need in the database: plain functions, transaction first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hazina.kernel.db import Tx


async def canary(tx: Tx, node: str) -> bytes | None:
    """The hash of the last payment that the node surely made."""
    return await tx.one(
        bytes,
        """select payment_hash from payment where node = %(node)s and kind = 3 and state = 2
        order by id desc limit 1""",
        {"node": node},
    )


async def failed_on(tx: Tx, payment_hash: bytes) -> set[str]:
    """Nodes on which a payment of this hash has failed."""
    found = await tx.rows(
        lambda node: node,
        "select distinct node from payment where payment_hash = %(hash)s and kind = 3 and state = 3",
        {"hash": payment_hash},
    )
    return set(found)


# --- calls: how many sends of a payment were begun, and not answered ------------------------------------


async def call_begins(tx: Tx, payment_id: UUID) -> None:
    await tx.execute("update payment set calls = calls + 1 where id = %(id)s", {"id": payment_id})


async def call_answered(tx: Tx, payment_id: UUID) -> None:
    await tx.execute("update payment set calls = greatest(calls - 1, 0) where id = %(id)s", {"id": payment_id})


async def calls_unanswered(tx: Tx, payment_id: UUID) -> int:
    return int(await tx.value("select calls from payment where id = %(id)s", {"id": payment_id}))


# --- hold invoices ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """What a hold invoice has beside the invoice. ``take_until``: what arrives later is given back; None: no limit
    but the invoice's own. ``refused``: why it was given back."""

    payment_hash: bytes
    take_until: datetime | None
    refused: str | None = None


async def add_held(tx: Tx, held: Held, node: str, expires_at: datetime) -> None:
    await tx.execute(
        """insert into hold_invoice (payment_hash, node, expires_at, take_until)
        values (%(hash)s, %(node)s, %(expires)s, %(until)s)""",
        {"hash": held.payment_hash, "node": node, "expires": expires_at, "until": held.take_until},
    )


async def held(tx: Tx, hashes: Sequence[bytes]) -> list[Held]:
    """Which of these are hold invoices of ours."""
    return await tx.rows(
        Held,
        "select payment_hash, take_until, refused from hold_invoice where payment_hash = any(%(hashes)s)",
        {"hashes": list(hashes)},
    )


async def held_open(tx: Tx, node: str, since: datetime) -> bool:
    """Has the node a hold invoice that may be paid, or may have been? ``since``: it has not expired before."""
    return bool(
        await tx.value(
            """select exists (select from hold_invoice h join invoice i using (payment_hash)
            where h.node = %(node)s and h.expires_at > %(since)s and i.state in (0, 1))""",
            {"node": node, "since": since},
        )
    )


async def taking(tx: Tx, limit: int) -> list[bytes]:
    """Hold invoices that were decided to be taken, and are not credited yet."""
    return await tx.rows(
        bytes, "select payment_hash from invoice where state = 4 order by expires_at limit %(limit)s", {"limit": limit}
    )


async def refuse(tx: Tx, payment_hash: bytes, why: str) -> None:
    await tx.execute(
        "update hold_invoice set refused = %(why)s where payment_hash = %(hash)s and refused is null",
        {"hash": payment_hash, "why": why},
    )


# --- what is under way, for operators --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Payments that went to a node and have not ended: how many are older than an age in seconds."""

    node: str
    older_than_s: int
    count: int


async def under_way(tx: Tx, now: datetime, ages_s: Sequence[int]) -> list[UnderWay]:
    return await tx.rows(
        lambda node, age, count: UnderWay(node, int(age), int(count)),
        """select p.node, a.age, count(*) from payment p
        join unnest(%(ages)s::int[]) as a(age) on p.created_at <= %(now)s - make_interval(secs => a.age)
        where p.state < 2 and p.kind = 3 group by p.node, a.age""",
        {"ages": list(ages_s), "now": now},
    )
