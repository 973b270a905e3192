"""The price from five exchanges, asked by the real adapters; faults and nonsense on the way."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY
from tests.contexts.dealer.conftest import Feeds

from hazina.dealer import Prices, PriceUnavailable
from hazina.kernel.db import Database
from hazina.ops.doctor import Verdict
from hazina.ops.doctor import feeds as examined

ALL = ("bitfinex", "bitstamp", "coinbase", "kraken", "okx")


async def cents(prices: Prices) -> int:
    return (await prices.fresh()).cents_per_btc


async def reasons(prices: Prices) -> dict[str, str | None]:
    """Of the exchanges, as the doctor reads them."""
    states = await prices.feed_states()
    return {name: state.reason for name in ALL if (state := states[name]) is not None}


async def test_the_price_follows_the_exchanges(dealer: Prices, feeds: Feeds) -> None:
    await feeds.move("95123.45")
    news = await dealer.refresh()
    assert news is not None
    assert (news.cents_per_btc, news.source) == (9_512_345, "+".join(ALL))
    assert await dealer.fresh() == news
    assert await reasons(dealer) == dict.fromkeys(ALL)

    await feeds.move("31000")
    await dealer.refresh()
    assert await cents(dealer) == 3_100_000


@pytest.mark.parametrize(
    ("state", "reason"),
    [("stale", "stale"), ("x1000", "too far from the last price"), ("zero", "away"), ("gone", "away")],
)
async def test_usd_01_two_bad_feeds_change_nothing(dealer: Prices, feeds: Feeds, state: str, reason: str) -> None:
    """USD-01: stale, a thousandfold, zero or gone, each feed in its own format."""
    await dealer.refresh()
    for bad in (("kraken", "okx"), ("bitstamp", "bitfinex"), ("coinbase",)):
        await feeds.heal()
        await feeds.make(state, *bad)
        await feeds.move("64000")
        await dealer.refresh()
        assert await cents(dealer) == 6_400_000
        assert await reasons(dealer) == {name: reason if name in bad else None for name in ALL}
        await feeds.move("65000")  # a stale one stays behind
        await dealer.refresh()
        assert await cents(dealer) == 6_500_000


@pytest.mark.parametrize("state", ["stale", "zero", "gone"])
async def test_f25_three_bad_feeds_leave_no_price(dealer: Prices, feeds: Feeds, state: str) -> None:
    """F25: two of five are too few, however they agree."""
    dropped = _dropped("okx")
    await feeds.make(state, "kraken", "coinbase", "okx")
    assert await dealer.refresh() is None
    with pytest.raises(PriceUnavailable):
        await dealer.fresh()
    assert _dropped("okx") == dropped + 1
    await feeds.make("well", "okx")
    assert await dealer.refresh() is not None
    assert await cents(dealer) == 9_500_000


def _dropped(source: str) -> float:
    """Answers of this source that were counted as dropped."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "hazina_price_dropped_total" and sample.labels["source"] == source
    )


async def test_a_feed_that_lies_a_little(dealer: Prices, feeds: Feeds) -> None:
    """One that is three per cent off is sound by itself; the others outvote it."""
    await feeds.make("stale", "bitfinex")
    await feeds.move("98000")
    await feeds.heal()
    await dealer.refresh()
    assert await cents(dealer) == 9_800_000


@pytest.mark.parametrize("action", ["error", "empty", "cut", "drop_reply"])
async def test_without_any_there_is_no_price(dealer: Prices, feeds: Feeds, action: str) -> None:
    await feeds.fault(action)
    assert await dealer.refresh() is None
    with pytest.raises(PriceUnavailable):
        await dealer.fresh()


async def test_two_silent_ones_are_not_waited_for(dealer: Prices, feeds: Feeds) -> None:
    await feeds.fault("error", times=1)
    await feeds.fault("hang", times=1)
    await dealer.refresh()
    assert await cents(dealer) == 9_500_000
    assert sorted(why for why in (await reasons(dealer)).values() if why) == ["away", "no answer in time"]


async def test_a_bank_with_one_feed_goes_by_it(db: Database, dealer: Prices) -> None:
    alone = Prices(db, dealer.clock, dealer.feeds[:1])
    assert [(one.name, one.verdict) for one in await examined(alone)] == [
        ("feed kraken", Verdict.WARN), ("price feeds", Verdict.WARN),
    ], "never asked, and alone"  # fmt: skip
    news = await alone.refresh()
    assert news is not None and news.source == "kraken"
    assert [(one.name, one.verdict) for one in await examined(alone)] == [
        ("feeds", Verdict.WELL), ("price feeds", Verdict.WARN),
    ]  # fmt: skip


async def test_a_mistaken_unit_is_not_believed(db: Database, dealer: Prices, feeds: Feeds) -> None:
    await dealer.refresh()
    for nonsense in ("95000000", "95", "0.01", "1000000000"):
        await feeds.move(nonsense)
        await dealer.refresh()
        assert await cents(dealer) == 9_500_000
    async with db.transaction() as tx:
        assert await tx.value("select max(ask) - min(bid) from price_tick") == 100


async def test_two_workers_refresh_at_once(db: Database, dealer: Prices) -> None:
    other = Prices(db, dealer.clock, dealer.feeds)
    await asyncio.gather(*[one.refresh() for one in (dealer, other) * 4])
    assert await cents(dealer) == await cents(other) == 9_500_000
