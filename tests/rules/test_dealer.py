"""Exchange, rounding, what makes a price, and how it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.dealer import (
    FiatRate,
    Policy,
    Tick,
    cents_of,
    currency,
    display_amount,
    display_price,
    in_cents,
    msats_of,
    realtime_price,
    sat_price,
)
from hazina.dealer.model import choose, flaw, is_fresh, sources_needed
from hazina.kernel.money import Cents, Msats, Price

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = Policy()
MSAT_PER_BTC = 100_000_000_000

prices = st.integers(100_00, 100_000_000_00).map(lambda n: Price(n, "test", NOW))
msats = st.integers(-21 * 10**17, 21 * 10**17).map(Msats)
cents = st.integers(-(10**15), 10**15).map(Cents)


def at(cents_per_btc: int) -> Price:
    return Price(cents_per_btc, "test", NOW)


def nearest_half_down(exact: Fraction) -> int:
    """The rule, said another way: up only when more than half."""
    size = abs(exact)
    whole = size.numerator // size.denominator
    rounded = whole + (1 if size - whole > Fraction(1, 2) else 0)
    if exact and not rounded:
        rounded = 1
    return rounded if exact > 0 else -rounded


@given(msats, prices)
def test_bitcoin_in_dollars(amount: Msats, price: Price) -> None:
    assert cents_of(amount, price).n == nearest_half_down(Fraction(amount.n * price.cents_per_btc, MSAT_PER_BTC))


@given(cents, prices)
def test_dollars_in_bitcoin(amount: Cents, price: Price) -> None:
    assert msats_of(amount, price).n == nearest_half_down(Fraction(amount.n * MSAT_PER_BTC, price.cents_per_btc))


@given(msats, msats, prices)
def test_more_is_never_worth_less(a: Msats, b: Msats, price: Price) -> None:
    low, high = sorted((a, b))
    assert not cents_of(high, price) < cents_of(low, price)


@given(cents, prices)
def test_there_and_back_is_the_same_dollars(amount: Cents, price: Price) -> None:
    """A cent is many millisatoshi, so this direction loses nothing."""
    assert cents_of(msats_of(amount, price), price) == amount


@given(msats, prices)
def test_there_and_back_is_off_by_half_a_cent_at_most(amount: Msats, price: Price) -> None:
    there = cents_of(amount, price)
    half_a_cent = Fraction(MSAT_PER_BTC, 2 * price.cents_per_btc)
    if abs(there.n) > 1:  # something that rounds up to one cent may be off by more
        assert abs(msats_of(there, price).n - amount.n) <= half_a_cent + 1


def test_halves_go_down_and_something_is_never_nothing() -> None:
    price = at(100_000_00)  # one cent = 10,000 msat
    assert cents_of(Msats(15_000), price) == Cents(1)
    assert cents_of(Msats(15_001), price) == Cents(2)
    assert cents_of(Msats(25_000), price) == Cents(2)
    assert cents_of(Msats(-25_000), price) == Cents(-2)
    assert cents_of(Msats(1), price) == Cents(1)
    assert cents_of(Msats(0), price) == Cents(0)
    assert msats_of(Cents(1), price) == Msats(10_000)
    assert in_cents(Cents(7), price) == Cents(7)


@pytest.mark.parametrize("bad", [0, -1])
def test_a_price_of_nothing_is_a_fault_of_ours(bad: int) -> None:
    with pytest.raises(AssertionError):
        cents_of(Msats(1_000), at(bad))
    with pytest.raises(AssertionError):
        msats_of(Cents(1), at(bad))


# -- which ticks make the price -----------------------------------------------------------------


def tick(mid: int, *, age_s: int = 1, spread: int = 2) -> Tick:
    return Tick(mid - spread // 2, mid + spread - spread // 2, NOW - timedelta(seconds=age_s))


def test_one_source_is_enough() -> None:
    price, dropped = choose({"kraken": tick(9_500_000)}, None, NOW, POLICY)
    assert price == Price(9_500_000, "kraken", NOW - timedelta(seconds=1))
    assert not dropped


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (Tick(0, 0, NOW), "not above zero"),
        (Tick(-5, 10, NOW), "not above zero"),
        (Tick(9_500_000, 9_400_000, NOW), "bid above ask"),
        (tick(99_00), "out of bounds"),
        (tick(9_500_000 * 10_000), "out of bounds"),
        (Tick(9_000_000, 9_900_000, NOW), "spread too wide"),
        (tick(9_500_000, age_s=61), "stale"),
        (tick(9_500_000, age_s=-11), "from the future"),
        (tick(9_500_000 * 1_000), "too far from the last price"),
        (tick(9_500), "out of bounds"),
        (tick(190_000), "too far from the last price"),
    ],
)
def test_ticks_that_make_no_sense(one: Tick, reason: str) -> None:
    last = Price(9_500_000, "kraken", NOW - timedelta(seconds=30))
    assert flaw(one, last, NOW, POLICY) == reason
    price, dropped = choose({"kraken": one}, last, NOW, POLICY)
    assert price is None
    assert [d.reason for d in dropped] == [reason]


def test_a_large_move_is_believed_a_mistaken_unit_is_not_for_ever() -> None:
    last = Price(9_500_000, "kraken", NOW - timedelta(seconds=30))
    assert flaw(tick(200_000), last, NOW, POLICY) is None
    assert flaw(tick(470_000_000), last, NOW, POLICY) is None
    old = Price(9_500_000, "kraken", NOW - timedelta(hours=2))
    assert flaw(tick(190_000), old, NOW, POLICY) is None


def test_the_median_of_those_that_agree() -> None:
    ticks = {"a": tick(100_000), "b": tick(100_100, age_s=9), "c": tick(100_050), "wild": tick(150_000)}
    price, dropped = choose(ticks, None, NOW, POLICY)
    assert price == Price(100_050, "a+b+c", NOW - timedelta(seconds=1))
    assert [(d.source, d.reason) for d in dropped] == [("wild", "apart from the others")]


good_mids = st.integers(9_900_000, 10_000_000)
wild_mids = st.one_of(st.integers(100_00, 9_000_000), st.integers(11_000_000, 9_000_000_000))


@given(st.lists(good_mids, min_size=3, max_size=8), st.lists(wild_mids, max_size=7), st.randoms())
def test_the_few_never_move_the_price(good: list[int], wild: list[int], dice: Random) -> None:
    """Whatever fewer than half of the sources say, the price lies between those that tell the truth, and none that
    lies is part of it."""
    wild = wild[: len(good) - 1]
    names = [f"s{n}" for n in range(len(good) + len(wild))]
    dice.shuffle(names)
    ticks = {name: tick(mid) for name, mid in zip(names, good + wild, strict=True)}
    liars = set(names[len(good) :])
    price, dropped = choose(ticks, None, NOW, POLICY, sources_needed(len(ticks), POLICY))
    assert price is not None
    assert min(good) - 1 <= price.cents_per_btc <= max(good) + 1
    used = set(price.source.split("+"))
    assert used.isdisjoint(liars) and used | {one.source for one in dropped} == set(names)


@given(st.lists(good_mids, max_size=8), st.integers(0, 9))
def test_too_few_make_no_price(mids: list[int], configured: int) -> None:
    configured = max(configured, len(mids))
    ticks = {f"s{n}": tick(mid) for n, mid in enumerate(mids)}
    price, _ = choose(ticks, None, NOW, POLICY, least := sources_needed(configured, POLICY))
    assert least == (3 if configured >= 3 else 1)
    assert (price is not None) == (len(mids) >= least)


def test_no_price_while_sources_disagree() -> None:
    price, dropped = choose({"a": tick(100_000), "b": tick(110_000)}, None, NOW, POLICY)
    assert price is None
    assert len(dropped) == 2


def test_freshness() -> None:
    price = Price(1, "a", NOW)
    assert is_fresh(price, NOW + timedelta(seconds=60), POLICY)
    assert not is_fresh(price, NOW + timedelta(seconds=61), POLICY)


def shillings() -> FiatRate:
    return FiatRate(currency("KES"), 129_200_000_000, "test", NOW)


# -- as Blink's clients read it -----------------------------------------------------------------


@given(prices)
def test_the_price_of_a_satoshi_is_exact(price: Price) -> None:
    shown = sat_price(price)
    assert Fraction(shown.base, 10**shown.offset) == Fraction(price.cents_per_btc, 100_000_000)
    assert Fraction(shown.formatted_amount) == Fraction(shown.base, 10**shown.offset)
    assert shown.base < 2**53, "clients read it as a number of JavaScript"


def test_prices_as_shown() -> None:
    price = at(9_512_345)
    assert (sat_price(price).base, sat_price(price).offset) == (95_123_450_000, 12)
    assert sat_price(price).formatted_amount == "0.09512345"
    assert sat_price(price).currency_unit == "MINOR"
    assert display_price(Cents(5), price).formatted_amount == "1"
    assert (display_price(Cents(5), price).base, display_price(Cents(5), price).offset) == (1_000_000, 6)
    assert display_price(Msats(5), price) == sat_price(price)


def test_amounts_as_shown() -> None:
    price = at(100_000_00)
    assert display_amount(Msats(-12_340_000_000), price) == "-12340.00"
    assert display_amount(Cents(-5), price) == "-0.05"
    assert display_amount(Cents(1_234), price) == "12.34"
    assert display_amount(Msats(0), price) == "0.00"
    assert display_amount(Msats(1_000), price) == "0.01", "something is never shown as nothing"


def test_a_realtime_price_has_one_id() -> None:
    first, again = realtime_price(at(5_000_000)), realtime_price(at(5_000_000))
    assert first == again
    assert realtime_price(Price(5_000_000, "test", NOW + timedelta(seconds=1))).id != first.id
    assert realtime_price(at(5_000_000), shillings()).id != first.id
