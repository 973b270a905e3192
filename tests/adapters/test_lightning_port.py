"""What every Lightning adapter must do: one suite for the sandbox's LND, a real Electrum, and a real LND where one
is named. What a node cannot (``Capabilities``) is asserted, too."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.adapters.worlds import SAT, World

from hazina.kernel import bolt11
from hazina.kernel.money import Msats
from hazina.payments.ports import (
    Accepted,
    AlreadySettled,
    Cancelled,
    Change,
    Incoming,
    IncomingState,
    Issued,
    Lightning,
    NodeRefused,
    NodeSilent,
    Outgoing,
    OutgoingState,
    Reason,
    Refused,
)

TEA = 10_000 * SAT


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def issue(node: Lightning, msat: int | None = TEA, *, expiry_s: int = 600) -> Issued:
    amount = None if msat is None else Msats(msat)
    return await node.issue(preimage=secrets.token_bytes(32), amount=amount, description="tea", expiry_s=expiry_s)


async def pay(node: Lightning, text: str, *, amount: int | None = None, fee_max: int = 50 * SAT) -> Accepted | Refused:
    wished = None if amount is None else Msats(amount)
    return await node.pay(text, amount=wished, fee_max=Msats(fee_max), timeout_s=5, not_after=soon())


async def until_in(node: Lightning, payment_hash: bytes, *states: IncomingState) -> Incoming | None:
    """Once it is in one of ``states``; None stands for an invoice that its node has forgotten."""
    async with asyncio.timeout(60):
        while True:
            seen = await node.incoming(payment_hash)
            if (seen is None and IncomingState.CANCELLED in states) or (seen is not None and seen.state in states):
                return seen
            await asyncio.sleep(0.05)


async def ended(node: Lightning, payment_hash: bytes) -> Outgoing:
    async with asyncio.timeout(60):
        while (found := await node.outgoing(payment_hash)).state is OutgoingState.IN_FLIGHT:
            await asyncio.sleep(0.05)
    return found


# --- the node


async def test_info_and_fitness(world: World) -> None:
    info = await world.node.info()
    assert (info.network, info.synced, len(info.pubkey)) == ("bcrt", True, 33) and info.height > 0
    assert await world.node.unfit("bcrt") == []
    assert [one.code for one in await world.node.unfit("bc")] == ["NETWORK"]


async def test_balance_follows_payments(world: World) -> None:
    before = await world.node.balance()
    assert before.can_send > Msats(0) and before.can_receive > Msats(0)
    assert await world.pays((await issue(world.node)).bolt11) == "SUCCEEDED"
    async with asyncio.timeout(60):
        while (now := await world.node.balance()).can_send == before.can_send or now.pending_in:
            await asyncio.sleep(0.05)
    assert now.can_send - before.can_send == Msats(TEA)
    assert before.can_receive - now.can_receive == Msats(TEA)


# --- receiving


@pytest.mark.parametrize("msat", [TEA, 1_500, None])
async def test_an_invoice_is_issued_paid_and_seen(world: World, msat: int | None) -> None:
    node, preimage = world.node, secrets.token_bytes(32)
    wanted = None if msat is None else Msats(msat)
    if msat == 1_500 and not node.can.msats:
        with pytest.raises(AssertionError):
            await node.issue(preimage=preimage, amount=wanted, description="", expiry_s=600)
        return
    issued = await node.issue(preimage=preimage, amount=wanted, description="order 7 – chai", expiry_s=600)
    own = issued.preimage
    assert own is not None and hashlib.sha256(own).digest() == issued.payment_hash
    assert (own == preimage) is node.can.repeatable
    says = bolt11.decode(issued.bolt11, bolt11.Network.REGTEST)
    assert (says.payment_hash, says.payment_secret, says.amount_msat) == (
        issued.payment_hash, issued.payment_secret, msat,
    )  # fmt: skip
    assert (says.description, says.expiry_s, says.payee) == ("order 7 – chai", 600, (await node.info()).pubkey)
    seen = await node.incoming(issued.payment_hash)
    assert seen is not None and (seen.state, seen.received) == (IncomingState.OPEN, Msats(0))

    assert await world.pays(issued.bolt11, None if msat else 1_234_000) == "SUCCEEDED"
    seen = await until_in(node, issued.payment_hash, IncomingState.SETTLED)
    assert seen is not None and seen.settled_at is not None
    assert (seen.received, seen.preimage) == (Msats(msat or 1_234_000), own)


async def test_issuing_again(world: World) -> None:
    preimage, node = secrets.token_bytes(32), world.node
    first, second = [
        await node.issue(preimage=preimage, amount=Msats(5_000), description="tea", expiry_s=60) for _ in range(2)
    ]
    assert (first == second) is node.can.repeatable


async def test_the_longest_memo(world: World) -> None:
    memo = "m" * 639
    issued = await world.node.issue(preimage=secrets.token_bytes(32), amount=None, description=memo, expiry_s=60)
    assert bolt11.decode(issued.bolt11).description == memo


async def test_an_unknown_hash_is_no_invoice(world: World) -> None:
    assert await world.node.incoming(secrets.token_bytes(32)) is None


async def test_cancel(world: World) -> None:
    issued = await issue(world.node)
    for _ in range(2):
        assert await world.node.cancel(issued.payment_hash) == Cancelled()
    assert await world.pays(issued.bolt11) == "FAILED"
    await until_in(world.node, issued.payment_hash, IncomingState.CANCELLED)
    assert await world.node.cancel(secrets.token_bytes(32)) == Cancelled()


async def test_cancel_comes_too_late(world: World) -> None:
    issued = await issue(world.node)
    assert await world.pays(issued.bolt11) == "SUCCEEDED"
    await until_in(world.node, issued.payment_hash, IncomingState.SETTLED)
    for _ in range(2):
        assert await world.node.cancel(issued.payment_hash) == AlreadySettled()


async def test_an_expired_invoice_is_cancelled(world: World) -> None:
    issued = await issue(world.node, expiry_s=1)
    seen = await until_in(world.node, issued.payment_hash, IncomingState.CANCELLED)
    assert seen is None or seen.received == Msats(0)


# --- hold invoices


async def hold(node: Lightning, msat: int = TEA) -> tuple[Issued, bytes]:
    preimage = secrets.token_bytes(32)
    payment_hash = hashlib.sha256(preimage).digest()
    return await node.issue_hold(
        payment_hash=payment_hash, amount=Msats(msat), description="held", expiry_s=600
    ), preimage


async def test_what_is_held_is_taken(world: World) -> None:
    node = world.node
    issued, preimage = await hold(node)
    assert (issued.preimage, await node.held()) == (None, [])
    with pytest.raises(NodeRefused):
        await node.settle(issued.payment_hash, preimage)
    assert await world.pays(issued.bolt11) == "IN_FLIGHT"
    seen = await until_in(node, issued.payment_hash, IncomingState.HELD)
    assert seen is not None and (seen.received, seen.held) == (Msats(0), Msats(TEA)), "nothing is ours yet"
    assert await node.held() == [issued.payment_hash]
    for _ in range(2):
        await node.settle(issued.payment_hash, preimage)
    seen = await until_in(node, issued.payment_hash, IncomingState.SETTLED)
    assert seen is not None and (seen.received, seen.held, seen.preimage) == (Msats(TEA), Msats(0), preimage)
    assert await world.is_over(issued.bolt11) == "SUCCEEDED"
    assert (await node.held(), await node.cancel(issued.payment_hash)) == ([], AlreadySettled())


async def test_what_is_held_is_given_back(world: World) -> None:
    node = world.node
    issued, preimage = await hold(node)
    assert await world.pays(issued.bolt11) == "IN_FLIGHT"
    await until_in(node, issued.payment_hash, IncomingState.HELD)
    for _ in range(2):
        assert await node.cancel(issued.payment_hash) == Cancelled()
    assert await world.is_over(issued.bolt11) == "FAILED"
    seen = await until_in(node, issued.payment_hash, IncomingState.CANCELLED)
    assert seen is None or seen.received == Msats(0)
    with pytest.raises(NodeRefused):
        await node.settle(issued.payment_hash, preimage)
    assert await node.held() == []


# --- paying


async def test_pay(world: World) -> None:
    text, payment_hash = await world.invoice(1_000 * SAT)
    assert await world.node.outgoing(payment_hash) == Outgoing(payment_hash, OutgoingState.UNKNOWN)
    assert await pay(world.node, text) == Accepted()
    done = await ended(world.node, payment_hash)
    assert (done.state, done.amount) == (OutgoingState.SUCCEEDED, Msats(1_000 * SAT))
    assert done.fee is not None and done.fee < Msats(50 * SAT)
    assert done.preimage is not None and hashlib.sha256(done.preimage).digest() == payment_hash
    assert await world.received(payment_hash) == ("SETTLED", 1_000 * SAT)


async def test_pay_again_never_pays_twice(world: World) -> None:
    text, payment_hash = await world.invoice(1_000 * SAT)
    assert await asyncio.gather(*(pay(world.node, text) for _ in range(8))) == [Accepted()] * 8
    done = await ended(world.node, payment_hash)
    assert done.state is OutgoingState.SUCCEEDED
    assert await pay(world.node, text) == Accepted()
    assert await world.node.outgoing(payment_hash) == done
    assert await world.received(payment_hash) == ("SETTLED", 1_000 * SAT)


async def test_an_amount_is_chosen_for_an_invoice_without_one(world: World) -> None:
    text, payment_hash = await world.invoice(None)
    refused = await pay(world.node, text)
    assert isinstance(refused, Refused) and refused.reason is Reason.BAD_INVOICE
    said = await pay(world.node, text, amount=2_500)
    if world.node.can.any_amount:
        assert said == Accepted()
        assert (await ended(world.node, payment_hash)).amount == Msats(2_500)
    else:
        assert isinstance(said, Refused) and said.reason is Reason.BAD_INVOICE
        assert (await world.node.outgoing(payment_hash)).state is OutgoingState.UNKNOWN


async def test_refusals(world: World) -> None:
    """Each is surely before anything left."""
    own = await issue(world.node)
    expired, expired_hash = await world.invoice(1_000 * SAT, expiry_s=1)
    fixed, fixed_hash = await world.invoice(1_000 * SAT)
    await asyncio.sleep(2.1)
    for text, amount, reason in (
        (own.bolt11, None, Reason.OWN_INVOICE),
        (expired, None, Reason.EXPIRED),
        (fixed, 1_000 * SAT, Reason.BAD_INVOICE),
    ):
        refused = await pay(world.node, text, amount=amount)
        assert isinstance(refused, Refused) and refused.reason is reason, refused
    for payment_hash in (expired_hash, fixed_hash):
        assert (await world.node.outgoing(payment_hash)).state is OutgoingState.UNKNOWN


async def test_more_than_the_node_has(world: World) -> None:
    text, payment_hash = await world.invoice(world.rich_msat)
    assert await pay(world.node, text, fee_max=10**9) == Accepted()
    done = await ended(world.node, payment_hash)
    assert (done.state, done.reason, done.fee, done.preimage) == (
        OutgoingState.FAILED, Reason.NO_BALANCE, None, None,
    )  # fmt: skip


async def test_a_payment_the_payee_does_not_want(world: World) -> None:
    text, payment_hash = await world.invoice(1_000 * SAT)
    await world.cancels(payment_hash)
    assert await pay(world.node, text) == Accepted()
    done = await ended(world.node, payment_hash)
    assert (done.state, done.reason) == (OutgoingState.FAILED, Reason.REJECTED)
    assert await pay(world.node, text) == Accepted(), "a failed payment may be sent again"
    assert (await ended(world.node, payment_hash)).state is OutgoingState.FAILED


@pytest.mark.parametrize(("end", "state"), [("settles", OutgoingState.SUCCEEDED), ("cancels", OutgoingState.FAILED)])
async def test_a_held_payment_stays_in_flight(world: World, end: str, state: OutgoingState) -> None:
    text, payment_hash = await world.invoice(1_000 * SAT, hold=True)
    async with asyncio.timeout(60):
        while (
            rest := await world.node.balance()
        ).pending_out.n or rest.pending_in.n:  # the last test's, on its way out
            await asyncio.sleep(0.05)
    before = rest.can_send
    assert await pay(world.node, text) == Accepted()
    async with asyncio.timeout(60):
        while (await world.received(payment_hash))[0] != "ACCEPTED":
            await asyncio.sleep(0.05)
    assert (await world.node.outgoing(payment_hash)).state is OutgoingState.IN_FLIGHT
    assert await pay(world.node, text) == Accepted()
    now = await world.node.balance()
    assert now.pending_out.n >= 1_000 * SAT and before > now.can_send
    await (world.settles if end == "settles" else world.cancels)(payment_hash)
    assert (await ended(world.node, payment_hash)).state is state
    if state is OutgoingState.FAILED:
        async with asyncio.timeout(60):
            while (now := await world.node.balance()).pending_out.n:
                await asyncio.sleep(0.05)
        assert now.can_send == before


async def test_quote(world: World) -> None:
    """What a probe found is enough for the payment, to the millisatoshi."""
    text, payment_hash = await world.invoice(1_000 * SAT, far=True)
    quoted = await world.node.quote(text, None, 5)
    assert (quoted is not None) is world.node.can.quote
    if quoted is not None:
        assert quoted > Msats(0)
        assert await pay(world.node, text, fee_max=quoted.n) == Accepted()
        done = await ended(world.node, payment_hash)
        assert (done.state, done.fee) == (OutgoingState.SUCCEEDED, quoted)


async def test_a_call_that_comes_too_late(world: World) -> None:
    """Its sender's time is over: somebody else may be sending, so this proves nothing."""
    text, payment_hash = await world.invoice(1_000 * SAT)
    with pytest.raises(NodeSilent):
        await world.node.pay(text, amount=None, fee_max=Msats(10_000), timeout_s=5, not_after=soon(-1))
    assert (await world.node.outgoing(payment_hash)).state is OutgoingState.UNKNOWN


