"""The sandbox is killed and started again: what it answered is still so, and money is where it was."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.test_lnd_sandbox import ended, issue, outside_invoice, outside_pays, pay
from tests.sandbox.process import SandboxProcess

from hazina.kernel import bolt11
from hazina.payments.ports import OutgoingState


@pytest.fixture
async def mortal() -> AsyncIterator[SandboxProcess]:
    """A sandbox of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="hazina-sandbox-"))
    process = SandboxProcess(folder)
    await process.start()
    yield process
    await process.kill()
    shutil.rmtree(folder, ignore_errors=True)


async def again(process: SandboxProcess) -> None:
    await process.kill()
    await process.start()


async def channels(process: SandboxProcess) -> Any:
    return (await process.control("GET", "/state"))["channels"]


async def test_state_survives(mortal: SandboxProcess) -> None:
    node = mortal.lnd()
    received, sent = await issue(node), await outside_invoice(mortal)
    assert (await outside_pays(mortal, received.bolt11))["status"] == "SUCCEEDED"
    await pay(node, sent[0])
    assert (await ended(node, sent[1])).state is OutgoingState.SUCCEEDED
    await mortal.control("POST", "/price", {"usdPerBtc": 12_345})
    await mortal.fault("getinfo", "error", times=5)
    pubkey, balances, macaroon = (
        (await mortal.control("GET", "/state"))["node"],
        await channels(mortal),
        mortal.macaroon(),
    )
    await node.close()

    await again(mortal)
    assert (await mortal.control("GET", "/state"))["node"] == pubkey
    assert await channels(mortal) == balances
    assert mortal.macaroon() == macaroon
    assert await mortal.control("GET", "/price") == {"usdPerBtc": "12345.00"}
    assert len(await mortal.control("GET", "/faults")) == 1
    node = mortal.lnd()
    assert (await node.outgoing(sent[1])).state is OutgoingState.SUCCEEDED
    assert [change.item.payment_hash for change in await node.settled_since(None)] == [received.payment_hash]
    await node.close()


@pytest.mark.parametrize("end", ["settle", "cancel"])
async def test_a_held_payment_survives(mortal: SandboxProcess, end: str) -> None:
    before = await channels(mortal)
    node = mortal.lnd()
    text, payment_hash = await outside_invoice(mortal, hold=True)
    await pay(node, text)
    async with asyncio.timeout(30):
        while (await mortal.control("GET", f"/lightning/invoices/{payment_hash.hex()}"))["state"] != "ACCEPTED":
            await asyncio.sleep(0.02)
    await node.close()
    await again(mortal)
    node = mortal.lnd()
    assert (await node.outgoing(payment_hash)).state is OutgoingState.IN_FLIGHT
    await mortal.control("POST", f"/lightning/invoices/{payment_hash.hex()}/{end}")
    expected = OutgoingState.SUCCEEDED if end == "settle" else OutgoingState.FAILED
    assert (await node.outgoing(payment_hash)).state is expected
    assert (await channels(mortal) == before) == (end == "cancel")
    await node.close()


async def test_killed_at_any_moment_no_money_is_lost(mortal: SandboxProcess) -> None:
    """Payments are cut off anywhere in their life; afterwards each is ended, and all channels are whole."""
    hashes = []
    for round_ in range(4):
        node = mortal.lnd()
        orders = [await outside_invoice(mortal) for _ in range(6)]
        hashes += [payment_hash for _, payment_hash in orders]
        sending = [asyncio.create_task(pay(node, text)) for text, _ in orders]
        await asyncio.sleep(0.004 * round_)
        await mortal.kill()
        await asyncio.gather(*sending, return_exceptions=True)
        await node.close()
        await mortal.start()
    node = mortal.lnd()
    ends = [(await node.outgoing(payment_hash)).state for payment_hash in hashes]
    assert OutgoingState.IN_FLIGHT not in ends
    for payment_hash, state in zip(hashes, ends, strict=True):
        seen = await mortal.control("GET", f"/lightning/invoices/{payment_hash.hex()}")
        assert (seen["state"] == "SETTLED") == (state is OutgoingState.SUCCEEDED)
    for channel in await channels(mortal):
        assert channel["fromMsat"] + channel["toMsat"] == channel["capacityMsat"]
    await node.close()


async def test_a_port_in_use_is_said(mortal: SandboxProcess) -> None:
    second = await asyncio.create_subprocess_exec(
        *("python", "-m", "hazina.sandbox", "--data", str(mortal.data / "second"), "--port", str(mortal.port)),
        env={"PATH": str(Path(__import__("sys").executable).parent)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await second.communicate()
    assert second.returncode == 1 and f"Port {mortal.port} is in use".encode() in said and b"Traceback" not in said


async def test_invoices_are_signed_by_the_node(mortal: SandboxProcess) -> None:
    node = mortal.lnd()
    assert bolt11.decode((await issue(node)).bolt11).payee == (await node.info()).pubkey
    await node.close()
