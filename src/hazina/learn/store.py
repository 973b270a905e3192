"""Quizzes in the database: plain functions, transaction first."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from hazina.kernel.db import Tx
from hazina.learn.model import Claim, State


def _claim(*r: Any) -> Claim:
    return Claim(r[0], r[1], State(r[2]), *r[3:])


async def funder(tx: Tx) -> UUID | None:
    found: UUID | None = await tx.value("select account_id from quiz_funder")
    return found


async def set_funder(tx: Tx, account_id: UUID | None, now: datetime) -> None:
    await tx.execute("delete from quiz_funder")
    if account_id is not None:
        await tx.execute(
            "insert into quiz_funder (account_id, set_at) values (%(account)s, %(now)s)",
            {"account": account_id, "now": now},
        )


async def done(tx: Tx, account_id: UUID) -> dict[str, datetime]:
    """When each quiz was done."""
    rows = await tx.rows(
        lambda id_, at: (id_, at),
        "select quiz_id, at from quiz_claim where account_id = %(account)s",
        {"account": account_id},
    )
    return dict(rows)


async def phones(tx: Tx, account_id: UUID) -> set[bytes]:
    """Marks of the phones that the account was rewarded for."""
    found = await tx.rows(
        bytes,
        "select distinct phone from quiz_claim where account_id = %(account)s and phone is not null",
        {"account": account_id},
    )
    return set(found)


async def add(tx: Tx, claim: Claim) -> bool:
    """False: it is claimed already, by this account or for this phone."""
    changed = await tx.execute(
        """insert into quiz_claim (account_id, quiz_id, state, funder_id, to_wallet_id, at, phone)
        values (%(account)s, %(quiz)s, %(state)s, %(funder)s, %(wallet)s, %(at)s, %(phone)s) on conflict do nothing""",
        {
            "account": claim.account_id,
            "quiz": claim.quiz_id,
            "state": claim.state,
            "funder": claim.funder_id,
            "wallet": claim.to_wallet_id,
            "at": claim.at,
            "phone": claim.phone,
        },
    )
    return changed == 1


async def move(tx: Tx, claim: Claim, to: State) -> None:
    """From being paid."""
    await tx.execute(
        "update quiz_claim set state = %(to)s where account_id = %(account)s and quiz_id = %(quiz)s and state = 1",
        {"account": claim.account_id, "quiz": claim.quiz_id, "to": to},
    )


async def withdraw(tx: Tx, claim: Claim) -> None:
    """Nothing was paid: it may be claimed again."""
    await tx.execute(
        "delete from quiz_claim where account_id = %(account)s and quiz_id = %(quiz)s and state = 1",
        {"account": claim.account_id, "quiz": claim.quiz_id},
    )


async def unpaid(tx: Tx, before: datetime, limit: int) -> list[Claim]:
    """Claimed before ``before`` and not known to be paid, oldest first."""
    return await tx.rows(
        _claim,
        """select account_id, quiz_id, state, funder_id, to_wallet_id, at from quiz_claim
        where state = 1 and at < %(before)s order by at limit %(limit)s""",
        {"before": before, "limit": limit},
    )


async def counted(tx: Tx) -> dict[State, int]:
    rows = await tx.rows(lambda state, n: (State(state), n), "select state, count(*) from quiz_claim group by state")
    return dict(rows)
