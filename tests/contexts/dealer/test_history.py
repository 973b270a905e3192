"""Charts: candles of our own and of an exchange."""

from __future__ import annotations

from datetime import UTC

from tests.contexts.dealer.conftest import Feeds

from hazina.dealer import PricePoint, Prices, Range
from hazina.kernel.db import Database

ROWS = {Range.ONE_DAY: 24, Range.ONE_WEEK: 42, Range.ONE_MONTH: 30, Range.ONE_YEAR: 52, Range.FIVE_YEARS: 60}


async def test_the_past_is_fetched_once(db: Database, dealer: Prices) -> None:
    assert all([len(await dealer.chart(wanted)) == 0 for wanted in Range])
    added = await dealer.history.backfill()
    assert added > 5 * 365 + 7 * 24
    again = [await dealer.history.backfill() for _ in range(2)]
    assert 0 in again, "nothing is missing any more, but for an hour that has just ended"
    async with db.reading() as tx:
        assert await tx.value("select count(distinct source) from candle") == 1
        assert await tx.value("select max(source) from candle") == "bitstamp"
    now = await dealer.refresh()
    assert now is not None
    for wanted, rows in ROWS.items():
        chart = await dealer.chart(wanted)
        *past, last = chart
        assert last == PricePoint(now.at, now.cents_per_btc)
        assert rows - 1 <= len(past) <= rows
        assert [one.at for one in chart] == sorted({one.at for one in chart})
        assert all(100_00 < one.cents_per_btc < 100_000_000_00 for one in chart)
        assert all(one.at.astimezone(UTC).minute == 0 for one in past)


async def test_our_own_prices_are_history_too(db: Database, dealer: Prices, feeds: Feeds) -> None:
    for usd in ("95000", "96000", "94000", "95500"):
        await feeds.move(usd)
        await dealer.refresh()
    async with db.reading() as tx:
        rows = await tx.rows(
            lambda *row: row, "select step, open, high, low, close, source from candle order by step, at"
        )
    assert {row[0] for row in rows} == {3_600, 86_400}
    assert (9_500_000, 9_600_000, 9_400_000, 9_550_000, "own") in [row[1:] for row in rows] or len(rows) > 2
    assert (await dealer.chart(Range.ONE_DAY))[-1].cents_per_btc == 9_550_000


async def test_another_exchange_fills_what_the_first_does_not(db: Database, dealer: Prices, feeds: Feeds) -> None:
    await feeds.make("gone", "bitstamp")
    added = await dealer.history.backfill()
    assert 700 < added < 1_000, "kraken tells 720 of each"
    async with db.reading() as tx:
        assert await tx.value("select max(source) from candle") == "kraken"
    await feeds.heal()
    assert await dealer.history.backfill() > 1_000


async def test_nobody_tells(dealer: Prices, feeds: Feeds) -> None:
    await feeds.fault("error", call="candles")
    assert await dealer.history.backfill() == 0
    await feeds.make("gone", "bitstamp", "kraken", "coinbase", "bitfinex", "okx")
    await dealer.refresh()
    assert await dealer.chart(Range.FIVE_YEARS) == []


async def test_old_candles_go(db: Database, dealer: Prices) -> None:
    async with db.transaction() as tx:
        await tx.execute(
            """insert into candle select step, date_trunc('day', now() - age, 'UTC'), 1, 1, 1, 1, 'own'
            from (values (3600, interval '9 days'), (86400, '6 years'), (86400, '9 days')) v(step, age)"""
        )
    assert await dealer.history.sweep() == 2
