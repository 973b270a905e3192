"""The Lightning network that the other tests stand on."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

import pytest

from hazina.sandbox.real.bitcoind import until
from hazina.sandbox.real.network import BANK, END, ROUTER, Network

SATS = 50_000


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

        await until(held, "the payment is held")
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
