"""Two of the real faults, on real processes; all of them: ``./dev faults``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.__main__ import one
from faults.bank import Bank
from faults.report import FAULTS
from faults.scene import Scene


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """A bank of two and two processes."""
    with tempfile.TemporaryDirectory(prefix="hazina-faults-") as made:
        Path(made).chmod(0o711)
        folder = Path(made) / "bank"
        folder.mkdir(mode=0o711)
        bank = Bank(folder)
        try:
            bank.start()
            scene = Scene(bank)
            scene.come(4)
            yield scene
        finally:
            bank.end()


@pytest.mark.parametrize("name", ["F23", "WRITERS"])
def test_it_holds(scene: Scene, name: str) -> None:
    finding = one(scene, FAULTS[name])
    assert not finding.wrong, finding.wrong
