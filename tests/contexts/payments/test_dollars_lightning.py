"""Dollar wallets over Lightning: invoices in dollars, paying out, own invoices inside, late failures."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.contexts.payments.dollars import Has, dealer, has, proved, rate, with_dollars
from tests.contexts.whole import Person, Whole

from hazina.dealer import Term
from hazina.kernel.bolt11 import decode
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Asset, Cents, Msats
from hazina.kernel.paging import Page
from hazina.payments import (
    Direction,
    InsufficientBalance,
    Invoice,
    InvoiceState,
    Line,
    LineStatus,
    NewInvoice,
    SendInternal,
    SendInvoice,
    Sent,
)

sats = Msats.from_sats


async def asked(person: Person, amount: Msats | Cents | None, **more: object) -> Invoice:
    wish = NewInvoice(person.usd.id, amount, **more)  # type: ignore[arg-type]  # further fields by name
    return await person.whole.bank.payments.create_invoice(person.caller, wish)


async def pay(person: Person, bolt11: str, amount: Msats | Cents | None = None, *, dollars: bool = True) -> Sent:
    wallet = person.usd if dollars else person.btc
    return await person.whole.bank.payments.send_invoice(person.caller, SendInvoice(wallet.id, bolt11, amount))


async def lines(person: Person) -> list[Line]:
    return list((await person.whole.bank.payments.lines(person.caller, None, Page(first=20))).items)


async def arrives(whole: Whole, invoice: Invoice, *, seconds: float = 60) -> InvoiceState:
    """What came from outside is decided, as the background would."""
    async with asyncio.timeout(seconds):
        while True:
            await whole.bank.payments.decide_held()
            await whole.bank.payments.sweep()
            async with whole.bank.db.reading() as tx:
                state = await tx.value(
                    "select state from invoice where payment_hash = %(hash)s", {"hash": invoice.payment_hash}
                )
            if state in (InvoiceState.PAID, InvoiceState.CANCELLED):
                return InvoiceState(state)
            await asyncio.sleep(0.05)


async def outside_pays(whole: Whole, bolt11: str, **more: object) -> None:
    body = {"paymentRequest": bolt11, **more}
    (await whole.sandbox.post("/sandbox/api/lightning/payments", json=body)).raise_for_status()


# --- being paid --------------------------------------------------------------------------------------


async def test_invoices_in_dollars_in_bitcoin_and_without_an_amount(whole: Whole) -> None:
    """The three kinds for a dollar wallet, paid from outside: agreed cents are credited exactly, whatever the price
    does; without an agreement it is the rate of the moment, and too little for a cent stays bitcoin."""
    anna = await whole.person()
    delayed = await rate(whole, Term.DELAYED)
    fixed = await asked(anna, Cents(1_234))
    assert fixed.amount == delayed.cost_of_buying(Cents(1_234)) and fixed.cents == Cents(1_234)
    assert decode(fixed.payment_request).amount == fixed.amount
    counted = await asked(anna, Msats.from_sats(40_000))
    assert counted.cents == delayed.cents_bought(Msats.from_sats(40_000))
    with pytest.raises(Refusal) as refused:
        await asked(anna, Msats.from_sats(1))
    assert refused.value.code == "AMOUNT_TOO_SMALL"

    for invoice in (fixed, counted):
        await outside_pays(whole, invoice.payment_request)
        assert await arrives(whole, invoice) is InvoiceState.PAID
    assert counted.cents is not None
    assert await has(anna) == Has(0, 1_234 + counted.cents.n)

    open_one, small = await asked(anna, None), await asked(anna, None)
    at = await rate(whole)
    await outside_pays(whole, open_one.payment_request, amountMsat=33_333_777)
    assert await arrives(whole, open_one) is InvoiceState.PAID
    bought = at.cents_bought(Msats(33_333_000))
    await outside_pays(whole, small.payment_request, amountMsat=1_500)
    assert await arrives(whole, small) is InvoiceState.PAID
    assert await has(anna) == Has(1_000, 1_234 + counted.cents.n + bought.n)
    newest = (await lines(anna))[0]
    assert (newest.asset, newest.amount, newest.payment_hash) == (Asset.BTC, 1_000, small.payment_hash)
    await proved(whole)


async def test_trap_16_a_dollar_invoice_lives_five_minutes(whole: Whole) -> None:
    anna = await whole.person()
    await rate(whole)
    for minutes, lives in ((None, 5), (1, 1), (0, 5), (6, 5), (10**9, 5)):
        made = await asked(anna, Cents(50), expires_in_minutes=minutes)
        assert made.expires_at - made.created_at == timedelta(minutes=lives)
        assert decode(made.payment_request).expiry_s == lives * 60


async def test_lnr_04_what_is_held_past_the_price_lock_goes_back(whole: Whole) -> None:
    anna = await whole.person()
    await rate(whole)
    late = await asked(anna, Cents(500))
    await outside_pays(whole, late.payment_request)
    whole.clock.shift += timedelta(minutes=5, seconds=1)
    assert await arrives(whole, late) is InvoiceState.CANCELLED
    assert await has(anna) == Has(0, 0)
    await proved(whole)


async def test_more_than_twice_what_was_asked_goes_back(whole: Whole) -> None:
    """BOLT 4's bound. Up to it the agreed cents are credited, and what came on top at the rate of the moment."""
    anna = await whole.person()
    at = await rate(whole)
    twice, more = await asked(anna, Cents(700)), await asked(anna, Cents(700))
    assert twice.amount is not None
    await outside_pays(whole, more.payment_request, amountMsat=2 * twice.amount.n + 1)
    assert await arrives(whole, more) is InvoiceState.CANCELLED
    assert await has(anna) == Has(0, 0) and await lines(anna) == []
    async with whole.bank.db.reading() as tx:
        why = await tx.value("select refused from hold_invoice where payment_hash = %(h)s", {"h": more.payment_hash})
    assert why == "more than twice what was asked"
    await outside_pays(whole, twice.payment_request, amountMsat=2 * twice.amount.n)
    assert await arrives(whole, twice) is InvoiceState.PAID
    assert await has(anna) == Has(0, 700 + at.cents_bought(twice.amount).n)
    await proved(whole)


