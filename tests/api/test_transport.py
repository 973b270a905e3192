"""GraphQL over HTTP: credentials, methods, bodies, persisted queries, idempotency keys."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx2
from tests.api.conftest import World

CHALLENGE = "mutation { captchaCreateChallenge { result { id } errors { message } } }"


def error(answer: httpx2.Response) -> tuple[int, str, str]:
    """Status, code and message; both places of the code agree, and the request id is the header's."""
    first = answer.json()["errors"][0]
    assert first["code"] == first["extensions"]["code"]
    assert first["extensions"]["requestId"] == answer.headers["x-request-id"]
    return answer.status_code, first["code"], first["message"]


async def raw(world: World, content: bytes | str, kind: str = "application/json") -> httpx2.Response:
    return await world.http.post("/graphql", content=content, headers={"content-type": kind})


# -- who asks ------------------------------------------------------------------------------------


BAD_CREDENTIALS: list[Any] = [
    {"authorization": "Bearer nobody"},
    {"authorization": "Bearer hzn_st_" + "a" * 32},
    {"authorization": "Bearer hzn_st_" + "é" * 32},
    {"authorization": "Basic YTpi"},
    {"X-API-KEY": "blink_" + "a" * 64},
    {"x-api-key": "x"},
    {"Oauth2-Token": "x"},
]


async def test_trap_12_a_bad_credential_is_401(world: World) -> None:
    for headers in BAD_CREDENTIALS:
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        answer = await world.http.post("/graphql", json={"query": "{ globals { network } }"}, headers=encoded)
        assert error(answer)[:2] == (401, "NOT_AUTHENTICATED")
        assert "data" not in answer.json()


NO_CREDENTIALS: list[Any] = [None, "", "Bearer", "Bearer ", "bearer   "]


async def test_trap_12_no_credential_is_a_stranger(world: World) -> None:
    for value in NO_CREDENTIALS:
        headers = {} if value is None else {"authorization": value}
        answer = await world.post("{ me { id } }", headers=headers)
        assert answer.json()["data"] == {"me": None}
        assert error(answer) == (200, "NOT_AUTHORIZED", "Not authorized")
        assert answer.json()["errors"][0]["path"] == ["me"]


async def test_a_stranger_may_not_move_money(world: World) -> None:
    answer = await world.post(
        "mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) { status } }",
        input={"walletId": "bad", "recipientWalletId": "bad", "amount": -1},
    )
    assert error(answer)[:2] == (200, "NOT_AUTHORIZED")


# -- what is asked -------------------------------------------------------------------------------


NO_REQUESTS: list[Any] = [
    ("", 400),
    ("no", 400),
    ("[]", 400),
    ('[{"query": "{ me { id } }"}]', 400),
    ("3", 400),
    ("{}", 400),
    ('{"query": 3}', 400),
    ('{"query": "{ me { id } }", "variables": []}', 400),
    ('{"query": "{ me { id } }", "variables": "{}"}', 400),
    ('{"query": "{ me { id } }", "operationName": 1}', 400),
    ('{"query": "{ me { id } }", "variables": {"a": NaN}}', 400),
    ('{"query": "{ me { id } }", "variables": {"a": Infinity}}', 400),
    ('{"query": "{ me { id } }", "variables": {"a": "\\u0000"}}', 400),
    ('{"query": "{ me { id } }", "variables": {"a": "\\ud800"}}', 400),
    ('{"query": "{ me { id } }", "variables": {"\\ud83d": 1}}', 400),
    ('{"query": "{ me { id } } # \\udc00"}', 400),
    ("[" * 100_000, 400),
    ('{"a":' * 100_000, 400),
    ('{"query": "{ me { id } }", "variables": {"a": ' + "9" * 5_000 + "}}", 400),
    (b"\xff\xfe", 400),
    (b'{"query": "\xed\xa0\x80"}', 400),
    ('{"query": "subscription { myUpdates { me { id } } }"}', 400),
    ('{"query": "' + "{ me { id } } " * 20_000 + '"}', 400),
    ("x" * (2 * 2**20 + 1), 413),
]


async def test_a_body_that_is_no_request(world: World) -> None:
    for content, status in NO_REQUESTS:
        answer = await raw(world, content)
        assert answer.status_code == status
        assert error(answer)[1] in ("INVALID_INPUT", "QUERY_TOO_COMPLEX", "BODY_TOO_LARGE")


async def test_whole_surrogate_pairs_and_escaped_text_are_fine(world: World) -> None:
    text = '{"query": "{ __typename } # \\ud83d\\ude00", "variables": {"a": "\\\\u0000 \\ud83d\\ude00"}}'
    assert (await raw(world, text)).json() == {"data": {"__typename": "Query"}}


OTHER_KINDS: list[Any] = ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"]


async def test_the_body_is_json(world: World) -> None:
    for kind in OTHER_KINDS:
        assert (await raw(world, '{"query": "{ me { id } }"}', kind)).status_code == 415


async def test_trap_20_errors_of_documents_have_codes(world: World) -> None:
    assert error(await world.post("{ me "))[:2] == (400, "GRAPHQL_PARSE_FAILED")
    assert error(await world.post("{ nobody }"))[:2] == (400, "GRAPHQL_VALIDATION_FAILED")
    two = "mutation { a: captchaCreateChallenge { errors { code } } " + CHALLENGE.removeprefix("mutation {")
    assert error(await world.post(two))[:2] == (400, "QUERY_TOO_COMPLEX")


