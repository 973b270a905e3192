"""The group writer: many callers, two writers, and everything that can go wrong on the way to the disk."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from tests.ledger.kinds import CAP, CHANGE, NOTE, cap, change, fund, pay, unit

from hazina.kernel.db import Database, TransactionOpen
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Msats
from hazina.kernel.units import Claim
from hazina.ledger import (
    BANK,
    Books,
    Code,
    LedgerBusy,
    LedgerUnavailable,
    Limits,
    Unit,
    balances,
    hold,
    open_account,
    post_hold,
    transfer,
    void_hold,
)

pytestmark = pytest.mark.usefixtures("clean")


async def opened(db: Database, books: Books, *msats: int) -> list[int]:
    """An account for each amount, with that amount in it."""
    async with db.transaction() as tx:
        accounts = [await open_account(tx, Asset.BTC) for _ in msats]
    for account, amount in zip(accounts, msats, strict=True):
        assert not amount or (await books.commit(fund(account, amount))).code == Code.POSTED
    return accounts


async def balance(db: Database, account: int) -> int:
    async with db.transaction() as tx:
        return (await balances(tx, [account]))[account].balance


def notes(kinds: psycopg.Connection) -> Counter[object]:
    return Counter(row[0] for row in kinds.execute("select unit from kinds.note").fetchall())


@contextmanager
def locked(owner_url: str, account: int) -> Iterator[psycopg.Connection]:
    """Somebody else holds the account's row."""
    with psycopg.connect(owner_url) as other:
        other.execute("select from ledger.account where id = %s for update", [account])
        yield other
        other.rollback()


async def waits_for_a_lock(kinds: psycopg.Connection) -> None:
    query = "select 1 from pg_stat_activity where application_name = 'hazina writer' and wait_event_type = 'Lock'"
    while kinds.execute(query).fetchone() is None:
        await asyncio.sleep(0.005)


# -- many at once --------------------------------------------------------------------------------


async def test_exactly_what_a_balance_affords(db: Database, books: Books, other_books: Books) -> None:
    payer, payee = await opened(db, books, 5_000, 0)
    both = (books, other_books)
    results = await asyncio.gather(*[both[n % 2].commit(pay(payer, payee, 100)) for n in range(200)])
    assert Counter(result.code for result in results) == {Code.POSTED: 50, Code.FUNDS: 150}
    assert (await balance(db, payer), await balance(db, payee)) == (0, 5_000)


async def test_the_full_balance_goes_once(db: Database, books: Books, other_books: Books) -> None:
    payer, payee = await opened(db, books, 700, 0)
    both = (books, other_books)
    results = await asyncio.gather(*[both[n % 2].commit(pay(payer, payee, 700)) for n in range(50)])
    assert Counter(result.code for result in results) == {Code.POSTED: 1, Code.FUNDS: 49}


async def test_to_and_fro_never_deadlocks(db: Database, books: Books, other_books: Books) -> None:
    one, two = await opened(db, books, 10_000, 10_000)
    forth = [books.commit(pay(one, two, 1)) for _ in range(500)]
    back = [other_books.commit(pay(two, one, 1)) for _ in range(500)]
    results = await asyncio.gather(*forth, *back)
    assert all(result.code == Code.POSTED for result in results)
    assert await balance(db, one) == 10_000


async def test_a_cap_is_exact_with_two_writers(
    db: Database, books: Books, other_books: Books, kinds: psycopg.Connection
) -> None:
    payer, payee = await opened(db, books, 100_000, 0)
    kinds.execute("insert into kinds.cap (subject, most) values ('daily', 1000)")
    both = (books, other_books)
    units = [pay(payer, payee, 70, cap("daily", 70)) for _ in range(100)]
    results = await asyncio.gather(*[both[n % 2].commit(one) for n, one in enumerate(units)])
    assert Counter(result.code for result in results) == {Code.POSTED: 14, Code.SKIPPED: 86}
    lost = next(result for result in results if not result.ok)
    assert (lost.claim, lost.claim_code, lost.detail) == ("cap", 1, {"room": 20})
    assert kinds.execute("select used from kinds.cap").fetchone() == (980,)
    assert sum(notes(kinds).values()) == 14 + 1  # and the one that funded the payer


