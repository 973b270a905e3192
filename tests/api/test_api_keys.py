"""API keys: what they open, what they may spend, and what they never do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.api.conftest import Person, World

CREATE = """mutation($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { apiKeySecret apiKey {
    id name scopes readOnly revoked expired expiresAt lastUsedAt limits { dailyLimitSats dailySpentSats } } } }"""
CAP = """mutation($input: ApiKeySetLimitInput!) { apiKeySetLimit(input: $input) { apiKey {
    limits { dailyLimitSats weeklyLimitSats dailySpentSats weeklySpentSats } } } }"""
UNCAP = """mutation($input: ApiKeyRemoveLimitInput!) { apiKeyRemoveLimit(input: $input) { apiKey {
    limits { dailyLimitSats } } } }"""
REVOKE = "mutation($input: ApiKeyRevokeInput!) { apiKeyRevoke(input: $input) { apiKey { id revoked } } }"
SEND = """mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) {
    status errors { message code } } }"""
INVOICE = """mutation($input: LnInvoiceCreateInput!) { lnInvoiceCreate(input: $input) {
    errors { message code } invoice { paymentHash } } }"""
ME = "{ me { id } }"


async def key_of(person: Person, *scopes: str, days: int | None = None) -> tuple[str, str]:
    """Id and secret."""
    given = {"name": "till", "expireInDays": days, **({"scopes": list(scopes)} if scopes else {})}
    made = (await person.ask(CREATE, input=given))["apiKeyCreate"]
    return made["apiKey"]["id"], made["apiKeySecret"]


async def by_key(world: World, secret: str, query: str, **variables: Any) -> dict[str, Any]:
    answer = await world.post(query, headers={"X-API-KEY": secret}, **variables)
    return {"http": answer.status_code, **answer.json()}


def send_of(payer: Person, payee: Person, sats: int) -> dict[str, Any]:
    return {"walletId": payer.wallets["BTC"], "recipientWalletId": payee.wallets["BTC"], "amount": sats}


async def test_a_key_is_shown_once_and_opens_what_its_scopes_say(world: World) -> None:
    amina, baraka = await world.rich(5_000), await world.person()
    id_, secret = await key_of(amina)
    assert len(secret) == len("hazina_") + 64
    assert (await by_key(world, secret, ME))["data"]["me"]["id"] == amina.user_id
    sent = await by_key(world, secret, SEND, input=send_of(amina, baraka, 10))
    assert sent["data"]["intraLedgerPaymentSend"] == {"status": "SUCCESS", "errors": []}
    listed = (await amina.ask("{ me { apiKeys { id name scopes lastUsedAt readOnly expiresAt } } }"))["me"]["apiKeys"]
    assert [(one["id"], one["name"], one["scopes"], one["readOnly"]) for one in listed] == [
        (id_, "till", ["READ", "WRITE"], False)
    ]
    assert listed[0]["lastUsedAt"] is not None and secret not in str(listed)


@pytest.mark.parametrize(
    ("scopes", "reads", "receives", "writes"),
    [(("READ",), True, False, False), (("RECEIVE",), False, True, False), (("WRITE",), False, True, True)],
)
async def test_trap_29_aut_12_scopes(
    world: World, scopes: tuple[str, ...], reads: bool, receives: bool, writes: bool
) -> None:
    amina, baraka = await world.rich(5_000), await world.person()
    _, secret = await key_of(amina, *scopes)
    me = await by_key(world, secret, ME)
    assert bool(me["data"]["me"]) == reads
    made = await by_key(world, secret, INVOICE, input={"walletId": amina.wallets["BTC"], "amount": 10})
    sent = await by_key(world, secret, SEND, input=send_of(amina, baraka, 10))
    for answer, may in ((made, receives), (sent, writes)):
        if not may:
            assert answer["errors"][0]["code"] == "NOT_AUTHORIZED"
        else:
            assert "errors" not in answer
    scoped = await by_key(world, secret, "{ authorization { scopes } }")
    assert reads == ("errors" not in scoped)


async def test_a_key_ends_when_it_is_revoked_or_expires(world: World) -> None:
    amina = await world.person()
    first, second = await key_of(amina), await key_of(amina, days=1)
    revoked = (await amina.ask(REVOKE, input={"id": first[0]}))["apiKeyRevoke"]["apiKey"]
    assert revoked == {"id": first[0], "revoked": True}
    assert (await by_key(world, first[1], ME))["http"] == 401
    assert (await by_key(world, second[1], ME))["http"] == 200
    world.clock.shift += timedelta(days=1, minutes=1)
    assert (await by_key(world, second[1], ME))["http"] == 401


async def test_idr_01_another_customers_key_is_not_there(world: World) -> None:
    amina, baraka = await world.person(), await world.person()
    id_, secret = await key_of(amina)
    for query, more in ((REVOKE, {}), (CAP, {"limitTimeWindow": "DAILY", "limitSats": 5})):
        answer = (await baraka.post(query, input={"id": id_, **more})).json()
        absent = (await baraka.post(query, input={"id": "0" * 8, **more})).json()
        assert answer["errors"][0]["message"] == absent["errors"][0]["message"] == "API key not found"
        assert answer["errors"][0]["code"] == "NOT_FOUND"
    assert (await by_key(world, secret, ME))["http"] == 200


async def test_a_cap_counts_what_is_paid_and_gets_back_what_failed(world: World) -> None:
    amina, baraka = await world.rich(50_000), await world.person()
    id_, secret = await key_of(amina)
    capped = (await amina.ask(CAP, input={"id": id_, "limitTimeWindow": "DAILY", "limitSats": 100}))["apiKeySetLimit"]
    assert capped["apiKey"]["limits"]["dailyLimitSats"] == 100
    assert (await by_key(world, secret, SEND, input=send_of(amina, baraka, 60)))["data"]["intraLedgerPaymentSend"][
        "status"
    ] == "SUCCESS"
    over = (await by_key(world, secret, SEND, input=send_of(amina, baraka, 41)))["data"]["intraLedgerPaymentSend"]
    assert (over["status"], over["errors"][0]["code"]) == ("FAILURE", "TRANSACTION_RESTRICTED")
    exact = (await by_key(world, secret, SEND, input=send_of(amina, baraka, 40)))["data"]["intraLedgerPaymentSend"]
    assert exact["status"] == "SUCCESS"
    freely = (await amina.ask(SEND, input=send_of(amina, baraka, 500)))["intraLedgerPaymentSend"]
    assert freely["status"] == "SUCCESS"
    shown = (await amina.ask("{ me { apiKeys { limits { dailySpentSats weeklySpentSats } } } }"))["me"]["apiKeys"][0]
    assert shown["limits"] == {"dailySpentSats": 100, "weeklySpentSats": 100}
    gone = (await amina.ask(UNCAP, input={"id": id_, "limitTimeWindow": "DAILY"}))["apiKeyRemoveLimit"]
    assert gone["apiKey"]["limits"]["dailyLimitSats"] is None


async def test_aut_12_a_cap_holds_however_many_pay_at_once(world: World) -> None:
    amina, baraka = await world.rich(50_000), await world.person()
    id_, secret = await key_of(amina)
    await amina.ask(CAP, input={"id": id_, "limitTimeWindow": "WEEKLY", "limitSats": 100})
    answers = await asyncio.gather(*(by_key(world, secret, SEND, input=send_of(amina, baraka, 30)) for _ in range(8)))
    statuses = [answer["data"]["intraLedgerPaymentSend"]["status"] for answer in answers]
    assert statuses.count("SUCCESS") == 3
    assert (await baraka.balances())["BTC"] == 90


async def test_a_capped_key_makes_no_other(world: World) -> None:
    amina = await world.person()
    id_, secret = await key_of(amina)
    minted = await by_key(world, secret, CREATE, input={"name": "child"})
    assert "errors" not in minted
    await amina.ask(CAP, input={"id": id_, "limitTimeWindow": "MONTHLY", "limitSats": 100})
    for query, given in (
        (CREATE, {"name": "child"}),
        (UNCAP, {"id": id_, "limitTimeWindow": "MONTHLY"}),
    ):
        refused = await by_key(world, secret, query, input=given)
        assert refused["errors"][0]["code"] == "NOT_AUTHORIZED"
    _, narrow = await key_of(amina, "WRITE")
    wider = await by_key(world, narrow, CREATE, input={"name": "wider", "scopes": ["READ", "WRITE"]})
    assert wider["errors"][0]["code"] == "NOT_AUTHORIZED"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"name": ""}, "A key has a name"),
        ({"name": "x" * 101}, "A key has a name"),
        ({"name": "a\x07"}, "A key has a name"),
        ({"name": "ok", "expireInDays": 0}, "A key lives for 1 to"),
        ({"name": "ok", "scopes": []}, "at least one scope"),
    ],
)
async def test_bad_wishes(world: World, given: dict[str, Any], why: str) -> None:
    answer = (await (await world.person()).post(CREATE, input=given)).json()
    assert why in answer["errors"][0]["message"] and answer.get("data") is None


async def test_limits_are_positive(world: World) -> None:
    amina = await world.person()
    id_, _ = await key_of(amina)
    for sats in (0, -5):
        answer = (await amina.post(CAP, input={"id": id_, "limitTimeWindow": "DAILY", "limitSats": sats})).json()
        assert "Invalid limit amount" in answer["errors"][0]["message"]


async def test_how_a_key_is_shown(world: World) -> None:
    amina = await world.person()
    _, secret = await key_of(amina)
    by_flash = await world.post(ME, headers={"authorization": f"ApiKey {secret}"})
    assert by_flash.json()["data"]["me"]["id"] == amina.user_id
    for url in (f"/graphql?apiKey={secret}", f"/graphql?api_key={secret}"):
        refused = await world.http.post(url, json={"query": ME})
        assert refused.status_code == 400 and refused.json()["errors"][0]["code"] == "KEY_IN_URL"
    assert (await world.post(ME, headers={"X-API-KEY": secret[:-1] + "!"})).status_code == 401


async def test_a_key_opens_a_socket(world: World) -> None:
    amina = await world.person()
    _, secret = await key_of(amina, "RECEIVE")
    async with world.live({"X-API-KEY": secret}) as live:
        await live.subscribe("subscription { myUpdates { errors { message } } }")
        assert (await live.hear())["type"] == "next"
