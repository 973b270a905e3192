"""LNbits, unmodified, does with the bank all that it does with Blink (every step of its funding source)."""

from __future__ import annotations

import contextlib
import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
from tests.api.conftest import Person, World, numbers, sandbox_settings, world
from tests.api.test_api_keys import key_of
from tests.clients.lnbits import Lnbits, running

from faults.process import free_port

__all__ = ["numbers", "sandbox_settings", "world"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("HAZINA_LNBITS" not in os.environ, reason="HAZINA_LNBITS names no LNbits: it runs up to 3.12"),
]
PATIENCE_S = 90
CONNECTED = "Websocket connection acknowledged"
LOST = "lost connection to blink invoices stream"
PAY = """mutation($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) {
    status errors { message code } } }"""


async def pay(payer: Person, payment_request: str) -> None:
    given = {"walletId": payer.wallets["BTC"], "paymentRequest": payment_request}
    assert (await payer.ask(PAY, input=given))["lnInvoicePaymentSend"] == {"status": "SUCCESS", "errors": []}


async def test_a_shop_on_lnbits_receives_pays_and_outlives_a_restart(world: World, tmp_path: Path) -> None:
    shop, customer = await world.rich(50_000), await world.rich(20_000)
    _, token = await key_of(shop, "READ", "WRITE")
    async with contextlib.AsyncExitStack() as stack:
        async with world.served_at(free_port()) as port:
            lnbits = await stack.enter_async_context(running(tmp_path, port, token))
            await lnbits.account()
            await heard(world, lnbits, CONNECTED)
            assert "balance of 50000000 msat" in lnbits.said()
            await it_receives(world, lnbits, customer)
            await one_invoice_expires(world, lnbits)
            await it_pays(world, lnbits, shop, customer)
            await it_fails_to_pay(world, lnbits)
            waiting = await it_pays_what_nobody_takes_yet(world, lnbits)
        await heard(world, lnbits, LOST)
        async with world.served_at(port):
            await heard(world, lnbits, CONNECTED, times=2)
            before = await lnbits.balance()
            late = await lnbits.invoice(1_100)
            await pay(customer, late["bolt11"])
            await has(world, lnbits, before + 1_100_000)
            await world.until(lambda: is_paid(lnbits, waiting), PATIENCE_S)


async def test_a_key_of_less_power_can_do_less(world: World, tmp_path: Path) -> None:
    """One that may only read and receive: LNbits takes money in, and no money leaves. A wrong one: it says so."""
    shop, customer = await world.rich(50_000), await world.rich(20_000)
    _, token = await key_of(shop, "READ", "RECEIVE")
    async with world.served_at() as port:
        async with running(tmp_path / "less", port, token) as lnbits:
            await lnbits.account()
            await heard(world, lnbits, CONNECTED)
            await pay(customer, (await lnbits.invoice(3_000))["bolt11"])
            await has(world, lnbits, 3_000_000)
            outside = await world.outside("lightning/invoices", {"amountMsat": 1_000_000})
            _, done = await lnbits.pay(outside["paymentRequest"])
            assert done["status"] == "pending", "LNbits takes a refused key for no answer"
            assert (await shop.balances())["BTC"] == 53_000
        async with running(tmp_path / "none", port, token[:-4] + "0000") as lnbits:
            await heard(world, lnbits, "Unable to connect to")
            assert "401" in lnbits.said()


async def heard(world: World, lnbits: Lnbits, words: str, times: int = 1) -> None:
    async def holds() -> bool:
        return lnbits.said().count(words) >= times

    await world.until(holds, PATIENCE_S)


async def has(world: World, lnbits: Lnbits, msats: int) -> None:
    async def holds() -> bool:
        return await lnbits.balance() == msats

    await world.until(holds, PATIENCE_S)


async def it_receives(world: World, lnbits: Lnbits, customer: Person) -> None:
    """From another account of the bank and from outside; with a memo, and over a description's hash."""
    words = "A receipt that is longer than an invoice holds"
    inside = await lnbits.invoice(3_000, memo="Two kilos of mangoes")
    hashed = await lnbits.invoice(2_000, unhashed_description=words.encode().hex())
    outside = await lnbits.invoice(7_000, description_hash=hashlib.sha256(words.encode()).hexdigest())
    await pay(customer, inside["bolt11"])
    await pay(customer, hashed["bolt11"])
    await world.outside("lightning/payments", {"paymentRequest": outside["bolt11"]})
    await has(world, lnbits, 12_000_000)


async def one_invoice_expires(world: World, lnbits: Lnbits) -> None:
    fresh, old = await lnbits.invoice(100), await lnbits.invoice(100)
    assert (await lnbits.payment(fresh["payment_hash"]))["status"] == "pending"
    world.clock.shift += timedelta(hours=5)
    assert (await lnbits.payment(old["payment_hash"]))["status"] == "failed"
    world.clock.shift -= timedelta(hours=5)


async def it_pays(world: World, lnbits: Lnbits, shop: Person, customer: Person) -> None:
    outside = await world.outside("lightning/invoices", {"amountMsat": 4_000_000, "memo": "Flour"})
    status, done = await lnbits.pay(outside["paymentRequest"])
    assert (status, done["status"]) == (201, "success"), done
    assert len(done["preimage"]) == 64
    fee = done["fee"]
    assert -5_000 < fee <= 0, "negative, as LNbits counts"
    status, done = await lnbits.pay((await customer.invoice(500, "Change"))["paymentRequest"])
    assert (status, done["status"], done["fee"]) == (201, "success", 0), done
    await has(world, lnbits, 12_000_000 - 4_000_000 + fee - 500_000)
    # LNbits itself pays no invoice twice; its funding source takes this for paid, as it is
    again = await shop.ask(PAY, input={"walletId": shop.wallets["BTC"], "paymentRequest": outside["paymentRequest"]})
    assert again["lnInvoicePaymentSend"] == {"status": "ALREADY_PAID", "errors": []}


async def it_pays_what_nobody_takes_yet(world: World, lnbits: Lnbits) -> str:
    """The payment's hash; it is taken while LNbits is cut off."""
    held = await world.outside("lightning/invoices", {"amountMsat": 2_000_000, "hold": True})
    _, done = await lnbits.pay(held["paymentRequest"])
    assert done["status"] == "pending", done
    await world.outside(f"lightning/invoices/{done['payment_hash']}/settle", {})
    return str(done["payment_hash"])


async def is_paid(lnbits: Lnbits, payment_hash: str) -> bool:
    return bool((await lnbits.payment(payment_hash))["status"] == "success")


async def it_fails_to_pay(world: World, lnbits: Lnbits) -> None:
    before = await lnbits.balance()
    expired = await world.outside("lightning/invoices", {"amountMsat": 1_000_000})
    world.clock.shift += timedelta(hours=30)
    status, said = await lnbits.pay(expired["paymentRequest"])
    world.clock.shift -= timedelta(hours=30)
    assert status == 520, said
    assert await lnbits.balance() == before
