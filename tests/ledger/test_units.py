from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.ledger.unit_proof import Apply, prove

from hazina.kernel.db import Database
from hazina.ledger import apply, apply_units

SEEDS = (104, *range(8))
"""104 once found units that were decided in another order than the one by which they were tried again."""


async def test_each_unit_is_whole(db: Database, kinds: psycopg.Connection, books: object) -> None:
    for seed in SEEDS:
        assert await prove(db, kinds, apply_units, seed, 12) == []


@dataclass(frozen=True, slots=True)
class Mutant:
    right: str
    wrong: str


MUTANTS = {
    "claims are not undone": Mutant("await store.undo(tx, kind, [values for _, values in claims])", "pass"),
    "claims are taken after posting": Mutant(
        "    await _take_claims(tx, registry, attempts)\n    await _post(tx, attempts)\n",
        "    await _post(tx, attempts)\n    await _take_claims(tx, registry, attempts)\n",
    ),
    "losers are not tried again": Mutant(
        "todo = sorted([*await _round(tx, registry, now), *later]",
        "await _round(tx, registry, now); todo = sorted(later",
    ),
    "losers are tried again out of order": Mutant("key=lambda attempt: attempt.place", "key=lambda attempt: 0"),
    "losers are posted": Mutant(
        "skip = [attempt.lost is not None for attempt, _ in posting]", "skip = [False] * len(posting)"
    ),
    "replays take claims": Mutant(
        "claiming = [a for a in claiming if a.unit.txn is None or a.unit.txn.id not in known]", ""
    ),
    "replays write rows": Mutant("if not attempt.refused]", "if attempt.result.ok]"),
    "two bodies of one id at once": Mutant("(later if names & seen else now).append(attempt)", "now.append(attempt)"),
    "refused units write rows": Mutant("if not attempt.refused]", "]"),
}


def mutated(mutant: Mutant, folder: Path) -> Apply:
    """``apply_units`` of a copy of its module with the fault in it."""
    source = Path(apply.__file__).read_text()
    assert mutant.right in source, "the mutant fits the source"
    copy = folder / "mutant.py"
    copy.write_text(source.replace(mutant.right, mutant.wrong, 1))
    spec = importlib.util.spec_from_file_location("mutant", copy)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutant"] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["mutant"]
    found: Apply = module.apply_units
    return found


@pytest.mark.parametrize("name", MUTANTS)
async def test_fault_is_noticed(name: str, db: Database, kinds: psycopg.Connection, tmp_path: Path) -> None:
    faulty = mutated(MUTANTS[name], tmp_path)
    wrong: Sequence[str] = []
    for seed in SEEDS:
        try:
            wrong = wrong or await prove(db, kinds, faulty, seed, 12)
        except psycopg.Error as error:
            wrong = [f"{type(error).__name__}: {error}"]
    assert wrong, f"nobody noticed: {name}"
    print(f"{name}: {wrong[0][:150]}")
