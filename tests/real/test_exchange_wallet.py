"""The stand-in exchange on a real chain: what is sent to it is credited, and what it sends arrives."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from hazina.sandbox.okx import FIRST_FUNDING, WITHDRAWAL_FEE, Okx
from hazina.sandbox.real.bitcoind import Bitcoind
from hazina.sandbox.real.exchange import Teller
from hazina.sandbox.world import World


@pytest.fixture
def okx(tmp_path: Path) -> Iterator[Okx]:
    world = World.open(tmp_path)
    yield Okx(world)
    world.store.close()


async def test_coins_come_with_a_block_and_leave_once(okx: Okx, bitcoind: Bitcoind) -> None:
    teller = Teller(okx, bitcoind)
    await teller.look()
    address = okx.address
    txid = await bitcoind.send(address, 1_234_567)
    await teller.look()
    assert [(one["txId"], one["state"]) for one in okx.rows("deposit")] == [(txid, "0")]
    assert okx.funding == FIRST_FUNDING
    await bitcoind.mine(1)
    for _ in range(2):
        await teller.look()
    assert okx.funding == FIRST_FUNDING + Decimal("0.01234567") and okx.address == address

    home = await bitcoind.fresh_address()
    okx.withdraw("ab" * 16, Decimal("0.5"), home)
    assert okx.rows("withdrawal")[0]["state"] == "0"
    for _ in range(2):
        await teller.look()
    (gone,) = okx.rows("withdrawal")
    assert gone["state"] == "2" and await bitcoind.mempool() == [gone["txId"]]
    sent = await bitcoind.rpc("getrawtransaction", gone["txId"], True)
    assert Decimal("0.5") in {one["value"] for one in sent["vout"] if one["scriptPubKey"].get("address") == home}
    assert okx.funding == FIRST_FUNDING + Decimal("0.01234567") - Decimal("0.5") - WITHDRAWAL_FEE
