"""The whole bank under seeded trouble: what must hold, holds. Seeds that once failed stay here for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulation.playing import Played, play

pytestmark = pytest.mark.slow

FIRST = 1_000
"""Far from the seeds by hand, so that nobody tunes the simulation to these."""
SEEDS = 12
"""Two minutes of one processor, with its PostgreSQL; the same ones however busy the machine is."""

FAILED = {
    221: "a worker that had stood still read old news of a failure and returned a payment that was on its way",
}
"""Seeds that failed, and what they found."""


@pytest.fixture(scope="module")
def two_minutes(postgres: Path) -> Played:
    return play(postgres, "--seeds", SEEDS, "--seed", FIRST)


def test_two_minutes_of_seeds(two_minutes: Played) -> None:
    assert two_minutes.code == 0, two_minutes.text
    assert two_minutes.last_line.startswith(f"seeds={SEEDS} ")
    assert two_minutes.last_line.endswith("lost=0 created=0 double_paid=0")


@pytest.mark.parametrize("seed", FAILED)
def test_a_seed_that_failed_once(seed: int, postgres: Path) -> None:
    played = play(postgres, "--seeds", 1, "--seed", seed)
    assert played.code == 0, played.text


def test_a_seed_is_always_the_same_run(two_minutes: Played, postgres: Path) -> None:
    """Alone, and after others."""
    seed = FIRST + 2
    alone = play(postgres, "--seeds", 1, "--seed", seed)
    assert alone.digests == {seed: two_minutes.digests[seed]}, alone.text + two_minutes.text
    assert two_minutes.digests[seed] != two_minutes.digests[FIRST]
