"""Between one's own wallets: the quote says both amounts, and exactly these move, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.api.conftest import Person, World

QUOTE = """mutation($input: ExchangeQuoteCreateInput!) { exchangeQuoteCreate(input: $input) {
    errors { code message } quote { id gives gets expiresAt } } }"""
TAKE = """mutation($input: ExchangeInput!) { exchange(input: $input) { status errors { code message }
    transaction { settlementAmount settlementCurrency } } }"""


async def quote_of(person: Person, asset: str, amount: int) -> dict[str, Any]:
    made = (await person.ask(QUOTE, input={"walletId": person.wallets[asset], "amount": amount}))["exchangeQuoteCreate"]
    assert made["errors"] == [], made
    return dict(made["quote"])


async def take(person: Person, quote_id: str) -> tuple[str, list[str]]:
    answer = (await person.ask(TAKE, input={"quoteId": quote_id}))["exchange"]
    return answer["status"], [error["code"] for error in answer["errors"]]


async def test_a_quote_is_kept_to_and_used_once(world: World) -> None:
    amina, baraka = await world.rich(100_000), await world.rich(100_000)
    there = await quote_of(amina, "BTC", 60_000)
    assert there["gives"] == 60_000
    assert (await take(baraka, there["id"]))[0] == "FAILURE", "a quote is its account's"
    assert await take(amina, there["id"]) == ("SUCCESS", [])
    assert await amina.balances() == {"BTC": 40_000, "USD": there["gets"]}
    assert (await take(amina, there["id"]))[0] == "FAILURE", "once"
    back = await quote_of(amina, "USD", there["gets"])
    assert back["gets"] < 60_000, "there and back brings nothing"
    assert await take(amina, back["id"]) == ("SUCCESS", [])
    assert await amina.balances() == {"BTC": 40_000 + back["gets"], "USD": 0}
    assert await baraka.balances() == {"BTC": 100_000, "USD": 0}


async def test_a_quote_ends(world: World) -> None:
    amina = await world.rich(10_000)
    late = await quote_of(amina, "BTC", 5_000)
    world.clock.shift += timedelta(hours=1)
    assert (await take(amina, late["id"]))[0] == "FAILURE"
    assert (await take(amina, "no quote"))[0] == "FAILURE"
    assert await amina.balances() == {"BTC": 10_000, "USD": 0}


async def test_quotes_that_make_no_sense(world: World) -> None:
    amina = await world.rich(10_000)
    for asset, amount in (("BTC", 0), ("BTC", -5), ("USD", 0), ("BTC", 1), ("BTC", 2**53 - 1)):
        wish = {"walletId": amina.wallets[asset], "amount": amount}
        made = (await amina.ask(QUOTE, input=wish))["exchangeQuoteCreate"]
        assert made["quote"] is None and made["errors"], (asset, amount)
