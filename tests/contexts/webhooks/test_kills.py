"""A process is killed (kill -9) while it stores or sends a delivery: it is stored once, and sent again under the same
id."""

from __future__ import annotations

from tests.contexts.payments.machine import Machine
from tests.contexts.webhooks.conftest import Hooks
from tests.contexts.whole import Person


async def test_whk_02_killed_while_storing_and_between_the_call_and_the_mark(
    hooks: Hooks, amina: Person, baraka: Person, machine: Machine
) -> None:
    await hooks.listen(baraka, "killed")
    await amina.fund(5_000)
    await amina.give(baraka, 100)
    await machine.killed_at("webhook_delivery", ("webhooks", "follow", ()))
    await hooks.take(1)
    assert await hooks.follow() == 0
    await machine.killed_at("webhook_try", ("webhooks", "deliver", ()))
    assert len(await hooks.ids("killed")) == 1
    await hooks.send()  # somebody else may still be calling it
    assert len(await hooks.ids("killed")) == 1
    hooks.later(40)
    await hooks.send()
    ids = await hooks.ids("killed")
    assert len(ids) == 2 and len(set(ids)) == 1
    hooks.later(100_000)
    await hooks.send()
    assert len(await hooks.ids("killed")) == 2
