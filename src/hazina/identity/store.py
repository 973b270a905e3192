"""SQL of identity."""

from __future__ import annotations

from datetime import datetime, timedelta

from hazina.identity.model import CODE_LIFE_S, CODE_TRIES, Session, User
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID, new_id, public_id


async def put_code(tx: Tx, phone: str, hash_: str, at: datetime) -> None:
    """The code of this number from now on; the one before is dead."""
    await tx.execute(
        """
        insert into phone_code (phone, id, hash, tries_left, expires_at)
        values (%(phone)s, %(id)s, %(hash)s, %(tries)s, %(expires)s)
        on conflict (phone) do update set
            id = excluded.id, hash = excluded.hash, tries_left = excluded.tries_left, expires_at = excluded.expires_at
        """,
        {
            "phone": phone,
            "id": new_id(),
            "hash": hash_,
            "tries": CODE_TRIES,
            "expires": at + timedelta(seconds=CODE_LIFE_S),
        },
    )


async def spend_try(tx: Tx, phone: str, at: datetime) -> tuple[UUID, str] | None:
    """Id and hash of the live code, one try of it used up; None when there is none to try."""
    return await tx.one(
        lambda id_, hash_: (id_, hash_),
        """
        update phone_code set tries_left = tries_left - 1
        where phone = %(phone)s and tries_left > 0 and expires_at > %(at)s
        returning id, hash
        """,
        {"phone": phone, "at": at},
    )


async def use_code(tx: Tx, phone: str, code_id: UUID) -> bool:
    """True for the one who comes first."""
    query = "delete from phone_code where phone = %(phone)s and id = %(id)s"
    return await tx.execute(query, {"phone": phone, "id": code_id}) == 1


async def user_of_phone(tx: Tx, phone: str, at: datetime) -> User:
    """The user with this number, made when new."""
    user = await tx.one(
        User,
        """
        insert into person (id, phone, created_at) values (%(id)s, %(phone)s, %(at)s)
        on conflict (phone) do update set phone = excluded.phone
        returning id, phone, language, created_at
        """,
        {"id": public_id(), "phone": phone, "at": at},
    )
    assert user is not None
    return user


async def user_by_id(tx: Tx, user_id: UUID) -> User | None:
    query = "select id, phone, language, created_at from person where id = %(id)s"
    return await tx.one(User, query, {"id": user_id})


async def user_by_phone(tx: Tx, phone: str) -> User | None:
    query = "select id, phone, language, created_at from person where phone = %(phone)s"
    return await tx.one(User, query, {"phone": phone})


async def put_session(
    tx: Tx, user_id: UUID, token_hash: bytes, ip: str | None, agent: str | None, at: datetime
) -> None:
    await tx.execute(
        """
        insert into session (id, user_id, token_hash, ip, agent, created_at, last_used_at)
        values (%(id)s, %(user)s, %(hash)s, %(ip)s, %(agent)s, %(at)s, %(at)s)
        """,
        {"id": new_id(), "user": user_id, "hash": token_hash, "ip": ip, "agent": agent, "at": at},
    )


async def touch_session(tx: Tx, session_id: UUID, at: datetime, unless_since: datetime) -> None:
    """Note that the session was used, unless somebody noted it since ``unless_since``."""
    await tx.execute(
        "update session set last_used_at = %(at)s where id = %(id)s and last_used_at <= %(since)s",
        {"id": session_id, "at": at, "since": unless_since},
    )


async def sessions_of(tx: Tx, user_id: UUID, used_since: datetime) -> list[Session]:
    return await tx.rows(
        Session,
        """
        select id, user_id, created_at, last_used_at, host(ip), agent from session
        where user_id = %(user)s and last_used_at > %(since)s order by last_used_at desc, id desc
        """,
        {"user": user_id, "since": used_since},
    )


async def drop_session(tx: Tx, user_id: UUID, session_id: UUID) -> bool:
    query = "delete from session where id = %(id)s and user_id = %(user)s"
    return await tx.execute(query, {"id": session_id, "user": user_id}) == 1


async def drop_sessions(tx: Tx, user_id: UUID) -> int:
    return await tx.execute("delete from session where user_id = %(user)s", {"user": user_id})


async def sweep(tx: Tx, at: datetime, sessions_unused_since: datetime) -> int:
    """Drop dead codes and forgotten sessions."""
    codes = await tx.execute("delete from phone_code where expires_at <= %(at)s", {"at": at})
    query = "delete from session where last_used_at <= %(since)s"
    return codes + await tx.execute(query, {"since": sessions_unused_since})
