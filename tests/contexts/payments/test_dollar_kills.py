"""A process is killed (kill -9) in the middle of each commit that moves dollars, or the node's answer is lost there;
what it began happens once, or not at all and then once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from subprocess import Popen

import pytest
from pydantic import SecretStr
from tests.contexts.payments.dollars import Has, has, proved, rate, with_dollars
from tests.contexts.payments.machine import Machine
from tests.contexts.whole import Person, Whole

from hazina.dealer import Side
from hazina.kernel.bolt11 import decode
from hazina.kernel.money import Cents, Msats
from hazina.payments import Invoice, NewInvoice, SendInternal, SendInvoice, exchanging
from hazina.settings import Settings

PATIENCE_S = 60


@pytest.fixture
def machine(workers: Popen[bytes], outside: Settings, program_url: str, owner_url: str) -> Machine:
    return Machine(workers, outside.model_copy(update={"database_url": SecretStr(program_url)}), owner_url)


async def refreshed(whole: Whole) -> None:
    """The worker deals at the price that stands in the database."""
    await rate(whole)


async def invoice_of(person: Person, cents: int) -> Invoice:
    return await person.whole.bank.payments.create_invoice(person.caller, NewInvoice(person.usd.id, Cents(cents)))


async def becomes(person: Person, wanted: Has) -> None:
    """What the background does, until the money is where it belongs; and no further, however often."""
    payments = person.whole.bank.payments
    async with asyncio.timeout(PATIENCE_S):
        while await has(person) != wanted:
            await payments.decide_held()
            await payments.sweep()
            await payments.reconcile()
            await asyncio.sleep(0.05)
    await payments.decide_held()
    await payments.sweep()
    await payments.reconcile()
    assert await has(person) == wanted
    await proved(person.whole)


async def made_due(whole: Whole, bolt11: str) -> None:
    """A payment under way is looked at now, as one of a minute ago."""
    async with whole.bank.db.transaction() as tx:
        await tx.execute(
            """update payment set look_at = now(), lease_until = now() - interval '1 minute',
            created_at = created_at - interval '1 minute' where payment_hash = %(hash)s""",
            {"hash": decode(bolt11).payment_hash},
        )


async def test_killed_while_dollars_are_bought_by_a_quote(whole: Whole, machine: Machine) -> None:
    """Neither the money nor the quote is gone; asked again with the same key it happens once."""
    anna = await with_dollars(whole)
    await refreshed(whole)
    quote = await exchanging.quote(whole.bank.payments.parts, anna.caller, Side.BUY, Cents(1_000))
    order = SendInternal(anna.btc.id, anna.usd.id, quote.msats, key="once", quote_id=quote.id)
    before = await has(anna)
    for table in ("exchange_quote", "ledger.entry"):
        await machine.killed_at(table, (anna.caller, order))
        assert await has(anna) == before
    for _ in range(2):
        await refreshed(whole)
        assert (await whole.bank.payments.send_internal(anna.caller, order)).status == "SUCCESS"
    assert await has(anna) == Has(before.msat - quote.msats.n, before.cents + 1_000)
    await proved(whole)


async def test_killed_while_an_own_invoice_in_dollars_is_paid(whole: Whole, machine: Machine) -> None:
    """Killed while the payer's money is held: nothing happened. Killed while the payee is credited: others go on."""
    anna, ben = await with_dollars(whole), await whole.person()
    await refreshed(whole)
    invoice = await invoice_of(ben, 300)
    assert invoice.amount is not None
    before, order = await has(anna), SendInvoice(anna.btc.id, invoice.payment_request, key="once")
    await machine.killed_at("ledger.hold", (anna.caller, order))
    assert await has(anna) == before
    await machine.killed_at("payment", (anna.caller, order), when="new.state = 2")
    assert (await has(anna)).held_msat == invoice.amount.n and await has(ben) == Has(0, 0)
    await becomes(ben, Has(0, 300))
    assert await has(anna) == Has(before.msat - invoice.amount.n, before.cents)
    assert (await whole.bank.payments.send_invoice(anna.caller, order)).status in ("SUCCESS", "ALREADY_PAID")
    await becomes(ben, Has(0, 300))


