"""The Lightning network that the other tests stand on."""

from __future__ import annotations

import pytest

from hazina.sandbox.real.network import BANK, END, ROUTER, Network


@pytest.mark.parametrize(
    ("payer", "payee"), [(BANK, ROUTER), (ROUTER, BANK), (BANK, END), (END, BANK)], ids=lambda name: str(name)
)
async def test_everybody_can_pay_everybody(network: Network, payer: str, payee: str) -> None:
    asked = await network.nodes[payee].rpc("add_request", amount="0.0005", lightning=True)
    paid = await network.nodes[payer].pay(asked["lightning_invoice"])
    assert paid["success"], paid


async def test_outsiders_pay_an_invoice_without_an_amount(network: Network) -> None:
    asked = await network.bank.rpc("add_request", amount="0", lightning=True)
    paid = await network.nodes[END].pay(asked["lightning_invoice"], 1_234_567)
    assert paid["success"], paid
    received = await network.bank.rpc("get_request", request_id=asked["request_id"])
    assert received["status_str"] == "Paid"


async def test_a_node_comes_back_after_a_kill(network: Network) -> None:
    end, router = network.nodes[END], network.nodes[ROUTER]
    await end.kill()
    await end.start()
    await end.connect(router)
    asked = await end.rpc("add_request", amount="0.0005", lightning=True)
    assert (await router.pay(asked["lightning_invoice"]))["success"]
