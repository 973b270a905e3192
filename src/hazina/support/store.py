"""The support chat in the database: plain functions, transaction first. Texts are sealed by the caller."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from hazina.kernel.db import Tx
from hazina.support.model import KEPT_MAX


async def begin(tx: Tx, user_id: UUID, now: datetime, until: datetime) -> bool:
    """Become the one who waits for an answer. False: somebody does already."""
    changed = await tx.execute(
        """insert into support_thread as t (user_id, busy_until) values (%(user)s, %(until)s)
        on conflict (user_id) do update set busy_until = excluded.busy_until
        where t.busy_until is null or t.busy_until <= %(now)s""",
        {"user": user_id, "now": now, "until": until},
    )
    return changed == 1


async def end(tx: Tx, user_id: UUID, until: datetime) -> None:
    await tx.execute(
        "update support_thread set busy_until = null where user_id = %(user)s and busy_until = %(until)s",
        {"user": user_id, "until": until},
    )


async def add(tx: Tx, user_id: UUID, id_: UUID, assistant: bool, hidden: bool, sealed: bytes, at: datetime) -> None:
    values = {"id": id_, "user": user_id, "assistant": assistant, "hidden": hidden, "sealed": sealed, "at": at}
    await tx.execute(
        """insert into support_message (id, user_id, assistant, hidden, sealed, at)
        values (%(id)s, %(user)s, %(assistant)s, %(hidden)s, %(sealed)s, %(at)s)""",
        values,
    )
    await tx.execute(
        """delete from support_message where user_id = %(user)s and not hidden and id <= (
            select id from support_message where user_id = %(user)s and not hidden
            order by id desc offset %(kept)s limit 1)""",
        {"user": user_id, "kept": KEPT_MAX},
    )


async def messages(tx: Tx, user_id: UUID) -> list[tuple[UUID, bool, bool, bytes, datetime]]:
    """Oldest first: id, of the assistant, hidden, sealed text, time."""
    return await tx.rows(
        lambda *r: r,
        """select id, assistant, hidden, sealed, at from support_message where user_id = %(user)s
        order by id limit 1000""",
        {"user": user_id},
    )


async def forget(tx: Tx, user_id: UUID) -> None:
    await tx.execute("delete from support_message where user_id = %(user)s", {"user": user_id})
