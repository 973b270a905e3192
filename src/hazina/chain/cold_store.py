"""SQL of cold wallets and of drafts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from hazina.chain.cold import Cold, Draft, DraftState
from hazina.chain.ports import Unsigned
from hazina.kernel.db import Tx

_COLD: LiteralString = """
select id, name, descriptor, first_address, proposed_by, proposed_at, confirmed_by, retired_at from chain_cold
"""
_DRAFT: LiteralString = """
select id, cold_id, sats, address, psbt, txid, fee, rate, state, drafted_by, drafted_at, ended_by from chain_draft
"""
SHOWN_MAX = 100


def _draft(*r: Any) -> Draft:
    v = [*r]
    v[8] = DraftState(r[8])
    return Draft(*v)


async def colds(tx: Tx) -> list[Cold]:
    """Newest first."""
    return await tx.rows(Cold, _COLD + " order by proposed_at desc, id limit %(n)s", {"n": SHOWN_MAX})


async def cold(tx: Tx, name: str) -> Cold | None:
    return await tx.one(Cold, _COLD + " where name = %(name)s", {"name": name})


async def cold_by_id(tx: Tx, cold_id: UUID) -> Cold | None:
    return await tx.one(Cold, _COLD + " where id = %(id)s", {"id": cold_id})


async def current(tx: Tx) -> Cold | None:
    """The one that coins are swept to."""
    return await tx.one(Cold, _COLD + " where confirmed_by is not null and retired_at is null")


async def propose(tx: Tx, cold_id: UUID, name: str, descriptor: str, first_address: str, by: str, at: datetime) -> bool:
    """False: the name was given before."""
    return bool(
        await tx.execute(
            """insert into chain_cold (id, name, descriptor, first_address, proposed_by, proposed_at)
            values (%(id)s, %(name)s, %(descriptor)s, %(first)s, %(by)s, %(at)s) on conflict (name) do nothing""",
            {
                "id": cold_id, "name": name, "descriptor": descriptor, "first": first_address, "by": by, "at": at,
            },
        )
    )  # fmt: skip


async def confirm(tx: Tx, name: str, by: str, at: datetime) -> bool:
    """It takes the place of the one that was; False: it is confirmed already, or the same operator proposed it."""
    await tx.execute(
        """update chain_cold set retired_at = %(at)s
        where confirmed_at is not null and retired_at is null and name <> %(name)s
            and exists (select 1 from chain_cold where name = %(name)s and confirmed_at is null
                and proposed_by <> %(by)s and retired_at is null)""",
        {"name": name, "at": at, "by": by},
    )
    return bool(
        await tx.execute(
            """update chain_cold set confirmed_by = %(by)s, confirmed_at = %(at)s
            where name = %(name)s and confirmed_at is null and retired_at is null and proposed_by <> %(by)s""",
            {"name": name, "by": by, "at": at},
        )
    )


async def put_draft(
    tx: Tx, draft_id: UUID, cold_id: UUID, sats: int, address: str, made: Unsigned, rate: int, by: str, at: datetime
) -> None:
    await tx.execute(
        """insert into chain_draft (id, cold_id, sats, address, psbt, txid, fee, rate, drafted_by, drafted_at)
        values (%(id)s, %(cold)s, %(sats)s, %(address)s, %(psbt)s, %(txid)s, %(fee)s, %(rate)s, %(by)s, %(at)s)""",
        {
            "id": draft_id, "cold": cold_id, "sats": sats, "address": address, "psbt": made.psbt, "txid": made.txid,
            "fee": made.fee, "rate": rate, "by": by, "at": at,
        },
    )  # fmt: skip


async def drafts(tx: Tx, *, all_of_them: bool = False) -> list[Draft]:
    """Newest first; only open ones."""
    return await tx.rows(
        _draft,
        _DRAFT + " where state = 0 or %(all)s order by drafted_at desc, id limit %(n)s",
        {"all": all_of_them, "n": SHOWN_MAX},
    )


async def draft(tx: Tx, draft_id: UUID) -> Draft | None:
    return await tx.one(_draft, _DRAFT + " where id = %(id)s", {"id": draft_id})


async def end_draft(
    tx: Tx, draft_id: UUID, state: DraftState, by: str, at: datetime, batch_id: UUID | None = None
) -> bool:
    """False: it is not open any more."""
    return bool(
        await tx.execute(
            """update chain_draft set state = %(state)s, ended_by = %(by)s, ended_at = %(at)s, batch_id = %(batch)s
            where id = %(id)s and state = 0""",
            {"id": draft_id, "state": state.value, "by": by, "at": at, "batch": batch_id},
        )
    )
