"""SQL of these factors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID

Asked = tuple[UUID | None, bytes | None, bytes | None]
"""Whose, the code's mark, what is sealed."""


async def put_asked(
    tx: Tx, id_: UUID, purpose: str, *, user_id: UUID | None, mark: bytes | None, sealed: bytes | None, tries: int,
    expires_at: datetime,
) -> None:  # fmt: skip
    await tx.execute(
        """insert into asked_code (id, purpose, user_id, mark, sealed, tries_left, expires_at)
        values (%(id)s, %(purpose)s, %(user)s, %(mark)s, %(sealed)s, %(tries)s, %(expires)s)""",
        {
            "id": id_, "purpose": purpose, "user": user_id, "mark": mark, "sealed": sealed, "tries": tries,
            "expires": expires_at,
        },
    )  # fmt: skip


async def spend_asked(tx: Tx, id_: UUID, purpose: str, at: datetime) -> Asked | None:
    """One try of it used up; None when there is none to try."""
    return await tx.one(
        lambda *row: row,
        """update asked_code set tries_left = tries_left - 1
        where id = %(id)s and purpose = %(purpose)s and tries_left > 0 and expires_at > %(at)s
        returning user_id, mark, sealed""",
        {"id": id_, "purpose": purpose, "at": at},
    )


async def use_asked(tx: Tx, id_: UUID) -> bool:
    """True for the one who comes first."""
    return await tx.execute("delete from asked_code where id = %(id)s", {"id": id_}) == 1


async def drop_asked(tx: Tx, user_id: UUID, purpose: str) -> None:
    query = "delete from asked_code where user_id = %(user)s and purpose = %(purpose)s"
    await tx.execute(query, {"user": user_id, "purpose": purpose})


async def take_totp_step(tx: Tx, factor_id: UUID, step: int, at: datetime) -> bool:
    """True for the first use of a step, and for none that is older than one that was used."""
    query = """update factor set data = jsonb_set(data, '{step}', to_jsonb(%(step)s::bigint)), last_used_at = %(at)s
        where id = %(id)s and coalesce((data ->> 'step')::bigint, 0) < %(step)s"""
    return await tx.execute(query, {"id": factor_id, "step": step, "at": at}) == 1


async def put_recovery_codes(tx: Tx, user_id: UUID, marks: Sequence[bytes]) -> None:
    """In place of those there were."""
    await tx.execute("delete from recovery_code where user_id = %(user)s", {"user": user_id})
    await tx.execute(
        "insert into recovery_code (user_id, mark) select %(user)s, unnest(%(marks)s::bytea[])",
        {"user": user_id, "marks": list(marks)},
    )


async def use_recovery_code(tx: Tx, user_id: UUID, mark: bytes, at: datetime) -> bool:
    """True for the one who comes first."""
    query = """update recovery_code set used_at = %(at)s
        where user_id = %(user)s and mark = %(mark)s and used_at is null"""
    return await tx.execute(query, {"user": user_id, "mark": mark, "at": at}) == 1


async def recovery_codes_left(tx: Tx, user_id: UUID) -> int:
    query = "select count(*) from recovery_code where user_id = %(user)s and used_at is null"
    return int(await tx.value(query, {"user": user_id}) or 0)


async def put_puzzle(tx: Tx, challenge: str, online: bool, expires_at: datetime) -> None:
    await tx.execute(
        """insert into captcha_puzzle (challenge, online, expires_at) values (%(challenge)s, %(online)s, %(at)s)
        on conflict (challenge) do nothing""",
        {"challenge": challenge, "online": online, "at": expires_at},
    )


async def use_puzzle(tx: Tx, challenge: str, at: datetime) -> bool | None:
    """Whether it was made online; None: unknown, over or used."""
    query = "delete from captcha_puzzle where challenge = %(challenge)s and expires_at > %(at)s returning online"
    found: bool | None = await tx.value(query, {"challenge": challenge[:64], "at": at})
    return found


async def put_telegram(tx: Tx, nonce: UUID, mark: bytes, expires_at: datetime) -> None:
    await tx.execute(
        "insert into telegram_ask (nonce, mark, expires_at) values (%(nonce)s, %(mark)s, %(at)s)",
        {"nonce": nonce, "mark": mark, "at": expires_at},
    )


async def prove_telegram(tx: Tx, nonce: UUID, mark: bytes, at: datetime) -> bool:
    """Telegram says that whoever asked holds the phone that they named."""
    query = """update telegram_ask set proved = true
        where nonce = %(nonce)s and mark = %(mark)s and expires_at > %(at)s"""
    return await tx.execute(query, {"nonce": nonce, "mark": mark, "at": at}) == 1


async def telegram(tx: Tx, nonce: UUID, mark: bytes, at: datetime) -> bool | None:
    """Whether it is proved; None: unknown, over, or of another phone."""
    query = "select proved from telegram_ask where nonce = %(nonce)s and mark = %(mark)s and expires_at > %(at)s"
    found: bool | None = await tx.value(query, {"nonce": nonce, "mark": mark, "at": at})
    return found


async def use_telegram(tx: Tx, nonce: UUID) -> bool:
    """True for the one who comes first."""
    return await tx.execute("delete from telegram_ask where nonce = %(nonce)s and proved", {"nonce": nonce}) == 1


async def sweep(tx: Tx, at: datetime) -> int:
    return (
        await tx.execute("delete from asked_code where expires_at <= %(at)s", {"at": at})
        + await tx.execute("delete from captcha_puzzle where expires_at <= %(at)s", {"at": at})
        + await tx.execute("delete from telegram_ask where expires_at <= %(at)s", {"at": at})
    )
