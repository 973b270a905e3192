"""The books' SQL as plain functions. ``tx`` first; nothing here commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.numeric import Int8BinaryDumper

from hazina.kernel.db import Tx
from hazina.kernel.money import AMOUNT_MAX, Amount, Asset
from hazina.kernel.units import ClaimKind, EffectKind
from hazina.ledger.model import Balance, Entry, Txn

NO_REF = UUID(int=0)
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)

POST = """
    select code, leg from ledger.post(
        %(id)b::uuid[], %(kind)b::smallint[], %(legs)b::smallint[],
        %(cents)b::bigint[], %(source)b::text[], %(price_at)b::timestamptz[], %(meta)b::text[],
        %(expect)b::bigint[], %(skip)b::boolean[],
        %(op)b::smallint[], %(src)b::bigint[], %(dst)b::bigint[], %(amount)b::bigint[], %(ref)b::uuid[])
"""


class Int8(Int8BinaryDumper):
    """Always eight bytes. psycopg would choose by the largest number in a list, and one statement would
    become many prepared ones."""


def as_json(value: Any) -> str:
    """For ``%(rows)s`` and ``meta``: what SQL reads back by ``jsonb_to_recordset`` with the column's type."""
    return json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return "\\x" + value.hex()
        case Amount():
            return value.n
        case _:
            raise TypeError(f"a row cannot carry a {type(value).__name__}")


def _storable(amount: int) -> int:
    """An amount outside the ledger's range may not fit a 64-bit integer; -1 is refused just the same."""
    return amount if 0 <= amount <= AMOUNT_MAX else -1


async def post(tx: Tx, txns: Sequence[Txn], skip: Sequence[bool]) -> list[tuple[int, int]]:
    """One call for all: code and number of the failing leg of each transaction."""
    prices = [txn.price for txn in txns]
    legs = [leg for txn in txns for leg in txn.legs]
    values = {
        "id": [txn.id for txn in txns],
        "kind": [txn.kind for txn in txns],
        "legs": [len(txn.legs) for txn in txns],
        "cents": [p.cents_per_btc if p else 0 for p in prices],
        "source": [p.source if p else "" for p in prices],
        "price_at": [p.at if p else NO_TIME for p in prices],
        "meta": [as_json(txn.meta) if txn.meta else "" for txn in txns],
        "expect": [-1 if txn.payer_seq is None else txn.payer_seq for txn in txns],
        "skip": list(skip),
        "op": [int(leg.op) for leg in legs],
        "src": [int(leg.src) for leg in legs],
        "dst": [int(leg.dst) for leg in legs],
        "amount": [_storable(leg.amount) for leg in legs],
        "ref": [leg.ref or NO_REF for leg in legs],
    }
    async with tx.raw.cursor(binary=True) as cursor:
        cursor.adapters.register_dumper(int, Int8)
        await cursor.execute(POST, values)
        row = await cursor.fetchone()
    assert row is not None
    return list(zip(row[0], row[1], strict=True))


async def stored(tx: Tx, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these transactions are in the books."""
    found = await tx.rows(lambda id_: id_, "select id from ledger.txn where id = any(%(ids)s)", {"ids": list(ids)})
    return set(found)


async def take(tx: Tx, kind: ClaimKind, claims: Sequence[dict[str, Any]]) -> dict[int, tuple[int, Any]]:
    """The losers: number of the claim -> the kind's own code, and detail."""
    rows = await tx.rows(lambda n, code, detail: (n, code, detail), kind.take, {"rows": as_json(claims)})
    return {n: (code, detail) for n, code, detail in rows}


async def undo(tx: Tx, kind: ClaimKind, claims: Sequence[dict[str, Any]]) -> None:
    await tx.raw.execute(kind.undo, {"rows": as_json(claims)})


async def write(tx: Tx, kind: EffectKind, rows: Sequence[dict[str, Any]]) -> None:
    await tx.raw.execute(kind.write, {"rows": as_json(rows)})


async def open_account(tx: Tx, asset: Asset, floor: int | None = 0) -> int:
    """A new, empty account; its id. ``floor``: how low balance minus held may fall, in minor units, 0 or
    less; None for no floor."""
    id_: int = await tx.value(
        "select ledger.open_account(%(asset)s::smallint, %(floor)s)", {"asset": int(asset), "floor": floor}
    )
    return id_


async def close_account(tx: Tx, account: int) -> bool:
    """No transfers and no new holds any more; holds that are open can still end. False: no such account."""
    closed: bool = await tx.value("select ledger.close_account(%(account)s)", {"account": account})
    return closed


async def balances(tx: Tx, ids: Sequence[int]) -> dict[int, Balance]:
    """By account; an account that does not exist is left out."""
    rows = await tx.rows(
        lambda id_, asset, *rest: (id_, Balance(Asset(asset), *rest)),
        "select id, asset, balance, held, seq from ledger.account where id = any(%(ids)s::bigint[])",
        {"ids": [int(id_) for id_ in ids]},
    )
    return dict(rows)


async def entries(tx: Tx, account: int, before: int | None, limit: int) -> list[Entry]:
    """Newest first; ``before``: only those with a smaller ``seq``. Holds and their ends are entries too."""
    return await tx.rows(
        Entry,
        """
        select account_id, seq, amount, balance_after, held, held_after, at, txn_id, leg from ledger.entry
        where account_id = %(account)s and seq < coalesce(%(before)s, 9223372036854775807)
        order by seq desc limit %(limit)s
        """,
        {"account": account, "before": before, "limit": limit},
    )


async def entries_after(tx: Tx, account: int, after: int, limit: int) -> list[Entry]:
    """Oldest first, with a larger ``seq`` than ``after``."""
    return await tx.rows(
        Entry,
        """
        select account_id, seq, amount, balance_after, held, held_after, at, txn_id, leg from ledger.entry
        where account_id = %(account)s and seq > %(after)s order by seq limit %(limit)s
        """,
        {"account": account, "after": after, "limit": limit},
    )


async def balance_at(tx: Tx, account: int, at: datetime) -> int:
    """What the account's balance was at a moment. Reads back from today: for weeks, not for years."""
    query = """
        select balance_after from ledger.entry
        where account_id = %(account)s and at < %(at)s order by seq desc limit 1
    """
    return int(await tx.value(query, {"account": account, "at": at}) or 0)
