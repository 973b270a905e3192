"""Every error code of Blink's API: raised and tested, or named in docs/errors.md with the reason why it is not."""

from __future__ import annotations

import importlib
import pkgutil
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyotp
from tests.api import contract
from tests.api.conftest import World
from tests.api.test_factors import (
    INITIATE,
    TOTP_INITIATE,
    TOTP_VALIDATE,
    UPGRADE,
    VALIDATE,
    address,
    code_of,
    confirmed,
    mailed,
    with_email,
    with_totp,
)

import hazina
from hazina.kernel.errors import Refusal

ROOT = Path(__file__).resolve().parents[2]
CODES = set(contract.CODES.split())
NO_REFUSALS = {"DB_ERROR", "UNEXPECTED_CLIENT_ERROR"}  # made by ``api/graphql/errors.py`` from what nobody expected
PARTS = (
    "Codes of Blink's API that occur",
    "Codes of Blink's API that do not occur",
    "Codes in GraphQL that Blink does not",
)


def _documented() -> list[set[str]]:
    """The codes in the three tables of docs/errors.md."""
    sections = (ROOT / "docs" / "errors.md").read_text().split("\n## ")
    found = []
    for title in PARTS:
        (section,) = [one for one in sections if one.startswith(title)]
        first = [row.split("|")[1] for row in section.splitlines() if row.startswith("| ") and "| code |" not in row]
        found.append({code for cell in first for code in re.findall(r"[A-Z_]{5,}", cell)})
    return found


def _refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for one in kind.__subclasses__():
        yield one
        yield from _refusals(one)


def _all_refusals() -> list[type[Refusal]]:
    for module in pkgutil.walk_packages(hazina.__path__, "hazina."):
        if not re.search(r"\.(migrations|__main__)", module.name):
            importlib.import_module(module.name)
    return [one for one in _refusals() if one.__module__.startswith("hazina.")]


def test_every_code_is_raised_or_its_absence_has_a_reason() -> None:
    occur, absent, ours = _documented()
    assert occur | absent == CODES and not occur & absent
    raised = {one.blink for one in _all_refusals()} - {""} | NO_REFUSALS
    assert raised == occur | ours, "docs/errors.md tells what is raised"


def test_no_two_refusals_share_a_code_of_ours() -> None:
    own = [one.__dict__["code"] for one in _all_refusals() if "code" in one.__dict__]
    assert sorted(own) == sorted(set(own))


def test_every_code_that_is_raised_has_a_test() -> None:
    texts = [path.read_text() for path in (ROOT / "tests").rglob("*.py") if path.name != "contract.py"]
    by_code: dict[str, list[str]] = {code: [f'"{code}"'] for code in _documented()[0]}
    for one in _all_refusals():
        by_code.setdefault(one.blink, []).append(one.__name__)
    missing = [code for code, signs in by_code.items() if code and not any(s in text for s in signs for text in texts)]
    assert missing == []


async def test_what_one_has_already_is_not_added_again(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, address())
    asked = (await amina.ask(INITIATE, input={"email": email}))["userEmailRegistrationInitiate"]["emailRegistrationId"]
    given = {"emailRegistrationId": asked, "code": await mailed(world, email, asked)}
    again = (await amina.ask(VALIDATE, input=given))["userEmailRegistrationValidate"]
    assert again["errors"][0]["code"] == "EMAIL_ALREADY_ATTACHED_ERROR"
    other = f"+2547{next(world.numbers):08d}"
    await world.http.post("/auth/phone/code", json={"phone": other})
    add = """mutation($input: UserPhoneRegistrationValidateInput!) { userPhoneRegistrationValidate(input: $input) {
        errors { code } } }"""
    found = await amina.ask(add, input={"phone": other, "code": await world.code_of(other)})
    assert found["userPhoneRegistrationValidate"]["errors"] == [{"code": "PHONE_ALREADY_ATTACHED_ERROR"}]
    await with_totp(amina)
    asked = (await amina.ask(TOTP_INITIATE))["userTotpRegistrationInitiate"]
    app = pyotp.TOTP(asked["totpSecret"])
    body = {"totpRegistrationId": asked["totpRegistrationId"], "totpCode": code_of(world, app, -1)}
    refused = (await amina.post(TOTP_VALIDATE, input=body)).json()
    assert refused["data"]["userTotpRegistrationValidate"]["errors"][0]["code"] == "STEP_UP_REQUIRED"
    proof = {"X-Step-Up": await confirmed(amina, refused["extensions"]["stepUp"]["challenge"], "phone")}
    refused = (await amina.post(TOTP_VALIDATE, headers=proof, input=body)).json()
    assert refused["data"]["userTotpRegistrationValidate"]["errors"][0]["code"] == "TOTP_ACCOUNT_ALREADY_EXISTS_ERROR"


async def test_money_in_a_device_account_is_sent_away_before_it_is_left(world: World) -> None:
    amina, payer = await world.person(), await world.rich(500)
    pair = str(uuid.uuid4()), str(uuid.uuid4())
    token = (await world.http.post("/auth/create/device-account", auth=pair)).json()["result"]
    found = await world.ask("{ me { defaultAccount { wallets { id walletCurrency } } } }", token)
    wallet = next(one["id"] for one in found["me"]["defaultAccount"]["wallets"] if one["walletCurrency"] == "BTC")
    send = "mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) { status } }"
    order = {"walletId": payer.wallets["BTC"], "recipientWalletId": wallet, "amount": 100}
    assert (await payer.ask(send, input=order))["intraLedgerPaymentSend"]["status"] == "SUCCESS"
    await world.http.post("/auth/phone/code", json={"phone": amina.phone})
    given = {"phone": amina.phone, "code": await world.code_of(amina.phone)}
    refused = (await world.ask(UPGRADE, token, input=given))["userLoginUpgrade"]
    assert refused["errors"][0]["code"] == "PHONE_ACCOUNT_ALREADY_EXISTS_NEED_TO_SWEEP_FUNDS_ERROR"