async def test_a_refused_payment_gives_its_cap_to_a_neighbour(
    db: Database, books: Books, kinds: psycopg.Connection
) -> None:
    poor, rich, payee = await opened(db, books, 5, 5_000, 0)
    kinds.execute("insert into kinds.cap (subject, most) values ('daily', 100)")
    first, second = await asyncio.gather(
        books.commit(pay(poor, payee, 100, cap("daily", 100))), books.commit(pay(rich, payee, 100, cap("daily", 100)))
    )
    assert (first.code, second.code) == (Code.FUNDS, Code.POSTED)
    assert kinds.execute("select used from kinds.cap").fetchone() == (100,)


async def test_one_unit_from_everywhere_at_once(
    db: Database, books: Books, other_books: Books, kinds: psycopg.Connection
) -> None:
    payer, payee = await opened(db, books, 10_000, 0)
    kinds.execute("insert into kinds.cap (subject, most) values ('daily', 1000)")
    thing = new_id()
    kinds.execute("insert into kinds.thing (id, state) values (%s, 0)", [thing])
    both = (books, other_books)
    for _ in range(20):
        same = pay(payer, payee, 10, cap("daily", 10))
        codes = Counter(r.code for r in await asyncio.gather(*[both[n % 2].commit(same) for n in range(10)]))
        assert codes == {Code.POSTED: 1, Code.EXISTS: 9}
    assert kinds.execute("select used from kinds.cap").fetchone() == (200,)
    assert set(notes(kinds).values()) == {1}
    last = pay(payer, payee, 10, change(thing))
    codes = Counter(r.code for r in await asyncio.gather(*[both[n % 2].commit(last) for n in range(10)]))
    assert codes == {Code.POSTED: 1, Code.EXISTS: 9}


# -- one unit ------------------------------------------------------------------------------------


async def test_the_same_again_and_another_body(db: Database, books: Books, kinds: psycopg.Connection) -> None:
    payer, payee = await opened(db, books, 1_000, 0)
    first = pay(payer, payee, 10)
    other = unit(transfer(payer, payee, Msats(11)), id_=first.id)
    assert [(await books.commit(one)).code for one in (first, first, other)] == [
        Code.POSTED,
        Code.EXISTS,
        Code.OTHER_BODY,
    ]
    assert await balance(db, payee) == 10
    assert notes(kinds)[first.id] == 1


async def test_a_hold_ends_once(db: Database, books: Books) -> None:
    payer, payee = await opened(db, books, 1_000, 0)
    one, two = new_id(), new_id()
    assert (await books.commit(unit(hold(payer, payee, Msats(300), one), hold(payer, payee, Msats(400), two)))).ok
    assert (await books.commit(pay(payer, payee, 301))).code == Code.FUNDS
    assert (await books.commit(unit(post_hold(payer, payee, Msats(100), one)))).ok
    assert (await books.commit(unit(void_hold(payer, payee, one)))).code == Code.ALREADY_POSTED
    assert (await books.commit(unit(void_hold(payer, payee, two)))).ok
    assert (await books.commit(unit(void_hold(payer, payee, two)))).code == Code.ALREADY_VOIDED
    assert (await books.commit(unit(post_hold(payer, payee, Msats(400), two)))).code == Code.ALREADY_VOIDED
    async with db.transaction() as tx:
        found = (await balances(tx, [payer]))[payer]
    assert (found.balance, found.held, found.available) == (900, 0, 900)


@pytest.mark.parametrize("amount", [0, -1, 2**63, 10**30, 10**18 + 1])
async def test_amounts_that_cannot_be(db: Database, books: Books, amount: int) -> None:
    payer, payee = await opened(db, books, 1_000, 0)
    assert (await books.commit(pay(payer, payee, amount))).code == Code.BAD_AMOUNT


