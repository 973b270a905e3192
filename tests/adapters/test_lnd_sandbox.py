"""LND behind the port, where the sandbox shows more than the suite for all nodes asks: exact fees, cursors, streams."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.sandbox.process import SandboxProcess

from hazina.adapters.lnd import Lnd
from hazina.kernel.db import Database, TransactionOpen
from hazina.kernel.money import Msats
from hazina.payments.ports import (
    Accepted,
    Change,
    IncomingState,
    Issued,
    Lightning,
    NodeSilent,
    Outgoing,
    OutgoingState,
    Reason,
    Refused,
)

SAT = 1_000


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def issue(node: Lightning, msat: int | None = 10_000 * SAT, *, expiry_s: int = 600) -> Issued:
    amount = None if msat is None else Msats(msat)
    return await node.issue(preimage=secrets.token_bytes(32), amount=amount, description="tea", expiry_s=expiry_s)


async def pay(node: Lightning, text: str, *, amount: int | None = None, fee_max: int = 10 * SAT) -> Accepted | Refused:
    wished = None if amount is None else Msats(amount)
    return await node.pay(text, amount=wished, fee_max=Msats(fee_max), timeout_s=5, not_after=soon())


async def ended(node: Lightning, payment_hash: bytes) -> Outgoing:
    async with asyncio.timeout(60):
        while (found := await node.outgoing(payment_hash)).state is OutgoingState.IN_FLIGHT:
            await asyncio.sleep(0.01)
    return found


async def outside_invoice(sandbox: SandboxProcess, **more: Any) -> tuple[str, bytes]:
    made = await sandbox.control("POST", "/lightning/invoices", {"amountMsat": 1_000 * SAT, **more})
    return made["paymentRequest"], bytes.fromhex(made["paymentHash"])


async def outside_pays(sandbox: SandboxProcess, text: str, msat: int | None = None) -> dict[str, Any]:
    body = {"paymentRequest": text, **({"amountMsat": msat} if msat else {})}
    answer: dict[str, Any] = await sandbox.control("POST", "/lightning/payments", body)
    return answer


# --- receiving


async def test_an_overpaid_invoice_tells_what_arrived(lnd: Lnd, sandbox: SandboxProcess) -> None:
    issued = await issue(lnd, 1_000_000)
    assert (await outside_pays(sandbox, issued.bolt11, 1_500_000))["status"] == "SUCCEEDED"
    seen = await lnd.incoming(issued.payment_hash)
    assert seen is not None and seen.received == Msats(1_500_000)


async def test_an_underpaid_invoice_is_not_settled(lnd: Lnd, sandbox: SandboxProcess) -> None:
    issued = await issue(lnd, 1_000_000)
    paid = await outside_pays(sandbox, issued.bolt11, 999_999)
    assert (paid["status"], paid["error"]) == ("FAILED", "INCORRECT_PAYMENT_DETAILS")
    seen = await lnd.incoming(issued.payment_hash)
    assert seen is not None and seen.state is IncomingState.OPEN


# --- paying


async def test_pay(lnd: Lnd, sandbox: SandboxProcess) -> None:
    text, payment_hash = await outside_invoice(sandbox)
    assert await lnd.outgoing(payment_hash) == Outgoing(payment_hash, OutgoingState.UNKNOWN)
    assert await pay(lnd, text) == Accepted()
    done = await ended(lnd, payment_hash)
    assert (done.state, done.amount, done.fee) == (OutgoingState.SUCCEEDED, Msats(1_000_000), Msats(1_100))
    assert done.preimage is not None and hashlib.sha256(done.preimage).digest() == payment_hash
    seen = await sandbox.control("GET", f"/lightning/invoices/{payment_hash.hex()}")
    assert (seen["state"], seen["receivedMsat"], seen["preimage"]) == ("SETTLED", 1_000_000, done.preimage.hex())


@pytest.mark.parametrize(
    ("amount_msat", "fee_max", "reason"),
    [(1_000_000, 1_099, Reason.NO_ROUTE), (9_999_999_000_000, 10**12, Reason.NO_BALANCE)],
)
async def test_failures(lnd: Lnd, sandbox: SandboxProcess, amount_msat: int, fee_max: int, reason: Reason) -> None:
    text, payment_hash = await outside_invoice(sandbox, amountMsat=amount_msat)
    assert await pay(lnd, text, fee_max=fee_max) == Accepted()
    done = await ended(lnd, payment_hash)
    assert (done.state, done.reason, done.fee, done.preimage) == (OutgoingState.FAILED, reason, None, None)


async def test_a_failed_payment_may_be_sent_again(lnd: Lnd, sandbox: SandboxProcess) -> None:
    text, payment_hash = await outside_invoice(sandbox)
    await pay(lnd, text, fee_max=0)
    assert (await ended(lnd, payment_hash)).state is OutgoingState.FAILED
    await pay(lnd, text)
    assert (await ended(lnd, payment_hash)).state is OutgoingState.SUCCEEDED


async def spendable(sandbox: SandboxProcess) -> int:
    answer = await sandbox.raw("GET", "/v1/balance/channels")
    return int(answer.json()["local_balance"]["msat"])


async def test_quote(lnd: Lnd, sandbox: SandboxProcess) -> None:
    far, _ = await outside_invoice(sandbox)
    near, _ = await outside_invoice(sandbox, wallet="neighbour")
    rich, _ = await outside_invoice(sandbox, amountMsat=9_999_999_000_000)
    free = (await sandbox.control("POST", "/lightning/invoices", {}))["paymentRequest"]
    assert await lnd.quote(far, None, 5) == Msats(1_100)
    assert await lnd.quote(near, None, 5) == Msats(0)
    assert await lnd.quote(rich, None, 5) is None
    assert await lnd.quote(free, Msats(999_001), 5) == Msats(1_100)
    assert await lnd.quote(free, Msats(9_999_999_000_000), 5) is None
    assert await lnd.quote((await issue(lnd)).bolt11, None, 5) is None


# --- following


@contextlib.asynccontextmanager
async def following(node: Lnd, cursor: str | None) -> AsyncIterator[asyncio.Queue[Change]]:
    """Changes, as they come, in a queue."""
    heard: asyncio.Queue[Change] = asyncio.Queue()

    async def follow() -> None:
        async with contextlib.aclosing(node.changes(cursor)) as changes:
            async for change in changes:
                await heard.put(change)

    task = asyncio.create_task(follow())
    try:
        await asyncio.sleep(0.2)
        yield heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def heard_of(heard: asyncio.Queue[Change], payment_hash: bytes) -> Change:
    async with asyncio.timeout(60):
        while (change := await heard.get()).item.payment_hash != payment_hash:
            pass
    return change


async def settle_one(node: Lnd, sandbox: SandboxProcess) -> bytes:
    issued = await issue(node)
    assert (await outside_pays(sandbox, issued.bolt11))["status"] == "SUCCEEDED"
    return issued.payment_hash


async def last_cursor(node: Lnd) -> str:
    cursor = (await node.settled_since(None))[-1].cursor
    assert cursor is not None
    return cursor


async def test_what_settled_while_nobody_listened_is_told(lnd: Lnd, sandbox: SandboxProcess) -> None:
    await settle_one(lnd, sandbox)
    await settle_one(lnd, sandbox)
    cursor = await last_cursor(lnd)
    missed = [await settle_one(lnd, sandbox) for _ in range(3)]
    async with following(lnd, cursor) as heard:
        told = [await heard.get() for _ in missed]
    assert [change.item.payment_hash for change in told] == missed
    assert [int(change.cursor or 0) for change in told] == [int(cursor) + place for place in (1, 2, 3)]
    assert [change.item.payment_hash for change in await lnd.settled_since(cursor)] == missed
    assert await lnd.settled_since(told[-1].cursor) == []


async def test_following_ends_when_the_node_goes_away(lnd: Lnd, sandbox: SandboxProcess) -> None:
    await settle_one(lnd, sandbox)
    await settle_one(lnd, sandbox)
    changes = lnd.changes(await last_cursor(lnd))
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0.3)
    await sandbox.control("POST", "/lightning/restart", {"seconds": 60})
    with pytest.raises(NodeSilent):
        await asyncio.wait_for(waiting, 60)
    await sandbox.control("POST", "/lightning/restart", {"seconds": 0})
    await lnd.info()


async def test_a_cursor_that_the_node_does_not_know_is_an_alarm(sandbox: SandboxProcess) -> None:
    node = sandbox.lnd(proof_s=0.4)
    with pytest.raises(NodeSilent):
        await asyncio.wait_for(anext(node.changes("1000000")), 60)
    with pytest.raises(NodeSilent):
        await node.settled_since("1000000")
    await node.close()


async def test_following_ends_by_itself_now_and_then(sandbox: SandboxProcess) -> None:
    node = sandbox.lnd(renew_s=0.3)
    async with asyncio.timeout(60):
        assert [change async for change in node.changes(await last_cursor(node))] == []
    await node.close()


async def test_following_can_be_ended_at_any_moment(lnd: Lnd, sandbox: SandboxProcess) -> None:
    """Also at the one in which the stream proves itself: whoever ends it waits for that."""
    for _ in range(2):
        assert (await outside_pays(sandbox, (await issue(lnd, 1_000_000)).bolt11))["status"] == "SUCCEEDED"
    cursor = (await lnd.settled_since(None))[-1].cursor

    async def follow() -> None:
        async with contextlib.aclosing(lnd.changes(cursor)) as changes:
            async for _ in changes:
                pass

    for turns in range(60):
        following = asyncio.create_task(follow())
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        following.cancel()
        done, _ = await asyncio.wait({following}, timeout=60)
        assert done, f"it goes on though it was ended after {turns} turns"


async def test_an_event_told_twice_is_the_same_event(lnd: Lnd, sandbox: SandboxProcess) -> None:
    await settle_one(lnd, sandbox)
    await settle_one(lnd, sandbox)
    await sandbox.fault("invoices.subscribe", "duplicate_event")
    async with following(lnd, await last_cursor(lnd)) as heard:
        payment_hash = await settle_one(lnd, sandbox)
        assert await heard_of(heard, payment_hash) == await heard_of(heard, payment_hash)


# --- manners


async def test_nobody_calls_out_in_a_transaction(lnd: Lnd, db: Database) -> None:
    async with db.transaction():
        hash_ = bytes(32)
        for call in (
            lnd.info(),
            lnd.incoming(hash_),
            lnd.outgoing(hash_),
            lnd.cancel(hash_),
            lnd.quote("", None, 1),
            lnd.settled_since(None),
            lnd.issue(preimage=hash_, amount=None, description="", expiry_s=1),
            pay(lnd, ""),
            anext(lnd.changes(None)),
        ):
            with pytest.raises(TransactionOpen):
                await call
