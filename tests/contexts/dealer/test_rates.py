"""What a dollar is in other currencies, from three sources."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contexts.dealer.conftest import Feeds
from tests.contexts.whole import ShiftedClock

from hazina.dealer import Prices, PriceUnavailable, UnknownCurrency
from hazina.kernel.db import Database

SHILLING = 129_200_000_000
RATES = ("currency-api", "open-er-api", "yadio")


async def reasons(prices: Prices) -> dict[str, str | None]:
    states = await prices.feed_states()
    return {name: state.reason for name in RATES if (state := states[name]) is not None}


async def per_usd(prices: Prices, code: str) -> int:
    return (await prices.rates.of(code)).per_usd


async def test_three_sources(dealer: Prices) -> None:
    assert [one.code for one in await dealer.rates.currencies()] == ["USD"], "before the first rates"
    with pytest.raises(UnknownCurrency):
        await dealer.rates.of("KES")
    assert await dealer.rates.refresh() > 60
    assert await per_usd(dealer, "KES") == SHILLING
    assert await per_usd(dealer, "USD") == 10**9
    naira = await dealer.rates.of("NGN")  # the street's is among them, the one in the middle counts
    assert (naira.per_usd, naira.source) == (1_452_000_000_000, "currency-api+open-er-api+yadio")
    bolivar = await dealer.rates.of("VES")  # the street's is too far away
    assert (bolivar.per_usd, bolivar.source) == (236_500_000_000, "currency-api+open-er-api")
    assert await reasons(dealer) == dict.fromkeys(RATES)
    listed = {one.code: one for one in await dealer.rates.currencies()}
    assert list(listed) == sorted(listed) and {"KES", "UGX", "TZS", "EUR", "USD"} < listed.keys()
    assert "BTC" not in listed and "1INCH" not in listed
    assert (listed["KES"].name, listed["KES"].symbol, listed["KES"].flag) == ("Kenyan Shilling", "Ksh", "🇰🇪")
    for nobody in ("BTC", "XYZ", "kes"):
        with pytest.raises(UnknownCurrency):
            await dealer.rates.of(nobody)


@pytest.mark.parametrize(
    ("state", "reason"),
    [("stale", "stale"), ("x1000", "too far from the last rate"), ("zero", "empty"), ("gone", "away")],
)
async def test_usd_01_a_bad_source_of_rates(dealer: Prices, feeds: Feeds, state: str, reason: str) -> None:
    """USD-01: one bad source is outvoted; where all are bad the last rates stay."""
    await dealer.rates.refresh()
    for name in RATES:
        await feeds.make(state, name)
        await dealer.rates.refresh()
        assert (await reasons(dealer))[name] == reason
        assert await per_usd(dealer, "KES") == SHILLING
    await feeds.heal()
    await dealer.rates.refresh()
    assert await reasons(dealer) == dict.fromkeys(RATES)


async def test_what_is_wrong_from_the_first_day(dealer: Prices, feeds: Feeds) -> None:
    await feeds.make("x1000", "yadio")
    await dealer.rates.refresh()
    assert await per_usd(dealer, "KES") == SHILLING


async def test_rates_grow_old(db: Database, dealer: Prices, feeds: Feeds) -> None:
    await dealer.rates.refresh()
    await feeds.make("gone", *RATES)
    clock = dealer.clock
    assert isinstance(clock, ShiftedClock)
    clock.shift += timedelta(days=4)
    await dealer.rates.refresh()
    assert await per_usd(dealer, "KES") == SHILLING, "the last one serves for a week"
    clock.shift += timedelta(days=4)
    with pytest.raises(PriceUnavailable):
        await dealer.rates.of("KES")
    assert await per_usd(dealer, "USD") == 10**9
    assert (await dealer.rates.last("KES")) is not None, "what has happened can still be shown"
    async with db.reading() as tx:
        assert await tx.value("select display_rate('KES')") == SHILLING


async def test_sources_are_asked_now_and_then(db: Database, dealer: Prices, feeds: Feeds) -> None:
    hourly = Prices(db, dealer.clock, (), rate_feeds=dealer.rate_feeds)
    assert await hourly.rates.refresh() > 60
    await feeds.make("gone", *RATES)
    assert await hourly.rates.refresh() == 0
    assert await reasons(dealer) == dict.fromkeys(RATES), "nobody was asked"
    clock = dealer.clock
    assert isinstance(clock, ShiftedClock)
    clock.shift += timedelta(hours=1)
    await hourly.rates.refresh()
    assert await reasons(dealer) == dict.fromkeys(RATES, "away")
