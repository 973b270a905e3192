"""E-mail, authenticator apps, devices and Telegram, at the doors that Blink's clients use."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from tests.api.conftest import Person, World
from tests.api.telegram import Passport

from hazina.sandbox.captcha import solution

INITIATE = """mutation($input: UserEmailRegistrationInitiateInput!) { userEmailRegistrationInitiate(input: $input) {
    emailRegistrationId errors { message code } me { id } } }"""
VALIDATE = """mutation($input: UserEmailRegistrationValidateInput!) { userEmailRegistrationValidate(input: $input) {
    errors { message code } me { email { address verified } } } }"""
TOTP_INITIATE = "mutation { userTotpRegistrationInitiate { totpRegistrationId totpSecret errors { message code } } }"
TOTP_VALIDATE = """mutation($input: UserTotpRegistrationValidateInput!) { userTotpRegistrationValidate(input: $input) {
    errors { message code } me { totpEnabled } } }"""
UPGRADE = """mutation($input: UserLoginUpgradeInput!) { userLoginUpgrade(input: $input) {
    success authToken errors { message code } } }"""


def address() -> str:
    return f"amina-{uuid.uuid4().hex[:10]}@example.org"


async def mailed(world: World, to: str, asked: str) -> str:
    """The code that came for one wish."""
    async with asyncio.timeout(60):
        while not (
            found := [one for one in await world.outside(f"mail?to={to.lower()}", None) if asked in one["messageId"]]
        ):
            await asyncio.sleep(0.05)
    code = re.search(r"\b[0-9]{6}\b", found[0]["body"])
    assert code is not None
    return code[0]


async def with_email(person: Person, email: str) -> None:
    asked = (await person.ask(INITIATE, input={"email": email}))["userEmailRegistrationInitiate"]
    assert asked["errors"] == []
    code = await mailed(person.world, email, asked["emailRegistrationId"])
    given = {"emailRegistrationId": asked["emailRegistrationId"], "code": code}
    added = (await person.ask(VALIDATE, input=given))["userEmailRegistrationValidate"]
    assert added == {"errors": [], "me": {"email": {"address": email, "verified": True}}}


async def with_totp(person: Person) -> pyotp.TOTP:
    asked = (await person.ask(TOTP_INITIATE))["userTotpRegistrationInitiate"]
    assert len(asked["totpSecret"]) == 32
    app = pyotp.TOTP(asked["totpSecret"])
    given = {"totpRegistrationId": asked["totpRegistrationId"], "totpCode": code_of(person.world, app, -1)}
    added = (await person.ask(TOTP_VALIDATE, input=given))["userTotpRegistrationValidate"]
    assert added == {"errors": [], "me": {"totpEnabled": True}}
    return app


def code_of(world: World, app: pyotp.TOTP, step: int = 0) -> str:
    """Of the bank's time, which goes on to the next step when this one is about to end."""
    if (gone := world.clock.now().timestamp() % 30) > 10:
        world.clock.shift += timedelta(seconds=30 - gone)
    return app.generate_otp(int(world.clock.now().timestamp()) // 30 + step)


async def log_in_by_email(world: World, email: str) -> dict[str, Any]:
    asked = (await world.http.post("/auth/email/code", json={"email": email})).json()["result"]
    code = await mailed(world, email, asked)
    entered = await world.http.post("/auth/email/login", json={"emailLoginId": asked, "code": code})
    assert entered.status_code == 200, entered.text
    return dict(entered.json()["result"])


async def confirmed(person: Person, challenge: str, method: str) -> str:
    """The proof of a challenge, by a code to the phone."""
    world, mine = person.world, {"authorization": f"Bearer {person.token}"}
    wish = {"challenge": challenge, "method": method}
    begun = await world.http.post("/auth/step-up/begin", json=wish, headers=mine)
    assert begun.status_code == 200, begun.text
    answer = {**wish, "answer": await world.code_of(person.phone)}
    proved = await world.http.post("/auth/step-up/prove", json=answer, headers=mine)
    return str(proved.json()["token"])


# -- e-mail --------------------------------------------------------------------------------------


async def test_an_email_is_added_logs_in_and_is_removed(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, email)
    entered = await log_in_by_email(world, email.upper())
    assert (entered["id"], entered["totpRequired"], len(entered["authToken"])) == (amina.user_id, False, 39)
    gone = await amina.ask("mutation { userEmailDelete { errors { code } me { email { address } } } }")
    assert gone["userEmailDelete"] == {"errors": [], "me": {"email": None}}
    again = await amina.ask("mutation { userEmailDelete { errors { code } } }")
    assert again["userEmailDelete"]["errors"][0]["code"] == "NOT_FOUND"


async def test_whether_an_address_is_known_is_not_told(world: World) -> None:
    known, unknown = address(), address()
    await with_email(await world.person(), known)
    answers = [await world.http.post("/auth/email/code", json={"email": one}) for one in (known, unknown)]
    assert [one.status_code for one in answers] == [200, 200]
    assert all(set(one.json()) == {"result"} and uuid.UUID(one.json()["result"]) for one in answers)
    wrong = [
        await world.http.post("/auth/email/login", json={"emailLoginId": one.json()["result"], "code": "000000"})
        for one in answers
    ]
    said = [(one.status_code, one.json()["code"], one.json()["error"]) for one in wrong]
    assert said[0] == said[1] and said[0][0] == 401
    await mailed(world, known, answers[0].json()["result"])
    assert await world.outside(f"mail?to={unknown}", None) == []


async def test_an_address_that_was_not_confirmed_logs_nobody_in(world: World) -> None:
    amina, email = await world.person(), address()
    asked = (await amina.ask(INITIATE, input={"email": email}))["userEmailRegistrationInitiate"]["emailRegistrationId"]
    code = await mailed(world, email, asked)
    wish = (await world.http.post("/auth/email/code", json={"email": email})).json()["result"]
    for id_ in (wish, asked):
        refused = await world.http.post("/auth/email/login", json={"emailLoginId": id_, "code": code})
        assert refused.status_code == 401


async def test_aut_11_somebody_elses_address_is_not_taken(world: World) -> None:
    amina, baraka, email = await world.person(), await world.person(), address()
    await with_email(amina, email)
    asked = (await baraka.ask(INITIATE, input={"email": email}))["userEmailRegistrationInitiate"]
    code = await mailed(world, email, asked["emailRegistrationId"])
    given = {"emailRegistrationId": asked["emailRegistrationId"], "code": code}
    refused = (await baraka.ask(VALIDATE, input=given))["userEmailRegistrationValidate"]
    assert refused["errors"][0]["code"] == "EMAIL_ACCOUNT_ALREADY_EXISTS_ERROR"
    assert (await log_in_by_email(world, email))["id"] == amina.user_id


async def test_an_email_code_is_used_once_by_one_of_many(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, email)
    asked = (await world.http.post("/auth/email/code", json={"email": email})).json()["result"]
    code = await mailed(world, email, asked)
    tries = [world.http.post("/auth/email/login", json={"emailLoginId": asked, "code": code}) for _ in range(5)]
    statuses = sorted([answer.status_code for answer in await asyncio.gather(*tries)])
    assert statuses == [200, 401, 401, 401, 401]


async def test_five_wrong_email_codes_kill_the_right_one(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, email)
    asked = (await world.http.post("/auth/email/code", json={"email": email})).json()["result"]
    right = await mailed(world, email, asked)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for code in (*[wrong] * 5, right):
        answer = await world.http.post("/auth/email/login", json={"emailLoginId": asked, "code": code})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "email", ["", "a", "a@b", "a b@example.org", "a@-x.org", "ä@example.org", "x" * 300 + "@a.org"]
)
async def test_bad_addresses(world: World, email: str) -> None:
    answer = await world.http.post("/auth/email/code", json={"email": email})
    assert answer.status_code in (400, 422)
    refused = await (await world.person()).ask(INITIATE, input={"email": email})
    assert "EmailAddress" in refused["userEmailRegistrationInitiate"]["errors"][0]["message"]


