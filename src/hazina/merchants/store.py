"""SQL of merchants."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from hazina.kernel.db import Tx
from hazina.merchants.model import Merchant, Place

_MERCHANT: LiteralString = """
select id, account_id, username, title, latitude, longitude, created_at, validated_at from merchant
where deleted_at is null
"""


def _merchant(
    id_: UUID, account_id: UUID, username: str, title: str, latitude: float, longitude: float, at: datetime,
    validated_at: datetime | None,
) -> Merchant:  # fmt: skip
    return Merchant(id_, account_id, username, title, Place(latitude, longitude), at, validated_at)


async def put(tx: Tx, merchant: Merchant) -> None:
    await tx.execute(
        """insert into merchant (id, account_id, username, title, latitude, longitude, created_at)
        values (%(id)s, %(account)s, %(username)s, %(title)s, %(latitude)s, %(longitude)s, %(at)s)""",
        {
            "id": merchant.id,
            "account": merchant.account_id,
            "username": merchant.username,
            "title": merchant.title,
            "latitude": merchant.place.latitude,
            "longitude": merchant.place.longitude,
            "at": merchant.created_at,
        },
    )


async def on_map(tx: Tx, limit: int) -> list[Merchant]:
    return await tx.rows(
        _merchant, _MERCHANT + " and validated_at is not null order by id limit %(limit)s", {"limit": limit}
    )


async def pending(tx: Tx, limit: int) -> list[Merchant]:
    """Oldest first."""
    return await tx.rows(
        _merchant, _MERCHANT + " and validated_at is null order by id limit %(limit)s", {"limit": limit}
    )


async def count_pending(tx: Tx) -> int:
    query = "select count(*) from merchant where deleted_at is null and validated_at is null"
    return int(await tx.value(query))


async def count_of(tx: Tx, account_id: UUID) -> int:
    """On the map, or waiting for it."""
    query = "select count(*) from merchant where account_id = %(account)s and deleted_at is null"
    return int(await tx.value(query, {"account": account_id}))


async def one(tx: Tx, merchant_id: UUID) -> Merchant | None:
    return await tx.one(_merchant, _MERCHANT + " and id = %(id)s for update", {"id": merchant_id})


async def validate(tx: Tx, merchant_id: UUID, at: datetime) -> None:
    query = "update merchant set validated_at = coalesce(validated_at, %(at)s) where id = %(id)s"
    await tx.execute(query, {"id": merchant_id, "at": at})


async def delete(tx: Tx, merchant_id: UUID, at: datetime, by: str) -> None:
    query = "update merchant set deleted_at = %(at)s, deleted_by = %(by)s where id = %(id)s and deleted_at is null"
    await tx.execute(query, {"id": merchant_id, "at": at, "by": by})


async def delete_of(tx: Tx, account_id: UUID, at: datetime, by: str) -> None:
    await tx.execute(
        "update merchant set deleted_at = %(at)s, deleted_by = %(by)s where account_id = %(id)s and deleted_at is null",
        {"id": account_id, "at": at, "by": by},
    )


async def is_on_map(tx: Tx, account_id: UUID) -> bool:
    query = """select 1 from merchant where account_id = %(account)s and deleted_at is null
        and validated_at is not null limit 1"""
    return await tx.value(query, {"account": account_id}) is not None


async def validated_before(tx: Tx, at: datetime, after: UUID | None, limit: int) -> list[Merchant]:
    """In order of id, behind ``after``."""
    return await tx.rows(
        _merchant,
        _MERCHANT
        + " and validated_at < %(at)s and (%(after)s::uuid is null or id > %(after)s) order by id limit %(limit)s",
        {"at": at, "after": after, "limit": limit},
    )
