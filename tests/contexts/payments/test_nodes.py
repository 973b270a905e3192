"""Hold invoices, several nodes, and which nodes a bank starts with."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr
from tests.contexts.payments.lightning import (
    bank_of,
    control,
    create,
    proven,
    row,
    second,
    settled,
)
from tests.contexts.phones import Phones
from tests.contexts.whole import Whole

from hazina.adapters.lnd import Lnd
from hazina.kernel.bolt11 import Network, decode
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Msats
from hazina.payments import (
    Invoice,
    Nodes,
    NodesUnfit,
    PaymentInProgress,
    Payments,
    Seat,
    SendInvoice,
)
from hazina.payments.ports import Capabilities, OutgoingState
from hazina.settings import Settings

# --- hold invoices ------------------------------------------------------------------------------------


async def pays_and_is_held(whole: Whole, invoice: Invoice) -> None:
    said = await control(whole, "lightning/payments", {"paymentRequest": invoice.payment_request})
    assert said["status"] == "IN_FLIGHT"


async def outcome(whole: Whole, invoice: Invoice) -> str:
    """How the payer outside fared."""
    said = await control(whole, "lightning/payments", {"paymentRequest": invoice.payment_request})
    return str(said["status"])


async def test_what_is_held_in_time_is_taken_once(quick: Whole) -> None:
    payee = await quick.person()
    invoice = await create(payee, 1_000, take_within_s=300)
    assert await quick.bank.payments.decide_held() == 0
    await pays_and_is_held(quick, invoice)
    assert await payee.sats() == (0, 0), "held is not ours"
    for _ in range(3):
        await quick.bank.payments.decide_held()
        await quick.bank.payments.sweep()
    assert (await payee.sats(), await outcome(quick, invoice)) == ((1_000, 0), "SUCCEEDED")
    await proven(quick)


async def test_lnr_04_what_is_held_past_its_price_lock_goes_back(quick: Whole) -> None:
    payee = await quick.person()
    invoice = await create(payee, 1_000, take_within_s=300)
    await pays_and_is_held(quick, invoice)
    quick.clock.shift += timedelta(seconds=301)
    await quick.bank.payments.decide_held()
    assert (await payee.sats(), await outcome(quick, invoice)) == ((0, 0), "FAILED")
    assert (await quick.bank.payments.invoice_status(invoice.payment_hash)).status == "EXPIRED"
    await quick.bank.payments.sweep()
    assert await payee.sats() == (0, 0)
    await proven(quick)


@pytest.mark.parametrize("fault", ["error", "drop_reply"])
async def test_a_decision_to_take_outlives_a_kill(quick: Whole, fault: str) -> None:
    """Killed before the node heard of it, or after it settled and before we heard: the next round goes on, and the
    price lock has no say any more."""
    payee = await quick.person()
    invoice = await create(payee, 1_000, take_within_s=300)
    await pays_and_is_held(quick, invoice)
    await quick.fault("invoice.settle", fault, times=1)
    await quick.bank.payments.decide_held()
    quick.clock.shift += timedelta(hours=1)
    for _ in range(2):
        await quick.bank.payments.decide_held()
        await quick.bank.payments.sweep()
    assert (await payee.sats(), await outcome(quick, invoice)) == ((1_000, 0), "SUCCEEDED")
    await proven(quick)


async def test_what_the_node_gave_back_by_itself_is_not_credited(quick: Whole) -> None:
    """Decided to take, and the node could not be told until its blocks had run out."""
    payee = await quick.person()
    invoice = await create(payee, 1_000, take_within_s=300)
    await pays_and_is_held(quick, invoice)
    await quick.fault("invoice.settle", "error")
    await quick.bank.payments.decide_held()
    await control(quick, "lightning/blocks", {"blocks": 66})
    await quick.heal()
    for _ in range(2):
        await quick.bank.payments.decide_held()
        await quick.bank.payments.sweep()
    assert (await payee.sats(), await outcome(quick, invoice)) == ((0, 0), "FAILED")
    assert (await quick.bank.payments.invoice_status(invoice.payment_hash)).status == "EXPIRED"
    await proven(quick)


async def test_a_held_invoice_that_is_paid_inside_gives_the_other_payer_back(quick: Whole) -> None:
    payee, payer = await quick.person(), await quick.person()
    await payer.fund(5_000)
    invoice = await create(payee, 1_000, take_within_s=300)
    await pays_and_is_held(quick, invoice)
    assert (await payer.pay(invoice.payment_request)).status == "SUCCESS"
    await quick.bank.payments.decide_held()
    assert (await payee.sats(), await outcome(quick, invoice)) == ((1_000, 0), "FAILED")
    await proven(quick)


# --- several nodes ------------------------------------------------------------------------------------


async def test_new_work_goes_by_weight_and_rest(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> None:
    async with bank_of(second(outside, weight=9), program_url, phones, sandbox) as whole:
        payee = await whole.person()
        made = [(await create(payee, 10)).node for _ in range(30)]
        assert made.count("lnd-2") > made.count("lnd-1") > 0 or made.count("lnd-2") == 30
    async with bank_of(second(outside, resting=True), program_url, phones, sandbox) as whole:
        payee = await whole.person()
        await payee.fund(5_000)
        assert {(await create(payee, 10)).node for _ in range(10)} == {"lnd-1"}
        invoice = await whole.invoice(10)
        assert (await payee.pay(invoice)).status == "SUCCESS"
        assert await row(whole, invoice, "node") == "lnd-1"


async def test_a_node_that_is_down_takes_nothing_new_and_loses_nothing_old(pair: Whole) -> None:
    await pair.bank.watch.look()  # what the nodes did before these books is left out
    payer = await pair.person()
    await payer.fund(50_000)
    held = {}
    for _ in range(12):
        text = await pair.invoice(500, hold=True)
        assert (await payer.pay(text)).status == "PENDING"
        held[text] = await row(pair, text, "node")
        if len(set(held.values())) == 2:
            break
    assert set(held.values()) == {"lnd-1", "lnd-2"}, "both had a share of what came"
    await control(pair, "lightning/restart", {"seconds": 600, "node": "bank-2"})
    pair.bank.nodes.pulses["lnd-2"].at = -1e9  # a second has passed
    for _ in range(6):
        text = await pair.invoice(100)
        assert (await payer.pay(text)).status == "SUCCESS"
        assert await row(pair, text, "node") == "lnd-1"
        assert (await create(payer, 10)).node == "lnd-1"
    for text, node in held.items():
        await pair.settle(text)
        if node == "lnd-1":
            await settled(pair, text)
        else:
            await pair.bank.payments.reconcile()
            assert await row(pair, text) == 1, "its node is away, so nobody knows"
    await control(pair, "lightning/restart", {"seconds": 0, "node": "bank-2"})
    for text in held:
        await settled(pair, text)
        assert (await row(pair, text), await row(pair, text, "node")) == (2, held[text])
    await proven(pair)
    assert await pair.bank.watch.look() == [], "both nodes' own lists say what the books say"


async def test_what_failed_on_one_node_is_tried_on_the_other(pair: Whole) -> None:
    """And never before the first has said that it failed."""
    payer = await pair.person()
    await payer.fund(50_000)
    text = await pair.invoice(500, hold=True)
    assert (await payer.pay(text)).status == "PENDING"
    first = await row(pair, text, "node")
    other = next(name for name in pair.bank.nodes.names if name != first)
    with pytest.raises(PaymentInProgress):
        await payer.pay(text)
    unknown = await pair.bank.nodes.of(other).outgoing(decode(text).payment_hash)
    assert unknown.state is OutgoingState.UNKNOWN
    await pair.cancel(text)
    await settled(pair, text)
    assert (await payer.pay(text)).status == "FAILURE", "the payee does not want it"
    assert await row(pair, text, "node") == other
    await proven(pair)


async def test_a_payment_of_a_node_that_the_settings_no_longer_name_waits(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> None:
    async with bank_of(second(outside), program_url, phones, sandbox) as whole:
        payer = await whole.person()
        await payer.fund(50_000)
        while True:
            text = await whole.invoice(500, hold=True)
            await payer.pay(text)
            if await row(whole, text, "node") == "lnd-2":
                break
    async with bank_of(outside, program_url, phones, sandbox) as whole:
        whole.clock.shift += timedelta(hours=9)
        await whole.bank.payments.reconcile()
        assert await row(whole, text) == 1
    async with bank_of(second(outside), program_url, phones, sandbox) as whole:
        whole.clock.shift += timedelta(hours=10)
        await whole.settle(text)
        await settled(whole, text)
        assert await row(whole, text) == 2


# --- start --------------------------------------------------------------------------------------------


async def test_the_bank_does_not_start_with_a_node_of_too_much_power_or_another_network(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> None:
    assert outside.lnd is not None
    admin = SecretStr(Path(outside.data / "sandbox" / "admin.macaroon").read_bytes().hex())
    strong = outside.model_copy(update={"lnd": outside.lnd.model_copy(update={"macaroon": admin})})
    with pytest.raises(NodesUnfit, match=r"lnd-1: the macaroon allows more than the bank needs: .*onchain:write"):
        async with bank_of(strong, program_url, phones, sandbox):
            pass
    elsewhere = outside.model_copy(update={"network": "signet"})
    with pytest.raises(NodesUnfit, match=r"lnd-1: the node is on another network \(bcrt, wanted tbs\) \(NETWORK\)"):
        async with bank_of(elsewhere, program_url, phones, sandbox):
            pass


async def test_flagged_destinations_are_not_probed(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> None:
    answer = await sandbox.post("/sandbox/api/lightning/invoices", json={"amountMsat": 9_000_000})
    text = answer.json()["paymentRequest"]
    flagged = frozenset({decode(text).payee})
    async with bank_of(outside, program_url, phones, sandbox, flagged=flagged) as whole:
        payer = await whole.person()
        await payer.fund(50_000)
        await whole.fault("estimatefee", "error")
        probe = await whole.bank.payments.probe_fee(payer.caller, payer.btc.id, text, None)
        assert (probe.fee, probe.refusal) == (Msats.from_sats(45), None)
        assert (await payer.pay(text)).status == "SUCCESS"
    async with bank_of(outside, program_url, phones, sandbox, probe_timeout_s=1) as whole:
        payer = await whole.person()
        await whole.heal()
        await whole.fault("estimatefee", "hang", seconds=30)
        other = await whole.invoice(9_000)
        probe = await whole.bank.payments.probe_fee(payer.caller, payer.btc.id, other, None)
        assert probe.fee == Msats.from_sats(45) and isinstance(probe.refusal, Refusal), "the ceiling and a reason"


# --- a node that does not refuse late calls --------------------------------------------------------------


class Unfenced(Lnd):
    """An LND that is taken for a node without credentials that end."""

    can = Capabilities(fenced=False)


async def test_without_a_fence_a_failure_waits_for_calls_that_may_still_arrive(quick: Whole, outside: Settings) -> None:
    """A call that was not answered may be on its way to the node. It may still pay after a failure was told, until
    the invoice has expired."""
    assert outside.lnd is not None
    node = Unfenced.of(outside.lnd, quick.clock)
    nodes = Nodes.build([Seat(node)], quick.clock, Network.REGTEST)
    paying = Payments(replace(quick.bank.payments.parts, nodes=nodes))
    payer = await quick.person()
    await payer.fund(9_000)
    text = await quick.invoice(1_000, hold=True, expirySeconds=3_600)
    await quick.fault("send", "drop_reply", times=1)
    sent = await paying.send_invoice(payer.caller, SendInvoice(payer.btc.id, text))
    assert sent.status == "PENDING"
    await quick.cancel(text)
    async with asyncio.timeout(60):
        while (await node.outgoing(decode(text).payment_hash)).state is not OutgoingState.FAILED:
            await asyncio.sleep(0.05)
    for _ in range(5):
        quick.clock.shift += timedelta(minutes=5)
        await paying.reconcile()
    assert (await row(quick, text), await payer.sats()) == (1, (9_000, 1_010)), "told as failed, and not believed"
    quick.clock.shift += timedelta(hours=1)
    await paying.reconcile()
    assert (await row(quick, text), await payer.sats()) == (3, (9_000, 0))

    other = await quick.invoice(1_000, hold=True, expirySeconds=10**6)
    sent = await paying.send_invoice(payer.caller, SendInvoice(payer.btc.id, other))
    assert sent.status == "PENDING"
    await quick.cancel(other)
    for _ in range(3):
        quick.clock.shift += timedelta(minutes=1)
        await paying.reconcile()
    assert (await row(quick, other), await payer.sats()) == (3, (9_000, 0)), "every call was answered: it is believed"
    await node.close()
    await proven(quick)
