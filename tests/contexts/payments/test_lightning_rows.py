"""Lightning against people and faults who want the bank's money: each row of the abuse list by its id."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx2
import psycopg
import pytest
from tests.contexts.payments.lightning import (
    bank_of,
    control,
    create,
    delete_at_node,
    proven,
    row,
    settled,
)
from tests.contexts.phones import Phones
from tests.contexts.whole import Whole

from hazina.api.status import WORDS, look
from hazina.kernel.bolt11 import decode
from hazina.kernel.db import Database
from hazina.kernel.money import Msats
from hazina.payments import (
    InsufficientBalance,
    LightningUnavailable,
    SelfPayment,
    SendInvoice,
    Sent,
)
from hazina.payments.attempts import attempt
from hazina.payments.errors import InvoiceHasAmount, InvoiceUnreadable, LightningBusy, TooManyInFlight
from hazina.payments.ports import Change, Incoming, IncomingState, Outgoing, OutgoingState
from hazina.payments.receiving import take
from hazina.settings import Settings

# --- sending ------------------------------------------------------------------------------------------


async def test_lns_01_a_silent_node_gives_nothing_back(quick: Whole) -> None:
    payer = await quick.person()
    await payer.fund(5_000)
    invoice = await quick.invoice(1_000)
    await quick.fault("send", "drop_reply")
    await quick.fault("track", "error")
    assert (await payer.pay(invoice)).status == "PENDING"
    quick.clock.shift += timedelta(hours=2)
    for _ in range(3):
        await quick.bank.payments.reconcile()
    assert await payer.sats() == (5_000, 1_010), "nobody knows how it ended, so it waits"
    await quick.heal()
    await settled(quick, invoice)
    assert await payer.sats() == (3_998, 0)
    await proven(quick)


async def test_lns_03_stuck_without_an_htlc_is_shown_and_waits_for_the_node(quick: Whole) -> None:
    payer = await quick.person()
    await payer.fund(5_000)
    invoice = await quick.invoice(1_000)
    await quick.fault("send", "stuck", times=1)
    assert (await payer.pay(invoice)).status == "PENDING"
    quick.clock.shift += timedelta(hours=2)
    await quick.bank.payments.reconcile()
    assert await payer.sats() == (5_000, 1_010)
    assert [one.id for one in await quick.bank.payments.stuck()] == [await row(quick, invoice, "id")]
    assert ("send", "slow") in {(one.name, one.state) for one in (await look(quick.bank, WORDS["en"])).services}
    aged = {one.older_than_s: one.count for one in await quick.bank.payments.under_way()}
    assert aged[3_600] == 1
    broken = {breach.check for breach in await quick.bank.watch.look()}
    assert "no-orphan-pending" in broken, "an alarm, and no rail closes"
    await control(quick, "lightning/restart", {"seconds": 0})
    await settled(quick, invoice)
    assert (await payer.sats(), await row(quick, invoice)) == ((5_000, 0), 3)
    await proven(quick)


async def test_lns_04_one_invoice_is_paid_once_whoever_asks(quick: Whole) -> None:
    one, two = await quick.person(), await quick.person()
    for person in (one, two):
        await person.fund(10_000)
    invoice = await quick.invoice(1_000)
    said = await asyncio.gather(*[p.pay(invoice) for p in [one, two] * 5], return_exceptions=True)
    told = [s.status if isinstance(s, Sent) else type(s).__name__ for s in said]
    assert set(told) <= {"SUCCESS", "ALREADY_PAID", "PaymentInProgress"} and told.count("SUCCESS") == 1, told
    assert (await one.pay(invoice)).status == (await two.pay(invoice)).status == "ALREADY_PAID"
    assert (await one.sats())[0] + (await two.sats())[0] == 20_000 - 1_002
    await proven(quick)


async def test_lns_07_no_route_costs_more_than_was_allowed(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> None:
    """The limit is always sent, also when it is nothing: then only free ways are gone."""
    async with bank_of(outside, program_url, phones, sandbox, fee_max_sats=0, fee_max_basis_points=0) as whole:
        payer = await whole.person()
        await payer.fund(5_000)
        dear, free = await whole.invoice(1_000), await whole.invoice(1_000, wallet="neighbour")
        assert (await payer.pay(dear)).status == "FAILURE"
        assert await payer.sats() == (5_000, 0)
        assert (await payer.pay(free)).status == "SUCCESS"
        assert await payer.sats() == (4_000, 0)
        await proven(whole)


async def test_lns_09_the_whole_balance_leaves_no_room_for_the_fee(quick: Whole) -> None:
    payer = await quick.person()
    await payer.fund(1_000)
    for sats in (1_000, 995, 991):
        with pytest.raises(InsufficientBalance):
            await payer.pay(await quick.invoice(sats))
    assert await payer.sats() == (1_000, 0)
    assert (await payer.pay(await quick.invoice(990))).status == "SUCCESS"
    assert (await payer.sats())[0] == 8
    await proven(quick)


async def test_lns_10_the_unused_reserve_comes_back_once(quick: Whole) -> None:
    payer = await quick.person()
    await payer.fund(5_000)
    invoice = await quick.invoice(1_000)
    assert (await payer.pay(invoice)).status == "SUCCESS"
    node = quick.bank.nodes.all()[0]
    news = await node.outgoing(decode(invoice).payment_hash)
    for _ in range(3):
        await take(quick.bank.payments.parts, node.name, Change(news, None))
        await attempt(quick.bank.payments.parts, await row(quick, invoice, "id"))
        await quick.bank.payments.reconcile()
        await quick.bank.payments.sweep()
    assert await payer.sats() == (3_998, 0)
    await proven(quick)


async def test_lns_11_payees_who_hold_do_not_fill_the_channels(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> None:
    rules = {"in_flight_max": 2, "node_in_flight_max": 3, "inline_wait_s": 0.5}
    async with bank_of(outside, program_url, phones, sandbox, **rules) as whole:
        one, two = await whole.person(), await whole.person()
        for person in (one, two):
            await person.fund(50_000)
        held = [await whole.invoice(1_000, hold=True) for _ in range(4)]
        assert [(await one.pay(text)).status for text in held[:2]] == ["PENDING", "PENDING"]
        for _ in range(2):
            with pytest.raises(TooManyInFlight):
                await one.pay(held[2])
        assert await one.sats() == (50_000, 2_020), "nothing was moved for the third"
        assert (await two.pay(held[2])).status == "PENDING"
        with pytest.raises(LightningBusy):
            await two.pay(held[3])
        whole.clock.shift += timedelta(hours=30)
        await whole.bank.payments.reconcile()
        assert await one.sats() == (50_000, 2_020), "held for days, and not given back early"
        await whole.cancel(held[0])
        await settled(whole, held[0])
        more = [await whole.invoice(10, expirySeconds=10**6) for _ in range(6)]
        said = await asyncio.gather(*(one.pay(text) for text in more), return_exceptions=True)
        refused = {type(s) for s in said if not isinstance(s, Sent)}
        assert refused <= {TooManyInFlight, LightningBusy} and any(isinstance(s, Sent) for s in said)
        for text in held[1:3]:
            await whole.cancel(text)
            await settled(whole, text)
        await proven(whole)


async def test_lns_15_own_invoices_never_leave_the_bank(pair: Whole) -> None:
    one, two = await pair.person(), await pair.person()
    await one.fund(5_000)
    own = await create(one, 100)
    with pytest.raises(SelfPayment):
        await one.pay(own.payment_request)
    invoices = [await create(two, 100) for _ in range(8)]
    assert {invoice.node for invoice in invoices} == {"lnd-1", "lnd-2"}
    for invoice in invoices:
        assert (await one.pay(invoice.payment_request)).status == "SUCCESS"
        assert await pair.bank.nodes.of(invoice.node).incoming(invoice.payment_hash) is not None
        seen = await pair.bank.nodes.of(invoice.node).incoming(invoice.payment_hash)
        assert seen is not None and seen.state is IncomingState.CANCELLED, "nobody outside can pay it as well"
    assert (await one.sats(), await two.sats()) == ((4_200, 0), (800, 0))
    await proven(pair)


async def test_lns_16_an_amount_must_fit_its_invoice(quick: Whole) -> None:
    payer = await quick.person()
    await payer.fund(5_000)
    fixed, free = await quick.invoice(100), (await control(quick, "lightning/invoices", {}))["paymentRequest"]
    send, probe = quick.bank.payments.send_invoice, quick.bank.payments.probe_fee
    for amount in (Msats.from_sats(100), Msats.from_sats(99)):
        with pytest.raises(InvoiceHasAmount):
            await send(payer.caller, SendInvoice(payer.btc.id, fixed, amount))
        with pytest.raises(InvoiceHasAmount):
            await probe(payer.caller, payer.btc.id, fixed, amount)
    quoted = await probe(payer.caller, payer.btc.id, free, Msats.from_sats(1_000))
    assert quoted.fee == Msats.from_sats(2)
    sent = await send(payer.caller, SendInvoice(payer.btc.id, free, Msats.from_sats(2_000)))
    assert sent.status == "SUCCESS" and sent.line is not None
    assert sent.line.amount == -2_002_000, "the quote was for another amount: the ceiling held instead"


@pytest.mark.parametrize(
    "text",
    ["", "lnbc1", "lnbcrt" + "q" * 1_000_000, "lnbcrt1" + "\x00" * 50, "lightning:lightning:lnbcrt1qqq", "१२३" * 99],
)
async def test_lns_17_what_is_no_invoice_is_refused_before_anything(quick: Whole, text: str) -> None:
    payer = await quick.person()
    for call in (
        quick.bank.payments.send_invoice(payer.caller, SendInvoice(payer.btc.id, text)),
        quick.bank.payments.probe_fee(payer.caller, payer.btc.id, text, None),
    ):
        with pytest.raises(InvoiceUnreadable):
            await call
    assert await payer.sats() == (0, 0)


# --- a node that forgets ------------------------------------------------------------------------------


async def test_f11_a_node_that_forgot_is_not_believed(quick: Whole, outside: Settings) -> None:
    """What it knows nothing of may be paid all the same: nothing is sent again, nothing given back, nothing new."""
    payer = await quick.person()
    await payer.fund(9_000)
    known, open_ = await quick.invoice(1_000), await quick.invoice(2_000)
    assert (await payer.pay(known)).status == "SUCCESS"
    await quick.fault("send", "error")
    assert (await payer.pay(open_)).status == "PENDING"
    await delete_at_node(quick, outside, known)
    await quick.heal()
    for hours in (1, 5):  # the second time the invoice has long expired
        quick.clock.shift += timedelta(hours=hours)
        await quick.bank.payments.reconcile()
    assert await payer.sats() == (9_000 - 1_002, 2_010)
    assert await row(quick, open_) == 1
    node = quick.bank.nodes.all()[0]
    assert (await node.outgoing(decode(open_).payment_hash)).state is OutgoingState.UNKNOWN, "not sent again"
    assert [one.forgot for one in await quick.bank.payments.nodes()] == [True]
    with pytest.raises(LightningUnavailable):
        await payer.pay(await quick.invoice(10, expirySeconds=10**6))


# --- receiving ----------------------------------------------------------------------------------------


async def test_lnr_01_a_receipt_told_often_is_one_credit(quick: Whole) -> None:
    payee = await quick.person()
    payment_hash = await payee.fund(700, book=False)
    node = quick.bank.nodes.all()[0]
    news = await node.incoming(payment_hash)
    assert news is not None
    parts = quick.bank.payments.parts
    await asyncio.gather(*(take(parts, node.name, Change(news, None)) for _ in range(5)), quick.bank.payments.sweep())
    await quick.bank.payments.sweep()
    assert await payee.sats() == (700, 0)
    await proven(quick)


async def test_lnr_02_what_was_paid_while_nobody_listened_is_caught_up(quick: Whole) -> None:
    payee = await quick.person()
    for sats in (100, 200, 300):
        await payee.fund(sats, book=False)
    assert await payee.sats() == (0, 0)
    await quick.bank.payments.sweep()
    assert await payee.sats() == (600, 0)


async def test_more_less_late_and_twice(quick: Whole) -> None:
    """Over: all that came. Under: refused by the node. Late: the money is here, so it is credited. Twice, inside
    and outside: both, each once."""
    payee, payer = await quick.person(), await quick.person()
    await payer.fund(5_000)
    over = await create(payee, 1_000)
    await control(quick, "lightning/payments", {"paymentRequest": over.payment_request, "amountMsat": 1_500_000})
    under = await create(payee, 1_000)
    body = {"paymentRequest": under.payment_request, "amountMsat": 999_999}
    assert (await control(quick, "lightning/payments", body))["status"] == "FAILED"
    await quick.bank.payments.sweep()
    assert await payee.sats() == (1_500, 0)

    late = await create(payee, 400)
    await quick.outside_pays(late.payment_request)
    quick.clock.shift += timedelta(days=2)
    async with quick.bank.db.transaction() as tx:
        await tx.execute("update invoice set state = 3 where payment_hash = %(hash)s", {"hash": late.payment_hash})
    await quick.bank.payments.sweep()
    assert await payee.sats() == (1_900, 0)
    status = await quick.bank.payments.invoice_status(late.payment_hash)
    assert status.status == "PAID"

    quick.clock.shift = timedelta(0)
    twice = await create(payee, 250)
    assert (await payer.pay(twice.payment_request)).status == "SUCCESS"
    news = Incoming(twice.payment_hash, IncomingState.SETTLED, Msats(250_000), twice.preimage, quick.clock.now(), "")
    for _ in range(3):
        await take(quick.bank.payments.parts, twice.node, Change(news, None))
    assert (await payee.sats(), await payer.sats()) == ((2_400, 0), (4_750, 0))
    await proven(quick)


async def test_lnr_06_a_hash_is_of_one_invoice(quick: Whole) -> None:
    payee = await quick.person()
    invoice = await create(payee, 100)
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with quick.bank.db.transaction() as tx:
            await tx.execute(
                """insert into invoice (id, payment_hash, payment_request, payment_secret, preimage, account_id,
                    wallet_id, node, external_id, created_at, expires_at)
                select gen_random_uuid(), payment_hash, payment_request, payment_secret, preimage, account_id,
                    wallet_id, node, 'another', created_at, expires_at from invoice where payment_hash = %(hash)s""",
                {"hash": invoice.payment_hash},
            )


async def test_lnr_07_only_the_invoices_own_node_says_that_it_is_paid(pair: Whole) -> None:
    """A settlement told by another node, or a success of a payment that another node makes, is nobody's proof."""
    payee = await pair.person()
    await payee.fund(5_000)
    invoice = await create(payee, 100)
    other = next(name for name in pair.bank.nodes.names if name != invoice.node)
    at = pair.clock.now()
    news = Incoming(invoice.payment_hash, IncomingState.SETTLED, Msats(100_000), invoice.preimage, at, "")
    await take(pair.bank.payments.parts, other, Change(news, None))
    assert await payee.sats() == (5_000, 0)

    held = await pair.invoice(300, hold=True)
    assert (await payee.pay(held)).status == "PENDING"
    node = await row(pair, held, "node")
    other = next(name for name in pair.bank.nodes.names if name != node)
    paid = Outgoing(
        decode(held).payment_hash, OutgoingState.SUCCEEDED, Msats(300_000), Msats(0), b"\0" * 32
    )  # fmt: skip
    await take(pair.bank.payments.parts, other, Change(paid, None))
    assert await row(pair, held) == 1
    await pair.cancel(held)
    await settled(pair, held)
    assert await payee.sats() == (5_000, 0)
