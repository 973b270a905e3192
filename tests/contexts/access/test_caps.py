"""Caps in several windows, against a model that keeps a plain list; and from two writers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.access import CLAIMS, EFFECTS, Window, caps_claim, fingerprint, idempotency_claim, limit_back, remaining
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.ledger import Books, Result, Unit, apply_units

CAPS = {Window.HOUR: 100, Window.DAY: 250, Window.MONTH: 600}
BODY = fingerprint(amount=5)


@dataclass
class Model:
    """What each subject reserved, and when."""

    reserved: dict[UUID, tuple[str, int, datetime]] = field(default_factory=dict)

    def left(self, subject: str, caps: dict[Window, int], at: datetime) -> dict[Window, int]:
        return {
            window: max(cap - sum(amount for name, amount, when in self.reserved.values()
                                  if name == subject and when > at - timedelta(seconds=window)), 0)
            for window, cap in caps.items()
        }  # fmt: skip

    def take(self, unit: UUID, subject: str, caps: dict[Window, int], amount: int, at: datetime) -> bool:
        fits = amount <= min(self.left(subject, caps, at).values())
        if fits:
            self.reserved[unit] = (subject, amount, at)
        return fits


@pytest.fixture
async def books(db: Database) -> AsyncIterator[Books]:
    books = Books(db, claims=CLAIMS, effects=EFFECTS)
    yield books


def unit(subject: str, amount: int, at: datetime, caps: dict[Window, int] | None = None) -> Unit:
    return Unit(new_id(), claims=(caps_claim(subject, caps or CAPS, amount, at),))


async def done(db: Database, books: Books, *units: Unit) -> list[Result]:
    async with db.transaction() as tx:
        return await apply_units(tx, books.registry, list(units))


SUBJECTS = st.sampled_from(["key:a", "card:b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.lists(st.tuples(SUBJECTS, st.integers(0, 120)), min_size=1, max_size=4)),
        st.tuples(st.just("wait"), st.sampled_from([600, 3_599, 3_600, 86_400, 9 * 86_400])),
        st.tuples(st.just("back"), st.integers(0, 30)),
        st.tuples(st.just("again"), st.integers(0, 30)),
    ),
    min_size=5, max_size=25,
)  # fmt: skip


@given(steps=STEPS)
async def test_the_claims_do_what_the_model_does(db: Database, books: Books, steps: list[tuple[str, object]]) -> None:
    await _empty(db)
    clock, model, taken = ManualClock(), Model(), list[Unit]()
    for what, how in steps:
        now = clock.now()
        if what == "take":
            assert isinstance(how, list)
            units = [unit(subject, amount, now) for subject, amount in how]
            wanted = [model.take(one.id, subject, CAPS, n, now) for one, (subject, n) in zip(units, how, strict=True)]
            assert [result.ok for result in await done(db, books, *units)] == wanted
            taken += [one for one, fits in zip(units, wanted, strict=True) if fits]
        elif what == "wait":
            assert isinstance(how, int)
            clock.advance(timedelta(seconds=how))
        elif taken:
            assert isinstance(how, int)
            one = taken[how % len(taken)]
            if what == "back":  # once, twice, as often as anybody likes
                key = idempotency_claim(uuid4(), "back", "k", BODY, now)
                await done(db, books, Unit(new_id(), claims=(key,), rows=(limit_back(one.id), limit_back(one.id))))
                model.reserved.pop(one.id, None)
            else:
                assert (await done(db, books, one))[0].ok, "what was reserved or given back stays as it is"
        async with db.transaction() as tx:
            for subject in ("key:a", "card:b"):
                assert await remaining(tx, subject, CAPS, clock.now()) == model.left(subject, CAPS, clock.now())


async def _empty(db: Database) -> None:
    async with db.transaction() as tx:
        for query in ("delete from limit_use", "delete from limit_subject", "delete from idempotency"):
            await tx.execute(query)


async def test_the_tightest_window_says_no(db: Database, books: Books, clock: ManualClock) -> None:
    for amount in (100, 100):
        assert (await done(db, books, unit("k", amount, clock.now())))[0].ok
        clock.advance(timedelta(hours=1))
    (over,) = await done(db, books, unit("k", 51, clock.now()))
    assert over.detail == {"remaining": 50, "window_s": Window.DAY, "subject": "k"}
    clock.advance(timedelta(days=1))
    (over,) = await done(db, books, unit("k", 101, clock.now()))
    assert over.detail == {"remaining": 100, "window_s": Window.HOUR, "subject": "k"}


async def test_windows_may_change_and_what_was_spent_counts(db: Database, books: Books, clock: ManualClock) -> None:
    assert (await done(db, books, unit("k", 80, clock.now(), {Window.DAY: 100})))[0].ok
    assert not (await done(db, books, unit("k", 30, clock.now(), {Window.HOUR: 100})))[0].ok
    assert (await done(db, books, unit("k", 30, clock.now(), {Window.YEAR: 110})))[0].ok


async def test_a_claim_of_an_older_process_has_one_window(db: Database, books: Books, clock: ManualClock) -> None:
    old = {"subject": "k", "window_s": 86_400, "cap": 100, "amount": 60, "at": clock.now().isoformat()}
    one, two = (Unit(new_id(), claims=(type(c)("limit", old),)) for c in (caps_claim("k", CAPS, 1, clock.now()),) * 2)
    assert (await done(db, books, one))[0].ok
    assert not (await done(db, books, two))[0].ok


async def test_two_processes_stay_within_every_window(db: Database, clock: ManualClock) -> None:
    caps = {Window.HOUR: 5_000, Window.DAY: 3_000, Window.YEAR: 100_000}
    both = [Books(db, claims=CLAIMS, effects=EFFECTS) for _ in range(2)]
    for books in both:
        await books.open()
    try:
        tries = [books.commit(unit(f"s{n % 3}", 50, clock.now(), caps)) for n in range(150) for books in both]
        results = await asyncio.gather(*tries)
    finally:
        for books in both:
            await books.close()
    assert sum(result.ok for result in results) == 3 * 60
    async with db.transaction() as tx:
        for n in range(3):
            left = await remaining(tx, f"s{n}", caps, clock.now())
            assert left == {Window.HOUR: 2_000, Window.DAY: 0, Window.YEAR: 97_000}