async def test_without_a_fresh_price_what_has_no_agreement_waits_then_goes_back(whole: Whole) -> None:
    anna = await whole.person()
    await rate(whole)
    open_one = await asked(anna, None)
    await outside_pays(whole, open_one.payment_request, amountMsat=10_000_000)
    whole.clock.shift += timedelta(seconds=40)
    async with asyncio.timeout(60):
        while not await whole.bank.payments.decide_held():
            await asyncio.sleep(0.05)
    async with whole.bank.db.reading() as tx:
        assert await tx.value("select state from invoice") == InvoiceState.OPEN
    whole.clock.shift += timedelta(minutes=5)
    assert await arrives(whole, open_one) is InvoiceState.CANCELLED
    assert await has(anna) == Has(0, 0)


# --- own invoices -------------------------------------------------------------------------------------


async def test_usd_06_own_invoices_are_settled_inside_at_what_was_agreed(whole: Whole) -> None:
    """Every payer and every payee: the payee has the stored cents, the payer paid what the invoice says."""
    anna, ben = await with_dollars(whole), await whole.person()
    at = await rate(whole)
    before, given = await has(anna), await dealer(whole)
    first, second = await asked(ben, Cents(100)), await asked(ben, Cents(100))
    for invoice, dollars in ((first, False), (second, True)):
        assert (await pay(anna, invoice.payment_request, dollars=dollars)).status == "SUCCESS"
    fixed = first.amount
    assert fixed is not None
    assert await has(ben) == Has(0, 200)
    assert await has(anna) == Has(before.msat - fixed.n, before.cents - 100)

    wish = NewInvoice(ben.btc.id, Msats.from_sats(7_000))
    bitcoin = await whole.bank.payments.create_invoice(ben.caller, wish)
    sold = at.cents_to_sell(Msats.from_sats(7_000))
    sent = await pay(anna, bitcoin.payment_request)
    assert sent.line is not None and (sent.line.asset, sent.line.amount) == (Asset.USD, -sold.n)
    assert await has(ben) == Has(7_000_000, 200)

    open_one = await asked(ben, None)
    await pay(anna, open_one.payment_request, Msats.from_sats(9_000), dollars=False)
    bought = at.cents_bought(Msats.from_sats(9_000))
    await pay(anna, (await asked(ben, None)).payment_request, Cents(3))
    await pay(anna, (await asked(ben, None)).payment_request, Msats.from_sats(1), dollars=False)
    assert await has(ben) == Has(7_001_000, 203 + bought.n)
    after = await dealer(whole)
    assert (after[0] - given[0], after[1] - given[1]) == (fixed.n - 7_000_000 + 9_000_000, sold.n - 100 - bought.n)
    with pytest.raises(Refusal) as refused:
        await pay(ben, (await asked(ben, Cents(1))).payment_request)
    assert refused.value.code == "SELF_PAYMENT"
    await proved(whole)


