"""The Twilio adapter against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.sandbox.process import SandboxProcess

from hazina.adapters.twilio import Lookup, Twilio
from hazina.identity.ports import SmsUnavailable
from hazina.kernel.db import Database, TransactionOpen
from hazina.sandbox.twilio import ACCOUNT_SID, AUTH_TOKEN

PHONE = "+254712345678"


@pytest.fixture
async def sms(sandbox: SandboxProcess) -> AsyncIterator[Twilio]:
    adapter = Twilio(f"{sandbox.url}/twilio", ACCOUNT_SID, AUTH_TOKEN, "+15005550006")
    yield adapter
    await adapter.close()


async def test_a_text_arrives(sms: Twilio, sandbox: SandboxProcess) -> None:
    await sms.send(PHONE, "Nambari yako ni 123456 – & = + %")
    await sms.send("+254700000000", "other")
    answer = await sandbox.ask("GET", f"/sms?to={PHONE}")
    newest = answer.json()[0]
    assert (newest["to"], newest["body"]) == (PHONE, "Nambari yako ni 123456 – & = + %")
    everybody = await sandbox.control("GET", "/sms")
    assert [message["body"] for message in everybody[:2]] == ["other", newest["body"]]


@pytest.mark.parametrize(
    "to", ["+15005550001", "+15005550003", "+15005550004", "+15005550009", "", "12", "+0712345678"]
)
async def test_numbers_that_are_refused(sms: Twilio, to: str) -> None:
    with pytest.raises(SmsUnavailable):
        await sms.send(to, "123456")


async def test_wrong_credentials(sandbox: SandboxProcess) -> None:
    for account, token in ((ACCOUNT_SID, "wrong"), ("AC" + "0" * 32, AUTH_TOKEN)):
        sms = Twilio(f"{sandbox.url}/twilio", account, token, "+15005550006")
        with pytest.raises(SmsUnavailable):
            await sms.send(PHONE, "123456")
        await sms.close()


@pytest.mark.parametrize("action", ["error", "drop_reply", "cut", "empty"])
async def test_faults(sms: Twilio, sandbox: SandboxProcess, action: str) -> None:
    await sandbox.fault("messages", action, provider="twilio", times=1)
    with pytest.raises(SmsUnavailable):
        await sms.send(PHONE, f"fault {action}")
    newest = (await sandbox.control("GET", "/sms"))[0]["body"]
    assert (newest == f"fault {action}") == (action != "error")


async def test_not_in_a_transaction(sms: Twilio, db: Database) -> None:
    async with db.transaction():
        with pytest.raises(TransactionOpen):
            await sms.send(PHONE, "x")


async def test_a_code_by_whatsapp(sandbox: SandboxProcess) -> None:
    sms = Twilio(
        f"{sandbox.url}/twilio", ACCOUNT_SID, AUTH_TOKEN, "+15005550006",
        whatsapp_sender="+15005550006", whatsapp_template="HX" + "1" * 32,
    )  # fmt: skip
    await sms.send(PHONE, "Your code is 123456.", whatsapp="123456")
    newest = (await sandbox.control("GET", "/sms"))[0]
    assert (newest["to"], newest["from"]) == (PHONE, "whatsapp:+15005550006")
    assert newest["body"] == "123456 is your verification code."
    await sms.close()


async def test_without_a_whatsapp_sender_the_code_goes_as_text(sms: Twilio, sandbox: SandboxProcess) -> None:
    await sms.send(PHONE, "Your code is 654321.", whatsapp="654321")
    newest = (await sandbox.control("GET", "/sms"))[0]
    assert (newest["from"], newest["body"]) == ("+15005550006", "Your code is 654321.")


async def test_what_kind_of_line_a_number_is(sandbox: SandboxProcess) -> None:
    lines = Lookup(f"{sandbox.url}/twilio", ACCOUNT_SID, AUTH_TOKEN)
    assert await lines.kind(PHONE) == "mobile"
    assert await lines.kind("+254712347777") == "nonFixedVoip"
    await sandbox.fault("lookup", "error", provider="twilio", times=1)
    assert await lines.kind(PHONE) is None
    await lines.close()
