"""Which node takes new work."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from hazina.payments import Seat
from hazina.payments.nodes import pick
from hazina.payments.ports import Lightning


def seats(*weights: int) -> list[Seat]:
    """Nobody calls the nodes."""
    return [Seat(cast(Lightning, f"lnd-{place}"), weight) for place, weight in enumerate(weights)]


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=8), st.binary(max_size=32))
def test_the_same_key_falls_to_the_same_node(weights: list[int], key: bytes) -> None:
    offered = seats(*weights)
    assert pick(offered, key) is pick(offered, key)


def test_weight_is_a_share() -> None:
    offered = seats(1, 3)
    found: Counter[Any] = Counter(pick(offered, place.to_bytes(4)).lightning for place in range(4_000))
    assert 2_850 < found["lnd-1"] < 3_150