# -- authenticator app ---------------------------------------------------------------------------


async def test_a_token_works_only_after_the_apps_code(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, email)
    app = await with_totp(amina)
    entered = await log_in_by_email(world, email)
    token = entered["authToken"]
    assert entered["totpRequired"] is True
    assert (await world.post("{ me { id } }", token)).status_code == 401
    wrong = f"{(int(code_of(world, app)) + 1) % 1_000_000:06d}"
    refused = await world.http.post("/auth/totp/validate", json={"authToken": token, "totpCode": wrong})
    assert refused.status_code == 401
    done = await world.http.post("/auth/totp/validate", json={"authToken": token, "totpCode": code_of(world, app)})
    assert (done.status_code, done.content) == (200, b"")
    assert (await world.ask("{ me { id } }", token))["me"]["id"] == amina.user_id


async def test_a_step_is_used_once_by_one_of_many(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, email)
    app = await with_totp(amina)
    tokens = [(await log_in_by_email(world, email))["authToken"] for _ in range(3)]
    code = code_of(world, app)
    tries = [world.http.post("/auth/totp/validate", json={"authToken": one, "totpCode": code}) for one in tokens]
    assert sorted([answer.status_code for answer in await asyncio.gather(*tries)]) == [200, 401, 401]


async def test_a_recovery_code_stands_in_for_the_app_once(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, email)
    app = await with_totp(amina)
    made = await world.http.post(
        "/auth/totp/recovery-codes", json={"totpCode": code_of(world, app)},
        headers={"authorization": f"Bearer {amina.token}"},
    )  # fmt: skip
    codes = made.json()["result"]
    assert len(set(codes)) == 10
    shown = [codes[0].upper().replace("-", " "), codes[0]]
    for code, status in zip(shown, (200, 401), strict=True):
        token = (await log_in_by_email(world, email))["authToken"]
        answer = await world.http.post("/auth/totp/validate", json={"authToken": token, "totpCode": code})
        assert answer.status_code == status
    assert await world.bank.factors.totp.recovery_codes_left(uuid.UUID(amina.user_id)) == 9


