"""SQL of the hedge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from hazina.hedging.model import LANES, Bill, Kind, Mode, Move, State
from hazina.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Standing:
    """The one row that says how the hedge stands."""

    mode: Mode
    switched_at: datetime | None
    switched_by: str | None
    opened_at: datetime | None
    bill: str | None
    chain_seq: int
    short_cents: int
    differs_since: datetime | None
    outside_since: datetime | None
    look: dict[str, Any] | None
    looked_at: datetime | None
    blind: str | None
    blind_since: datetime | None


async def standing(tx: Tx, *, lock: bool = False) -> Standing:
    query: LiteralString = """
        select mode, switched_at, switched_by, opened_at, bill, chain_seq, short_cents, differs_since, outside_since,
               look, looked_at, blind, blind_since from hedge
    """
    if lock:
        query += " for update"
    found = await tx.one(lambda mode, *rest: Standing(Mode(mode), *rest), query)
    assert found is not None, "the migration put it there"
    return found


async def switch(tx: Tx, mode: Mode, by: str, at: datetime) -> None:
    await tx.execute(
        "update hedge set mode = %(mode)s, switched_by = %(by)s, switched_at = %(at)s",
        {"mode": mode.value, "by": by, "at": at},
    )


async def opened(tx: Tx, at: datetime, bill: str | None, short_cents: int, chain_seq: int) -> None:
    await tx.execute(
        "update hedge set opened_at = %(at)s, bill = %(bill)s, short_cents = %(short)s, chain_seq = %(seq)s",
        {"at": at, "bill": bill, "short": short_cents, "seq": chain_seq},
    )


async def seen(tx: Tx, look: dict[str, Any] | None, blind: str | None, at: datetime) -> None:
    """What a round saw; without a look the last one stays."""
    await tx.execute(
        """
        update hedge set look = coalesce(%(look)s::jsonb, look),
            looked_at = case when %(look)s::jsonb is null then looked_at else %(at)s end,
            blind_since = case when %(blind)s::text is null then null else coalesce(blind_since, %(at)s) end,
            blind = %(blind)s
        """,
        {"look": None if look is None else json.dumps(look), "blind": blind, "at": at},
    )


async def differs(tx: Tx, since: datetime | None) -> None:
    await tx.execute("update hedge set differs_since = %(since)s", {"since": since})


async def outside(tx: Tx, since: datetime | None) -> None:
    """Since when the position is out of its band."""
    await tx.execute("update hedge set outside_since = %(since)s", {"since": since})


async def move_chain(tx: Tx, old: int, new: int) -> bool:
    """How far the chain's log was read. False: somebody else was faster."""
    query = "update hedge set chain_seq = %(new)s where chain_seq = %(old)s"
    return bool(await tx.execute(query, {"old": old, "new": new}))


async def move_bill(tx: Tx, old: str | None, new: str, short_cents: int) -> bool:
    """How far the bills were booked, and by how much they let the short grow. False: somebody else was faster."""
    return bool(
        await tx.execute(
            """update hedge set bill = %(new)s, short_cents = short_cents + %(short)s
            where bill is not distinct from %(old)s""",
            {"old": old, "new": new, "short": short_cents},
        )
    )


# --- moves ------------------------------------------------------------------------------------------

_MOVE: LiteralString = """
    select id, kind, state, created_at, asked_at, cents, sats, address, txids, fee_sats, done_cents, done_sats, reason,
           ended_at from hedge_move
"""


def _move(id_: UUID, kind: int, state: int, *rest: Any) -> Move:
    made = [*rest]
    made[5] = tuple(made[5])
    return Move(id_, Kind(kind), State(state), *made)


async def turns(tx: Tx) -> int:
    """How often something was asked for or ended: to be read before a look, and given to ``add_move``."""
    return int(await tx.value("select turns from hedge"))


async def add_move(tx: Tx, move: Move, turns: int) -> bool:
    """False: something is under way in its lane already, or something began or ended since ``turns`` was read, so that
    what was seen may not be so any more."""
    query = "update hedge set turns = turns + 1 where turns = %(turns)s"
    return await tx.execute(query, {"turns": turns}) == 1 and bool(
        await tx.execute(
            """
            insert into hedge_move (id, kind, lane, state, created_at, asked_at, cents, sats, address, fee_sats)
            values (%(id)s, %(kind)s, %(lane)s, 0, %(at)s, %(at)s, %(cents)s, %(sats)s, %(address)s, %(fee)s)
            on conflict (lane) where state in (0, 1, 4) do nothing
            """,
            {
                "id": move.id, "kind": move.kind, "lane": LANES[move.kind], "at": move.created_at, "cents": move.cents,
                "sats": move.sats, "address": move.address, "fee": move.fee_sats,
            },
        )
    )  # fmt: skip


async def open_moves(tx: Tx) -> list[Move]:
    return await tx.rows(_move, _MOVE + " where state in (0, 1, 4) order by lane")


async def move(tx: Tx, move_id: UUID) -> Move | None:
    return await tx.one(_move, _MOVE + " where id = %(id)s", {"id": move_id})


async def known_moves(tx: Tx, ids: Sequence[UUID]) -> set[UUID]:
    found = await tx.rows(lambda id_: id_, "select id from hedge_move where id = any(%(ids)s)", {"ids": list(ids)})
    return set(found)


async def newest_moves(tx: Tx, limit: int) -> list[Move]:
    return await tx.rows(_move, _MOVE + " order by created_at desc limit %(limit)s", {"limit": limit})


