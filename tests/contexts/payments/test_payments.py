"""Payments at their door: one effect for one key, limits that hold, invoices that are paid once wherever the
payer stands, and history. On real PostgreSQL, against the sandbox's node."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from tests.contexts.whole import Person, Whole

from hazina.kernel.errors import Refusal
from hazina.kernel.money import Cents, Msats
from hazina.kernel.paging import Page
from hazina.payments import (
    InsufficientBalance,
    InvoiceAlreadyPaid,
    InvoiceUnknown,
    LimitExceeded,
    NewInvoice,
    PaymentInProgress,
    SelfPayment,
    SendInternal,
    SendInvoice,
    Sent,
)


@pytest.fixture
async def two(whole: Whole) -> tuple[Person, Person]:
    payer, payee = await whole.person(), await whole.person()
    await payer.fund(100_000)
    return payer, payee


def order(payer: Person, payee: Person, sats: int, key: str | None = None, memo: str | None = None) -> SendInternal:
    return SendInternal(payer.btc.id, payee.btc.id, Msats.from_sats(sats), memo, key)


async def balance(whole: Whole, person: Person) -> int:
    from hazina.ledger import balances

    async with whole.bank.db.reading() as tx:
        found = await balances(tx, [person.btc.ledger_account])
    return found[person.btc.ledger_account].available // 1000


async def outcomes(calls: list[asyncio.Task[Sent]]) -> list[str]:
    said = await asyncio.gather(*calls, return_exceptions=True)
    return [one.status if isinstance(one, Sent) else type(one).__name__ for one in said]


# --- one key, one effect ----------------------------------------------------------------------------


async def test_the_same_request_twenty_times_at_once_moves_money_once(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, payee = two
    pay = whole.bank.payments.send_internal
    tasks = [asyncio.create_task(pay(payer.caller, order(payer, payee, 900, "k1"))) for _ in range(20)]
    sent = await asyncio.gather(*tasks)
    assert {one.status for one in sent} == {"SUCCESS"}
    assert len({one.line.id for one in sent if one.line}) == 1
    assert await balance(whole, payee) == 900


async def test_a_key_belongs_to_its_request_its_account_and_its_verb(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, payee = two
    pay = whole.bank.payments.send_internal
    first = await pay(payer.caller, order(payer, payee, 10, "k2"))
    for other in (order(payer, payee, 11, "k2"), order(payer, payee, 10, "k2", memo="x")):
        with pytest.raises(Refusal) as refused:
            await pay(payer.caller, other)
        assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert (await pay(payee.caller, order(payee, payer, 3, "k2"))).status == "SUCCESS"
    invoice = await whole.invoice(20)
    assert (await whole.bank.payments.send_invoice(payer.caller, SendInvoice(payer.btc.id, invoice, key="k2"))).status
    again = await pay(payer.caller, order(payer, payee, 10, "k2"))
    assert first.line and again.line and again.line.id == first.line.id
    assert await balance(whole, payee) == 7


async def test_a_repeated_invoice_payment_hears_how_the_first_one_stands(
    whole: Whole, two: tuple[Person, Person]
) -> None:
    payer, _ = two
    invoice = await whole.invoice(500)
    wish = SendInvoice(payer.btc.id, invoice, key="k3")
    tasks = [asyncio.create_task(whole.bank.payments.send_invoice(payer.caller, wish)) for _ in range(8)]
    assert set(await outcomes(tasks)) <= {"SUCCESS", "PENDING", "ALREADY_PAID", "PaymentInProgress"}
    last = await whole.bank.payments.send_invoice(payer.caller, wish)
    assert last.status in ("SUCCESS", "ALREADY_PAID")
    spent = 100_000 - await balance(whole, payer)
    assert 500 <= spent <= 510


async def test_a_refused_request_may_be_tried_again_with_its_key(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, payee = two
    with pytest.raises(InsufficientBalance):
        await whole.bank.payments.send_internal(payee.caller, order(payee, payer, 50, "k4"))
    await whole.bank.payments.send_internal(payer.caller, order(payer, payee, 60))
    assert (await whole.bank.payments.send_internal(payee.caller, order(payee, payer, 50, "k4"))).status == "SUCCESS"


# --- limits -----------------------------------------------------------------------------------------


async def test_parallel_payments_never_pass_the_limit_together(whole: Whole, two: tuple[Person, Person]) -> None:
    """Level 1 may give USD 2,000 a day to others."""
    payer, payee = two
    await whole.bank.payments.issue_dollars(payer.usd.id, Cents(500_000), None)
    wish = SendInternal(payer.usd.id, payee.usd.id, Cents(15_000))
    pay = whole.bank.payments.send_internal
    said = await outcomes([asyncio.create_task(pay(payer.caller, wish)) for _ in range(30)])
    assert said.count("SUCCESS") == 13
    assert said.count("LimitExceeded") == 17
    left = (await whole.bank.accounts.limits(payer.caller)).internal_send.remaining
    assert left == Cents(200_000 - 13 * 15_000)


async def test_what_was_given_back_counts_no_more(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, _ = two
    before = (await whole.bank.accounts.limits(payer.caller)).withdrawal.remaining
    lost = await whole.invoice(1_000)
    await whole.cancel(lost)
    assert (await payer.pay(lost)).status == "FAILURE"
    assert (await whole.bank.accounts.limits(payer.caller)).withdrawal.remaining == before


async def test_a_payment_over_the_limit_is_refused_by_name(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, payee = two
    await whole.bank.payments.issue_dollars(payer.usd.id, Cents(300_000), None)
    with pytest.raises(LimitExceeded) as refused:
        wish = SendInternal(payer.usd.id, payee.usd.id, Cents(200_001))
        await whole.bank.payments.send_internal(payer.caller, wish)
    assert refused.value.facts["remaining_cents"] == 200_000
    exactly = SendInternal(payer.usd.id, payee.usd.id, Cents(200_000))
    assert (await whole.bank.payments.send_internal(payer.caller, exactly)).status == "SUCCESS"


# --- invoices of this bank --------------------------------------------------------------------------


async def test_an_invoice_of_the_house_is_paid_inside_once(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, payee = two
    third = await whole.person()
    await third.fund(10_000)
    wish = NewInvoice(payee.btc.id, Msats.from_sats(300), "Chai")
    invoice = await whole.bank.payments.create_invoice(payee.caller, wish)
    tasks = [asyncio.create_task(one.pay(invoice.payment_request)) for one in (payer, third, payer, third)]
    said = await outcomes(tasks)
    assert said.count("SUCCESS") == 1
    assert set(said) <= {"SUCCESS", "ALREADY_PAID", "PaymentInProgress", "InvoiceAlreadyPaid"}
    assert await balance(whole, payee) == 300
    outside = await whole.sandbox.post(
        "/sandbox/api/lightning/payments", json={"paymentRequest": invoice.payment_request}
    )
    assert outside.json()["status"] == "FAILED", "nobody outside can pay it as well"
    (line,) = await whole.bank.payments.lines_by_hash(payee.caller, payee.btc.id, invoice.payment_hash)
    assert (line.amount, line.memo, line.preimage) == (300_000, "Chai", invoice.preimage)


async def test_an_invoice_is_refused_to_its_own_wallet_and_cents_to_bitcoin(
    whole: Whole, two: tuple[Person, Person]
) -> None:
    payer, payee = two
    invoice = await whole.bank.payments.create_invoice(payer.caller, NewInvoice(payer.btc.id, Msats.from_sats(5)))
    with pytest.raises(SelfPayment):
        await payer.pay(invoice.payment_request)
    with pytest.raises(Refusal) as refused:
        await whole.bank.payments.create_invoice(payee.caller, NewInvoice(payee.btc.id, Cents(5)))
    assert refused.value.code == "WRONG_CURRENCY"


async def test_a_cancelled_invoice_cannot_be_paid_and_a_paid_one_not_cancelled(
    whole: Whole, two: tuple[Person, Person]
) -> None:
    payer, payee = two
    payments = whole.bank.payments
    invoice = await payments.create_invoice(payee.caller, NewInvoice(payee.btc.id, Msats.from_sats(40)))
    with pytest.raises(InvoiceUnknown):
        await payments.cancel_invoice(payer.caller, payer.btc.id, invoice.payment_hash)
    await payments.cancel_invoice(payee.caller, payee.btc.id, invoice.payment_hash)
    assert (await payments.invoice_status(invoice.payment_hash)).status == "EXPIRED"
    with pytest.raises(Refusal):
        await payer.pay(invoice.payment_request)
    paid = await payments.create_invoice(payee.caller, NewInvoice(payee.btc.id, Msats.from_sats(40)))
    assert (await payer.pay(paid.payment_request)).status == "SUCCESS"
    with pytest.raises(InvoiceAlreadyPaid):
        await payments.cancel_invoice(payee.caller, payee.btc.id, paid.payment_hash)
    assert await balance(whole, payee) == 40


async def test_while_a_payment_is_out_the_same_invoice_is_in_progress(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, payee = two
    await payee.fund(5_000)
    answer = await whole.sandbox.post("/sandbox/api/lightning/invoices", json={"amountMsat": 600_000, "hold": True})
    invoice = answer.json()["paymentRequest"]
    assert (await payer.pay(invoice)).status == "PENDING"
    for somebody in (payer, payee):
        with pytest.raises(PaymentInProgress):
            await somebody.pay(invoice)
    assert await balance(whole, payer) <= 100_000 - 600
    assert await balance(whole, payee) == 5_000


# --- history ----------------------------------------------------------------------------------------


async def test_pages_of_history_are_whole_in_both_directions(whole: Whole, two: tuple[Person, Person]) -> None:
    payer, payee = two
    payments = whole.bank.payments
    for sats in range(1, 11):
        await payments.send_internal(payer.caller, order(payer, payee, sats))
    everything = [line.id for line in (await payments.lines(payee.caller, None, Page())).items]
    assert len(everything) == 10
    forward: list[UUID] = []
    after: str | None = None
    while True:
        page = await payments.lines(payee.caller, [payee.btc.id], Page(first=3, after=after))
        forward += [line.id for line in page.items]
        if not page.has_next:
            break
        after = str(page.items[-1].id)
        await payments.send_internal(payer.caller, order(payer, payee, 99))  # the list grows meanwhile
    assert forward == everything
    newer = await payments.lines(payee.caller, None, Page(last=4, before=str(everything[6])))
    assert [line.id for line in newer.items] == everything[2:6] and newer.has_previous