# --- following


@contextlib.asynccontextmanager
async def following(node: Lightning, cursor: str | None) -> AsyncIterator[asyncio.Queue[Change]]:
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


async def settle_one(world: World) -> bytes:
    issued = await issue(world.node)
    assert await world.pays(issued.bolt11) == "SUCCEEDED"
    await until_in(world.node, issued.payment_hash, IncomingState.SETTLED)
    return issued.payment_hash


async def newest(node: Lightning) -> str | None:
    changes = await node.settled_since(None)
    return changes[-1].cursor if changes else None


async def test_following_tells_of_both_directions(world: World) -> None:
    node = world.node
    await settle_one(world)
    async with following(node, await newest(node)) as heard:
        change = await heard_of(heard, await settle_one(world))
        assert isinstance(change.item, Incoming) and change.item.state is IncomingState.SETTLED
        assert change.item.received == Msats(TEA) and change.cursor is not None
        text, sent = await world.invoice(1_000 * SAT)
        await pay(node, text)
        change = await heard_of(heard, sent)
        assert isinstance(change.item, Outgoing) and change.item.state is OutgoingState.SUCCEEDED
        text, failing = await world.invoice(1_000 * SAT)
        await world.cancels(failing)
        await pay(node, text)
        change = await heard_of(heard, failing)
        assert isinstance(change.item, Outgoing) and change.item.state is OutgoingState.FAILED


