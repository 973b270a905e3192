"""A fee of the bank's own: held, shown, charged, and in the bank's account; never without being asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.contexts.watch.conftest import Town

from hazina.ledger import BANK, balances
from hazina.payments import fees
from hazina.payments.fees import Flat, Percentage

SCHEDULE = {(fees.Network.LIGHTNING, fees.Way.SEND): (Percentage(100), Flat(5))}


@pytest.fixture
async def dear(town: Town) -> AsyncIterator[Town]:
    """The same bank, which asks 1 % and 5 satoshi."""
    parts = town.whole.bank.payments.parts
    town.whole.bank.payments.parts = replace(parts, policy=replace(parts.policy, fees=SCHEDULE))
    yield town


async def earned(town: Town) -> int:
    async with town.whole.bank.db.transaction() as tx:
        return (await balances(tx, [BANK.FEES_BTC]))[BANK.FEES_BTC].balance


async def test_a_bank_asks_nothing_by_itself(town: Town) -> None:
    assert await earned(town) == 0


async def test_the_banks_fee_is_shown_held_charged_and_earned(dear: Town) -> None:
    invoice = await dear.whole.invoice(10_000, hold=True)
    probe = await dear.whole.bank.payments.probe_fee(dear.one.caller, dear.one.btc.id, invoice, None)
    assert probe.refusal is None and probe.fee.n >= 105_000
    before, _ = await dear.one.sats()

    sent = await dear.one.pay(invoice)
    assert sent.status == "PENDING" and sent.line is not None
    assert (await dear.one.sats())[1] == -sent.line.amount // 1_000 >= 10_105
    await dear.whole.settle(invoice)
    await dear.book(invoice)
    after, held = await dear.one.sats()
    assert held == 0
    (line,) = await dear.lines(dear.one, invoice)
    assert line.amount == -(before - after) * 1_000
    assert 105_000 <= line.fee <= probe.fee.n, "no more than was shown"
    assert await earned(dear) == 105_000
    assert await dear.look() == {}
    assert await dear.night() == {}


async def test_a_failed_payment_costs_nothing(dear: Town) -> None:
    invoice = await dear.whole.invoice(1_000)
    await dear.whole.cancel(invoice)
    before = await dear.one.sats()
    assert (await dear.one.pay(invoice)).status == "FAILURE"
    assert await dear.one.sats() == before
    assert await earned(dear) == 0
