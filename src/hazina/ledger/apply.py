"""What becomes of a batch of units inside one transaction.

    replays known -> claims, kind by kind -> one posting for all -> claims of the refused undone -> rows

Locks are taken in that order: tables of claims as registered, accounts by id, tables of rows as
registered. A flow with a transaction of its own therefore calls ``apply_units`` as its last step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.errors import SerializationFailure

from hazina.kernel.db import Tx
from hazina.kernel.units import ClaimKind
from hazina.ledger import store
from hazina.ledger.model import Code, Registry, Result, Unit

ROUNDS_MAX = 10
"""How often units that lost a claim to one that was refused itself are tried again. After that they keep
their refusal: a batch must end, and the asker may come again."""


@dataclass(slots=True)
class Attempt:
    """One unit on its way through a batch."""

    place: int
    unit: Unit
    taken: list[tuple[ClaimKind, dict[str, Any]]] = field(default_factory=list)
    lost: Result | None = None
    result: Result | None = None

    @property
    def refused(self) -> bool:
        return self.result is not None and self.result.code != Code.POSTED


async def apply_units(tx: Tx, registry: Registry, units: Sequence[Unit]) -> list[Result]:
    """Do these units, each as a whole or not at all; a refused one leaves no trace. The last step of a
    transaction. Raises ``psycopg.errors.SerializationFailure`` when another process is doing one of them at
    this moment: roll back and repeat (``Database.again`` does)."""
    async with tx.raw.pipeline():
        return await apply_in_pipeline(tx, registry, units)


async def apply_in_pipeline(tx: Tx, registry: Registry, units: Sequence[Unit]) -> list[Result]:
    """The same inside an open pipeline: statements that answer nothing are still on their way when it
    returns, and their errors come out at the next synchronisation."""
    attempts, copies = _without_copies(units)
    todo = attempts
    for _ in range(ROUNDS_MAX):
        now, later = _apart(todo)
        todo = sorted([*await _round(tx, registry, now), *later], key=lambda attempt: attempt.place)
        if not todo:
            break
    for attempt in todo:
        # Lost again and again, or the last of many bodies under one id: refused either way.
        attempt.result = attempt.result or Result(Code.OTHER_BODY)
    await _write_rows(tx, registry, attempts)
    results: list[Result] = []
    for place, origin in enumerate(copies):
        found = attempts[origin].result
        assert found is not None, "every unit has a result"
        original = attempts[origin].place == place
        results.append(found if original or found.code != Code.POSTED else Result(Code.EXISTS))
    return results


def _without_copies(units: Sequence[Unit]) -> tuple[list[Attempt], list[int]]:
    """An attempt for each unit that is not a copy of an earlier one, and for each unit which attempt is
    its own. A copy shares the fate of the first: it would find the same state right behind it."""
    attempts: list[Attempt] = []
    own: list[int] = []
    seen: dict[Any, list[int]] = {}
    for place, unit in enumerate(units):
        alike = seen.setdefault(unit.id, [])
        same = next((n for n in alike if attempts[n].unit == unit), None)
        if same is None:
            same = len(attempts)
            attempts.append(Attempt(place, unit))
            alike.append(same)
        own.append(same)
    return attempts, own


def _apart(todo: Sequence[Attempt]) -> tuple[list[Attempt], list[Attempt]]:
    """Units of one id, or with transactions of one id, but with other bodies, go one after the other."""
    now: list[Attempt] = []
    later: list[Attempt] = []
    seen: set[Any] = set()
    for attempt in todo:
        names = {attempt.unit.id} | ({attempt.unit.txn.id} if attempt.unit.txn else set())
        (later if names & seen else now).append(attempt)
        seen |= names
    return now, later


async def _round(tx: Tx, registry: Registry, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Once through claims, posting and undoing. Returns the attempts that deserve another round."""
    for attempt in attempts:
        attempt.taken, attempt.lost, attempt.result = [], None, None
    await _take_claims(tx, registry, attempts)
    await _post(tx, attempts)
    undone = await _undo_claims(tx, registry, attempts)
    return [
        attempt
        for attempt in attempts
        if attempt.refused
        and attempt.lost is not None
        and any(kind == attempt.lost.claim and place < attempt.place for kind, place in undone)
    ]


async def _take_claims(tx: Tx, registry: Registry, attempts: Sequence[Attempt]) -> None:
    """Replays take no claims: what they reserved then stands."""
    claiming = [attempt for attempt in attempts if attempt.unit.claims]
    if not claiming:
        return
    known = await store.stored(tx, [a.unit.txn.id for a in claiming if a.unit.txn is not None])
    claiming = [a for a in claiming if a.unit.txn is None or a.unit.txn.id not in known]
    for kind in registry.claims:
        asked: list[tuple[Attempt, dict[str, Any]]] = []
        for attempt in claiming:
            for claim in attempt.unit.claims:
                if claim.kind == kind.name and attempt.lost is None:
                    asked.append((attempt, {**claim.values, "n": len(asked), "unit": attempt.unit.id}))
        if not asked:
            continue
        losers = await store.take(tx, kind, [values for _, values in asked])
        for n, (attempt, values) in enumerate(asked):
            if n not in losers:
                attempt.taken.append((kind, values))
            elif attempt.lost is None:
                code, detail = losers[n]
                attempt.lost = Result(Code.SKIPPED, claim=kind.name, claim_code=code, detail=detail)


async def _post(tx: Tx, attempts: Sequence[Attempt]) -> None:
    posting = [(attempt, attempt.unit.txn) for attempt in attempts if attempt.unit.txn is not None]
    if posting:
        skip = [attempt.lost is not None for attempt, _ in posting]
        codes = await store.post(tx, [txn for _, txn in posting], skip)
        for (attempt, _), (code, leg) in zip(posting, codes, strict=True):
            attempt.result = attempt.lost if code == Code.SKIPPED else Result(Code(code), leg)
    for attempt in attempts:
        if attempt.result is None:
            attempt.result = attempt.lost or Result(Code.POSTED)
        if attempt.taken and attempt.result.code in (Code.EXISTS, Code.OTHER_BODY):
            # It was not there before the claims, now it is: another process was faster. Undoing these
            # claims could take back what belongs to the other one, so start from the beginning.
            raise SerializationFailure("a unit was committed elsewhere at this moment")


async def _undo_claims(tx: Tx, registry: Registry, attempts: Sequence[Attempt]) -> list[tuple[str, int]]:
    """Kind and place of each claim that was won in vain."""
    undone: list[tuple[str, int]] = []
    vain = [attempt for attempt in attempts if attempt.refused]
    for kind in registry.claims:
        claims = [(a.place, values) for a in vain for taken, values in a.taken if taken is kind]
        if claims:
            await store.undo(tx, kind, [values for _, values in claims])
            undone.extend((kind.name, place) for place, _ in claims)
    return undone


async def _write_rows(tx: Tx, registry: Registry, attempts: Sequence[Attempt]) -> None:
    """Only for what was posted here: the rows of a replay stand already."""
    posted = [attempt for attempt in attempts if not attempt.refused]
    for kind in registry.effects:
        rows = [row.values for attempt in posted for row in attempt.unit.rows if row.kind == kind.name]
        if rows:
            await store.write(tx, kind, rows)
