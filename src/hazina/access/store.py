"""SQL of access besides the claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hazina.access.model import ApiKey, Scope, Window
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID


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


async def seen_unit(tx: Tx, account_id: UUID, operation: str, key: str, fingerprint: str) -> UUID | None:
    """What the first such request with this key and body became."""
    found: UUID | None = await tx.value(
        """select unit from idempotency where account_id = %(account)s and operation = %(operation)s and key = %(key)s
        and fingerprint = %(fingerprint)s""",
        {"account": account_id, "operation": operation, "key": key, "fingerprint": fingerprint},
    )
    return found


async def sweep(tx: Tx, before: datetime) -> int:
    """Forget requests seen before ``before``, and volume that had left its window by then. Subjects
    stay: somebody may be waiting for the lock on one."""
    seen = await tx.execute("delete from idempotency where at < %(before)s", {"before": before})
    query = """
        delete from limit_use where (unit, subject) in (
            select unit, subject from limit_use where until < %(before)s for update skip locked)
    """
    return seen + await tx.execute(query, {"before": before})


# -- API keys -----------------------------------------------------------------------------------

_KEYS = """select hash, id, user_id, account_id, name, scopes, caps, created_at, expires_at, revoked_at, last_used_at
    from api_key"""
_CHANGED = (
    """ returning id, user_id, account_id, name, scopes, caps, created_at, expires_at, revoked_at, last_used_at"""
)


def _key(
    id_: UUID, user_id: UUID, account_id: UUID, name: str, scopes: list[str], caps: dict[str, int], *times: Any
) -> ApiKey:
    bound = {Window(int(window)): int(sats) for window, sats in caps.items()}
    return ApiKey(id_, user_id, account_id, name, frozenset(Scope(one) for one in scopes), bound, *times)


async def put_key(tx: Tx, key: ApiKey, hashed: bytes) -> None:
    await tx.execute(
        """insert into api_key (id, user_id, account_id, name, hash, scopes, created_at, expires_at)
        values (%(id)s, %(user)s, %(account)s, %(name)s, %(hash)s, %(scopes)s, %(at)s, %(expires)s)""",
        {
            "id": key.id, "user": key.user_id, "account": key.account_id, "name": key.name, "hash": hashed,
            "scopes": sorted(scope.value for scope in key.scopes), "at": key.created_at, "expires": key.expires_at,
        },
    )  # fmt: skip


async def count_keys(tx: Tx, user_id: UUID, at: datetime) -> int:
    """Live ones. Those who make keys at once wait for each other."""
    lock = "select pg_advisory_xact_lock(hashtextextended('api_key:' || %(user)s::text, 0))"
    await tx.value(lock, {"user": user_id})
    query = """select count(*) from api_key
        where user_id = %(user)s and revoked_at is null and (expires_at is null or expires_at > %(at)s)"""
    return int(await tx.value(query, {"user": user_id, "at": at}))


async def keys_of(tx: Tx, user_id: UUID) -> list[ApiKey]:
    query = _KEYS + " where user_id = %(user)s order by id desc limit 1000"
    return await tx.rows(lambda _, *row: _key(*row), query, {"user": user_id})


async def keys_by_hash(tx: Tx, hashes: Sequence[bytes]) -> dict[bytes, ApiKey]:
    query = _KEYS + " where hash = any(%(hashes)s)"
    return dict(await tx.rows(lambda hash_, *row: (hash_, _key(*row)), query, {"hashes": list(hashes)}))


async def revoke_key(tx: Tx, user_id: UUID, key_id: UUID, at: datetime) -> ApiKey | None:
    change = "update api_key set revoked_at = coalesce(revoked_at, %(at)s) where id = %(id)s and user_id = %(user)s"
    return await tx.one(_key, change + _CHANGED, {"id": key_id, "user": user_id, "at": at})


async def set_key_cap(tx: Tx, user_id: UUID, key_id: UUID, window: Window, sats: int | None) -> ApiKey | None:
    change = """
        update api_key set caps = (caps - %(window)s::text)
            || jsonb_strip_nulls(jsonb_build_object(%(window)s::text, %(sats)s::bigint))
        where id = %(id)s and user_id = %(user)s and revoked_at is null"""
    return await tx.one(
        _key, change + _CHANGED, {"id": key_id, "user": user_id, "window": str(int(window)), "sats": sats}
    )


async def touch_key(tx: Tx, key_id: UUID, at: datetime) -> None:
    query = "update api_key set last_used_at = greatest(last_used_at, %(at)s) where id = %(id)s"
    await tx.execute(query, {"id": key_id, "at": at})
