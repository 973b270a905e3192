"""The simulation bites: each bug that is planted on purpose is found, within so many seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulation.playing import play

from simulation.plants import PLANTS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str, postgres: Path) -> None:
    plant = PLANTS[name]
    played = play(postgres, "--plant", name, "--seed", plant.seed, "--seeds", plant.within)
    assert played.code == 1 and "WRONG" in played.text, played.text
    assert f"--plant {name}" in played.text, "the seed to replay is told"
