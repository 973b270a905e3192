"""SQL of what notifications are wanted, the devices that they go to, notices inside the app, and feedback."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from hazina.accounts.model import Category, Notice, PushSettings
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID
from hazina.kernel.paging import Page, Slice, sliced

_NOTICE: LiteralString = """
select id, title, body, deep_link, url, label, icon, bulletin, created_at, acknowledged_at from in_app_notice
"""


# -- settings and devices -----------------------------------------------------------------------


async def push_settings(tx: Tx, user_id: UUID) -> PushSettings:
    found = await tx.one(
        lambda push, off: PushSettings(push, frozenset(Category(one) for one in off)),
        "select push, push_off from notification_setting where user_id = %(user)s",
        {"user": user_id},
    )
    return found or PushSettings()


async def set_push(tx: Tx, user_id: UUID, enabled: bool) -> None:
    await tx.execute(
        """insert into notification_setting (user_id, push) values (%(user)s, %(push)s)
        on conflict (user_id) do update set push = excluded.push""",
        {"user": user_id, "push": enabled},
    )


async def set_category(tx: Tx, user_id: UUID, category: Category, enabled: bool) -> None:
    await tx.execute(
        """insert into notification_setting (user_id, push_off)
        values (%(user)s, case when %(on)s then '{}' else array[%(category)s::text] end)
        on conflict (user_id) do update set push_off = array_remove(notification_setting.push_off, %(category)s)
            || case when %(on)s then '{}' else array[%(category)s::text] end""",
        {"user": user_id, "category": category.value, "on": enabled},
    )


async def put_device(tx: Tx, user_id: UUID, mark: bytes, sealed: bytes, at: datetime, most: int) -> None:
    """A device is one person's: the last one's who said so. The oldest of too many goes."""
    await tx.execute(
        """insert into device_token (mark, user_id, sealed, created_at) values (%(mark)s, %(user)s, %(sealed)s, %(at)s)
        on conflict (mark) do update set
            user_id = excluded.user_id, sealed = excluded.sealed, created_at = excluded.created_at""",
        {"mark": mark, "user": user_id, "sealed": sealed, "at": at},
    )
    await tx.execute(
        """delete from device_token where mark in (
            select mark from device_token where user_id = %(user)s order by created_at desc, mark offset %(most)s)""",
        {"user": user_id, "most": most},
    )


async def drop_device(tx: Tx, user_id: UUID, mark: bytes) -> None:
    query = "delete from device_token where user_id = %(user)s and mark = %(mark)s"
    await tx.execute(query, {"user": user_id, "mark": mark})


async def devices(tx: Tx, user_id: UUID) -> list[bytes]:
    """Sealed, the newest first."""
    query = "select sealed from device_token where user_id = %(user)s order by created_at desc"
    return await tx.rows(bytes, query, {"user": user_id})


# -- notices inside the app ---------------------------------------------------------------------


async def put_notice(tx: Tx, user_id: UUID, notice: Notice) -> None:
    await tx.execute(
        """insert into in_app_notice (id, user_id, title, body, deep_link, url, label, icon, bulletin, created_at)
        values (%(id)s, %(user)s, %(title)s, %(body)s, %(deep_link)s, %(url)s, %(label)s, %(icon)s, %(bulletin)s,
            %(at)s)""",
        {
            "id": notice.id,
            "user": user_id,
            "title": notice.title,
            "body": notice.body,
            "deep_link": notice.deep_link,
            "url": notice.url,
            "label": notice.label,
            "icon": notice.icon,
            "bulletin": notice.bulletin,
            "at": notice.created_at,
        },
    )


async def notices(
    tx: Tx, user_id: UUID, page: Page, after: UUID | None, bulletin: bool | None, unread: bool
) -> Slice[Notice]:
    """Newest first; ``bulletin`` None: both sorts; ``unread``: not acknowledged ones only."""
    found = await tx.rows(
        Notice,
        _NOTICE
        + """ where user_id = %(user)s and (%(bulletin)s::boolean is null or bulletin = %(bulletin)s)
            and (not %(unread)s or acknowledged_at is null) and (%(after)s::uuid is null or id < %(after)s)
        order by id desc limit %(limit)s""",
        {"user": user_id, "bulletin": bulletin, "unread": unread, "after": after, "limit": page.size + 1},
    )
    return sliced(page, found)


async def count_unread(tx: Tx, user_id: UUID) -> int:
    query = "select count(*) from in_app_notice where user_id = %(user)s and not bulletin and acknowledged_at is null"
    return int(await tx.value(query, {"user": user_id}))


async def acknowledge(tx: Tx, user_id: UUID, notice_id: UUID, at: datetime) -> Notice | None:
    """A repeat keeps the first time. None: there is none of this person's."""
    await tx.execute(
        """update in_app_notice set acknowledged_at = %(at)s
        where id = %(id)s and user_id = %(user)s and acknowledged_at is null""",
        {"id": notice_id, "user": user_id, "at": at},
    )
    return await tx.one(
        Notice, _NOTICE + " where id = %(id)s and user_id = %(user)s", {"id": notice_id, "user": user_id}
    )


async def forget(tx: Tx, user_id: UUID) -> None:
    """Settings, devices and notices of somebody who leaves."""
    for query in (
        "delete from notification_setting where user_id = %(user)s",
        "delete from device_token where user_id = %(user)s",
        "delete from in_app_notice where user_id = %(user)s",
    ):
        await tx.execute(query, {"user": user_id})


# -- feedback -----------------------------------------------------------------------------------


async def put_feedback(tx: Tx, id_: UUID, account_id: UUID, text: str, at: datetime) -> None:
    await tx.execute(
        "insert into feedback (id, account_id, text, created_at) values (%(id)s, %(account)s, %(text)s, %(at)s)",
        {"id": id_, "account": account_id, "text": text, "at": at},
    )


async def feedback(tx: Tx, limit: int) -> list[tuple[datetime, UUID, str]]:
    """When, whose account, what; the newest first."""
    return await tx.rows(
        lambda at, account, text: (at, account, text),
        "select created_at, account_id, text from feedback order by id desc limit %(limit)s",
        {"limit": limit},
    )


async def forget_feedback(tx: Tx, account_id: UUID) -> None:
    await tx.execute("delete from feedback where account_id = %(account)s", {"account": account_id})
