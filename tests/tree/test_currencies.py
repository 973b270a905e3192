"""The table of currencies is what CLDR says."""

from __future__ import annotations

from tools import currencies


def test_the_table_is_cldrs() -> None:
    assert currencies.FILE.read_text() == currencies.text(), "run: python -m tools.currencies"