async def test_a_conversion_by_invoice_within_one_account(whole: Whole) -> None:
    anna = await with_dollars(whole)
    await rate(whole)
    before = await has(anna)
    made = await asked(anna, Cents(300))
    assert made.amount is not None
    assert (await pay(anna, made.payment_request, dollars=False)).status == "SUCCESS"
    assert await has(anna) == Has(before.msat - made.amount.n, before.cents + 300)
    again = await pay(anna, made.payment_request, dollars=False)
    assert (again.status, again.refusal) == ("ALREADY_PAID", None)
    assert await has(anna) == Has(before.msat - made.amount.n, before.cents + 300)
    await proved(whole)


# --- paying out ---------------------------------------------------------------------------------------


async def test_paying_outside_from_dollars(whole: Whole) -> None:
    """Amount at the rate of the moment, rounded up; of the reserve only what the route took, in cents rounded up."""
    anna = await with_dollars(whole)
    at = await rate(whole)
    before = await has(anna)
    sent = await pay(anna, await whole.invoice(25_000))
    cents = at.cents_to_sell(Msats.from_sats(25_000))
    assert sent.status == "SUCCESS" and sent.line is not None
    assert sent.line.amount == -cents.n - sent.line.fee and sent.line.fee >= 0
    after = await has(anna)
    assert (before.cents - after.cents, after.held_cents, after.msat) == (cents.n + sent.line.fee, 0, before.msat)

    sent = await pay(anna, await whole.invoice(0, amountMsat=None), Cents(77))
    assert sent.status == "SUCCESS" and sent.line is not None and sent.line.amount == -77 - sent.line.fee
    await proved(whole)


async def test_a_probe_keeps_the_rate_and_the_payment_uses_it_once(whole: Whole) -> None:
    """USD-03: the quote of the probe is this account's, for this invoice and amount, once, for five minutes."""
    anna, ben = await with_dollars(whole), await with_dollars(whole)
    delayed = await rate(whole, Term.DELAYED)
    bolt11 = await whole.invoice(30_000)
    probe = await whole.bank.payments.probe_fee(anna.caller, anna.usd.id, bolt11, None)
    assert isinstance(probe.fee, Cents) and probe.refusal is None
    quoted = delayed.cents_to_sell(Msats.from_sats(30_000))
    before, other = await has(anna), await has(ben)
    whole.clock.shift += timedelta(seconds=60)  # no fresh price any more, but the quote stands
    with pytest.raises(Refusal) as refused:
        await pay(ben, bolt11)
    assert refused.value.code == "DEALER_OFFLINE" and await has(ben) == other
    sent = await pay(anna, bolt11)
    assert sent.status == "SUCCESS"
    after = await has(anna)
    assert quoted.n <= before.cents - after.cents <= quoted.n + probe.fee.n
    async with whole.bank.db.reading() as tx:
        used = await tx.rows(lambda *row: row, "select account_id, cents, used_by is not null from exchange_quote")
    assert used == [(anna.caller.account_id, quoted.n, True)]
    await proved(whole)


async def test_a_probe_of_an_own_invoice_keeps_the_rate_too(whole: Whole) -> None:
    """It costs no fee, but dollars: what the probe's rate says is what the payment takes, once, in its five minutes."""
    anna, ben = await with_dollars(whole), await whole.person()
    delayed = await rate(whole, Term.DELAYED)
    bills = [await whole.bank.payments.create_invoice(ben.caller, NewInvoice(ben.btc.id, sats(n))) for n in (30_000, 1)]
    for bill in bills:
        probe = await whole.bank.payments.probe_fee(anna.caller, anna.usd.id, bill.payment_request, None)
        assert (probe.fee, probe.refusal) == (Cents(0), None)
    before = await has(anna)
    whole.clock.shift += timedelta(seconds=60)  # no fresh price any more, but the quote stands
    assert (await pay(anna, bills[0].payment_request)).status == "SUCCESS"
    assert before.cents - (await has(anna)).cents == delayed.cents_to_sell(sats(30_000)).n
    whole.clock.shift += timedelta(minutes=5)
    with pytest.raises(Refusal) as refused:
        await pay(anna, bills[1].payment_request)
    assert refused.value.code == "DEALER_OFFLINE"
    assert await has(ben) == Has(30_000_000, 0)
    await proved(whole)


async def test_a_payment_that_fails_at_once_gives_the_dollars_back(whole: Whole) -> None:
    anna = await with_dollars(whole)
    await rate(whole)
    before = await has(anna)
    unwanted = await whole.invoice(1_000)
    await whole.cancel(unwanted)
    assert (await pay(anna, unwanted)).status == "FAILURE"
    assert await has(anna) == before
    await proved(whole)


