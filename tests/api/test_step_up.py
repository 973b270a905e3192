"""Second proofs, ended sessions and addresses, as a client meets them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
import websockets
from tests.api.conftest import Json, Person, World
from tests.api.test_factors import address, code_of, log_in_by_email, mailed, with_email, with_totp

from hazina.accounts import Level
from hazina.accounts import store as accounts
from hazina.identity import FactorKind
from hazina.kernel.db import Database

PAY = """mutation($input: IntraLedgerUsdPaymentSendInput!) { intraLedgerUsdPaymentSend(input: $input) {
    status errors { message code } } }"""
MUCH = 500_001


async def two(world: World) -> tuple[Person, Person]:
    """One of level 2 with dollars, and somebody else."""
    amina, juma = await world.rich(cents=3 * MUCH), await world.person()
    async with world.bank.db.transaction() as tx:
        account = await accounts.account_by_user(tx, UUID(amina.user_id))
        assert account is not None
        await accounts.set_level(tx, account.id, Level.TWO)
    return amina, juma


async def pay(amina: Person, juma: Person, cents: int, token: str | None = None) -> Json:
    order = {"walletId": amina.wallets["USD"], "recipientWalletId": juma.wallets["USD"], "amount": cents}
    answer = await amina.post(PAY, headers={} if token is None else {"X-Step-Up": token}, input=order)
    body: Json = answer.json()
    assert answer.status_code == 200 and "data" in body, body
    return body


async def rest(person: Person, path: str, **fields: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {person.token}"}
    return await person.world.http.post(f"/auth/step-up/{path}", json=fields, headers=headers)


async def test_a_payment_is_confirmed_over_http(world: World) -> None:
    amina, juma = await two(world)
    refused = await pay(amina, juma, MUCH)
    payload = refused["data"]["intraLedgerUsdPaymentSend"]
    assert payload["status"] == "FAILURE" and payload["errors"][0]["code"] == "STEP_UP_REQUIRED"
    asked = refused["extensions"]["stepUp"]
    assert set(asked) == {"challenge", "methods", "said", "expiresAt"} and asked["methods"] == ["phone"]

    began = await rest(amina, "begin", challenge=asked["challenge"], method="phone")
    assert began.status_code == 200 and began.json()["to"].endswith(amina.phone[-3:])
    assert amina.phone not in began.text
    code = await world.code_of(amina.phone)
    stranger = await rest(juma, "prove", challenge=asked["challenge"], method="phone", answer=code)
    assert (stranger.status_code, stranger.json()["code"]) == (400, "NOT_FOUND")
    wrong = await rest(amina, "prove", challenge=asked["challenge"], method="phone", answer="000000")
    assert wrong.status_code == (401 if code != "000000" else 200)
    proved = await rest(amina, "prove", challenge=asked["challenge"], method="phone", answer=code)
    token = proved.json()["token"]

    other = (await pay(amina, juma, MUCH + 1, token))["data"]["intraLedgerUsdPaymentSend"]
    assert other["errors"][0]["code"] == "STEP_UP_REFUSED"
    paid = (await pay(amina, juma, MUCH, token))["data"]["intraLedgerUsdPaymentSend"]
    assert paid == {"status": "SUCCESS", "errors": []}
    again = (await pay(amina, juma, MUCH, token))["data"]["intraLedgerUsdPaymentSend"]
    assert again["errors"][0]["code"] == "STEP_UP_REFUSED"
    assert (await juma.balances())["USD"] == MUCH


MAKE_KEY = """mutation($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { apiKeySecret } }"""


async def test_making_a_key_is_confirmed(world: World) -> None:
    amina = await world.person()
    wish = {"name": "till", "scopes": ["READ"]}
    assert "errors" not in (await amina.post(MAKE_KEY, input=wish)).json(), "with a phone alone none is asked"
    async with world.bank.db.transaction() as tx:
        await world.bank.identity.links.link(tx, UUID(amina.user_id), FactorKind.PASSKEY, "credential")
    refused = (await amina.post(MAKE_KEY, input=wish)).json()["errors"][0]
    assert refused["code"] == "STEP_UP_REQUIRED" and refused["extensions"]["code"] == "STEP_UP_REQUIRED"
    asked = refused["extensions"]["stepUp"]
    await rest(amina, "begin", challenge=asked["challenge"], method="phone")
    proof = {"challenge": asked["challenge"], "method": "phone", "answer": await world.code_of(amina.phone)}
    headers = {"X-Step-Up": (await rest(amina, "prove", **proof)).json()["token"]}
    other = (await amina.post(MAKE_KEY, headers, input={**wish, "scopes": ["WRITE"]})).json()
    assert other["errors"][0]["code"] == "STEP_UP_REFUSED"
    assert (await amina.post(MAKE_KEY, headers, input=wish)).json()["data"]["apiKeyCreate"]["apiKeySecret"]
    assert (await amina.post(MAKE_KEY, headers, input=wish)).json()["errors"][0]["code"] == "STEP_UP_REFUSED"


BAD: list[tuple[str, Json, int]] = [
    ("begin", {}, 400),
    ("begin", {"challenge": "nonsense", "method": "phone"}, 400),
    ("begin", {"challenge": "01890a5d-ac96-774b-bcce-b302099a8057", "method": "phone"}, 400),
    ("begin", {"challenge": "01890a5d-ac96-774b-bcce-b302099a8057", "method": "\x7f"}, 400),
    ("prove", {"challenge": ["x"], "method": "phone", "answer": "1"}, 400),
    ("prove", {"challenge": "01890a5d-ac96-774b-bcce-b302099a8057", "method": "phone", "answer": "x" * 10_000}, 400),
]


async def test_bad_input(world: World) -> None:
    amina = await world.person()
    for path, fields, status in BAD:
        answer = await rest(amina, path, **fields)
        assert answer.status_code == status and answer.json()["code"] in ("INVALID_INPUT", "NOT_FOUND"), answer.text
    nobody = await world.http.post("/auth/step-up/begin", json={"challenge": "x", "method": "phone"})
    assert (nobody.status_code, nobody.json()["code"]) == (401, "NOT_AUTHENTICATED")


async def test_a_hold_is_told_with_its_end(world: World) -> None:
    amina, juma = await two(world)
    async with world.bank.db.transaction() as tx:
        await world.bank.identity.links.link(tx, UUID(amina.user_id), FactorKind.NOSTR, "ab" * 32)
    refused = await pay(amina, juma, 5_001)
    assert refused["data"]["intraLedgerUsdPaymentSend"]["errors"][0]["code"] == "TRANSACTION_RESTRICTED"
    assert refused["extensions"]["hold"]["remainingCents"] == 5_000 and refused["extensions"]["hold"]["until"]
    assert (await pay(amina, juma, 5_000))["data"]["intraLedgerUsdPaymentSend"]["status"] == "SUCCESS"


async def test_customers_read_their_part_of_the_audit_log(world: World) -> None:
    amina, juma = await world.person(), await world.person()
    async with world.bank.db.transaction() as tx:
        await world.bank.identity.links.link(tx, UUID(amina.user_id), FactorKind.NOSTR, "ab" * 32, ip="203.0.113.9")
    shown = {"authorization": f"Bearer {amina.token}"}
    found = (await world.http.get("/auth/history", headers=shown)).json()["entries"]
    assert [one["verb"] for one in found] == ["factor.added", "session.opened"]
    assert (found[0]["ip"], found[0]["detail"], found[0]["result"]) == ("203.0.113.9", {"kind": "nostr"}, "ok")
    older = await world.http.get("/auth/history", params={"before": found[0]["id"]}, headers=shown)
    assert older.json()["entries"] == found[1:]
    bad = await world.http.get("/auth/history", params={"before": "nonsense"}, headers=shown)
    assert (bad.status_code, bad.json()["code"]) == (400, "INVALID_INPUT")
    other = await world.http.get("/auth/history", headers={"authorization": f"Bearer {juma.token}"})
    assert [one["verb"] for one in other.json()["entries"]] == ["session.opened"]
    assert (await world.http.get("/auth/history")).status_code == 401


async def test_a_failed_try_to_log_in_is_in_its_owners_log(world: World) -> None:
    """By each code that a person has; and whoever tries hears the same of a phone that nobody has."""
    amina, email = await world.person(), address()
    await with_email(amina, email)
    app = await with_totp(amina)
    agent = {"user-agent": "somebody else"}

    async def refused(path: str, **body: Any) -> Any:
        answer = await world.http.post(f"/auth/{path}", json=body, headers=agent)
        assert answer.status_code == 401, answer.text
        return {name: value for name, value in answer.json().items() if name != "requestId"}

    nobody = f"+2547{next(world.numbers):08d}"
    tries = [await refused("phone/login", phone=phone, code="000000") for phone in (amina.phone, nobody)]
    assert tries[0] == tries[1]
    asked = (await world.http.post("/auth/email/code", json={"email": email})).json()["result"]
    right = await mailed(world, email, asked)
    await refused("email/login", emailLoginId=asked, code=other_than(right))
    token = (await log_in_by_email(world, email))["authToken"]
    await refused("totp/validate", authToken=token, totpCode=other_than(code_of(world, app)))

    shown = {"authorization": f"Bearer {amina.token}"}
    answer = await world.http.get("/auth/history", headers=shown)
    found = [one for one in answer.json()["entries"] if one["verb"] == "session.refused"]
    assert [(one["detail"], one["result"]) for one in reversed(found)] == [
        ({"kind": "phone"}, "WRONG_CODE"), ({"kind": "email"}, "EMAIL_CODE_WRONG"),
        ({"kind": "totp"}, "TOTP_CODE_WRONG"),
    ]  # fmt: skip
    assert {(one["actor"], one["agent"]) for one in found} == {("stranger", "somebody else")}
    assert right not in answer.text and "000000" not in answer.text
    async with world.bank.db.reading() as tx:
        assert await tx.value("select count(*) from audit where verb = 'session.refused'") == 3


def other_than(code: str) -> str:
    return f"{(int(code) + 500_000) % 1_000_000:06d}"


async def test_an_ended_session_closes_its_sockets_in_every_process(world: World, program_url: str) -> None:
    amina, another = await world.person(), Database(program_url, 2)
    elsewhere = replace(world.bank.identity, db=another)  # knows nothing of the process that holds the socket
    await another.open()
    updates = "subscription { myUpdates { errors { message } me { id } } }"
    async with world.live({"Authorization": f"Bearer {amina.token}"}) as live:
        await live.subscribe(updates)
        await live.send(type="ping")
        while (await live.hear())["type"] != "pong":
            pass
        assert await elsewhere.revoke_all(UUID(amina.user_id)) == 1
        with pytest.raises(websockets.ConnectionClosed) as closed:
            async with asyncio.timeout(60):
                while True:
                    await live.hear()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    assert (await amina.post("{ me { id } }")).status_code == 401
    await another.close()


# -- from where ---------------------------------------------------------------------------------

FORWARDED: list[tuple[str, Json, str]] = [
    ("203.0.113.9", {"x-forwarded-for": "198.51.100.1"}, "203.0.113.9"),  # no proxy of ours: its own words
    ("203.0.113.9", {"x-real-ip": "198.51.100.1"}, "203.0.113.9"),
    ("127.0.0.1", {"x-forwarded-for": "198.51.100.1"}, "198.51.100.1"),
    ("127.0.0.1", {"x-forwarded-for": "6.6.6.6, 198.51.100.1"}, "198.51.100.1"),  # the first one was made up
    ("127.0.0.1", {"x-forwarded-for": "6.6.6.6, 198.51.100.1, 10.7.0.4"}, "198.51.100.1"),
    ("10.7.0.4", {"x-forwarded-for": "6.6.6.6,198.51.100.1", "x-real-ip": "6.6.6.6"}, "198.51.100.1"),
    ("10.8.0.4", {"x-forwarded-for": "198.51.100.1"}, "10.8.0.4"),
    ("127.0.0.1", {"x-real-ip": "198.51.100.1"}, "198.51.100.1"),
    ("127.0.0.1", {"x-forwarded-for": "2001:db8::1"}, "2001:db8::1"),
    ("127.0.0.1", {"x-forwarded-for": "6.6.6.6, unknown"}, "127.0.0.1"),
    ("127.0.0.1", {}, "127.0.0.1"),
]


async def test_api_06_a_request_is_counted_where_our_own_proxy_saw_it(world: World) -> None:
    application: Any = world.served.app
    application.state.proxies = tuple(_network("10.7.0.0/16"))
    for peer, headers, wanted in FORWARDED:
        amina = await world.person()
        transport = httpx2.ASGITransport(app=world.served, client=(peer, 4455))
        async with httpx2.AsyncClient(transport=transport, base_url="http://bank.test") as http:
            await http.post("/auth/phone/code", json={"phone": amina.phone}, headers=headers)
            fields = {"phone": amina.phone, "code": await world.code_of(amina.phone)}
            token = (await http.post("/auth/phone/login", json=fields, headers=headers)).json()["authToken"]
        listed = (await world.ask("{ me { sessions { ip current } } }", token))["me"]["sessions"]
        assert next(one["ip"] for one in listed if one["current"]) == wanted, (peer, headers)


def _network(text: str) -> list[Any]:
    from ipaddress import ip_network

    return [ip_network(text)]