async def test_claims_without_money(db: Database, books: Books, kinds: psycopg.Connection) -> None:
    thing = new_id()
    kinds.execute("insert into kinds.thing (id, state) values (%s, 0)", [thing])
    results = await asyncio.gather(*[books.commit(unit(claims=(change(thing),))) for _ in range(5)])
    assert Counter(result.code for result in results) == {Code.POSTED: 1, Code.SKIPPED: 4}
    assert sum(notes(kinds).values()) == 1


async def test_what_is_not_registered_is_a_mistake(books: Books) -> None:
    with pytest.raises(ValueError, match="not registered"):
        await books.commit(unit(claims=(Claim("no such kind"),)))


async def test_never_inside_a_transaction(db: Database, books: Books) -> None:
    with pytest.raises(TransactionOpen):
        async with db.transaction():
            await books.commit(fund(BANK.FEES_BTC, 1))


# -- what goes wrong -----------------------------------------------------------------------------


async def test_a_poisoned_unit_stands_alone(db: Database, books: Books, kinds: psycopg.Connection) -> None:
    payer, payee = await opened(db, books, 10_000, 0)
    units = [pay(payer, payee, 10, note="poison" if n in (7, 23) else "") for n in range(40)]
    results = await asyncio.gather(*[books.commit(one) for one in units], return_exceptions=True)
    failed = [n for n, result in enumerate(results) if isinstance(result, BaseException)]
    assert failed == [7, 23]
    assert isinstance(results[7], psycopg.errors.CheckViolation)
    assert await balance(db, payee) == 380
    assert sum(notes(kinds).values()) == 38 + 1


@pytest.mark.parametrize("note", ["nul \x00", "surrogate \ud800", object()])
async def test_text_that_cannot_be_stored_harms_nobody_else(db: Database, books: Books, note: str) -> None:
    payer, payee = await opened(db, books, 100, 0)
    results = await asyncio.gather(
        books.commit(pay(payer, payee, 10, note=note)), books.commit(pay(payer, payee, 20)), return_exceptions=True
    )
    assert isinstance(results[0], Exception)
    assert await balance(db, payee) == 20


async def test_somebody_holds_a_lock_for_long(
    db: Database, books: Books, owner_url: str, kinds: psycopg.Connection
) -> None:
    impatient = Books(db, claims=[CAP, CHANGE], effects=[NOTE], limits=Limits(lock_timeout_ms=150))
    await impatient.open()
    stuck, free, payee = await opened(db, books, 100, 100, 0)
    with locked(owner_url, stuck):
        results = await asyncio.gather(
            *[impatient.commit(pay(stuck if n == 3 else free, payee, 1)) for n in range(8)], return_exceptions=True
        )
    assert isinstance(results[3], LedgerBusy)
    assert await balance(db, payee) == 7
    assert (await impatient.commit(pay(stuck, payee, 1))).ok
    await impatient.close()