async def test_the_app_is_removed(world: World) -> None:
    amina = await world.person()
    await with_totp(amina)
    query = "mutation { userTotpDelete { errors { code } me { totpEnabled } } }"
    refused = (await amina.post(query)).json()
    assert refused["data"]["userTotpDelete"]["errors"][0]["code"] == "STEP_UP_REQUIRED"
    proof = await confirmed(amina, refused["extensions"]["stepUp"]["challenge"], "phone")
    gone = (await amina.post(query, headers={"X-Step-Up": proof})).json()
    assert gone["data"]["userTotpDelete"] == {"errors": [], "me": {"totpEnabled": False}}
    again = (await amina.post(query, headers={"X-Step-Up": proof})).json()
    assert again["data"]["userTotpDelete"]["errors"][0]["code"] == "NOT_FOUND"


# -- devices -------------------------------------------------------------------------------------


async def test_a_device_account_is_the_same_for_the_same_pair_and_grows_up_with_a_phone(world: World) -> None:
    pair = (str(uuid.uuid4()), str(uuid.uuid4()))
    first, second = [await world.http.post("/auth/create/device-account", auth=pair) for _ in range(2)]
    assert first.status_code == second.status_code == 200
    query = "{ me { id phone defaultAccount { level } } }"
    ids = [(await world.ask(query, one.json()["result"]))["me"] for one in (first, second)]
    assert ids[0] == ids[1] and ids[0]["defaultAccount"]["level"] == "ZERO"
    token, phone = first.json()["result"], f"+2547{next(world.numbers):08d}"
    await world.http.post("/auth/phone/code", json={"phone": phone})
    grown = await world.ask(UPGRADE, token, input={"phone": phone, "code": await world.code_of(phone)})
    assert grown["userLoginUpgrade"] == {"success": True, "authToken": None, "errors": []}
    me = (await world.ask(query, token))["me"]
    assert (me["id"], me["phone"], me["defaultAccount"]["level"]) == (ids[0]["id"], phone, "ONE")


async def test_a_device_with_another_password_is_refused(world: World) -> None:
    name = str(uuid.uuid4())
    assert (await world.http.post("/auth/create/device-account", auth=(name, str(uuid.uuid4())))).status_code == 200
    refused = await world.http.post("/auth/create/device-account", auth=(name, str(uuid.uuid4())))
    assert refused.status_code == 401


@pytest.mark.parametrize("pair", [("a", "b"), (str(uuid.UUID(int=1)), str(uuid.uuid4())), ("", "")])
async def test_a_device_shows_two_uuids(world: World, pair: tuple[str, str]) -> None:
    assert (await world.http.post("/auth/create/device-account", auth=pair)).status_code == 422
    assert (await world.http.post("/auth/create/device-account")).status_code == 422


# -- phones that exist already -------------------------------------------------------------------


