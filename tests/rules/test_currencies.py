"""Currencies: their table, amounts in them, and which rates are taken. Buckets of charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.dealer import (
    FiatRate,
    Policy,
    Range,
    UnknownCurrency,
    cent_price,
    currency,
    display_amount,
    display_price,
    estimate,
    realtime_price,
    sat_price,
)
from hazina.dealer.candles import Candle, is_sound, opens, points, starts
from hazina.dealer.currencies import RATE_SCALE, RateTick, all_currencies, choose_rate, rate_flaw
from hazina.kernel.money import Cents, Msats, Price

NOW = datetime(2026, 3, 5, 14, 37, 11, tzinfo=UTC)
POLICY = Policy()

prices = st.integers(100_00, 100_000_000_00).map(lambda n: Price(n, "test", NOW))
rates = st.builds(
    lambda code, n: FiatRate(currency(code), n, "test", NOW),
    st.sampled_from(["KES", "UGX", "BHD", "JPY", "LBP"]),
    st.integers(10**7, 10**14),
)
amounts = st.one_of(st.integers(-21 * 10**17, 21 * 10**17).map(Msats), st.integers(-(10**13), 10**13).map(Cents))


def rate(code: str, units: str) -> FiatRate:
    return FiatRate(currency(code), int(Decimal(units) * RATE_SCALE), "test", NOW)


# -- the table -------------------------------------------------------------------------------------


def test_the_table() -> None:
    table = all_currencies()
    assert len(table) > 140 and list(table) == sorted(table)
    none = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
    three = "BHD IQD JOD KWD LYD OMR TND"
    for digits, codes in ((0, none), (3, three)):
        assert [code for code, one in table.items() if one.digits == digits] == codes.split(" ")
    assert all(one.name and one.symbol for one in table.values())
    assert (table["EUR"].flag, table["KES"].flag, table["XOF"].flag) == ("🇪🇺", "🇰🇪", "")
    with pytest.raises(UnknownCurrency):
        currency("BTC")


# -- amounts ---------------------------------------------------------------------------------------


@given(amounts, prices, rates)
def test_usd_06_an_amount_is_rounded_once(amount: Msats | Cents, price: Price, of: FiatRate) -> None:
    """USD-06: the nearest minor unit of the exact value; nothing only for nothing. AMT-07: whether a currency has no
    digit, two or three."""
    in_dollars = (
        Fraction(amount.n * price.cents_per_btc, 10**13) if isinstance(amount, Msats) else Fraction(amount.n, 100)
    )
    exact = in_dollars * Fraction(of.per_usd, RATE_SCALE) * 10**of.currency.digits
    text = display_amount(amount, price, of)
    shown = Fraction(text) * 10**of.currency.digits
    assert shown.denominator == 1
    assert abs(shown - exact) <= Fraction(1, 2) or abs(shown) == 1
    assert (shown == 0) == (amount.n == 0) and shown * exact >= 0
    assert len(text.partition(".")[2]) == of.currency.digits


@given(prices, rates)
def test_prices_are_as_exact_as_their_digits(price: Price, of: FiatRate) -> None:
    minor = Fraction(of.per_usd * 10**of.currency.digits, RATE_SCALE)
    for shown, exact in (
        (sat_price(price, of), minor * price.cents_per_btc / 100 / 10**8),
        (cent_price(of), minor / 100),
    ):
        assert shown.base < 2**53, "clients read it as a number of JavaScript"
        assert abs(Fraction(shown.base, 10**shown.offset) - exact) <= Fraction(1, 2 * 10**shown.offset)
        assert Fraction(shown.formatted_amount) == Fraction(shown.base, 10**shown.offset)


def test_as_shown() -> None:
    price = Price(6_400_000, "test", NOW)
    kenya, uganda, bahrain = rate("KES", "129.2"), rate("UGX", "3612"), rate("BHD", "0.376")
    assert display_amount(Msats.from_sats(-1_000), price, kenya) == "-82.69"
    assert display_amount(Msats.from_sats(1_000), price, uganda) == "2312"
    assert display_amount(Cents(100), price, bahrain) == "0.376"
    assert display_amount(Cents(-1), price, bahrain) == "-0.004"
    assert display_amount(Msats(1), price, uganda) == "1", "something is never shown as nothing"
    assert (sat_price(price, kenya).base, sat_price(price, kenya).offset) == (8_268_800_000_000, 12)
    assert display_price(Cents(1), price, kenya).formatted_amount == "129.2"
    assert display_price(Msats(1), price, kenya) == sat_price(price, kenya)
    dear = sat_price(Price(15_000_000, "test", NOW), rate("IRR", "1120000"))
    assert dear.offset < 12 and Decimal(dear.formatted_amount) == Decimal("168000")
    assert realtime_price(price, kenya).currency.code == "KES"


@given(st.decimals(0, 10**13, places=3, allow_nan=False), prices, rates)
def test_estimates(amount: Decimal, price: Price, of: FiatRate) -> None:
    found = estimate(amount, price, of)
    dollars = Fraction(amount) * RATE_SCALE / of.per_usd
    for shown, exact in ((found.cents, dollars * 100), (found.sats, dollars * 10**10 / price.cents_per_btc)):
        assert abs(shown - exact) <= Fraction(1, 2) or shown == 1
        assert (shown == 0) == (amount == 0)


# -- rates -----------------------------------------------------------------------------------------


def tick(per_usd: int, age: timedelta = timedelta(hours=5)) -> RateTick:
    return RateTick(per_usd, NOW - age)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (tick(0), "out of bounds"),
        (tick(-1), "out of bounds"),
        (tick(10**18), "out of bounds"),
        (tick(129 * 10**9, timedelta(days=3, seconds=1)), "stale"),
        (tick(129 * 10**9, timedelta(days=-2)), "from the future"),
        (tick(129_000 * 10**9), "too far from the last rate"),
        (tick(2 * 10**9), "too far from the last rate"),
    ],
)
def test_usd_01_rates_that_make_no_sense(one: RateTick, reason: str) -> None:
    assert rate_flaw(one, rate("KES", "129"), NOW, POLICY) == reason


def test_rates_that_are_taken() -> None:
    assert rate_flaw(tick(129 * 10**9), None, NOW, POLICY) is None
    assert rate_flaw(tick(129 * 10**9, timedelta(days=3)), rate("KES", "100"), NOW, POLICY) is None
    long_ago = FiatRate(currency("KES"), 10**9, "test", NOW - timedelta(days=8))
    assert rate_flaw(tick(129 * 10**9), long_ago, NOW, POLICY) is None, "a new coinage is believed after a week"


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(1, 10**14).map(tick), max_size=6))
def test_the_rate_is_one_that_most_are_near(ticks: dict[str, RateTick]) -> None:
    chosen = choose_rate(ticks, POLICY)
    if chosen is None:
        return
    one, sources = chosen
    used = [ticks[source] for source in sources.split("+")]
    assert one.per_usd in [tick.per_usd for tick in used]
    assert 2 * len(used) > len(ticks)


def test_of_two_that_agree_it_is_the_lower() -> None:
    assert choose_rate({}, POLICY) is None
    assert choose_rate({"a": tick(100), "b": tick(102)}, POLICY) == (tick(100), "a+b")
    assert choose_rate({"a": tick(100), "b": tick(150)}, POLICY) is None
    assert choose_rate({"a": tick(100), "b": tick(150), "c": tick(101)}, POLICY) == (tick(100), "a+c")


# -- charts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "begins"),
    [
        ("hour", datetime(2026, 3, 5, 14, tzinfo=UTC)),
        ("4 hours", datetime(2026, 3, 5, 12, tzinfo=UTC)),
        ("day", datetime(2026, 3, 5, tzinfo=UTC)),
        ("week", datetime(2026, 3, 2, tzinfo=UTC)),
        ("month", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_buckets(bucket: str, begins: datetime) -> None:
    assert opens(NOW, bucket) == begins == opens(begins, bucket)


@given(st.datetimes(datetime(2015, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)), st.sampled_from(Range))
def test_a_chart_has_its_buckets(now: datetime, wanted: Range) -> None:
    at, begins = starts(wanted, now), set()
    while at <= now:
        begins.add(opens(at, wanted.bucket))
        at += timedelta(seconds=wanted.step)
    assert len(begins) == wanted.count


def test_a_point_is_the_price_at_the_beginning() -> None:
    def candle(hour: int, first: int) -> Candle:
        return Candle(datetime(2026, 3, 5, hour, tzinfo=UTC), first, first + 5, first - 5, first + 1)

    found = points([candle(8, 100), candle(9, 200), candle(12, 300), candle(14, 400)], Range.ONE_WEEK)
    assert [(one.at.hour, one.cents_per_btc) for one in found] == [(8, 100), (12, 300)]


@pytest.mark.parametrize(
    ("numbers", "sound"),
    [
        ((100_00, 120_00, 100_00, 110_00), True),
        ((100_00, 99_00, 98_00, 100_00), False),
        ((100_00, 120_00, 101_00, 110_00), False),
        ((1_00, 2_00, 1_00, 2_00), False),
        ((100_00, 10**12, 100_00, 110_00), False),
    ],
)
def test_candles_that_make_no_sense(numbers: tuple[int, int, int, int], sound: bool) -> None:
    assert is_sound(Candle(NOW, *numbers), POLICY) is sound
