"""Rules of payments: lives, amounts, fees, memos. No database, no clock of the machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.kernel.money import Cents, Msats
from hazina.payments import Kind, Policy, State, drawing
from hazina.payments.errors import AmountTooLarge, InvalidAmount, MemoTooLong
from hazina.payments.flow import BORN, LIVES, Event, after
from hazina.payments.model import expiry, fee_ceiling, memo_fits, positive, split_receipt

POLICY = Policy()
LIVES_PAGE = Path(__file__).parents[2] / "docs" / "payment-lives.md"


def test_every_kind_has_a_life_that_ends() -> None:
    """From its birth every kind reaches a final state whatever happens, and leaves none."""
    for kind in Kind:
        reached, todo = set(), [BORN[kind]]
        while todo:
            state = todo.pop()
            reached.add(state)
            todo += [to for (at, _), to in LIVES[kind].items() if at is state and to not in reached]
        assert any(state.final for state in reached)
        for state in reached:
            leaves = [event for event in Event if after(kind, state, event)]
            assert bool(leaves) is not state.final, (kind, state)
            if not state.final:
                assert after(kind, state, Event.FAIL) or after(kind, state, Event.SEND), (kind, state)


def test_a_payment_never_leaves_a_final_state_and_never_goes_back_to_held() -> None:
    for life in LIVES.values():
        assert not [1 for state, _ in life if state.final]
        assert State.HELD not in life.values()


def test_the_drawing_in_the_docs_is_the_table() -> None:
    assert LIVES_PAGE.read_text() == drawing(), "write what hazina.payments.drawing() says into docs/payment-lives.md"


@given(st.integers(1, 10**16))
def test_a_receipt_is_split_without_loss(msat: int) -> None:
    whole, rest = split_receipt(Msats(msat))
    assert whole + rest == Msats(msat)
    assert 0 <= rest.n < 1000 and whole.n % 1000 == 0


@given(st.integers(1, 10**16))
def test_the_fee_ceiling_is_half_a_percent_and_at_least_ten_satoshi(msat: int) -> None:
    ceiling = fee_ceiling(Msats(msat), POLICY)
    assert ceiling.n % 1000 == 0
    assert ceiling.sats_floor >= 10
    assert ceiling.sats_floor == 10 or abs(ceiling.n - msat * 5 / 1000) <= 1000


@pytest.mark.parametrize("amount", [Msats(0), Msats(-1), Cents(0), Cents(-5)])
def test_no_payment_of_nothing(amount: Msats | Cents) -> None:
    with pytest.raises(InvalidAmount):
        positive(amount)


@pytest.mark.parametrize("amount", [Msats(10**16 + 1), Msats(10**30), Cents(10**13 + 1), Cents(2**63)])
def test_no_payment_of_more_than_there_is(amount: Msats | Cents) -> None:
    with pytest.raises(AmountTooLarge):
        positive(amount)


@pytest.mark.parametrize(
    ("minutes", "has_amount", "lives"),
    [(None, True, 240), (None, False, 120), (1, True, 1), (1440, False, 1440), (0, True, 240), (1441, False, 120)],
)
def test_expiry_outside_its_bounds_is_the_default(minutes: int | None, has_amount: bool, lives: int) -> None:
    assert expiry(minutes, has_amount, POLICY) == timedelta(minutes=lives)


def test_a_memo_is_measured_in_bytes() -> None:
    memo_fits("x" * 639)
    memo_fits("ü" * 319)
    for memo in ("x" * 640, "ü" * 320, "🪙" * 160):
        with pytest.raises(MemoTooLong):
            memo_fits(memo)