async def test_aut_11_a_phone_with_an_account_is_not_swallowed(world: World) -> None:
    amina = await world.person()
    token = (await world.http.post("/auth/create/device-account", auth=(str(uuid.uuid4()), str(uuid.uuid4())))).json()
    await world.http.post("/auth/phone/code", json={"phone": amina.phone})
    code = await world.code_of(amina.phone)
    refused = await world.ask(UPGRADE, token["result"], input={"phone": amina.phone, "code": code})
    assert refused["userLoginUpgrade"]["errors"][0]["code"] == "PHONE_ACCOUNT_ALREADY_EXISTS_ERROR"
    assert refused["userLoginUpgrade"]["success"] is False


async def test_the_last_way_to_log_in_stays(world: World) -> None:
    amina = await world.person()
    refused = (await amina.ask("mutation { userPhoneDelete { errors { message code } } }"))["userPhoneDelete"]
    assert "last way" in refused["errors"][0]["message"]
    await with_email(amina, address())
    gone = await amina.ask("mutation { userPhoneDelete { errors { code } me { phone email { verified } } } }")
    assert gone["userPhoneDelete"] == {"errors": [], "me": {"phone": None, "email": {"verified": True}}}


# -- Telegram ------------------------------------------------------------------------------------


async def test_telegram_is_off_without_a_bot(world: World) -> None:
    answer = await world.http.post("/auth/telegram-passport/request-params", json={"phone": "+254712000001"})
    assert answer.status_code == 400 and answer.json()["code"] == "NOT_AUTHORIZED"


async def test_telegram_vouches_for_a_phone(telegram_world: World, passport: Passport) -> None:
    world, phone = telegram_world, f"+2547{next(telegram_world.numbers):08d}"
    asked = (await world.http.post("/auth/telegram-passport/request-params", json={"phone": phone})).json()
    assert asked["scope"] == {"data": ["phone_number"], "v": 1} and asked["bot_id"] == passport.bot_id
    wish = {"phone": phone, "nonce": asked["nonce"]}
    waiting = await world.http.post("/auth/telegram-passport/login", json=wish)
    assert waiting.status_code == 401 and waiting.json()["code"] == "NOT_AUTHORIZED"
    hook = f"/auth/telegram-passport/webhook?hash={passport.webhook_hash}"
    assert (await world.http.post(f"{hook[:-1]}x", json={})).status_code == 403
    damaged = passport.update(phone, asked["nonce"])
    damaged["message"]["passport_data"]["credentials"]["hash"] = "AAAA"
    assert (await world.http.post(hook, json=damaged)).status_code == 403
    other = passport.update("+254712999999", asked["nonce"])
    assert (await world.http.post(hook, json=other)).status_code == 200
    assert (await world.http.post("/auth/telegram-passport/login", json=wish)).status_code == 401
    for _ in range(2):  # Telegram repeats itself
        assert (await world.http.post(hook, json=passport.update(phone, asked["nonce"]))).status_code == 200
    both = await asyncio.gather(*(world.http.post("/auth/telegram-passport/login", json=wish) for _ in range(2)))
    assert sorted(one.status_code for one in both) == [200, 401]
    entered = next(one for one in both if one.status_code == 200).json()
    assert (await world.ask("{ me { phone } }", entered["authToken"]))["me"]["phone"] == phone


# -- captcha -------------------------------------------------------------------------------------


async def test_a_code_is_sent_to_whoever_solved_the_captcha(captcha_world: World) -> None:
    world, phone = captcha_world, f"+2547{next(captcha_world.numbers):08d}"
    puzzle = (await world.http.post("/auth/phone/captcha")).json()["result"]
    assert puzzle["failbackMode"] is False
    validate, seccode = solution(puzzle["challengeCode"])
    solved = {"challengeCode": puzzle["challengeCode"], "validationCode": validate, "secCode": seccode}
    for fields in ({}, {**solved, "challengeCode": "a" * 32}):
        assert (await world.http.post("/auth/phone/code", json={"phone": phone, **fields})).status_code == 400
    assert (await world.http.post("/auth/phone/code", json={"phone": phone, **solved})).status_code == 200
    assert (await world.http.post("/auth/phone/code", json={"phone": phone, **solved})).status_code == 400
    wrong = (await world.http.post("/auth/phone/captcha")).json()["result"]
    fields = {"challengeCode": wrong["challengeCode"], "validationCode": "v", "secCode": "s"}
    assert (await world.http.post("/auth/phone/code", json={"phone": phone, **fields})).status_code == 400
