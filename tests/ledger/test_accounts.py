from __future__ import annotations

import pytest
from tests.ledger.kinds import CAP, NOTE, fund, pay, unit

from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Msats
from hazina.ledger import (
    BANK,
    Balance,
    Books,
    Code,
    Registry,
    balances,
    close_account,
    entries,
    hold,
    open_account,
    post_hold,
)


async def test_an_account_and_its_entries(db: Database, books: Books) -> None:
    async with db.transaction() as tx:
        account = await open_account(tx, Asset.BTC)
    assert account >= 1000
    ref = new_id()
    for one in (fund(account, 500), unit(hold(account, BANK.FEES_BTC, Msats(200), ref))):
        assert (await books.commit(one)).ok
    async with db.transaction() as tx:
        assert await balances(tx, [account, 999_999_999]) == {account: Balance(Asset.BTC, 500, 200, 2)}
        newest = await entries(tx, account, None, 1)
        older = await entries(tx, account, newest[0].seq, 10)
    assert [(e.seq, e.amount, e.balance_after, e.held, e.held_after) for e in newest] == [(2, 0, 500, 200, 200)]
    assert [(e.seq, e.amount, e.balance_after, e.held, e.held_after) for e in older] == [(1, 500, 500, 0, 0)]
    assert older[0].at <= newest[0].at


async def test_a_closed_account_lets_holds_end(db: Database, books: Books) -> None:
    async with db.transaction() as tx:
        account = await open_account(tx, Asset.BTC)
    ref = new_id()
    assert (await books.commit(fund(account, 500))).ok
    assert (await books.commit(unit(hold(account, BANK.FEES_BTC, Msats(200), ref)))).ok
    async with db.transaction() as tx:
        assert await close_account(tx, account)
        assert not await close_account(tx, 999_999_999)
    assert (await books.commit(fund(account, 1))).code == Code.CLOSED
    assert (await books.commit(pay(account, BANK.FEES_BTC, 1))).code == Code.CLOSED
    assert (await books.commit(unit(post_hold(account, BANK.FEES_BTC, Msats(200), ref)))).ok


async def test_a_floor_under_zero_is_credit(db: Database, books: Books) -> None:
    async with db.transaction() as tx:
        account = await open_account(tx, Asset.BTC, -100)
    assert (await books.commit(pay(account, BANK.FEES_BTC, 100))).ok
    assert (await books.commit(pay(account, BANK.FEES_BTC, 1))).code == Code.FUNDS


async def test_assets_and_accounts_that_do_not_fit(db: Database, books: Books) -> None:
    assert (await books.commit(pay(BANK.FEES_BTC, BANK.ISSUED_USD, 1))).code == Code.ASSETS
    assert (await books.commit(pay(BANK.FEES_BTC, BANK.FEES_BTC, 1))).code == Code.SAME_ACCOUNT
    assert (await books.commit(pay(BANK.FEES_BTC, 999_999_999, 1))).code == Code.NO_ACCOUNT


def test_a_kind_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Registry.of([CAP, CAP], [NOTE])