async def test_a_full_queue_refuses(db: Database, books: Books, owner_url: str, kinds: psycopg.Connection) -> None:
    small = Books(db, effects=[NOTE], limits=Limits(queue_max=3))
    await small.open()
    payer, payee = await opened(db, books, 100, 0)
    with locked(owner_url, payer):
        first = asyncio.create_task(small.commit(pay(payer, payee, 1)))
        await waits_for_a_lock(kinds)
        waiting = [asyncio.create_task(small.commit(pay(payer, payee, 1))) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(LedgerBusy):
            await small.commit(pay(payer, payee, 1))
    assert [result.code for result in await asyncio.gather(first, *waiting)] == [Code.POSTED] * 4
    await small.close()
    with pytest.raises(LedgerUnavailable):
        await small.commit(pay(payer, payee, 1))


async def test_a_caller_who_left_can_ask_again(
    db: Database, books: Books, owner_url: str, kinds: psycopg.Connection
) -> None:
    payer, payee = await opened(db, books, 100, 0)
    left = pay(payer, payee, 1)
    with locked(owner_url, payer):
        task = asyncio.create_task(books.commit(left))
        await waits_for_a_lock(kinds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert (await books.commit(left)).code == Code.EXISTS
    assert notes(kinds)[left.id] == 1


async def test_limits_of_a_batch(db: Database, books: Books, owner_url: str, kinds: psycopg.Connection) -> None:
    small = Books(db, effects=[NOTE], limits=Limits(units_max=10, legs_max=40))
    await small.open()
    payer, payee = await opened(db, books, 1_000, 0)
    legs = [transfer(payer, payee, Msats(1))] * 15
    results = await asyncio.gather(*[small.commit(unit(*legs)) for _ in range(25)])
    assert all(result.ok for result in results)
    assert small.figures.units == 25
    assert small.figures.batches >= 12, "two units of 15 legs fit into 40"
    await small.close()
    assert await balance(db, payee) == 375


def kill_writers(kinds: psycopg.Connection) -> int:
    return len(
        kinds.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hazina writer'"
        ).fetchall()
    )


async def test_connections_that_are_cut(
    db: Database, books: Books, other_books: Books, kinds: psycopg.Connection
) -> None:
    payer, payee = await opened(db, books, 100_000, 0)
    kinds.execute("insert into kinds.cap (subject, most) values ('daily', 100000)")
    both = (books, other_books)
    units = [pay(payer, payee, 10, cap("daily", 10)) for _ in range(600)]
    codes: Counter[Code] = Counter()
    todo = list(enumerate(units))

    async def caller() -> None:
        while todo:
            n, one = todo.pop()
            codes[(await both[n % 2].commit(one)).code] += 1

    callers = [asyncio.create_task(caller()) for _ in range(20)]
    cuts = 0
    while not all(task.done() for task in callers):
        await asyncio.sleep(0.03)
        if cuts < 8:
            kill_writers(kinds)
            cuts += 1
    await asyncio.gather(*callers)
    assert set(codes) <= {Code.POSTED, Code.EXISTS}
    assert books.figures.reconnects + other_books.figures.reconnects > 0
    assert await balance(db, payee) == 6_000
    assert set(notes(kinds).values()) == {1}
    assert kinds.execute("select used from kinds.cap").fetchone() == (6_000,)


async def test_the_answer_to_a_commit_is_lost(db: Database, books: Books, kinds: psycopg.Connection) -> None:
    """A commit that waits for a standby is on disk already. The connection is cut there: the writer must
    hand the batch in again, and find it."""
    payer, payee = await opened(db, books, 100, 0)
    lost = pay(payer, payee, 10)
    writer = "from pg_stat_activity where application_name = 'hazina writer' and wait_event = 'SyncRep'"
    kinds.execute("alter role hazina set synchronous_commit = on")
    kinds.execute("alter system set synchronous_standby_names = 'nobody'")
    kinds.execute("select pg_reload_conf()")
    try:
        kill_writers(kinds)  # the new session has the new setting
        task = asyncio.create_task(books.commit(lost))
        while kinds.execute(f"select 1 {writer}").fetchone() is None:
            await asyncio.sleep(0.005)
        kinds.execute(f"select pg_terminate_backend(pid) {writer}")
    finally:
        kinds.execute("alter role hazina reset synchronous_commit")
        kinds.execute("alter system reset synchronous_standby_names")
        kinds.execute("select pg_reload_conf()")
    assert (await task).code == Code.EXISTS
    assert notes(kinds)[lost.id] == 1
    assert await balance(db, payee) == 10


async def test_units_survive_a_close(db: Database, books: Books, kinds: psycopg.Connection) -> None:
    payer, payee = await opened(db, books, 100, 0)
    tasks = [asyncio.create_task(books.commit(pay(payer, payee, 1))) for _ in range(30)]
    await asyncio.sleep(0)
    await books.close()
    assert all(result.ok for result in await asyncio.gather(*tasks))
    await books.open()


def test_a_unit_needs_something_that_makes_a_repeat_harmless() -> None:
    with pytest.raises(AssertionError):
        Unit(new_id())
