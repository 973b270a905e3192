"""The page of invariants says what the program does."""

from __future__ import annotations

from pathlib import Path

from hazina.watch import drawing

PAGE = Path(__file__).parents[2] / "docs" / "invariants.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == drawing(), "write what hazina.watch.drawing() says into docs/invariants.md"