async def refused_since(tx: Tx, lane: int, since: datetime) -> bool:
    query = "select exists (select from hedge_move where lane = %(lane)s and state = 3 and created_at > %(since)s)"
    return bool(await tx.value(query, {"lane": lane, "since": since}))


async def ask_again(tx: Tx, was: Move, at: datetime) -> bool:
    """False: somebody else asks at this moment, or it has ended."""
    query = "update hedge_move set asked_at = %(at)s where id = %(id)s and state = 0 and asked_at = %(was)s"
    return bool(await tx.execute(query, {"id": was.id, "at": at, "was": was.asked_at}))


async def turn(
    tx: Tx, was: Move, to: State, at: datetime, *, cents: int = 0, sats: int = 0, fee_sats: int | None = None,
    reason: str | None = None,
) -> bool:  # fmt: skip
    """Its next state. False: somebody else was faster."""
    if not to.open:
        await tx.execute("update hedge set turns = turns + 1")
    return bool(
        await tx.execute(
            """
            update hedge_move set state = %(to)s, done_cents = %(cents)s, done_sats = %(sats)s,
                fee_sats = coalesce(%(fee)s, fee_sats), reason = coalesce(%(reason)s, reason),
                ended_at = case when %(to)s in (2, 3) then %(at)s::timestamptz end
            where id = %(id)s and state = %(was)s
            """,
            {
                "id": was.id, "was": was.state, "to": to, "at": at, "cents": cents, "sats": sats, "fee": fee_sats,
                "reason": reason[:500] if reason else None,
            },
        )
    )  # fmt: skip


async def place_move(tx: Tx, move_id: UUID, txid: str, fee_sats: int) -> None:
    """Where a deposit stands in the chain, and what the miners take, as booked."""
    await tx.execute(
        """
        update hedge_move set fee_sats = %(fee)s,
            txids = case when %(txid)s = any (txids) then txids else txids || %(txid)s::text end where id = %(id)s
        """,
        {"id": move_id, "txid": txid, "fee": fee_sats},
    )


async def begin_waiting(tx: Tx, move_id: UUID, at: datetime) -> None:
    """From now on the exchange should see it soon."""
    await tx.execute("update hedge_move set asked_at = %(at)s where id = %(id)s", {"id": move_id, "at": at})


# --- what the exchange told -------------------------------------------------------------------------


async def add_bills(tx: Tx, bills: Sequence[Bill]) -> None:
    for one in bills:
        await tx.execute(
            """insert into hedge_bill (id, kind, at, msats, fee_msats, short_cents, said)
            values (%(id)s, %(kind)s, %(at)s, %(msats)s, %(fee)s, %(short)s, %(said)s)""",
            {
                "id": one.id, "kind": one.kind, "at": one.at, "msats": one.amount.n, "fee": one.fee.n,
                "short": one.short, "said": one.said[:200],
            },
        )  # fmt: skip


async def add_coins(tx: Tx, coins_id: str, at: datetime, sats: int, fee_sats: int, move_id: UUID | None) -> bool:
    """False: they are booked already."""
    return bool(
        await tx.execute(
            """insert into hedge_coins (id, at, sats, fee_sats, move_id)
            values (%(id)s, %(at)s, %(sats)s, %(fee)s, %(move)s) on conflict (id) do nothing""",
            {"id": coins_id, "at": at, "sats": sats, "fee": fee_sats, "move": move_id},
        )
    )


async def known_coins(tx: Tx, ids: Sequence[str]) -> set[str]:
    found = await tx.rows(lambda id_: id_, "select id from hedge_coins where id = any(%(ids)s)", {"ids": list(ids)})
    return set(found)


@dataclass(frozen=True, slots=True)
class Day:
    """What the exchange billed on one day (UTC), in millisatoshi; below zero: it cost us. ``traded_cents``: face value
    of all orders."""

    day: str
    position_msats: int
    funding_msats: int
    fees_msats: int
    other_msats: int
    traded_cents: int
    liquidated_cents: int


async def days(tx: Tx, since: datetime, limit: int) -> list[Day]:
    """Newest first."""
    return await tx.rows(
        lambda day, *sums: Day(day, *(int(one) for one in sums)),
        """
        with told as (
            select at, kind, msats - fee_msats as msats, fee_msats, abs(short_cents) as cents from hedge_bill
            union all
            select at, 0, 0, -1000 * fee_sats, 0 from hedge_coins
             where fee_sats > 0 and at >= (select opened_at from hedge))
        select to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day,
               coalesce(sum(msats) filter (where kind in (2, 3)), 0),
               coalesce(sum(msats + fee_msats) filter (where kind = 4), 0),
               coalesce(sum(fee_msats) filter (where kind <> 4), 0),
               coalesce(sum(msats) filter (where kind = 5), 0),
               coalesce(sum(cents) filter (where kind = 2), 0),
               coalesce(sum(cents) filter (where kind = 3), 0)
          from told where at >= %(since)s group by 1 order by 1 desc limit %(limit)s
        """,
        {"since": since, "limit": limit},
    )


async def liquidated_since(tx: Tx, since: datetime) -> int:
    """Face value that the exchange closed by force, in US cents."""
    query = "select coalesce(sum(abs(short_cents)), 0) from hedge_bill where kind = 3 and at >= %(since)s"
    return int(await tx.value(query, {"since": since}))
