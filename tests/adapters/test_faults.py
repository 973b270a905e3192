"""Every fault of the node, seen through the adapter: unknown, never failed, and nothing twice."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

import pytest
from tests.adapters.test_lnd_sandbox import ended, issue, last_cursor, outside_invoice, pay, settle_one
from tests.sandbox.process import SandboxProcess

from hazina.adapters.lnd import Lnd
from hazina.kernel.money import Msats
from hazina.payments.ports import Accepted, IncomingState, NodeSilent, OutgoingState

QUIET = ("error", "drop_reply", "cut", "empty")
ACTS = ("drop_reply", "cut", "empty")


@pytest.mark.parametrize("action", QUIET)
async def test_send(lnd: Lnd, sandbox: SandboxProcess, action: str) -> None:
    """The call is unknown; the payment itself is whatever the node made of it, and is not made twice."""
    text, payment_hash = await outside_invoice(sandbox)
    await sandbox.fault("send", action, times=1)
    with pytest.raises(NodeSilent):
        await pay(lnd, text)
    done = await ended(lnd, payment_hash)
    assert done.state is (OutgoingState.SUCCEEDED if action in ACTS else OutgoingState.UNKNOWN)
    assert await pay(lnd, text) == Accepted()
    assert (await ended(lnd, payment_hash)).state is OutgoingState.SUCCEEDED
    seen = await sandbox.control("GET", f"/lightning/invoices/{payment_hash.hex()}")
    assert seen["receivedMsat"] == 1_000_000


@pytest.mark.parametrize("action", QUIET)
async def test_calls_that_only_look(lnd: Lnd, sandbox: SandboxProcess, action: str) -> None:
    issued = await issue(lnd)
    text, payment_hash = await outside_invoice(sandbox)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "track": lambda: lnd.outgoing(payment_hash),
        "invoice.lookup": lambda: lnd.incoming(issued.payment_hash),
        "invoices.list": lambda: lnd.settled_since(None),
        "getinfo": lnd.info,
        "estimatefee": lambda: lnd.quote(text, None, 1),
    }
    for name, call in calls.items():
        await sandbox.fault(name, action, times=1)
        with pytest.raises(NodeSilent):
            await call()
        await call()


@pytest.mark.parametrize("action", QUIET)
async def test_issue(lnd: Lnd, sandbox: SandboxProcess, action: str) -> None:
    preimage = secrets.token_bytes(32)
    await sandbox.fault("invoice.add", action, times=1)
    with pytest.raises(NodeSilent):
        await lnd.issue(preimage=preimage, amount=Msats(1_000), description="", expiry_s=60)
    issued = await lnd.issue(preimage=preimage, amount=Msats(1_000), description="", expiry_s=60)
    again = await lnd.issue(preimage=preimage, amount=Msats(1_000), description="", expiry_s=60)
    assert issued == again


@pytest.mark.parametrize("action", QUIET)
async def test_cancel(lnd: Lnd, sandbox: SandboxProcess, action: str) -> None:
    issued = await issue(lnd)
    await sandbox.fault("invoice.cancel", action, times=1)
    with pytest.raises(NodeSilent):
        await lnd.cancel(issued.payment_hash)
    seen = await lnd.incoming(issued.payment_hash)
    assert seen is not None
    assert seen.state is (IncomingState.CANCELLED if action in ACTS else IncomingState.OPEN)
    await lnd.cancel(issued.payment_hash)


@pytest.mark.parametrize("call", ["invoices.subscribe", "payments.subscribe"])
@pytest.mark.parametrize("action", ["error", "empty"])
async def test_following(lnd: Lnd, sandbox: SandboxProcess, call: str, action: str) -> None:
    await settle_one(lnd, sandbox)
    await settle_one(lnd, sandbox)
    cursor = await last_cursor(lnd)
    if action == "empty" and call == "payments.subscribe":
        action = "drop_reply"  # there is no event that would end the silence
        await sandbox.fault(call, "hang", seconds=0.2, times=1)
    else:
        await sandbox.fault(call, action, times=1)
    with pytest.raises(NodeSilent):
        await asyncio.wait_for(anext(lnd.changes(cursor)), 60)


async def test_delay(lnd: Lnd, sandbox: SandboxProcess) -> None:
    await sandbox.fault("getinfo", "delay", seconds=0.3, times=1)
    started = time.perf_counter()
    await lnd.info()
    assert time.perf_counter() - started >= 0.3


async def test_hang(lnd: Lnd, sandbox: SandboxProcess) -> None:
    await sandbox.fault("getinfo", "hang", seconds=0.3, times=1)
    started = time.perf_counter()
    with pytest.raises(NodeSilent):
        await lnd.info()
    assert time.perf_counter() - started >= 0.3


async def test_an_end_to_patience(lnd: Lnd, sandbox: SandboxProcess) -> None:
    """Health answers within a few seconds, or not."""
    await sandbox.fault("*", "hang", times=1)
    with pytest.raises(NodeSilent):
        await asyncio.wait_for(lnd.info(), 60)


async def test_restart_in_flight(lnd: Lnd, sandbox: SandboxProcess) -> None:
    text, payment_hash = await outside_invoice(sandbox, hold=True)
    assert await pay(lnd, text) == Accepted()
    async with asyncio.timeout(60):
        while (await sandbox.control("GET", f"/lightning/invoices/{payment_hash.hex()}"))["state"] != "ACCEPTED":
            await asyncio.sleep(0.02)
    await sandbox.control("POST", "/lightning/restart", {"seconds": 60})
    with pytest.raises(NodeSilent):
        await lnd.outgoing(payment_hash)
    with pytest.raises(NodeSilent):
        await pay(lnd, text)
    await sandbox.control("POST", "/lightning/restart", {"seconds": 0})
    assert (await lnd.outgoing(payment_hash)).state is OutgoingState.IN_FLIGHT
    await sandbox.control("POST", f"/lightning/invoices/{payment_hash.hex()}/cancel")
    assert (await lnd.outgoing(payment_hash)).state is OutgoingState.FAILED
