"""What PostgreSQL itself refuses: everything to the program's role, and most things to the owner."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from tests.ledger.kinds import fund, unit

from hazina.kernel.db import Database
from hazina.kernel.money import Asset, Msats
from hazina.ledger import BANK, Books, hold, open_account, post_hold

TABLES = ["account", "txn", "entry", "hold"]


@pytest.fixture
async def customer(db: Database, books: Books, clean: None) -> int:
    """An account with 1,000 msat, an open hold and an ended one."""
    async with db.transaction() as tx:
        account = await open_account(tx, Asset.BTC)
    first, second = uuid4(), uuid4()
    assert (await books.commit(fund(account, 1_000))).ok
    legs = [hold(account, BANK.FEES_BTC, Msats(10), ref) for ref in (first, second)]
    assert (await books.commit(unit(*legs, post_hold(account, BANK.FEES_BTC, Msats(4), first)))).ok
    return account


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "insert into ledger.{0} select * from ledger.{0}",
        "update ledger.{0} set {1} = {1}",
        "delete from ledger.{0}",
        "truncate ledger.{0}",
        "alter table ledger.{0} disable trigger all",
        "drop table ledger.{0}",
    ],
)
async def test_the_program_cannot_write(customer: int, program_url: str, table: str, statement: str) -> None:
    column = "account_id" if table == "entry" else "id"
    with psycopg.connect(program_url) as program, pytest.raises(psycopg.errors.InsufficientPrivilege):
        program.execute(statement.format(table, column))


async def test_the_program_cannot_switch_guards_off(customer: int, program_url: str) -> None:
    with psycopg.connect(program_url) as program, pytest.raises(psycopg.errors.InsufficientPrivilege):
        program.execute("set session_replication_role = replica")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["delete from ledger.{0}", "truncate ledger.{0}"])
async def test_nobody_deletes(customer: int, owner: psycopg.Connection, table: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute(statement.format(table))


@pytest.mark.parametrize("table", ["txn", "entry"])
async def test_nobody_changes_history(customer: int, owner: psycopg.Connection, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute(f"update ledger.{table} set at = at")


ENTRY = """
insert into ledger.entry (account_id, seq, amount, balance_after, held, held_after, at, txn_id, leg, asset)
values ({account}, 99, {amount}, 0, 0, 0, now(), '{txn}', 1, {asset})
"""


@pytest.mark.parametrize("amount", [5, -5])
async def test_nobody_writes_one_side(customer: int, owner: psycopg.Connection, amount: int) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="sum to zero"):
        owner.execute(ENTRY.format(account=customer, amount=amount, txn=uuid4(), asset=1))


async def test_nobody_balances_bitcoin_with_dollars(customer: int, owner: psycopg.Connection) -> None:
    insert, values = ENTRY.format(account=customer, amount=5, txn=(txn := uuid4()), asset=1).split("values")
    other = ENTRY.format(account=BANK.ISSUED_USD, amount=-5, txn=txn, asset=2).split("values")[1]
    with pytest.raises(psycopg.errors.CheckViolation, match="sum to zero"):
        owner.execute(f"{insert} values {values}, {other}")


@pytest.mark.parametrize(
    "change",
    [
        "balance = balance + 1",
        "held = held - 1",
        "seq = seq - 1",
        "balance = balance + 1, seq = seq + 1",
        "floor = null",
        "floor = -10",
        "asset = 2",
        "id = 77777",
    ],
)
async def test_nobody_changes_an_account(customer: int, owner: psycopg.Connection, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(f"update ledger.account set {change} where id = {customer}")


async def test_closed_stays_closed(customer: int, owner: psycopg.Connection) -> None:
    owner.execute("select ledger.close_account(%s)", [customer])
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(f"update ledger.account set closed = false where id = {customer}")


@pytest.mark.parametrize(
    "values", ["(99, 1, 0, 5, 0, 0)", "(99, 1, 0, 0, 0, 1)", "(99, 1, 3, 0, 0, 0)", "(99, 1, null, 5, 5, 0)"]
)
async def test_accounts_begin_empty(customer: int, owner: psycopg.Connection, values: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(f"insert into ledger.account (id, asset, floor, balance, held, seq) values {values}")


@pytest.mark.parametrize(
    "change", ["state = 1, taken = 4", "taken = 5", "amount = 3", "state = 0, closed_by = null, taken = 0"]
)
async def test_holds_end_once(customer: int, owner: psycopg.Connection, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(f"update ledger.hold set {change} where state = 1")


async def test_an_open_hold_keeps_its_amount(customer: int, owner: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("update ledger.hold set amount = 3 where state = 0")


async def test_strangers_have_no_functions(customer: int, owner: psycopg.Connection) -> None:
    found = owner.execute(
        "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname = 'ledger' and has_function_privilege('public', p.oid, 'execute')"
    ).fetchall()
    assert found == []
