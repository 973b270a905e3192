"""The log of what happened on the chain: told in the order of commits, whoever tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from hazina.chain import EventKind, Output, OutputState, PayoutNews, TransferNews, store, verify
from hazina.chain.model import Place
from hazina.kernel.db import Database, Tx

AT = datetime(2026, 3, 1, tzinfo=UTC)


def output(n: int, state: OutputState = OutputState.SEEN, height: int | None = None) -> Output:
    return Output(f"{n:064x}", n, "bcrt1qaddress", UUID(int=n), 50_000 + n, height, 2, False, state)


async def all_events(db: Database) -> list[object]:
    async with db.reading() as tx:
        return [one.output or one.payout or one.transfer for one in await store.events_after(tx, 0, 1_000)]


async def test_what_is_told_is_read_as_it_was_told(db: Database) -> None:
    payout = PayoutNews(uuid4(), "ab" * 32, 3, 141, "because")
    transfer = TransferNews(uuid4(), "to_cold", 10_000, 300, "cd" * 32)
    async with db.transaction() as tx:
        await store.emit(tx, EventKind.OUTPUT_SEEN, AT, output=output(1))
        await store.emit(tx, EventKind.PAYOUT_BROADCAST, AT, payout=payout)
        await store.emit(tx, EventKind.TRANSFER_SETTLED, AT, transfer=transfer)
        await store.tell(tx, [(EventKind.OUTPUT_SETTLED, output(n, OutputState.SETTLED, 7)) for n in range(2, 50)], AT)
        await store.emit(tx, EventKind.OUTPUT_SEEN, AT, output=Output("00" * 32, 0, "bcrt1q", None, 1, None, 2))
    told = await all_events(db)
    assert told[:3] == [output(1), payout, transfer]
    assert told[3:-1] == [output(n, OutputState.SETTLED, 7) for n in range(2, 50)]
    last = told[-1]
    assert isinstance(last, Output) and last.owner is None


@asynccontextmanager
async def telling(db: Database, n: int) -> AsyncIterator[Tx]:
    async with db.transaction() as tx:
        await store.emit(tx, EventKind.OUTPUT_SEEN, AT, output=output(n))
        yield tx


async def test_a_reader_by_number_misses_nothing(db: Database) -> None:
    """A second teller waits for the first one's commit, so no lower number appears later."""
    first_told, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with telling(db, 1):
            first_told.set()
            await go_on.wait()

    async def second() -> None:
        async with telling(db, 2):
            pass

    one = asyncio.create_task(first())
    await first_told.wait()
    two = asyncio.create_task(second())
    await asyncio.sleep(0.2)
    assert not two.done() and await all_events(db) == []
    go_on.set()
    await asyncio.gather(one, two)
    assert await all_events(db) == [output(1), output(2)]


async def test_many_tellers_and_a_reader_with_a_cursor(db: Database) -> None:
    seen: list[int] = []
    after = 0

    async def read() -> None:
        nonlocal after
        async with db.reading() as tx:
            for one in await store.events_after(tx, after, 7):
                assert one.seq > after
                after = one.seq
                seen.append(one.output.vout if one.output else -1)

    async def tell(n: int) -> None:
        async with telling(db, n):
            await asyncio.sleep(0)

    tellers = [asyncio.create_task(tell(n)) for n in range(40)]
    while not all(task.done() for task in tellers):
        await read()
    for _ in range(8):
        await read()
    assert sorted(seen) == list(range(40))


async def test_a_rollback_tells_nothing(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with telling(db, 1):
            raise ZeroDivisionError
    assert await all_events(db) == []


async def test_verify_finds_what_was_told_wrongly(db: Database) -> None:
    async with db.transaction() as tx:
        await store.learn(tx, [("bcrt1qaddress", b"\0" * 22, 0, UUID(int=1), None)], AT)
        settled = output(1, OutputState.SETTLED, 10)
        await store.move_cursor(tx, 0, [Place(height, f"{height:064x}", height) for height in range(8, 13)])
        await store.keep_outputs(tx, [settled], AT)
        await store.tell(tx, [(EventKind.OUTPUT_SEEN, settled), (EventKind.OUTPUT_SETTLED, settled)], AT)
        found = await verify(tx)
        assert all(one.ok for one in found)
        looked_at = {one.name for one in found if one.checked}
    wrongs = {
        "output-told": "insert into chain_event (kind, at, body) select kind, at, body from chain_event where kind = 3",
        "output-seen": "delete from chain_event where kind = 1",
        "output-deep": "update chain_output set needed = 6",
        "told-output": "update chain_output set sats = 1",
    }
    assert looked_at == set(wrongs)
    for name, wrong in wrongs.items():
        with pytest.raises(RuntimeError):
            async with db.transaction() as tx:
                await tx.execute(wrong)
                assert [one.name for one in await verify(tx) if not one.ok] == [name]
                raise RuntimeError("roll back")


async def test_a_request_that_was_answered_twice_keeps_its_first_address(db: Database) -> None:
    owner, request = uuid4(), uuid4()
    async with db.transaction() as tx:
        await store.learn(tx, [("a", b"a", 4, owner, request), ("b", b"b", 3, owner, request)], AT)
        assert await store.learn(tx, [("b", b"b", 3, owner, request), ("c", b"c", 5, owner, request)], AT) == 1
        found = await store.address_of_request(tx, request)
        assert found and found.text == "b"
        newest = await store.newest_address(tx, owner)
        assert newest and newest.text == "b", "spare ones are nobody's current address"
        assert set(await store.our_addresses(tx, ["a", "b", "c", "d"])) == {"a", "b", "c"}
        assert await store.unknown_places(tx, 7, 10) == [0, 1, 2, 6]
