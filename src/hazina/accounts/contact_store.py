"""SQL of contacts."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from hazina.accounts.model import Contact, ContactKind
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID

_CONTACT: LiteralString = "select id, kind, handle, alias, transactions_count, created_at from contact"


def _contact(id_: UUID, kind: str, handle: str, alias: str | None, count: int, at: datetime) -> Contact:
    return Contact(id_, ContactKind(kind), handle, alias, count, at)


async def contacts(tx: Tx, account_id: UUID, limit: int) -> list[Contact]:
    """Those paid most often first."""
    return await tx.rows(
        _contact,
        _CONTACT + " where account_id = %(account)s order by transactions_count desc, handle limit %(limit)s",
        {"account": account_id, "limit": limit},
    )


async def contact(tx: Tx, account_id: UUID, handle: str) -> Contact | None:
    """By username or Lightning Address: no text is both."""
    return await tx.one(
        _contact,
        _CONTACT + " where account_id = %(account)s and handle = %(handle)s",
        {"account": account_id, "handle": handle},
    )


async def count(tx: Tx, account_id: UUID) -> int:
    return int(await tx.value("select count(*) from contact where account_id = %(account)s", {"account": account_id}))


async def keep(tx: Tx, account_id: UUID, kind: ContactKind, handle: str, alias: str | None, at: datetime) -> Contact:
    """Made, or met once more; an alias that is given replaces the old one."""
    found = await tx.one(
        _contact,
        """insert into contact (account_id, kind, handle, alias, transactions_count, created_at)
        values (%(account)s, %(kind)s, %(handle)s, %(alias)s, 1, %(at)s)
        on conflict (account_id, kind, handle) do update set
            transactions_count = contact.transactions_count + 1, alias = coalesce(excluded.alias, contact.alias)
        returning id, kind, handle, alias, transactions_count, created_at""",
        {"account": account_id, "kind": kind.value, "handle": handle, "alias": alias, "at": at},
    )
    assert found is not None
    return found


async def rename(tx: Tx, account_id: UUID, handle: str, alias: str) -> Contact | None:
    return await tx.one(
        _contact,
        """update contact set alias = %(alias)s where account_id = %(account)s and handle = %(handle)s
        returning id, kind, handle, alias, transactions_count, created_at""",
        {"account": account_id, "handle": handle, "alias": alias},
    )


async def forget(tx: Tx, account_id: UUID) -> None:
    """The account's own; it stays among the contacts of others."""
    await tx.execute("delete from contact where account_id = %(account)s", {"account": account_id})
