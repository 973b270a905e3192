"""Limits and repeated requests as claims, through the real books, also from two writers at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from hazina.access import (
    CLAIMS,
    EFFECTS,
    OTHER_BODY,
    SEEN,
    fingerprint,
    idempotency_claim,
    limit_back,
    limit_claim,
    spent,
    sweep,
)
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents
from hazina.kernel.units import Claim
from hazina.ledger import Books, Code, Result, Txn, Unit, apply_units, open_account, transfer

DAY_S = 86_400
CAP = 100_000
SUBJECT = "withdrawal:somebody"
WHERE = {"window_s": DAY_S, "subject": SUBJECT}
BODY = fingerprint(amount=5, to="them")


async def books_on(db: Database) -> Books:
    books = Books(db, claims=CLAIMS, effects=EFFECTS)
    await books.open()
    return books


@pytest.fixture
async def books(db: Database) -> AsyncIterator[Books]:
    books = await books_on(db)
    yield books
    await books.close()


@pytest.fixture
async def other_books(db: Database) -> AsyncIterator[Books]:
    """The writer of a second process."""
    books = await books_on(db)
    yield books
    await books.close()


def volume(clock: ManualClock, amount: int, *, subject: str = SUBJECT, cap: int = CAP) -> Claim:
    return limit_claim(subject, DAY_S, cap, amount, clock.now())


def unit(*claims: Claim, **more: Any) -> Unit:
    return Unit(id=new_id(), claims=claims, **more)


async def used(db: Database, clock: ManualClock, subject: str = SUBJECT) -> int:
    async with db.transaction() as tx:
        return await spent(tx, subject, clock.now() - timedelta(seconds=DAY_S))


# -- limits -------------------------------------------------------------------------------------


async def test_the_rest_passes_and_one_cent_more_does_not(db: Database, books: Books, clock: ManualClock) -> None:
    assert (await books.commit(unit(volume(clock, CAP - 300)))).ok

    over = await books.commit(unit(volume(clock, 301)))
    assert (over.code, over.claim, over.claim_code, over.detail) == (
        Code.SKIPPED,
        "limit",
        1,
        {"remaining": 300, **WHERE},
    )
    assert await used(db, clock) == CAP - 300

    assert (await books.commit(unit(volume(clock, 300)))).ok
    assert (await books.commit(unit(volume(clock, 1)))).detail == {"remaining": 0, **WHERE}
    assert await used(db, clock) == CAP


async def test_volume_leaves_the_window_after_a_day(books: Books, clock: ManualClock) -> None:
    await books.commit(unit(volume(clock, CAP)))
    clock.advance(timedelta(seconds=DAY_S - 1))
    assert not (await books.commit(unit(volume(clock, 1)))).ok
    clock.advance(timedelta(seconds=1))
    assert (await books.commit(unit(volume(clock, CAP)))).ok


async def test_subjects_do_not_share(books: Books, clock: ManualClock) -> None:
    for subject in ("withdrawal:a", "withdrawal:b", "trade:a"):
        assert (await books.commit(unit(volume(clock, CAP, subject=subject)))).ok


async def test_a_cap_that_was_lowered_leaves_nothing(books: Books, clock: ManualClock) -> None:
    await books.commit(unit(volume(clock, CAP)))
    assert (await books.commit(unit(volume(clock, 1, cap=50)))).detail == {"remaining": 0, **WHERE}


async def test_two_limits_of_one_unit_are_both_kept_or_none(db: Database, books: Books, clock: ManualClock) -> None:
    both = unit(volume(clock, 80, subject="a"), volume(clock, 80, subject="b", cap=50))
    assert (await books.commit(both)).claim == "limit"
    assert await used(db, clock, "a") == 0
    assert await used(db, clock, "b") == 0


async def test_parallel_payments_from_two_processes_stay_within(
    db: Database, books: Books, other_books: Books, clock: ManualClock
) -> None:
    tries = [b.commit(unit(volume(clock, 1_000))) for _ in range(100) for b in (books, other_books)]
    results = await asyncio.gather(*tries)
    assert sum(r.ok for r in results) == 100
    assert {r.claim for r in results if not r.ok} == {"limit"}
    assert await used(db, clock) == CAP


async def test_many_subjects_in_any_order_do_not_wait_in_a_circle(
    books: Books, other_books: Books, clock: ManualClock
) -> None:
    names = [f"s{n}" for n in range(20)]
    tries = []
    for n in range(120):
        a, b = names[(n * 7) % 20], names[(n * 11 + 3) % 20]
        claims = [volume(clock, 1, subject=name) for name in ((a, b) if n % 2 else (b, a)) if a != b]
        tries.append((books, other_books)[n % 2].commit(unit(*(claims or [volume(clock, 1, subject=a)]))))
    assert all(result.ok for result in await asyncio.gather(*tries))


async def test_a_payment_that_came_to_nothing_gives_its_volume_back_once(
    db: Database, books: Books, clock: ManualClock
) -> None:
    failed, kept = unit(volume(clock, 70_000)), unit(volume(clock, 30_000))
    await books.commit(failed)
    await books.commit(kept)
    seen = idempotency_claim(uuid4(), "fail", "a", BODY, clock.now())
    assert (await books.commit(unit(seen, rows=(limit_back(failed.id), limit_back(failed.id))))).ok
    assert await used(db, clock) == 30_000

    again = idempotency_claim(uuid4(), "fail", "b", BODY, clock.now())
    assert (await books.commit(unit(again, rows=(limit_back(failed.id), limit_back(uuid4()))))).ok
    assert await used(db, clock) == 30_000
    assert (await books.commit(unit(volume(clock, 70_000)))).ok
    assert not (await books.commit(unit(volume(clock, 1)))).ok


async def test_a_unit_refused_for_funds_keeps_no_volume(db: Database, books: Books, clock: ManualClock) -> None:
    async with db.transaction() as tx:
        poor, other = [await open_account(tx, Asset.USD, floor=0) for _ in range(2)]
    key = idempotency_claim(uuid4(), "pay", "k", BODY, clock.now())
    refused = unit(volume(clock, 500), key, txn=Txn(uuid4(), 1, (transfer(poor, other, Cents(500)),)))
    assert (await books.commit(refused)).code is Code.FUNDS
    assert await used(db, clock) == 0
    assert (await books.commit(unit(key))).ok, "the key is free again"


async def test_a_repeated_unit_reserves_nothing_twice(db: Database, books: Books, clock: ManualClock) -> None:
    same = unit(volume(clock, 600))
    for _ in range(3):
        assert (await books.commit(same)).ok
    assert await used(db, clock) == 600
    await books.commit(unit(volume(clock, 1), rows=(limit_back(same.id),)))
    assert (await books.commit(same)).ok
    assert await used(db, clock) == 1, "what was given back stays so"


async def test_a_batch_decides_in_order(db: Database, books: Books, clock: ManualClock) -> None:
    async def batch() -> list[Result]:
        async with db.transaction() as tx:
            units = [unit(volume(clock, n)) for n in (60_000, 50_000, 40_000, 1)]
            return await apply_units(tx, books.registry, units)

    assert [result.ok for result in await batch()] == [True, False, True, False]


# -- repeated requests --------------------------------------------------------------------------


async def test_the_same_request_is_done_once(books: Books, clock: ManualClock) -> None:
    account, first = uuid4(), new_id()
    claim = idempotency_claim(account, "pay", "key 1", BODY, clock.now())
    assert (await books.commit(Unit(id=first, claims=(claim,)))).ok

    again = await books.commit(unit(claim))
    assert (again.code, again.claim, again.claim_code) == (Code.SKIPPED, "idempotency", SEEN)
    assert UUID(again.detail["unit"]) == first

    other = idempotency_claim(account, "pay", "key 1", fingerprint(amount=6), clock.now())
    assert (await books.commit(unit(other))).claim_code == OTHER_BODY


async def test_keys_of_others_are_other_keys(books: Books, clock: ManualClock) -> None:
    me, them = uuid4(), uuid4()
    for account, operation in ((me, "pay"), (them, "pay"), (me, "send")):
        assert (await books.commit(unit(idempotency_claim(account, operation, "k", BODY, clock.now())))).ok


async def test_twenty_at_once_from_two_processes_are_one(books: Books, other_books: Books, clock: ManualClock) -> None:
    claim = idempotency_claim(uuid4(), "pay", "k", BODY, clock.now())
    results = await asyncio.gather(*[b.commit(unit(claim)) for _ in range(10) for b in (books, other_books)])
    assert Counter((r.code, r.claim_code) for r in results) == {(Code.POSTED, 0): 1, (Code.SKIPPED, SEEN): 19}
    assert len({r.detail["unit"] for r in results if not r.ok}) == 1


async def test_old_rows_are_swept(db: Database, books: Books, clock: ManualClock) -> None:
    claim = idempotency_claim(uuid4(), "pay", "k", BODY, clock.now())
    await books.commit(unit(claim, volume(clock, CAP)))
    clock.advance(timedelta(hours=23))
    await books.commit(unit(volume(clock, 5, subject="later")))
    clock.advance(timedelta(hours=2))
    async with db.transaction() as tx:
        assert await sweep(tx, clock.now()) == 2
        assert await spent(tx, "later", clock.now() - timedelta(seconds=DAY_S)) == 5
    assert (await books.commit(unit(claim, volume(clock, CAP)))).ok
