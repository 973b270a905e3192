"""Whatever is changed behind PostgreSQL's guards is found, by the name of what it breaks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from tests.ledger.kinds import fund, pay, unit

from hazina.kernel.checks import OFFENDING_MAX
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats
from hazina.ledger import BANK, Books, Code, Txn, Unit, hold, open_account, post_hold, transfer, verify, void_hold

ALL = {
    "zero-sum", "bank-sum", "balance-chain", "held-chain", "sequence", "floor", "account-known", "account-row",
    "account-floor",
    "held-is-open-holds", "transaction-known", "entry-is-leg", "leg-has-entries", "hold-opened", "hold-ended",
    "hold-kept", "price", "guards",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """Two customers with bitcoin, one with dollars, and a hold in each state."""

    one: int
    two: int
    dollars: int
    paid: UUID
    posted: UUID
    voided: UUID
    open: UUID


@pytest.fixture
async def story(db: Database, books: Books) -> Story:
    async with db.transaction() as tx:
        one, two = await open_account(tx, Asset.BTC), await open_account(tx, Asset.BTC)
        dollars = await open_account(tx, Asset.USD)
    told = Story(one, two, dollars, new_id(), new_id(), new_id(), new_id())
    steps = [
        fund(one, 10_000),
        unit(transfer(one, two, Msats(700)), transfer(one, BANK.FEES_BTC, Msats(3)), id_=told.paid),
        unit(*[hold(one, BANK.LIGHTNING_BTC, Msats(900), ref) for ref in (told.posted, told.voided, told.open)]),
        unit(post_hold(one, BANK.LIGHTNING_BTC, Msats(850), told.posted)),
        unit(void_hold(one, BANK.LIGHTNING_BTC, told.voided)),
        pay(two, one, 50),
        Unit(id_ := new_id(), Txn(id_, 2, (transfer(BANK.ISSUED_USD, dollars, Cents(500)),))),
    ]
    for step in steps:
        assert (await books.commit(step)).code == Code.POSTED
    return told


async def broken(db: Database) -> set[str]:
    async with db.transaction() as tx:
        return {check.name for check in await verify(tx) if check.broken}


async def test_good_books(db: Database, story: Story) -> None:
    async with db.transaction() as tx:
        checks = await verify(tx)
    assert {check.name for check in checks} == ALL
    assert all(check.ok and not check.offending for check in checks)
    assert all(check.checked > 0 for check in checks)


PLANTED = {
    "an amount": (
        "update ledger.entry set amount = amount + 1 where account_id = {one} and seq = 1",
        {"zero-sum", "balance-chain", "entry-is-leg"},
    ),
    "money from nowhere": (
        "update ledger.entry set balance_after = balance_after + 5 where account_id = {two} and seq = 2;"
        "update ledger.account set balance = balance + 5 where id = {two}",
        {"balance-chain", "bank-sum"},
    ),
    "a balance": ("update ledger.account set balance = balance + 5 where id = {two}", {"account-row", "bank-sum"}),
    "what is held": ("update ledger.account set held = 0 where id = {one}", {"account-row", "held-is-open-holds"}),
    "what was held": (
        "update ledger.entry set held_after = held_after - 900 where account_id = {one} and seq = 4",
        {"held-chain"},
    ),
    "an entry that is gone": (
        "delete from ledger.entry where account_id = {one} and seq = 3",
        {"zero-sum", "balance-chain", "sequence", "leg-has-entries"},
    ),
    "a transaction that is gone": (
        "delete from ledger.txn where id = '{paid}'",
        {"transaction-known"},
    ),
    "a transaction's entries that are gone": (
        "delete from ledger.entry where txn_id = '{paid}'",
        {"balance-chain", "sequence", "leg-has-entries", "account-row"},
    ),
    "an entry of another transaction": (
        "update ledger.entry set txn_id = (select txn_id from ledger.entry where account_id = {two} and seq = 2)"
        " where txn_id = '{paid}'",
        {"entry-is-leg", "leg-has-entries"},
    ),
    "an entry twice": (
        "insert into ledger.entry select account_id, 9, amount, balance_after + amount, held, held_after, at, txn_id,"
        " leg, asset from ledger.entry where account_id = {two} and seq = 2",
        {"zero-sum", "sequence", "leg-has-entries", "account-row"},
    ),
    "a leg's amount": (
        "update ledger.txn set amount = array[701, 3] where id = '{paid}'",
        {"entry-is-leg"},
    ),
    "a leg's account": (
        "update ledger.txn set dst[1] = {dollars} where id = '{paid}'",
        {"entry-is-leg"},
    ),
    "a leg more": (
        "update ledger.txn set op = op || 1::smallint, src = src || src[1], dst = dst || dst[1],"
        " amount = amount || 5::bigint, ref = ref || ref[1] where id = '{paid}'",
        {"leg-has-entries"},
    ),
    "a leg less": (
        "update ledger.txn set op = op[1:1], src = src[1:1], dst = dst[1:1], amount = amount[1:1], ref = ref[1:1]"
        " where id = '{paid}'",
        {"entry-is-leg", "leg-has-entries"},
    ),
    "an asset": (
        "update ledger.entry set asset = 2 where account_id = {two} and seq = 2",
        {"zero-sum", "account-known"},
    ),
    "an account that is gone": (
        "delete from ledger.account where id = {dollars}",
        {"account-known", "bank-sum"},
    ),
    "a balance under the floor": (
        "update ledger.entry set balance_after = balance_after - 1000 where account_id = {two} and seq = 1",
        {"balance-chain", "floor"},
    ),
    "a hold that is gone": (
        "delete from ledger.hold where id = '{posted}'",
        {"hold-kept", "entry-is-leg"},
    ),
    "a hold that is open again": (
        "update ledger.hold set state = 0, taken = 0, closed_by = null where id = '{posted}'",
        {"held-is-open-holds", "hold-kept"},
    ),
    "a hold that is ended by nothing": (
        "update ledger.hold set state = 2, closed_by = '{paid}' where id = '{open}'",
        {"held-is-open-holds", "hold-ended"},
    ),
    "a posted hold called voided": (
        "update ledger.hold set state = 2, taken = 0 where id = '{posted}'",
        {"hold-ended", "hold-kept"},
    ),
    "what a hold gave": ("update ledger.hold set taken = 800 where id = '{posted}'", {"hold-ended"}),
    "how much is held": (
        "update ledger.hold set amount = 901 where id = '{open}'",
        {"held-is-open-holds", "hold-opened"},
    ),
    "how much was held": (
        "update ledger.hold set amount = 901 where id = '{voided}'",
        {"hold-opened", "entry-is-leg"},
    ),
    "who opened a hold": (
        "update ledger.hold set opened_by = '{paid}' where id = '{open}'",
        {"hold-opened", "hold-kept"},
    ),
    "a hold from nowhere": (
        "insert into ledger.hold (id, src, dst, amount, state, opened_by)"
        " values ('00000000-0000-7000-8000-000000000001', {one}, {two}, 5, 0, '{paid}')",
        {"hold-opened", "held-is-open-holds"},
    ),
    "a price": (
        "update ledger.txn set price_cents = null, price_source = null, price_at = null where id = '{paid}'",
        {"price"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
async def test_is_found(name: str, db: Database, story: Story, kinds: psycopg.Connection) -> None:
    statements, wanted = PLANTED[name]
    fields = {field: getattr(story, field) for field in Story.__slots__}
    with kinds.transaction():
        kinds.execute("set local session_replication_role = replica")
        for statement in statements.format(**fields).split(";"):
            kinds.execute(statement)
    assert await broken(db) == wanted


async def test_guards_that_are_off(db: Database, story: Story, kinds: psycopg.Connection) -> None:
    kinds.execute("alter table ledger.entry disable trigger sum_to_zero")
    try:
        assert await broken(db) == {"guards"}
    finally:
        kinds.execute("alter table ledger.entry enable trigger sum_to_zero")


async def test_rows_are_shown_and_counted(db: Database, story: Story, kinds: psycopg.Connection, books: Books) -> None:
    for _ in range(30):
        await books.commit(pay(story.one, story.two, 1))
    with kinds.transaction():
        kinds.execute("set local session_replication_role = replica")
        kinds.execute("update ledger.entry set balance_after = 99999 where account_id = %s", [story.two])
    async with db.transaction() as tx:
        chain = next(check for check in await verify(tx) if check.name == "balance-chain")
    assert (chain.broken, len(chain.offending)) == (32, OFFENDING_MAX)
    assert {row["account_id"] for row in chain.offending} == {story.two}


async def test_payments_go_on_meanwhile(db: Database, story: Story, books: Books) -> None:
    done = False

    async def payments() -> None:
        while not done:
            await asyncio.gather(*[books.commit(pay(story.one, story.two, 1)) for _ in range(20)])

    task = asyncio.create_task(payments())
    for _ in range(5):
        assert await broken(db) == set()
    done = True
    await task
