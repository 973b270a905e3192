"""SQL of challenges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hazina.identity.errors import FactorUnknown
from hazina.identity.model import FactorKind
from hazina.identity.proofs.model import Challenge, Purpose
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID


@dataclass(frozen=True, slots=True)
class Row:
    challenge: Challenge
    browser_hash: bytes | None
    used: bool
    subject: str | None


def _challenge(id_: UUID, kind: str, purpose: str, user_id: UUID | None, about: str, expires_at: datetime) -> Challenge:
    return Challenge(id_, FactorKind(kind), Purpose(purpose), user_id, about, expires_at)


async def put(tx: Tx, new: Challenge, nonce_hash: bytes, browser_hash: bytes | None) -> None:
    await tx.execute(
        """
        insert into proof_challenge (id, kind, purpose, nonce_hash, browser_hash, user_id, about, expires_at)
        values (%(id)s, %(kind)s, %(purpose)s, %(nonce)s, %(browser)s, %(user)s, %(about)s, %(expires)s)
        """,
        {
            "id": new.id,
            "kind": new.kind.value,
            "purpose": new.purpose.value,
            "nonce": nonce_hash,
            "browser": browser_hash,
            "user": new.user_id,
            "about": new.about,
            "expires": new.expires_at,
        },
    )


async def put_used(tx: Tx, new: Challenge, nonce_hash: bytes, at: datetime) -> bool:
    """Remember a nonce that others made, as used; False: it was."""
    return (
        await tx.execute(
            """
            insert into proof_challenge (id, kind, purpose, nonce_hash, about, expires_at, used_at)
            values (%(id)s, %(kind)s, %(purpose)s, %(nonce)s, '', %(expires)s, %(at)s)
            on conflict (nonce_hash) do nothing
            """,
            {
                "id": new.id,
                "kind": new.kind.value,
                "purpose": new.purpose.value,
                "nonce": nonce_hash,
                "expires": new.expires_at,
                "at": at,
            },
        )
        == 1
    )


async def burn(tx: Tx, kind: FactorKind, nonce_hash: bytes, at: datetime) -> Row | None:
    """Use a challenge up, whoever tries and whatever comes of it; None: there is none, or it was used."""
    return await tx.one(
        lambda *row: Row(_challenge(*row[:6]), row[6], True, None),
        """
        update proof_challenge set used_at = %(at)s where nonce_hash = %(nonce)s and kind = %(kind)s and used_at is null
        returning id, kind, purpose, user_id, about, expires_at, browser_hash
        """,
        {"nonce": nonce_hash, "kind": kind.value, "at": at},
    )


async def look(tx: Tx, kind: FactorKind, nonce_hash: bytes) -> Row | None:
    return await tx.one(
        lambda *row: Row(_challenge(*row[:6]), *row[6:]),
        """
        select id, kind, purpose, user_id, about, expires_at, browser_hash, used_at is not null, subject
        from proof_challenge where nonce_hash = %(nonce)s and kind = %(kind)s
        """,
        {"nonce": nonce_hash, "kind": kind.value},
    )


async def answered(tx: Tx, challenge_id: UUID, subject: str) -> None:
    """The wallet that burnt this challenge holds ``subject``."""
    await tx.execute(
        "update proof_challenge set subject = %(subject)s where id = %(id)s", {"subject": subject, "id": challenge_id}
    )


async def collect(tx: Tx, challenge_id: UUID, at: datetime) -> bool:
    """True for the one who comes first."""
    query = """update proof_challenge set collected_at = %(at)s
        where id = %(id)s and subject is not null and collected_at is null"""
    return await tx.execute(query, {"id": challenge_id, "at": at}) == 1


async def sweep(tx: Tx, at: datetime) -> int:
    query = "delete from proof_challenge where expires_at <= %(old)s"
    return await tx.execute(query, {"old": at - timedelta(minutes=5)})


async def lock_factor(tx: Tx, factor_id: UUID) -> dict[str, Any]:
    """What a factor keeps, which nobody else changes until this transaction ends."""
    found: dict[str, Any] | None = await tx.value(
        "select data from factor where id = %(id)s for update", {"id": factor_id}
    )
    if found is None:
        raise FactorUnknown
    return found
