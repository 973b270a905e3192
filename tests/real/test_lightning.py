"""A real Lightning network and the bank on it: what comes in, what goes out, what is held, and a node that dies with
money in flight. The nodes' own lists must say what the books say. One file, for one network serves it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx2
import pytest
from tests.contexts.conftest import outside, phones, sandbox
from tests.contexts.payments.lightning import bank_of, create, proven, row, settled
from tests.contexts.phones import Phones
from tests.contexts.whole import Whole

from hazina.kernel.bolt11 import decode
from hazina.kernel.db import Database
from hazina.payments import Invoice
from hazina.sandbox.real.network import BANK, END, ROUTER, Network
from hazina.sandbox.real.node import Paid
from hazina.settings import Electrum, Lnd, Settings

__all__ = ["outside", "phones", "sandbox"]

SATS = 50_000


@pytest.fixture(params=["electrum", "lnd"])
def nodes(request: pytest.FixtureRequest) -> Network:
    """A network of either kind; LND's only where HAZINA_LND_BINARY names one."""
    found: Network = request.getfixturevalue("network" if request.param == "electrum" else "lnd_network")
    return found


@pytest.fixture
async def real(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient, nodes: Network
) -> AsyncIterator[Whole]:
    """A bank whose one node is a real one; text messages and prices are the sandbox's."""
    access = {**nodes.bank.access(), "name": "real-1", "kind": nodes.programs.kind}
    node = (Lnd if access["kind"] == "lnd" else Electrum).model_validate(access)
    settings = outside.model_copy(update={"lnd": None, "nodes": {"real-1": node}})
    async with bank_of(settings, program_url, phones, sandbox, inline_wait_s=8) as whole:
        await whole.bank.watch.look()  # what the node did before these books is left out
        yield whole


async def pays(network: Network, invoice: Invoice) -> Paid:
    return await network.nodes[ROUTER].pay(invoice.payment_request)


