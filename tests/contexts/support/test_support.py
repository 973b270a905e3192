"""The support chat: what is said is kept sealed, answered by the assistant, and only the person's own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contexts.whole import Whole

from hazina.kernel.errors import TooManyRequests
from hazina.support import (
    InvalidSupportMessage,
    Policy,
    Role,
    Support,
    SupportChatBusy,
    SupportChatOff,
    SupportChatSilent,
)


@pytest.fixture
def support(whole: Whole) -> Support:
    """With the sandbox's assistant."""
    return whole.bank.support


async def fault(whole: Whole, action: str, **more: object) -> None:
    body = {"provider": "chat", "call": "completions", "action": action, **more}
    (await whole.sandbox.post("/sandbox/api/faults", json=body)).raise_for_status()


async def test_off_until_an_operator_sets_it(whole: Whole) -> None:
    amina, off = await whole.person(), replace(whole.bank.support, assistant=None)
    assert await off.messages(amina.caller) == []
    with pytest.raises(SupportChatOff):
        await off.write(amina.caller, "Hello")
    with pytest.raises(SupportChatOff):
        await off.reset(amina.caller)


async def test_a_thread_begins_is_answered_and_begins_anew(whole: Whole, support: Support) -> None:
    amina, baraka = await whole.person(), await whole.person()
    said = await support.write(amina.caller, "  Where is my money? ")
    assert [(one.role, one.text) for one in said] == [
        (Role.ASSISTANT, "You said: language: unknown, account level: 1, phone country: KE"),
        (Role.USER, "Where is my money?"),
        (Role.ASSISTANT, "You said: Where is my money?"),
    ]
    assert len(await support.write(amina.caller, "And now?")) == 5
    assert await support.messages(amina.caller) == await support.messages(amina.caller)
    assert await support.messages(baraka.caller) == []
    async with whole.bank.db.reading() as tx:
        sealed = await tx.rows(bytes, "select sealed from support_message")
    assert len(sealed) == 6 and not any(b"money" in one for one in sealed)
    await support.reset(amina.caller)
    assert len(await support.messages(amina.caller)) == 1


async def test_what_is_written_is_kept_when_nobody_answers(whole: Whole, support: Support) -> None:
    amina = await whole.person()
    await fault(whole, "hang")
    hasty = replace(support, policy=Policy(answer_s=0.5))
    with pytest.raises(SupportChatSilent):
        await hasty.write(amina.caller, "Hello")
    (await whole.sandbox.delete("/sandbox/api/faults")).raise_for_status()
    await fault(whole, "error", times=1)  # passes by itself
    said = await support.write(amina.caller, "Still there?")
    assert [one.text for one in said] == ["Hello", "Still there?", "You said: Still there?"]
    await fault(whole, "empty")
    with pytest.raises(SupportChatSilent):
        await support.write(amina.caller, "x")


async def test_bounds(whole: Whole, support: Support) -> None:
    """So long, so often, one at a time; a thread whose process died is free again soon."""
    amina = await whole.person()
    for text in ("", "   ", "x" * 2_001):
        with pytest.raises(InvalidSupportMessage):
            await support.write(amina.caller, text)
    await support.write(amina.caller, "x" * 2_000)
    await fault(whole, "delay", seconds=0.5)
    both = await asyncio.gather(
        support.write(amina.caller, "one"), support.write(amina.caller, "two"), return_exceptions=True
    )
    assert [type(one) for one in both if isinstance(one, Exception)] == [SupportChatBusy]
    async with whole.bank.db.transaction() as tx:
        await tx.execute(
            "update support_thread set busy_until = %(at)s", {"at": whole.clock.now() + timedelta(hours=1)}
        )
    with pytest.raises(SupportChatBusy):
        await support.write(amina.caller, "x")
    with pytest.raises(TooManyRequests):
        for _ in range(40):
            try:
                await support.write(amina.caller, "x")
            except SupportChatBusy:
                continue
