"""``hazina up --regtest`` as an operator meets it: what it keeps, and that it leaves nothing running."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.ops.bank import Running, hazina, left_over, wait_until_nothing_is_left
from tests.real.bank.conftest import started

from hazina.adapters.lnd import Lnd
from hazina.kernel.bolt11 import decode
from hazina.kernel.http import HttpClient
from hazina.kernel.money import Msats
from hazina.payments.ports import Accepted, OutgoingState
from hazina.sandbox.real.jsonrpc import JsonRpc
from hazina.sandbox.real.network import Programs


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Whatever happens, no process of it stays."""
    yield tmp_path
    for line in left_over(tmp_path):
        os.kill(int(line.split()[0]), signal.SIGKILL)
    wait_until_nothing_is_left(tmp_path)


async def ask(bank: Running, method: str, path: str, body: Any = None) -> Any:
    client = HttpClient("sandbox", bank.url, timeout_s=60)
    try:
        answer = await client.call(method, f"/sandbox/api/{path}", body=body)
        assert answer.status == 200, answer.body
        return answer.json()
    finally:
        await client.close()


async def pays_by_itself(providers: dict[str, Any], text: str) -> None:
    """The bank's node pays, and the bank has not asked it to."""
    if (found := providers.get("lnd")) is None:
        found = providers["electrum"]
        electrum = JsonRpc("bank", int(found["base_url"].rpartition(":")[2]), found["user"], found["password"])
        assert (await electrum.call("lnpay", {"invoice": text}))["success"]
        await electrum.close()
        return
    lnd = Lnd("lnd-1", found["base_url"], found["macaroon"], tls_pem=found["tls_cert"])
    until = datetime.now(UTC) + timedelta(minutes=1)
    assert await lnd.pay(text, amount=None, fee_max=Msats(10_000), timeout_s=30, not_after=until) == Accepted()
    async with asyncio.timeout(60):
        while (await lnd.outgoing(decode(text).payment_hash)).state is not OutgoingState.SUCCEEDED:
            await asyncio.sleep(0.1)
    await lnd.close()


async def agrees_until_the_node_pays_by_itself(folder: Path, bank: Running) -> None:
    """``verify --nodes`` sees what the books alone cannot: somebody else used the bank's node."""
    data = folder / "data"
    arguments = ("verify", "--nodes", "--data", str(data))
    agreed = await asyncio.to_thread(hazina, *arguments)
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr

    made = await ask(bank, "POST", "lightning/invoices", {"amountMsat": 5_000_000})
    await pays_by_itself(json.loads((data / "sandbox" / "providers.json").read_text()), made["paymentRequest"])
    differs = await asyncio.to_thread(hazina, *arguments)
    assert differs.returncode == 1
    assert "the bank knows nothing of this hash" in differs.stdout
    assert (await asyncio.to_thread(hazina, "verify", "--data", str(data))).returncode == 0


async def test_the_chain_and_the_channels_outlive_the_bank_and_nothing_is_left_running(
    folder: Path, each_kind: Programs
) -> None:
    bank = await started(folder, each_kind)
    mined = await ask(bank, "POST", "onchain/mine", {"blocks": 1})
    await agrees_until_the_node_pays_by_itself(folder, bank)
    mined = await ask(bank, "POST", "onchain/mine", {"blocks": 3})
    bank.kill()
    await asyncio.to_thread(wait_until_nothing_is_left, folder)

    again = await started(folder, each_kind)
    state = await ask(again, "GET", "state")
    assert state["onchain"]["height"] >= mined["height"]
    assert [channel["capacityMsat"] for channel in state["channels"]] == [100_000_000_000] * 2
    assert await asyncio.to_thread(again.stop) == 0
    wait_until_nothing_is_left(folder)

    # Its books belong to this network: another start would find another node.
    refused = await asyncio.to_thread(hazina, "up", "--data", str(folder / "data"), "--port", "0")
    assert refused.returncode == 1
    assert f"was begun with --regtest --lightning {each_kind.kind}" in refused.stderr


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    refused = hazina("up", "--data", str(tmp_path / "data"), "--port", "0", "--regtest")
    assert refused.returncode == 1
    assert "./dev up --regtest" in refused.stderr and "HAZINA_BITCOIND" in refused.stderr
    assert left_over(tmp_path) == []


def test_lnd_must_be_named(tmp_path: Path, programs: Programs) -> None:
    variables = {"HAZINA_BITCOIND": str(programs.bitcoind)}
    refused = hazina(
        "up", "--data", str(tmp_path / "data"), "--port", "0", "--regtest", "--lightning", "lnd", **variables
    )
    assert refused.returncode == 1
    assert "HAZINA_LND_BINARY" in refused.stderr