async def test_wrong_variables_are_errors_of_the_answer(world: World) -> None:
    query = "query($u: Username!) { usernameAvailable(username: $u) }"
    assert error(await world.post(query))[:2] == (200, "INVALID_INPUT")
    assert error(await world.post(query, u="a b"))[:2] == (200, "INVALID_INPUT")
    enum = 'query($c: WalletCurrency!) { accountDefaultWallet(username: "abc", walletCurrency: $c) { id } }'
    assert error(await world.post(enum, c="EUR"))[:2] == (200, "INVALID_INPUT")


async def test_a_named_operation(world: World) -> None:
    body = {"query": "query A { __typename } query B { currencyList { id } }", "operationName": "B"}
    answer = await world.http.post("/graphql", json=body)
    assert answer.json() == {"data": {"currencyList": [{"id": "USD"}]}}
    del body["operationName"]
    assert error(await world.http.post("/graphql", json=body))[1] == "INVALID_INPUT"


async def test_api_02_get_serves_queries_only(world: World) -> None:
    answer = await world.http.get("/graphql", params={"query": "query($a: Boolean!) { __typename @include(if: $a) }",
                                                      "variables": '{"a": true}'})  # fmt: skip
    assert answer.json() == {"data": {"__typename": "Query"}}
    assert error(await world.http.get("/graphql", params={"query": CHALLENGE}))[0] == 405
    assert error(await world.http.get("/graphql"))[0] == 400
    assert error(await world.http.get("/graphql", params={"query": "{ a }", "variables": "["}))[0] == 400


async def test_any_origin_may_ask_but_gets_no_cookie_rights(world: World) -> None:
    headers = {"origin": "https://wallet.example", "access-control-request-method": "POST"}
    answer = await world.http.options("/graphql", headers=headers)
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
    answer = await world.post("{ __typename }", headers={"origin": "https://wallet.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


# -- persisted queries -----------------------------------------------------------------------------


async def test_trap_14_persisted_queries(world: World) -> None:
    text = "{ __typename globals { network } }"
    digest = sha256(text.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    answer = await world.http.post("/graphql", json={"extensions": extensions})
    assert error(answer) == (200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")

    shown = await world.http.post("/graphql", json={"query": text, "extensions": extensions})
    assert shown.json()["data"]["__typename"] == "Query"
    again = await world.http.post("/graphql", json={"extensions": extensions})
    assert again.json() == shown.json()
    by_get = await world.http.get("/graphql", params={"extensions": json.dumps(extensions)})
    assert by_get.json() == shown.json()

    wrong = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    answer = await world.http.post("/graphql", json={"query": text, "extensions": wrong})
    assert error(answer)[0] == 400


async def test_a_text_that_fails_is_not_persisted(world: World) -> None:
    text = "{ nobodyKnows }"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}
    assert error(await world.http.post("/graphql", json={"query": text, "extensions": extensions}))[0] == 400
    answer = await world.http.post("/graphql", json={"extensions": extensions})
    assert error(answer)[1] == "PERSISTED_QUERY_NOT_FOUND"


# -- idempotency keys ------------------------------------------------------------------------------


async def test_trap_13_a_key_is_good_once_an_hour(world: World) -> None:
    key = {"X-Idempotency-Key": str(uuid4())}
    assert "errors" not in (await world.post("{ __typename }", headers=key)).json()
    status, _, message = error(await world.post("{ __typename }", headers=key))
    assert status == 409 and "409: Conflict" in message and "idempotency key already exist" in message
    amina = await world.person()
    assert (await amina.post("{ __typename }", headers=key)).status_code == 200  # another caller's key is another key
    same = {"x-idempotency-key": key["X-Idempotency-Key"].upper()}
    assert (await amina.post("{ __typename }", headers=same)).status_code == 409
    world.clock.shift += timedelta(seconds=1_800)
    assert (await amina.post("{ __typename }", headers=key)).status_code == 409
    world.clock.shift += timedelta(seconds=1_801)  # an hour after its first use, however often it was used again
    assert (await amina.post("{ __typename }", headers=key)).status_code == 200


NO_KEYS: list[Any] = ["", "1", "not-a-key", "0" * 32, f"{uuid4()}0", "{" + f"{uuid4()}"[1:-1] + "}"]


async def test_a_key_is_a_uuid(world: World) -> None:
    for key in NO_KEYS:
        assert error(await world.post("{ __typename }", headers={"x-idempotency-key": key}))[0] == 400


async def test_a_request_that_is_not_served_takes_no_key(world: World) -> None:
    key = {"x-idempotency-key": str(uuid4())}
    assert (await world.post("{ nobody }", headers=key)).status_code == 400
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": "1" * 64}}
    assert (await world.http.post("/graphql", json={"extensions": extensions}, headers=key)).status_code == 200
    assert (await world.post("{ __typename }", headers=key)).status_code == 200


async def test_a_payment_with_one_key_happens_once(world: World) -> None:
    amina, juma = await world.rich(cents=1_000), await world.person()
    send = """mutation($input: IntraLedgerUsdPaymentSendInput!) {
        intraLedgerUsdPaymentSend(input: $input) { status errors { message } } }"""
    order = {"walletId": amina.wallets["USD"], "recipientWalletId": juma.wallets["USD"], "amount": 100}
    key = {"x-idempotency-key": str(uuid4())}
    assert (await amina.post(send, key, input=order)).json()["data"]["intraLedgerUsdPaymentSend"]["status"] == "SUCCESS"
    assert (await amina.post(send, key, input=order)).status_code == 409
    assert (await amina.balances())["USD"] == 900