async def test_killed_while_what_a_dollar_invoice_holds_is_taken(whole: Whole, machine: Machine) -> None:
    """Killed before it is decided, and again when the node has settled and the cents are not credited yet; and the
    node's answer to the settling lost."""
    anna = await whole.person()
    await refreshed(whole)
    first, second = await invoice_of(anna, 700), await invoice_of(anna, 50)
    await whole.outside_pays(first.payment_request)
    await machine.killed_at("invoice", "decide_held", when="new.state = 4")
    assert await has(anna) == Has(0, 0)
    await machine.killed_at("ledger.entry", "decide_held")
    assert await has(anna) == Has(0, 0)
    await becomes(anna, Has(0, 700))
    await whole.outside_pays(second.payment_request)
    await whole.fault("invoice.settle", "drop_reply", times=1)
    await becomes(anna, Has(0, 750))
    third = await whole.bank.payments.create_invoice(anna.caller, NewInvoice(anna.usd.id))
    body = {"paymentRequest": third.payment_request, "amountMsat": 5_000_000}
    (await whole.sandbox.post("/sandbox/api/lightning/payments", json=body)).raise_for_status()
    await refreshed(whole)
    await machine.killed_at("ledger.entry", "decide_held")
    whole.clock.shift += timedelta(minutes=1)  # it is taken, and there is no price to buy dollars at: it stays bitcoin
    await becomes(anna, Has(5_000_000, 750))


async def test_dollars_that_were_never_sent_come_back_as_dollars(whole: Whole, machine: Machine) -> None:
    """Killed before the node heard of it, and nobody came in the five minutes for which the rate was good."""
    anna = await with_dollars(whole)
    await refreshed(whole)
    before, bolt11 = await has(anna), await whole.invoice(3_000)
    await machine.killed_at("payment", (anna.caller, SendInvoice(anna.usd.id, bolt11)), when="new.state = 1")
    assert (await has(anna)).held_cents > 0
    whole.clock.shift += timedelta(minutes=6)
    await becomes(anna, before)
    async with whole.bank.db.reading() as tx:
        assert await tx.value("select reason from payment where kind = 3") == "expired"


async def test_killed_while_a_payment_in_dollars_ends(whole: Whole, machine: Machine) -> None:
    """One that is paid and one that failed late, which becomes bitcoin: the void and the refund are one commit."""
    anna = await with_dollars(whole)
    at = await rate(whole)
    before, cents = await has(anna), at.cents_to_sell(Msats.from_sats(8_000)).n
    paid, refused = await whole.invoice(8_000, hold=True), await whole.invoice(8_000, hold=True)
    send = whole.bank.payments.send_invoice
    both = [send(anna.caller, SendInvoice(anna.usd.id, one)) for one in (paid, refused)]
    assert [sent.status for sent in await asyncio.gather(*both)] == ["PENDING", "PENDING"]
    for task in list(whole.bank.payments.parts.under_way):  # from here on only the workers go on
        task.cancel()
    await whole.settle(paid)
    await made_due(whole, paid)
    await machine.killed_at("payment", "reconcile", when="new.state = 2")
    await whole.cancel(refused)
    await made_due(whole, refused)
    held = await has(anna)
    assert (held.msat, held.cents) == (before.msat, before.cents) and held.held_cents > 2 * cents
    await machine.killed_at("ledger.entry", "reconcile", when="new.amount > 0 and new.asset = 1")
    await made_due(whole, paid)
    await made_due(whole, refused)
    async with whole.bank.db.reading() as tx:
        fee = await tx.value("select max(fee_max) from payment")
    async with asyncio.timeout(PATIENCE_S):
        while (await has(anna)).held_cents:
            await whole.bank.payments.reconcile()
            await asyncio.sleep(0.05)
    after = await has(anna)
    assert after.msat == before.msat + 8_000_000
    assert 2 * cents <= before.cents - after.cents <= 2 * cents + fee
    await becomes(anna, after)
