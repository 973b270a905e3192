"""What a node has is what it had and what it did."""

from __future__ import annotations

import pytest

from hazina.watch.truth import Baseline

SAT = 1_000


@pytest.mark.parametrize(
    ("own", "did", "ok"),
    [
        (500 * SAT, 0, True),  # nothing happened
        (700 * SAT, -200 * SAT, True),  # 200 came (the books' sign: what came in is negative)
        (397 * SAT, 103 * SAT, True),  # 100 left, and 3 for the route
        (397 * SAT - 999, 103 * SAT, True),  # it shows whole satoshi
        (396 * SAT, 103 * SAT, False),  # one satoshi is gone
        (501 * SAT, 0, False),  # one is there that nobody sent
    ],
)
def test_a_balance_that_does_not_follow_is_seen(own: int, did: int, ok: bool) -> None:
    check = Baseline({"a": 500 * SAT}).compare({"a": own}, SAT, did)
    assert check.ok is ok


def test_several_nodes_are_one_sum_and_what_was_before_the_first_look_does_not_count() -> None:
    baseline = Baseline({"a": 500 * SAT, "b": 50 * SAT}, did_msat=-70 * SAT)
    assert baseline.compare({"a": 520 * SAT, "b": 50 * SAT}, 2 * SAT, -90 * SAT).ok
    assert not baseline.compare({"a": 520 * SAT, "b": 50 * SAT}, 2 * SAT, -70 * SAT).ok


def test_without_a_first_look_nothing_is_said() -> None:
    assert Baseline().compare({}, 0, -5 * SAT).ok
