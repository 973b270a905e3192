"""Invariants that are checked by looking: rows, and what must not be true of any of them.

A scan reads its rows once and counts, for every invariant, those that break it; only then are the first
offending rows fetched. Contexts say in SQL what must hold of their tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from hazina.kernel.db import Tx

OFFENDING_MAX = 20
"""Rows that are shown of each broken invariant."""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. ``checked``: rows looked at; ``broken``: rows that break it; ``offending``: the first of
    those, as dictionaries."""

    name: str
    description: str
    checked: int
    broken: int
    offending: list[dict[str, Any]]

    @property
    def ok(self) -> bool:
        return self.broken == 0


@dataclass(frozen=True, slots=True)
class Invariant:
    name: LiteralString
    description: LiteralString
    broken: LiteralString
    """SQL: true of a row that breaks it."""


@dataclass(frozen=True, slots=True)
class Scan:
    """``rows``: a query; its parameters are given when it runs."""

    rows: LiteralString
    invariants: tuple[Invariant, ...]


def checked(name: str, description: str, n: int, offending: Iterable[dict[str, Any]]) -> Check:
    """A check that was not made in SQL."""
    found = list(offending)
    return Check(name, description, n, len(found), found[:OFFENDING_MAX])


async def run(tx: Tx, scans: Iterable[Scan], values: Mapping[str, Any] | None = None) -> list[Check]:
    return [check for scan in scans for check in await _run(tx, scan, values)]


async def _run(tx: Tx, scan: Scan, values: Mapping[str, Any] | None) -> list[Check]:
    rows = sql.SQL(scan.rows)
    counts = sql.SQL(", ").join(sql.SQL("count(*) filter (where " + one.broken + ")") for one in scan.invariants)
    async with tx.raw.cursor() as cursor:
        await cursor.execute(sql.SQL("select count(*), {} from ({}) as scanned").format(counts, rows), values)
        looked_at, *broken = await cursor.fetchone() or ()
    return [
        Check(one.name, one.description, looked_at, n, await _offending(tx, rows, one, values) if n else [])
        for one, n in zip(scan.invariants, broken, strict=True)
    ]


async def _offending(
    tx: Tx, rows: sql.SQL, invariant: Invariant, values: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    query = sql.SQL("select * from ({}) as scanned where {} limit {}").format(
        rows, sql.SQL(invariant.broken), sql.Literal(OFFENDING_MAX)
    )
    async with tx.raw.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