async def test_trap_15_a_late_failure_is_refunded_in_sats_to_the_bitcoin_wallet(whole: Whole) -> None:
    anna = await with_dollars(whole)
    at = await rate(whole)
    before, limits = await has(anna), await whole.bank.accounts.limits(anna.caller)
    bolt11 = await whole.invoice(20_000, hold=True)
    assert (await pay(anna, bolt11)).status == "PENDING"
    cents = at.cents_to_sell(Msats.from_sats(20_000)).n
    held = await has(anna)
    assert held.cents == before.cents and held.held_cents > cents
    await whole.cancel(bolt11)
    async with asyncio.timeout(60):
        while (await has(anna)).held_cents:
            whole.clock.shift += timedelta(seconds=10)
            await whole.bank.payments.reconcile()
            await asyncio.sleep(0.05)
    assert await has(anna) == Has(before.msat + 20_000_000, before.cents - cents)
    shown = [(one.asset, one.direction, one.status, one.amount, one.memo) for one in (await lines(anna))[:3]]
    assert (Asset.BTC, Direction.RECEIVE, LineStatus.SUCCESS, 20_000_000, "Usd payment canceled") in shown
    assert (Asset.USD, Direction.SEND, LineStatus.SUCCESS, -cents, "Usd payment canceled") in shown
    async with whole.bank.db.reading() as tx:
        by_hash = await tx.rows(
            lambda status: status,
            "select status from line where payment_hash = %(h)s",
            {"h": decode(bolt11).payment_hash},
        )
    assert by_hash == [LineStatus.FAILURE]
    assert await whole.bank.accounts.limits(anna.caller) == limits, (
        "LED-11: it counts no more, and the refund never did"
    )
    await proved(whole)


async def test_amt_05_parts_of_a_satoshi_in_and_out(whole: Whole) -> None:
    """What is not a whole satoshi goes to the rounding account: customers are credited less, and pay more. Of dollars
    it is a whole cent either way."""
    anna = await with_dollars(whole, sats=1_000)
    at = await rate(whole)
    for msat, credited in ((1, 0), (999, 0), (1_500, 1_000)):
        before = await has(anna)
        bill = await whole.bank.payments.create_invoice(anna.caller, NewInvoice(anna.btc.id))
        await outside_pays(whole, bill.payment_request, amountMsat=msat)
        await whole.bank.payments.sweep()
        assert (await has(anna)).msat == before.msat + credited
    for msat, paid in ((1, 1_000), (999, 1_000), (1_500, 2_000)):
        before = await has(anna)
        sent = await pay(anna, await whole.invoice(0, amountMsat=msat), dollars=False)
        after = await has(anna)
        assert sent.status == "SUCCESS" and sent.line is not None and before.msat - after.msat == -sent.line.amount
        assert paid <= before.msat - after.msat and after.msat % 1_000 == 0
        sent = await pay(anna, await whole.invoice(0, amountMsat=msat))
        assert sent.line is not None and -sent.line.amount - sent.line.fee == at.cents_to_sell(Msats(msat)).n == 1
    await proved(whole)


async def test_amt_06_all_that_is_shown_can_be_sent_and_one_more_cannot(whole: Whole) -> None:
    """A part of a satoshi is shown to nobody; what is missing is told exactly, in the payer's own unit."""
    anna, ben = await with_dollars(whole, sats=100, cents=7), await whole.person()
    own = await whole.bank.payments.create_invoice(ben.caller, NewInvoice(ben.btc.id, Msats(1_500)))
    await pay(anna, own.payment_request, dollars=False)
    assert await has(ben) == Has(1_500, 0)
    for person, wallet, to, shown in (
        (ben, ben.btc, anna.btc, Msats.from_sats(1)),
        (anna, anna.usd, ben.usd, Cents(7)),
    ):
        more = type(shown)(shown.n + (1_000 if isinstance(shown, Msats) else 1))
        with pytest.raises(InsufficientBalance) as refused:
            await whole.bank.payments.send_internal(person.caller, SendInternal(wallet.id, to.id, more))
        unit = 1_000 if isinstance(shown, Msats) else 1
        assert (refused.value.facts["needed"], refused.value.facts["available"]) == (more.n // unit, shown.n // unit)
        sent = await whole.bank.payments.send_internal(person.caller, SendInternal(wallet.id, to.id, shown))
        assert sent.status == "SUCCESS"
