"""Prices, currencies and charts, as Blink's clients ask for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.api.conftest import Json, Person, World
from tests.api.test_live import bearer, data
from tests.api.test_money import PAY, SATS, send

from hazina.api.graphql.context import Context
from hazina.api.graphql.documents import Documents
from hazina.api.graphql.public.price_stream import PriceStream
from hazina.api.graphql.schema import build_schema
from hazina.api.graphql.stream import Subscribed, subscribed

REALTIME = """query($c: DisplayCurrency) { realtimePrice(currency: $c) { id timestamp denominatorCurrency
    denominatorCurrencyDetails { id name symbol flag fractionDigits }
    btcSatPrice { base offset currencyUnit } usdCentPrice { base offset currencyUnit } } }"""
CHART = """query($r: PriceGraphRange!) { btcPriceList(range: $r) {
    timestamp price { base offset currencyUnit formattedAmount } } }"""
ESTIMATE = """query($a: Float!, $c: DisplayCurrency!) { currencyConversionEstimation(amount: $a, currency: $c) {
    btcSatAmount usdCentAmount id timestamp } }"""
CHOOSE = """mutation($c: DisplayCurrency!) { accountUpdateDisplayCurrency(input: { currency: $c }) {
    errors { message code } account { id displayCurrency realtimePrice { denominatorCurrency } } } }"""
LINES = """{ me { defaultAccount { transactions(first: 10) { edges { node { id direction settlementAmount
    settlementFee settlementDisplayAmount settlementDisplayCurrency settlementDisplayFee
    settlementPrice { base offset currencyUnit formattedAmount } } } } } } }"""
SHILLINGS = Decimal("129.2")


@pytest.fixture
async def priced(world: World) -> AsyncIterator[World]:
    """At 64,000 dollars for a bitcoin, with rates of currencies and history."""
    await at_price(world, 64_000)
    await world.bank.prices.rates.refresh()
    yield world
    await world.outside("feeds", {"state": "well"})
    await world.outside("price", {"usdPerBtc": 64_000})


async def at_price(world: World, usd: int) -> None:
    await world.outside("price", {"usdPerBtc": usd})
    await world.bank.prices.refresh()


async def choose(person: Person, code: str) -> Json:
    found: Json = (await person.ask(CHOOSE, c=code))["accountUpdateDisplayCurrency"]
    return found


async def refused(world: World, query: str, **variables: Any) -> Json:
    """The one error of an answer."""
    (error,) = (await world.post(query, **variables)).json()["errors"]
    found: Json = error
    return found


# -- currencies and the price in them --------------------------------------------------------------


async def test_the_list_of_currencies(priced: World) -> None:
    listed = (await priced.ask("{ currencyList { id name symbol flag fractionDigits } }"))["currencyList"]
    found = {one["id"]: one for one in listed}
    assert found["KES"] == {
        "id": "KES", "name": "Kenyan Shilling", "symbol": "Ksh", "flag": "🇰🇪", "fractionDigits": 2,
    }  # fmt: skip
    assert [found[code]["fractionDigits"] for code in ("USD", "UGX", "JPY", "BHD", "LBP")] == [2, 0, 0, 3, 2]
    assert list(found) == sorted(found) and len(found) == len(listed) > 60


async def test_the_price_in_any_listed_currency(priced: World) -> None:
    dollars = (await priced.ask(REALTIME))["realtimePrice"]
    assert dollars["btcSatPrice"] == {"base": 64_000_000_000, "offset": 12, "currencyUnit": "MINOR"}
    kenya = (await priced.ask(REALTIME, c="kes"))["realtimePrice"]
    assert kenya["denominatorCurrency"] == kenya["denominatorCurrencyDetails"]["id"] == "KES"
    assert Decimal(kenya["btcSatPrice"]["base"]).scaleb(-12) == 64_000 * SHILLINGS * 100 / 10**8
    assert Decimal(kenya["usdCentPrice"]["base"]).scaleb(-6) == SHILLINGS
    uganda = (await priced.ask(REALTIME, c="UGX"))["realtimePrice"]  # no minor unit
    assert Decimal(uganda["usdCentPrice"]["base"]).scaleb(-6) == Decimal("36.12")
    assert len({one["id"] for one in (dollars, kenya, uganda)}) == 3
    assert type(kenya["timestamp"]) is int
    again = (await priced.ask(REALTIME, c="KES"))["realtimePrice"]
    assert again["id"] == kenya["id"]
    for nobody in ("XYZ", "SATS", "BTC"):
        assert (await refused(priced, REALTIME, c=nobody))["code"] == "INVALID_INPUT"


async def test_what_an_amount_is_worth(priced: World) -> None:
    found = (await priced.ask(ESTIMATE, a=12.92, c="KES"))["currencyConversionEstimation"]
    assert (found["btcSatAmount"], found["usdCentAmount"]) == (156, 10)
    assert type(found["timestamp"]) is int and found["id"]
    assert (await priced.ask(ESTIMATE, a=0.001, c="UGX"))["currencyConversionEstimation"]["usdCentAmount"] == 1
    assert (await priced.ask(ESTIMATE, a=0, c="USD"))["currencyConversionEstimation"]["btcSatAmount"] == 0
    for amount, code in ((-1, "USD"), (1e12, "USD"), (1e300, "VND"), (1, "XYZ")):
        assert (await refused(priced, ESTIMATE, a=amount, c=code))["code"] == "INVALID_INPUT"


# -- charts ----------------------------------------------------------------------------------------


async def test_trap_22_a_chart_is_of_bitcoins_and_the_price_of_satoshi(priced: World) -> None:
    await priced.bank.prices.history.backfill()
    counts = {"ONE_DAY": 24, "ONE_WEEK": 42, "ONE_MONTH": 30, "ONE_YEAR": 52, "FIVE_YEARS": 60}
    now = (await priced.ask(REALTIME))["realtimePrice"]
    for wanted, buckets in counts.items():
        points = (await priced.ask(CHART, r=wanted))["btcPriceList"]
        assert buckets <= len(points) <= buckets + 1, "and the price of now"
        assert all(type(one["timestamp"]) is int for one in points)
        assert [one["timestamp"] for one in points] == sorted({one["timestamp"] for one in points})
        last = points[-1]
        assert last["timestamp"] == now["timestamp"]
        assert last["price"] == {
            "base": 6_400_000 * 10**4, "offset": 4, "currencyUnit": "USDCENT", "formattedAmount": "6400000",
        }  # fmt: skip
    assert last["price"]["base"] // 10**4 * 10**4 == now["btcSatPrice"]["base"]


# -- the customer's currency -----------------------------------------------------------------------


async def test_usd_06_both_sides_see_their_own_currency_at_the_rate_of_settlement(priced: World) -> None:
    """USD-06: what is displayed is worked out once, from the amount itself, and never again."""
    amina, juma = await priced.rich(sats=9_000), await priced.person()
    chosen = await choose(amina, "KES")
    assert chosen["errors"] == []
    assert chosen["account"]["displayCurrency"] == chosen["account"]["realtimePrice"]["denominatorCurrency"] == "KES"
    await choose(juma, "UGX")
    sent = await send(amina, SATS, walletId=amina.wallets["BTC"], recipientWalletId=juma.wallets["BTC"], amount=1_000)
    assert sent["status"] == "SUCCESS"
    mine, theirs = await lines(amina), await lines(juma)
    assert mine[0]["settlementDisplayAmount"] == "-82.69"  # 1,000 sat = 0.64 dollars = 82.688 shillings
    assert (mine[0]["settlementDisplayCurrency"], mine[0]["settlementDisplayFee"]) == ("KES", "0.00")
    assert Decimal(mine[0]["settlementPrice"]["formattedAmount"]) == Decimal("8.2688")
    assert mine[0]["settlementPrice"]["offset"] == 12
    assert (theirs[0]["settlementDisplayAmount"], theirs[0]["settlementDisplayCurrency"]) == ("2312", "UGX")
    assert mine[1]["settlementDisplayCurrency"] == "USD", "older lines keep theirs"

    there = await priced.outside("lightning/invoices", {"amountMsat": 2_000_000, "memo": "shop"})
    paid = await send(amina, PAY, walletId=amina.wallets["BTC"], paymentRequest=there["paymentRequest"])
    assert paid["status"] == "SUCCESS"
    mine = await lines(amina)
    assert (mine[0]["settlementDisplayCurrency"], mine[0]["direction"]) == ("KES", "SEND")
    for shown, sats in (("settlementDisplayAmount", "settlementAmount"), ("settlementDisplayFee", "settlementFee")):
        exact = mine[0][sats] * Decimal("8.2688") / 100
        assert abs(Decimal(mine[0][shown]) - exact) <= Decimal("0.005"), shown

    await at_price(priced, 90_000)
    await choose(amina, "USD")
    async with priced.bank.db.transaction() as tx:
        await tx.execute("update fiat_rate set per_usd = per_usd * 2")
    assert await lines(amina) == mine
    assert await lines(juma) == theirs


async def lines(person: Person) -> list[Json]:
    found = await person.ask(LINES)
    return [edge["node"] for edge in found["me"]["defaultAccount"]["transactions"]["edges"]]


async def test_a_currency_that_nobody_lists_is_not_chosen(priced: World) -> None:
    amina = await priced.person()
    for nobody in ("XYZ", "BTC"):
        answer = await choose(amina, nobody)
        assert answer["account"] is None and answer["errors"][0]["code"] == "INVALID_INPUT"
    found = await amina.ask("{ me { defaultAccount { displayCurrency realtimePrice { denominatorCurrency } } } }")
    account = found["me"]["defaultAccount"]
    assert account["displayCurrency"] == account["realtimePrice"]["denominatorCurrency"] == "USD"
    (error,) = (await priced.post(CHOOSE, c="KES")).json()["errors"]
    assert error["code"] == "NOT_AUTHORIZED"


async def test_usd_01_without_a_price_only_what_needs_one_stops(priced: World) -> None:
    """USD-01: satoshi go on moving, charts and statements are shown; the price is not."""
    amina, juma = await priced.rich(sats=5_000), await priced.person()
    await priced.bank.prices.history.backfill()
    await priced.outside("feeds", {"state": "gone"})
    await priced.bank.prices.refresh()
    priced.clock.shift += timedelta(seconds=61)
    for query, variables in ((REALTIME, {}), (ESTIMATE, {"a": 1, "c": "USD"})):
        assert (await refused(priced, query, **variables))["code"] == "PRICE_SERVICE_OFFLINE"
    sent = await send(amina, SATS, walletId=amina.wallets["BTC"], recipientWalletId=juma.wallets["BTC"], amount=10)
    assert sent["status"] == "SUCCESS"
    assert (await lines(juma))[0]["settlementDisplayAmount"] == "0.01"
    assert len((await priced.ask(CHART, r="ONE_MONTH"))["btcPriceList"]) >= 29
    assert len((await priced.ask("{ currencyList { id } }"))["currencyList"]) > 60


# -- the stream ------------------------------------------------------------------------------------


async def test_the_new_currency_is_told_at_once(priced: World) -> None:
    amina = await priced.person()
    updates = """subscription { myUpdates { me { id } update { __typename
        ... on RealtimePrice { denominatorCurrency btcSatPrice { base offset } } } } }"""
    async with priced.live(bearer(amina)) as live:
        await live.subscribe(updates)
        first = [(await data(live))["myUpdates"]["update"] for _ in range(2)]
        assert [one["__typename"] for one in first] == ["Price", "RealtimePrice"]
        await choose(amina, "KES")
        told = (await data(live))["myUpdates"]
        assert told["update"]["denominatorCurrency"] == "KES" and told["me"]["id"] == amina.user_id


async def test_subscribers_of_any_currency(priced: World) -> None:
    asked = """subscription($c: DisplayCurrency) { realtimePrice(input: { currency: $c }) {
        errors { message } realtimePrice { id denominatorCurrency } } }"""
    async with priced.live() as live:
        for n, code in enumerate(("KES", "UGX", "KES", "KES")):
            await live.subscribe(asked, str(n), c=code)
        heard = {}
        for _ in range(4):
            message = await live.hear()
            heard[message["id"]] = message["payload"]["data"]["realtimePrice"]["realtimePrice"]
        assert [heard[str(n)]["denominatorCurrency"] for n in range(4)] == ["KES", "UGX", "KES", "KES"]
        assert len({heard[n]["id"] for n in "023"}) == 1
        await live.subscribe(asked, "x", c="XYZ")
        message = await live.hear()
        assert "Unsupported" in message["payload"]["data"]["realtimePrice"]["errors"][0]["message"]
        assert await live.hear() == {"type": "complete", "id": "x"}


DOCUMENTS = Documents(build_schema())


async def begun(world: World, prices: PriceStream, text: str, **variables: Any) -> Subscribed:
    document = DOCUMENTS.get(text).document
    assert document is not None
    found = await subscribed(DOCUMENTS.schema, document, text, Context(world.bank, prices=prices), variables, None)
    assert isinstance(found, Subscribed)
    return found


async def test_a_tick_is_made_and_encoded_once_for_all(priced: World) -> None:
    """However many listen: the same event, and the very same text."""
    prices = PriceStream(priced.bank)
    asked = "subscription($c: DisplayCurrency) { realtimePrice(input: { currency: $c }) { realtimePrice { id } } }"
    heard = []
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(100):
            answers = (await begun(priced, prices, asked, c="KES")).answers()
            await stack.enter_async_context(contextlib.aclosing(answers))
            heard.append(anext(answers))
        texts = await asyncio.gather(*heard)
        assert len({id(text) for text in texts}) == 1
        event = await prices.realtime("KES")
        assert list(event.frames.values()) == [texts[0]]
        other = (await begun(priced, prices, asked, c="UGX")).answers()
        await stack.enter_async_context(contextlib.aclosing(other))
        assert await anext(other) != texts[0]
        assert await prices.realtime("KES") is event, "while the price stands"
        await at_price(priced, 65_000)
        await asyncio.sleep(1.1)
        assert await prices.realtime("KES") is not event


async def test_what_is_the_askers_own_is_never_shared(priced: World) -> None:
    prices = PriceStream(priced.bank)
    mine = await begun(priced, prices, "subscription { myUpdates { me { id } update { __typename } } }")
    theirs = await begun(priced, prices, "subscription { myUpdates { update { __typename } } }")
    assert mine.mark is None and theirs.mark is not None