async def until(done: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await done():
            await asyncio.sleep(0.2)


async def test_money_comes_in_and_goes_out(real: Whole, nodes: Network) -> None:
    anna = await real.person()
    invoice = await create(anna, 5_000, memo="chai")
    assert (await pays(nodes, invoice)).status == "SUCCEEDED"
    await real.bank.payments.sweep()
    assert await anna.sats() == (5_000, 0)

    _, text = await nodes.nodes[ROUTER].issue(1_000_000, "maziwa", 600)
    assert (await anna.pay(text)).status == "SUCCESS"
    assert (await anna.sats())[0] == 4_000, "a direct channel costs nothing"
    _, gone = await nodes.nodes[ROUTER].issue(1_000_000, "gone", 600)
    await nodes.nodes[ROUTER].cancel(decode(gone).payment_hash.hex())
    assert (await anna.pay(gone)).status == "FAILURE"
    assert await anna.sats() == (4_000, 0)
    await proven(real)
    assert await real.bank.watch.look() == []


async def test_lnr_04_held_in_time_is_taken_and_past_its_price_lock_given_back(real: Whole, nodes: Network) -> None:
    anna = await real.person()
    kept, lost = [await create(anna, sats, take_within_s=300) for sats in (3_000, 4_000)]
    node = real.bank.nodes.all()[0]

    async def credited() -> bool:
        await real.bank.payments.decide_held()
        return await anna.sats() == (3_000, 0)

    async def held(invoice: Invoice) -> bool:
        return await node.held() == [invoice.payment_hash]

    paying = asyncio.create_task(pays(nodes, kept))
    await until(lambda: held(kept))
    await real.bank.payments.decide_held()
    assert (await paying).status == "SUCCEEDED"
    await until(credited)

    paying = asyncio.create_task(pays(nodes, lost))
    await until(lambda: held(lost))
    real.clock.shift += timedelta(seconds=301)
    await real.bank.payments.decide_held()
    assert (await paying).status == "FAILED"
    await real.bank.payments.sweep()
    assert await anna.sats() == (3_000, 0)
    assert (await real.bank.payments.invoice_status(lost.payment_hash)).status == "EXPIRED"
    await proven(real)
    assert await real.bank.watch.look() == []


@pytest.mark.parametrize("end", ["settled", "cancelled"])
async def test_f10_the_node_dies_with_money_in_flight(real: Whole, nodes: Network, end: str) -> None:
    """The payee decides while the bank's node is dead. It learns so when it is back, and so does the bank."""
    anna, payee = await real.person(), nodes.nodes[ROUTER]
    assert (await pays(nodes, await create(anna, 9_000))).status == "SUCCEEDED"
    await real.bank.payments.sweep()
    secret = secrets.token_bytes(32)
    name = hashlib.sha256(secret).hexdigest()
    _, text = await payee.issue(2_000_000, "held", 3_600, name)
    paying = asyncio.create_task(anna.pay(text))

    async def held() -> bool:
        return (await payee.invoice_state(name, hold=True))[0] == "ACCEPTED"

    await until(held)
    await nodes.bank.kill()
    assert (await paying).status == "PENDING"
    if end == "settled":
        await payee.settle(secret.hex())
    await real.bank.payments.reconcile()
    assert (await row(real, text), (await anna.sats())[1] > 0) == (1, True)
    await nodes.bank.start()
    await nodes.bank.connect(payee)
    if end == "cancelled":
        await payee.cancel(name, hold=True)
    await settled(real, text, 90)
    assert await anna.sats() == ((7_000, 0) if end == "settled" else (9_000, 0))
    await proven(real)

    async def agreed() -> bool:
        return await real.bank.watch.look() == []

    await until(agreed)


# --- the network that the other tests stand on ---


@pytest.mark.parametrize(
    ("payer", "payee"), [(BANK, ROUTER), (ROUTER, BANK), (BANK, END), (END, BANK), (ROUTER, END)], ids=str
)
async def test_everybody_can_pay_everybody(network: Network, payer: str, payee: str) -> None:
    hash_, bolt11 = await network.nodes[payee].issue(SATS * 1000, "a test", 600)
    paid = await network.nodes[payer].pay(bolt11)
    assert paid.status == "SUCCEEDED", paid
    assert await network.nodes[payee].invoice_state(hash_) == ("SETTLED", SATS * 1000)


async def test_outsiders_pay_an_invoice_without_an_amount(network: Network) -> None:
    hash_, bolt11 = await network.bank.issue(None, "any", 600)
    paid = await network.nodes[END].pay(bolt11, 1_234_567)
    assert paid.status == "SUCCEEDED", paid
    assert await network.bank.invoice_state(hash_) == ("SETTLED", 1_234_567)


async def test_what_is_held_is_settled_or_given_back(network: Network) -> None:
    end = network.nodes[ROUTER]  # through another one Electrum tries what was cancelled thirty times again
    for settle in (True, False):
        secret = secrets.token_bytes(32)
        hash_, bolt11 = await end.issue(SATS * 1000, "held", 600, hashlib.sha256(secret).hexdigest())
        paying = asyncio.create_task(network.bank.pay(bolt11))

        async def held(hash_: str = hash_) -> bool:
            return (await end.invoice_state(hash_, hold=True))[0] == "ACCEPTED"

        await until(held)
        assert (await network.bank.paid(hash_)).status == "IN_FLIGHT"
        await (end.settle(secret.hex()) if settle else end.cancel(hash_, hold=True))
        paid = await paying
        assert paid.status == ("SUCCEEDED" if settle else "FAILED")
        assert (paid.preimage == secret.hex()) is settle


async def test_a_node_comes_back_after_a_kill(network: Network) -> None:
    end, router = network.nodes[END], network.nodes[ROUTER]
    await end.kill()
    await end.start()
    await end.connect(router)
    _, bolt11 = await end.issue(SATS * 1000, "again", 600)
    paid = await router.pay(bolt11)
    assert paid.status == "SUCCEEDED", paid
