"""The Lightning network that the other tests stand on."""

from __future__ import annotations

import pytest

from hazina.sandbox.real.network import BANK, END, ROUTER, Network


@pytest.mark.parametrize(
    ("payer", "payee"), [(BANK, ROUTER), (ROUTER, BANK), (BANK, END), (END, BANK)], ids=lambda name: str(name)
)
async def test_everybody_can_pay_everybody(network: Network, payer: str, payee: str) -> None:
    asked = await network.nodes[payee].rpc("add_request", amount="0.0005", lightning=True)
    paid = await network.nodes[payer].rpc("lnpay", invoice=asked["lightning_invoice"])
    assert paid["success"], paid


async def test_a_node_comes_back_after_a_kill(network: Network) -> None:
    end, router = network.nodes[END], network.nodes[ROUTER]
    await end.kill()
    await end.start()
    await end.connect(router)
    asked = await end.rpc("add_request", amount="0.0005", lightning=True)
    assert (await router.rpc("lnpay", invoice=asked["lightning_invoice"]))["success"]
