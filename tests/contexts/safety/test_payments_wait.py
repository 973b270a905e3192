"""While Lightning is closed no money leaves, what was set aside waits, and everything else goes on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.contexts.whole import Person, Whole

from hazina.kernel.bolt11 import decode
from hazina.payments import State
from hazina.payments.ports import OutgoingState
from hazina.safety import Rail, SafeMode

SECRETS = {"amina": "bahari ya shaba", "baraka": "punda wa mchanga"}


@pytest.fixture
async def payer(whole: Whole) -> Person:
    for name, secret in SECRETS.items():
        await whole.bank.safety.add_operator(name, secret, by="test")
    person = await whole.person()
    await person.fund(50_000)
    return person


async def lift(whole: Whole, rail: Rail) -> None:
    for name, secret in SECRETS.items():
        await whole.bank.safety.lift(rail, name, secret)


@pytest.mark.parametrize("rail", [Rail.BANK, Rail.LIGHTNING])
async def test_nothing_leaves_and_all_else_goes_on(whole: Whole, payer: Person, rail: Rail) -> None:
    other, invoice = await whole.person(), await whole.invoice(1_000)
    await whole.bank.safety.close(rail, by="test", reason="x")
    before = await payer.sats()
    with pytest.raises(SafeMode) as refused:
        await payer.pay(invoice, key="k")
    assert refused.value.code == "SAFE_MODE" and "Nothing was moved" in str(refused.value)
    assert await payer.sats() == before
    known = await whole.bank.nodes.all()[0].outgoing(decode(invoice).payment_hash)
    assert known.state is OutgoingState.UNKNOWN

    assert (await payer.give(other, 700)).status == "SUCCESS"
    await payer.fund(300)
    assert await payer.sats() == (before[0] - 400, before[1])

    await lift(whole, rail)
    assert (await payer.pay(invoice, key="k")).status == "SUCCESS"


@pytest.mark.parametrize("state", [State.HELD, State.SENT])
async def test_what_was_set_aside_waits_and_is_sent_after_the_lift(whole: Whole, payer: Person, state: State) -> None:
    """The node never got it: its sender died before the call, or the call was lost."""
    invoice = await whole.invoice(3_000)
    await whole.fault("send", "error")
    assert (await payer.pay(invoice)).status == "PENDING"
    await whole.bank.safety.close(Rail.LIGHTNING, by="test", reason="x")
    await whole.heal()
    if state is State.HELD:
        async with whole.bank.db.transaction() as tx:
            await tx.execute("update payment set state = 0, lease_until = null where state = 1")

    whole.clock.shift += timedelta(seconds=60)
    for _ in range(3):
        await look(whole)
        whole.clock.shift += timedelta(seconds=1)
    known = await whole.bank.nodes.all()[0].outgoing(decode(invoice).payment_hash)
    assert known.state is OutgoingState.UNKNOWN
    balance, held = await payer.sats()
    assert balance == 50_000 and held >= 3_000, "it stays set aside"

    await lift(whole, Rail.LIGHTNING)
    whole.clock.shift += timedelta(seconds=1)
    await look(whole)
    async with asyncio.timeout(60):
        while (await payer.sats())[1]:
            whole.clock.shift += timedelta(seconds=30)
            await look(whole)
            await asyncio.sleep(0.1)
    assert (await payer.sats())[0] <= 47_000
    assert (await whole.bank.nodes.all()[0].outgoing(decode(invoice).payment_hash)).state is OutgoingState.SUCCEEDED


async def look(whole: Whole) -> None:
    async with whole.bank.db.transaction() as tx:
        await tx.execute("update payment set look_at = %(at)s where state < 2", {"at": whole.clock.now()})
    await whole.bank.payments.reconcile()


async def test_lightning_goes_on_while_the_chain_is_closed(whole: Whole, payer: Person) -> None:
    await whole.bank.safety.close(Rail.ONCHAIN, by="test", reason="x")
    assert (await payer.pay(await whole.invoice(1_000))).status == "SUCCESS"
