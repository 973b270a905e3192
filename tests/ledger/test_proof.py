from __future__ import annotations

from collections import Counter

from tests.ledger.proof import all_at_once, one_after_the_other

from hazina.ledger import Code


async def test_every_code_is_the_models(books_url: str) -> None:
    codes: Counter[int] = Counter()
    assert await one_after_the_other(books_url, range(10), 30, codes) == []
    assert set(codes) == {int(code) for code in Code}, "the generator reaches every code"


async def test_what_many_do_at_once_has_an_order(books_url: str) -> None:
    assert await all_at_once(books_url, range(1000, 1004), connections=8, batches=15) == []
