"""The mail adapter against the sandbox's mail server."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.process import SandboxProcess

from hazina.adapters.smtp import Smtp
from hazina.identity.ports import MailRefused, MailUnavailable
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database, TransactionOpen
from hazina.settings import Smtp as Settings


@pytest.fixture
async def mail(sandbox: SandboxProcess) -> Smtp:
    server = await sandbox.control("GET", "/mail/server")
    return Smtp(Settings(**server, security="none", sender="Hazina <bank@hazina.example>"), SystemClock())


async def inbox(sandbox: SandboxProcess, to: str) -> Any:
    return await sandbox.control("GET", f"/mail?to={to}")


async def test_a_message_arrives(mail: Smtp, sandbox: SandboxProcess) -> None:
    await mail.send("amina@example.org", "Karibu – códe", "Nambari yako ni 123456\n", message_id="m1@hazina.example")
    newest = (await inbox(sandbox, "amina@example.org"))[0]
    assert (newest["subject"], newest["body"]) == ("Karibu – códe", "Nambari yako ni 123456\n")
    assert (newest["messageId"], newest["from"]) == ("<m1@hazina.example>", "bank@hazina.example")


async def test_addresses_that_are_refused(mail: Smtp) -> None:
    with pytest.raises(MailRefused):
        await mail.send("bounce@example.org", "s", "t", message_id="m2@hazina.example")
    with pytest.raises(MailUnavailable):
        await mail.send("busy@example.org", "s", "t", message_id="m3@hazina.example")


@pytest.mark.parametrize(("action", "arrives"), [("error", False), ("cut", True), ("drop_reply", True)])
async def test_faults(mail: Smtp, sandbox: SandboxProcess, action: str, arrives: bool) -> None:
    await sandbox.fault("data", action, provider="smtp", times=1)
    with pytest.raises(MailUnavailable):
        await mail.send(f"{action}@example.org", "s", "t", message_id=f"{action}@hazina.example")
    assert bool(await inbox(sandbox, f"{action}@example.org")) == arrives


@pytest.mark.parametrize("line", ["a@example.org\r\nBcc: b@example.org", "a@example.org\nX: y"])
async def test_no_header_is_smuggled_in(mail: Smtp, line: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)header"):
        await mail.send(line, "s", "t", message_id="m4@hazina.example")


async def test_not_in_a_transaction(mail: Smtp, db: Database) -> None:
    async with db.transaction():
        with pytest.raises(TransactionOpen):
            await mail.send("amina@example.org", "s", "t", message_id="m5@hazina.example")
