"""The map of merchants: suggested by anyone, on it once an operator has looked, off it again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.api.conftest import Json, Person, World
from tests.api.test_accounts import DELETE, give, named

from hazina.accounts import Notices, RecipientUnknown
from hazina.kernel import audit
from hazina.kernel.errors import TooManyRequests
from hazina.merchants import InvalidCoordinates, InvalidTitle, Merchants, MerchantUnknown

SUGGEST = """mutation($input: MerchantMapSuggestInput!) { merchantMapSuggest(input: $input) { errors { message code }
    merchant { id title username validated createdAt coordinates { latitude longitude } } } }"""
MAP = "{ businessMapMarkers { username mapInfo { title coordinates { latitude longitude } } } }"
KIBERA = {"latitude": -1.3133, "longitude": 36.7876}


async def suggested(world: World, username: str, title: str = "Duka la Amina", ip: str = "203.0.113.9") -> Json:
    order = {"username": username, "title": title, **KIBERA}
    answer = await world.post(SUGGEST, headers={"x-real-ip": ip}, input=order)
    found: Json = answer.json()["data"]["merchantMapSuggest"]
    return found


async def shown(world: World) -> list[str]:
    return [one["mapInfo"]["title"] for one in (await world.ask(MAP))["businessMapMarkers"]]


async def is_merchant(world: World, person: Person) -> bool:
    caller = await world.bank.accounts.caller(person.token, None)
    assert caller is not None
    return (await world.bank.accounts.me(caller)).account.merchant


async def test_a_place_waits_until_an_operator_has_looked(world: World) -> None:
    amina, merchants = await world.person(), world.bank.merchants
    name = await named(amina, "amina")
    made = await suggested(world, name.upper(), "  Duka   la Amina ")
    assert made["errors"] == [] and made["merchant"]["username"] == name
    assert (made["merchant"]["title"], made["merchant"]["validated"]) == ("Duka la Amina", False)
    assert made["merchant"]["coordinates"] == KIBERA
    assert await shown(world) == [] and not await is_merchant(world, amina)
    id_ = UUID(made["merchant"]["id"])
    assert [one.id for one in await merchants.pending()] == [id_]
    for _ in range(2):
        await merchants.approve(id_, "zawadi")
    assert await shown(world) == ["Duka la Amina"] and await is_merchant(world, amina)
    assert await merchants.pending() == []
    told = await amina.ask("""{ me { statefulNotifications(first: 5) { nodes { title icon action {
        ... on OpenDeepLinkAction { deepLink } } } } } }""")
    assert told["me"]["statefulNotifications"]["nodes"] == [
        {"title": "Your shop is on the map", "icon": "MAP", "action": {"deepLink": "/map"}}]  # fmt: skip
    await merchants.delete(id_, "zawadi")
    assert await shown(world) == [] and not await is_merchant(world, amina)
    for verb in (merchants.approve, merchants.delete):
        with pytest.raises(MerchantUnknown):
            await verb(id_, "zawadi")
    async with world.bank.db.reading() as tx:
        verbs = await tx.rows(str, "select verb from audit where actor = 'operator:zawadi' order by id")
    assert verbs == ["merchant.approved", "merchant.deleted"], audit.__doc__


async def test_what_is_no_place_is_refused_by_name(world: World) -> None:
    amina = await world.person()
    name = await named(amina, "amina")
    for changed, code in (
        ({"title": "ab"}, "INVALID_TITLE"),
        ({"title": "x" * 101}, "INVALID_TITLE"),
        ({"title": "bell\u0007bell"}, "INVALID_TITLE"),
        ({"latitude": 90.01}, "INVALID_COORDINATES"),
        ({"longitude": -180.5}, "INVALID_COORDINATES"),
        ({"username": "nobody_at_all"}, "NOT_FOUND"),
        ({"username": "a"}, None),
    ):
        order = {"username": name, "title": "Duka", **KIBERA, **changed}
        found = (await world.ask(SUGGEST, input=order))["merchantMapSuggest"]
        assert [error["code"] for error in found["errors"]] == [code] and found["merchant"] is None, changed
    with pytest.raises(InvalidCoordinates):
        await world.bank.merchants.suggest(name, "Duka", float("nan"), 0.0, None)
    with pytest.raises(InvalidTitle):
        await world.bank.merchants.suggest(name, "  a ", 0.0, 0.0, None)
    with pytest.raises(RecipientUnknown):
        await world.bank.merchants.suggest("nobody_at_all", "Duka", 0.0, 0.0, None)


async def test_one_address_suggests_ten_an_hour_and_one_customer_has_twenty(world: World) -> None:
    amina = await world.person()
    name = await named(amina, "amina")
    codes = []
    for number in range(22):
        made = await suggested(world, name, ip=f"203.0.113.{number // 10}")
        codes += [error["code"] for error in made["errors"]] or ["made"]
    assert codes[:20] == ["made"] * 20 and codes[20:] == ["TOO_MANY_REQUEST"] * 2
    with pytest.raises(TooManyRequests):
        await world.bank.merchants.suggest(name, "Duka", 0.0, 0.0, "203.0.113.1")


async def test_what_is_inactive_is_swept_and_who_leaves_takes_their_place_along(world: World) -> None:
    merchants: Merchants = world.bank.merchants
    amina, baraka, chege = await world.rich(1_000), await world.person(), await world.person()
    for person in (amina, baraka, chege):
        name = await named(person, "shop")
        made = await suggested(world, name, f"Shop of {person.phone}")
        await merchants.approve(UUID(made["merchant"]["id"]), "zawadi")
    assert await merchants.sweep() == 0, "all are new"
    assert (await chege.ask(DELETE))["accountDelete"]["success"] is True
    assert len(await shown(world)) == 2
    world.clock.shift = timedelta(days=184)
    assert {one.title for one in await merchants.inactive()} == {f"Shop of {p.phone}" for p in (amina, baraka)}
    again = await _entered(world, amina)
    await give(again, baraka, 10)
    world.clock.shift = timedelta(days=200)
    assert await merchants.sweep() == 0, "both had a transaction"
    world.clock.shift = timedelta(days=400)
    assert await merchants.sweep() == 2 and await shown(world) == []
    assert isinstance(world.bank.notices, Notices)
    with pytest.raises(MerchantUnknown):
        await merchants.approve(uuid4(), "zawadi")


async def _entered(world: World, person: Person) -> Person:
    """Their session has not ended in half a year, but they log in anew."""
    await world.http.post("/auth/phone/code", json={"phone": person.phone})
    body = {"phone": person.phone, "code": await world.code_of(person.phone)}
    token = (await world.http.post("/auth/phone/login", json=body)).json()["authToken"]
    return Person(world, person.phone, token, person.user_id, person.wallets)