async def test_lnr_02_what_settled_while_nobody_listened_is_told(world: World) -> None:
    """LNR-02. Replayed from the cursor: each once, in order, and nothing behind the last."""
    node = world.node
    await settle_one(world)
    await settle_one(world)
    cursor = await newest(node)
    missed = [await settle_one(world) for _ in range(3)]
    found = await node.settled_since(cursor)
    assert sorted(change.item.payment_hash for change in found) == sorted(missed)
    for place, change in enumerate(found):
        later = await node.settled_since(change.cursor)
        assert [one.item for one in later] == [one.item for one in found[place + 1 :]]
    async with following(node, cursor) as heard:
        told = {(await heard.get()).item.payment_hash for _ in missed}
    assert told == set(missed)


async def test_the_first_start_lists_everything(world: World) -> None:
    paid = {await settle_one(world) for _ in range(2)}
    async with following(world.node, None) as heard:
        async with asyncio.timeout(60):
            while paid:
                paid.discard((await heard.get()).item.payment_hash)
        await heard_of(heard, await settle_one(world))


async def test_a_hold_invoice_settled_late_is_in_the_list(world: World) -> None:
    """Its money came before another's and was taken after: no cursor may step over it."""
    node = world.node
    issued, preimage = await hold(node)
    assert await world.pays(issued.bolt11) == "IN_FLIGHT"
    await until_in(node, issued.payment_hash, IncomingState.HELD)
    await settle_one(world)
    cursor = await newest(node)
    assert issued.payment_hash not in {change.item.payment_hash for change in await node.settled_since(None)}
    await node.settle(issued.payment_hash, preimage)
    await until_in(node, issued.payment_hash, IncomingState.SETTLED)
    assert await world.is_over(issued.bolt11) == "SUCCEEDED"
    async with asyncio.timeout(60):
        while not (found := await node.settled_since(cursor)):
            await asyncio.sleep(0.1)
    assert [change.item.payment_hash for change in found] == [issued.payment_hash]


async def test_what_was_paid_is_listed_once(world: World) -> None:
    node = world.node
    before = (await node.paid_since(None)).cursor
    sent = []
    for _ in range(2):
        text, payment_hash = await world.invoice(1_000 * SAT)
        await pay(node, text)
        assert (await ended(node, payment_hash)).state is OutgoingState.SUCCEEDED
        sent.append(payment_hash)
    paid = await node.paid_since(before)
    assert sorted(one.payment_hash for one in paid.items) == sorted(sent)
    for one in paid.items:
        assert one == await node.outgoing(one.payment_hash)
    again = await node.paid_since(paid.cursor)
    assert {one.payment_hash for one in again.items} <= set(paid.again)
