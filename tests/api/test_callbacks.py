"""Callbacks, quizzes and the support chat at the door: GraphQL under Blink's names, and REST."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

from pydantic import SecretStr
from tests.api.conftest import Person, World, opened

from hazina.kernel.db import Database
from hazina.sandbox.chat import KEY, MODEL
from hazina.settings import Settings, SupportChat

ADD = """mutation($url: EndpointUrl!) { callbackEndpointAdd(input: {url: $url}) { errors { message code } id } }"""
DELETE = """mutation($id: EndpointId!) { callbackEndpointDelete(input: {id: $id}) { errors { code } success } }"""
MINE = "{ me { defaultAccount { callbackPortalUrl callbackEndpoints { id url } } } }"
CLAIM = """mutation($input: QuizClaimInput!) { quizClaim(input: $input) {
    errors { message code } quizzes { id amount completed notBefore } } }"""
SAY = """mutation($input: SupportChatMessageAddInput!) { supportChatMessageAdd(input: $input) {
    errors { message code } supportMessage { id message role timestamp } } }"""


async def _add(person: Person, url: str) -> str:
    payload = (await person.ask(ADD, url=url))["callbackEndpointAdd"]
    assert payload["errors"] == []
    return str(payload["id"])


async def test_endpoints_over_graphql_and_what_blink_has_none_of_over_rest(world: World) -> None:
    amina, baraka = await world.rich(5_000), await world.person()
    url = f"{world.bank.settings.sandbox_url}/hooks/api"
    await world.bank.webhooks.follow()
    endpoint = await _add(amina, url)
    mine = (await amina.ask(MINE))["me"]["defaultAccount"]
    assert mine["callbackEndpoints"] == [{"id": endpoint, "url": url}]
    assert mine["callbackPortalUrl"] == f"{world.bank.settings.origin}/callbacks"
    refused = (await amina.ask(ADD, url="http://example.org/"))["callbackEndpointAdd"]
    assert refused["id"] is None and refused["errors"][0]["code"] == "INVALID_INPUT"
    bad = (await amina.ask(ADD, url="ftp://example.org/"))["callbackEndpointAdd"]["errors"][0]
    assert bad["code"] is None and "EndpointUrl" in bad["message"]

    header, base = {"authorization": f"Bearer {amina.token}"}, f"/api/callbacks/{endpoint}"
    secret = (await world.http.get(f"{base}/secret", headers=header)).json()["secret"]
    fresh = (await world.http.post(f"{base}/secret", headers=header)).json()["secret"]
    assert secret.startswith("whsec_") and fresh != secret
    await baraka.fund(1_000)
    order = {"walletId": amina.wallets["BTC"], "recipientWalletId": baraka.wallets["BTC"], "amount": 7}
    await amina.ask(
        "mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) { status } }",
        input=order,
    )

    async def stored() -> bool:
        await world.bank.webhooks.follow()
        return bool((await world.http.get(f"{base}/deliveries", headers=header)).json()["deliveries"])

    await world.until(stored)
    one = (await world.http.get(f"{base}/deliveries", headers=header)).json()["deliveries"][0]
    assert (one["eventType"], one["state"], one["tries"]) == ("send.intraledger", "waiting", 0)
    await world.bank.webhooks.sender.begin()

    async def delivered() -> bool:
        found = (await world.http.get(f"{base}/deliveries/{one['id']}", headers=header)).json()
        return bool(found["state"] == "delivered" and found["attempts"][0]["status"] == 200)

    await world.until(delivered)
    assert (await world.http.post(f"{base}/deliveries/{one['id']}/replay", headers=header)).status_code == 200
    assert (await world.http.get("/api/callbacks", headers=header)).json()["endpoints"][0]["waiting"] == 1
    assert (await world.http.post(f"{base}/enable", headers=header)).status_code == 200

    theirs = {"authorization": f"Bearer {baraka.token}"}
    for method, path in (
        ("GET", "secret"), ("POST", "secret"), ("POST", "enable"), ("GET", "deliveries"),
        ("GET", f"deliveries/{one['id']}"), ("POST", f"deliveries/{one['id']}/replay"),
    ):  # fmt: skip
        answers = [
            await world.http.request(method, f"/api/callbacks/{id_}/{path}", headers=theirs)
            for id_ in (endpoint, str(uuid4()), "no-id")
        ]
        assert [one.json()["code"] for one in answers] == ["CALLBACK_ENDPOINT_UNKNOWN"] * 3, path
        assert (await world.http.request(method, f"{base}/{path}")).status_code == 401
    assert (await amina.ask(DELETE, id="no-id"))["callbackEndpointDelete"]["errors"][0]["code"] == "NOT_FOUND"
    assert (await amina.ask(DELETE, id=endpoint))["callbackEndpointDelete"] == {"errors": [], "success": True}
    assert (await amina.ask(MINE))["me"]["defaultAccount"]["callbackEndpoints"] == []


async def test_a_key_that_only_reads_sees_no_secret(world: World) -> None:
    amina = await world.person()
    endpoint = await _add(amina, f"{world.bank.settings.sandbox_url}/hooks/keys")
    make = """mutation { apiKeyCreate(input: {name: "r", scopes: [READ]}) { apiKeySecret } }"""
    key = {"x-api-key": (await amina.ask(make))["apiKeyCreate"]["apiKeySecret"]}
    assert (await world.http.get("/api/callbacks", headers=key)).json()["endpoints"][0]["id"] == endpoint
    for method, path in (("GET", "secret"), ("POST", "secret"), ("POST", "enable")):
        answer = await world.http.request(method, f"/api/callbacks/{endpoint}/{path}", headers=key)
        assert answer.status_code == 403, path


async def test_quizzes_under_blinks_names(world: World) -> None:
    amina, funder = await world.person(), await world.rich(1_000)
    account = (await funder.ask("{ me { defaultAccount { id } } }"))["me"]["defaultAccount"]["id"]
    await world.bank.learn.funding.set(UUID(account))
    listed = """{ me { defaultAccount { ... on ConsumerAccount { quiz { id amount completed notBefore } } } } }"""
    quizzes = (await amina.ask(listed))["me"]["defaultAccount"]["quiz"]
    assert len(quizzes) == 121
    assert quizzes[0] == {"id": "whatIsBitcoin", "amount": 1, "completed": False, "notBefore": None}
    assert quizzes[5]["notBefore"] > world.clock.now().timestamp() + 11 * 3_600
    done = (await amina.ask(CLAIM, input={"id": "sat"}))["quizClaim"]
    assert done["errors"] == [] and [one["id"] for one in done["quizzes"] if one["completed"]] == ["sat"]
    assert (await amina.balances())["BTC"] == 1
    memo = "{ me { defaultAccount { transactions { edges { node { memo } } } } } }"
    edges = (await amina.ask(memo))["me"]["defaultAccount"]["transactions"]["edges"]
    assert [one["node"]["memo"] for one in edges] == ["sat"]
    for id_, code in (("sat", "INVALID_INPUT"), ("none", "INVALID_INPUT"), ("WhatIsFiat", "QUIZ_CLAIMED_TOO_EARLY")):
        refused = (await amina.ask(CLAIM, input={"id": id_}))["quizClaim"]
        assert (refused["errors"][0]["code"], refused["quizzes"]) == (code, [])
    older = 'mutation { quizCompleted(input: {id: "%s"}) { errors { code } quiz { id completed amount } } }'
    again, first = [(await amina.ask(older % id_))["quizCompleted"] for id_ in ("sat", "copyBitcoin")]
    assert again == {"errors": [{"code": "INVALID_INPUT"}], "quiz": None}
    assert first == {"errors": [], "quiz": {"id": "copyBitcoin", "completed": True, "amount": 1}}
    skipped = (await amina.ask(CLAIM, input={"id": "WhatIsFiat", "skipRewards": True}))["quizClaim"]
    assert skipped["errors"] == [] and (await amina.balances())["BTC"] == 2


async def test_support_chat_is_off_until_it_is_set(
    db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int]
) -> None:
    async with opened(program_url, sandbox_settings, numbers, support_chat=None) as world:
        amina = await world.person()
        assert (await amina.ask("{ me { supportChat { id } } }"))["me"]["supportChat"] == []
        off = (await amina.ask(SAY, input={"message": "Hello"}))["supportChatMessageAdd"]
        assert off["supportMessage"] is None and "no support chat" in off["errors"][0]["message"]
    chat = SupportChat(base_url=f"{sandbox_settings.sandbox_url}/openai/v1", model=MODEL, key=SecretStr(KEY))
    async with opened(program_url, sandbox_settings, numbers, support_chat=chat) as world:
        amina = await world.person()
        said = (await amina.ask(SAY, input={"message": "Hello"}))["supportChatMessageAdd"]
        assert said["errors"] == []
        assert [one["role"] for one in said["supportMessage"]] == ["ASSISTANT", "USER", "ASSISTANT"]
        assert said["supportMessage"][2]["message"] == "You said: Hello"
        reset = await amina.ask("mutation { supportChatReset { errors { code } success } }")
        assert reset["supportChatReset"] == {"errors": [], "success": True}
        assert len((await amina.ask("{ me { supportChat { id role } } }"))["me"]["supportChat"]) == 1
        key = """mutation { apiKeyCreate(input: {name: "k"}) { apiKeySecret } }"""
        secret = (await amina.ask(key))["apiKeyCreate"]["apiKeySecret"]
        answer = await world.post("{ me { supportChat { id } } }", headers={"x-api-key": secret})
        assert answer.json()["errors"]
