"""What only a real LND can show of itself: what it lets a macaroon do, and whose certificate it bears. Runs where
HAZINA_LND_BINARY names one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.adapters.test_lightning_port import ended, soon
from tests.adapters.worlds import SAT, World

from hazina.adapters import lnd as adapter
from hazina.adapters.lnd import Lnd
from hazina.kernel.http import HttpClient
from hazina.kernel.money import Msats
from hazina.payments.ports import Accepted, Balance, NodeSilent, OutgoingState
from hazina.sandbox.real import lnd as real
from hazina.sandbox.real.network import ROUTER, Network

ADMIN = Path("data/chain/bitcoin/regtest/admin.macaroon")


@pytest.fixture
def bank(lnd_network: Network) -> real.Lnd:
    assert isinstance(lnd_network.bank, real.Lnd)
    return lnd_network.bank


def admin(bank: real.Lnd) -> str:
    return (bank.folder / ADMIN).read_bytes().hex()


def with_macaroon(bank: real.Lnd, macaroon: str) -> Lnd:
    access = bank.access()
    return Lnd("lnd-1", access["base_url"], macaroon, tls_pem=access["tls_cert"])


async def test_a_macaroon_of_too_much_or_too_little_power_is_refused(bank: real.Lnd) -> None:
    reading = [{"entity": entity, "action": "read"} for entity in ("info", "invoices", "offchain")]
    weak = (await bank.ask("POST", "/v1/macaroon", {"permissions": reading}))["macaroon"]
    for macaroon, code, named in ((admin(bank), "TOO_MUCH_POWER", "macaroon:generate"),
                                  (weak, "TOO_LITTLE_POWER", "SendPaymentV2")):  # fmt: skip
        node = with_macaroon(bank, macaroon)
        (unfit,) = await node.unfit("bcrt")
        await node.close()
        assert unfit.code == code and named in unfit.text


async def test_what_is_baked_for_the_bank_does_its_calls_and_no_more(bank: real.Lnd) -> None:
    access = bank.access()
    whole = SimpleNamespace(
        name="lnd-1",
        base_url=access["base_url"],
        tls_cert=access["tls_cert"],
        macaroon=SimpleNamespace(get_secret_value=lambda: admin(bank)),
    )
    baked = await adapter.bake(whole)
    node = with_macaroon(bank, baked)
    assert await node.unfit("bcrt") == []
    await node.close()
    wire = HttpClient("lnd-1", bank.url, headers={"Grpc-Metadata-macaroon": baked}, ca_pem=access["tls_cert"])
    for method, path, body in (
        ("DELETE", f"/v1/payment?payment_hash={'A' * 43}=", None),
        ("POST", "/v2/router/route/send", {}),
        ("POST", "/v1/transactions", {"addr": "bcrt1", "amount": "1"}),
        ("POST", "/v1/macaroon", {"permissions": [{"entity": "info", "action": "read"}]}),
    ):
        answer = await wire.call(method, path, body=body)
        assert (answer.status, answer.json()["message"]) == (500, "permission denied"), path
    await wire.close()


async def test_only_its_own_certificate_is_taken(bank: real.Lnd, lnd_network: Network) -> None:
    for other in (None, lnd_network.nodes[ROUTER].access()["tls_cert"]):
        access = bank.access()
        node = Lnd("lnd-1", access["base_url"], access["macaroon"], tls_pem=other)
        with pytest.raises(NodeSilent):
            await node.info()
        await node.close()


@pytest.mark.parametrize("sats", [100, 1_000], ids=["too small for an output", "an output"])
async def test_what_is_on_its_way_is_ours_until_it_is_taken(real_lnd: World, sats: int) -> None:
    """Below its dust limit it hides in the commitment's fee meanwhile."""
    node = real_lnd.node
    text, payment_hash = await real_lnd.invoice(sats * SAT + 1, hold=True)
    before = await node.balance()
    said = await node.pay(text, amount=None, fee_max=Msats(0), timeout_s=5, not_after=soon())
    assert said == Accepted()
    async with asyncio.timeout(60):
        while (await real_lnd.received(payment_hash))[0] != "ACCEPTED":
            await asyncio.sleep(0.05)
    now = await node.balance()
    assert now.pending_out == Msats(sats * SAT + 1)
    assert abs(own_between(before, now)) < now.blur.n
    await real_lnd.settles(payment_hash)
    assert (await ended(node, payment_hash)).state is OutgoingState.SUCCEEDED
    async with asyncio.timeout(60):
        while (now := await node.balance()).pending_out.n:
            await asyncio.sleep(0.05)
    assert abs(own_between(before, now) - (sats * SAT + 1)) < now.blur.n


def own_between(before: Balance, after: Balance) -> int:
    assert before.own is not None and after.own is not None
    return before.own.n - after.own.n
