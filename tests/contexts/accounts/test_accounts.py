"""The first log-in makes a customer; whose wallet is whose; names; limits; a locked account."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from tests.contexts.phones import KEYS, Phones

from hazina.access import ALL_SCOPES, CLAIMS, EFFECTS, READ_ONLY, Caller
from hazina.accounts import (
    Account,
    Accounts,
    InvalidUsername,
    Level,
    LimitKind,
    RecipientNotActive,
    RecipientUnknown,
    Status,
    UsernameFixed,
    UsernameTaken,
    WalletUnknown,
    limit_for,
)
from hazina.identity import Identity, WrongCode
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal
from hazina.kernel.ids import new_id, public_id
from hazina.kernel.money import Asset, Cents
from hazina.ledger import Books, Unit, balances

PHONE, OTHER = "+254712345678", "+254722000111"
IP = "203.0.113.9"


@pytest.fixture
def accounts(db: Database, clock: ManualClock, phones: Phones) -> Accounts:
    return Accounts(db, clock, Identity(db, clock, phones.sms, KEYS))


async def token_of(accounts: Accounts, phones: Phones, phone: str = PHONE) -> str:
    await accounts.identity.request_code(phone, "SMS", IP)
    return (await accounts.log_in(phone, await phones.code(phone), ip=IP, agent="test")).token


async def customer(accounts: Accounts, phones: Phones, phone: str = PHONE) -> Caller:
    caller = await accounts.caller(await token_of(accounts, phones, phone), IP)
    assert caller is not None
    return caller


async def set_status(db: Database, account: Account, status: Status) -> None:
    """What an operator will do."""
    async with db.transaction() as tx:
        values = {"id": account.id, "status": status.value}
        await tx.execute("update account set status = %(status)s where id = %(id)s", values)


async def rows(db: Database) -> list[int]:
    async with db.transaction() as tx:
        tables = (
            "select count(*) from person", "select count(*) from account", "select count(*) from wallet",
            "select count(*) from ledger.account where id >= 1000",
        )  # fmt: skip
        return [await tx.value(query) for query in tables]


# -- coming in ----------------------------------------------------------------------------------


async def test_the_first_log_in_makes_everything(
    db: Database, accounts: Accounts, phones: Phones, clock: ManualClock
) -> None:
    await accounts.identity.request_code(PHONE, "SMS", IP)
    entered = await accounts.log_in(PHONE, await phones.code(PHONE), ip=IP, agent="test")
    assert len(entered.token) == 39
    assert not entered.totp_required

    caller = await accounts.caller(entered.token, IP)
    assert caller is not None
    assert (caller.user_id, caller.scopes, caller.ip) == (entered.user_id, ALL_SCOPES, IP)
    (session,) = await accounts.identity.sessions(caller.user_id)
    assert caller.session_id == session.id

    me = await accounts.me(caller)
    assert (me.user.id, me.user.phone) == (caller.user_id, PHONE)
    assert (me.account.id, me.account.user_id) == (caller.account_id, caller.user_id)
    assert (me.account.level, me.account.status, me.account.username) == (Level.ONE, Status.ACTIVE, None)
    assert (me.account.display_currency, me.account.created_at) == ("USD", clock.now())
    assert await accounts.account(caller.account_id) == me.account

    btc, usd = await accounts.wallets(caller.account_id)
    assert (btc.asset, usd.asset) == (Asset.BTC, Asset.USD)
    assert me.account.default_wallet_id == btc.id
    assert {one.version for one in (caller.user_id, caller.account_id, btc.id, usd.id)} == {4}
    async with db.transaction() as tx:
        held = await balances(tx, [btc.ledger_account, usd.ledger_account])
    assert [(b.asset, b.balance, b.held) for b in held.values()] == [(Asset.BTC, 0, 0), (Asset.USD, 0, 0)]
    assert await rows(db) == [1, 1, 2, 2]


async def test_the_second_log_in_makes_a_session_only(db: Database, accounts: Accounts, phones: Phones) -> None:
    first = await customer(accounts, phones)
    second = await customer(accounts, phones)
    assert (first.user_id, first.account_id) == (second.user_id, second.account_id)
    assert first.session_id != second.session_id
    assert await rows(db) == [1, 1, 2, 2]


async def test_parallel_log_ins_with_one_code(db: Database, accounts: Accounts, phones: Phones) -> None:
    await accounts.identity.request_code(PHONE, "SMS", IP)
    code = await phones.code(PHONE)
    tries = [accounts.log_in(PHONE, code, ip=IP, agent=None) for _ in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert Counter(type(result).__name__ for result in results) == {"LoggedIn": 1, "WrongCode": 4}
    assert await rows(db) == [1, 1, 2, 2]


async def test_a_wrong_code_makes_nobody(db: Database, accounts: Accounts, phones: Phones) -> None:
    await accounts.identity.request_code(PHONE, "SMS", IP)
    wrong = "000000" if await phones.code(PHONE) != "000000" else "000001"
    with pytest.raises(WrongCode):
        await accounts.log_in(PHONE, wrong, ip=IP, agent=None)
    assert await rows(db) == [0, 0, 0, 0]


# -- tokens -------------------------------------------------------------------------------------


async def test_a_session_that_was_ended_is_nobody(accounts: Accounts, phones: Phones) -> None:
    token = await token_of(accounts, phones)
    caller = await accounts.caller(token, None)
    assert caller is not None and caller.session_id is not None
    await accounts.identity.revoke(caller.user_id, caller.session_id)
    assert await accounts.caller(token, None) is None


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "a", lambda t: t.upper(), lambda t: "\x00" + t[1:]])
async def test_a_token_that_is_not_exact_is_nobody(
    accounts: Accounts, phones: Phones, change: Callable[[str], str]
) -> None:
    token = await token_of(accounts, phones)
    assert await accounts.caller(change(token), None) is None


@pytest.mark.parametrize(
    "token", ["", "hzn_st_" + "a" * 32, "\ud800", "x" * 1_000_000, "hzn_st_' or 1=1 --" + "a" * 21]
)
async def test_what_is_no_token_is_nobody(accounts: Accounts, token: str) -> None:
    assert await accounts.caller(token, None) is None


async def test_use_is_noted_once_a_minute_and_keeps_a_session_alive(
    accounts: Accounts, phones: Phones, clock: ManualClock
) -> None:
    token = await token_of(accounts, phones)
    caller = await accounts.caller(token, None)
    assert caller is not None
    start = clock.now()

    async def noted() -> timedelta:
        (session,) = await accounts.identity.sessions(caller.user_id)
        return session.last_used_at - start

    clock.advance(timedelta(seconds=59))
    await accounts.caller(token, None)
    assert await noted() == timedelta(0)
    clock.advance(timedelta(seconds=1))
    await asyncio.gather(*[accounts.caller(token, None) for _ in range(5)])
    assert await noted() == timedelta(seconds=60)

    for _ in range(3):
        clock.advance(timedelta(days=200))
        assert await accounts.caller(token, None) is not None
    clock.advance(timedelta(days=365))
    assert await accounts.caller(token, None) is None


# -- wallets ------------------------------------------------------------------------------------


async def test_a_foreign_wallet_looks_like_none(accounts: Accounts, phones: Phones) -> None:
    me, other = await customer(accounts, phones), await customer(accounts, phones, OTHER)
    mine, theirs = (await accounts.wallets(me.account_id))[1], (await accounts.wallets(other.account_id))[0]
    assert await accounts.wallet_for(me, mine.id) == mine
    said = []
    for wallet_id in (theirs.id, public_id()):
        with pytest.raises(WalletUnknown) as refused:
            await accounts.wallet_for(me, wallet_id)
        said.append((str(refused.value), refused.value.facts))
    assert said[0] == said[1]
    assert await accounts.recipient(theirs.id) == theirs
    with pytest.raises(RecipientUnknown):
        await accounts.recipient(public_id())


async def test_the_wallet_behind_a_name_or_a_number(accounts: Accounts, phones: Phones) -> None:
    me = await customer(accounts, phones)
    btc, usd = await accounts.wallets(me.account_id)
    await accounts.set_username(me, "Kahawa")
    for name in ("kahawa", "KAHAWA", PHONE, "254712345678", "00254 712 345 678"):
        assert await accounts.default_wallet(name, None) == btc
        assert await accounts.default_wallet(name, Asset.BTC) == btc
        assert await accounts.default_wallet(name, Asset.USD) == usd
    for unknown in ("chai", OTHER):
        with pytest.raises(RecipientUnknown) as refused:
            await accounts.default_wallet(unknown, None)
        assert refused.value.blink == "NOT_FOUND"


@pytest.mark.parametrize(
    "name", ["", "\x00", "\ud800", "кahawa", "kahawa.", "２５４７１２３４５６７８", "x" * 1_000_000, "ab"]
)
async def test_what_is_no_name_is_refused_everywhere(accounts: Accounts, phones: Phones, name: str) -> None:
    me = await customer(accounts, phones)
    with pytest.raises(InvalidUsername):
        await accounts.default_wallet(name, None)
    with pytest.raises(InvalidUsername):
        await accounts.username_available(name)
    with pytest.raises(InvalidUsername):
        await accounts.set_username(me, name)
    assert (await accounts.me(me)).account.username is None


# -- usernames ----------------------------------------------------------------------------------


async def test_a_name_is_chosen_once(accounts: Accounts, phones: Phones) -> None:
    me, other = await customer(accounts, phones), await customer(accounts, phones, OTHER)
    assert await accounts.username_available("Kahawa")
    assert (await accounts.set_username(me, "Kahawa")).username == "kahawa"
    assert not await accounts.username_available("kahawa")
    for name, who, refusal in (
        ("chai", me, UsernameFixed),
        ("kahawa", me, UsernameFixed),
        ("KAHAWA", other, UsernameTaken),
    ):
        with pytest.raises(refusal) as refused:
            await accounts.set_username(who, name)
        assert refused.value.blink == "USERNAME_ERROR"
    assert (await accounts.me(other)).account.username is None


async def test_names_of_the_bank_are_kept(accounts: Accounts, phones: Phones) -> None:
    me = await customer(accounts, phones)
    for name in ("admin", "Hazina", "support_1"):
        assert not await accounts.username_available(name)
        with pytest.raises(UsernameTaken):
            await accounts.set_username(me, name)


async def test_a_phone_number_is_no_name(accounts: Accounts, phones: Phones) -> None:
    me = await customer(accounts, phones)
    for name in (OTHER, OTHER[1:], "800flowersx"):
        with pytest.raises(InvalidUsername):
            await accounts.set_username(me, name)


async def test_of_many_who_want_a_name_one_gets_it(accounts: Accounts, phones: Phones) -> None:
    people = [await customer(accounts, phones, f"+2547123450{n:02d}") for n in range(5)]
    tries = [accounts.set_username(one, name) for one in people for name in ("kahawa", "KAHAWA")]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Account) for result in results) == 1
    assert {type(result) for result in results} <= {Account, UsernameTaken, UsernameFixed}


async def test_of_two_names_at_once_one_stays(accounts: Accounts, phones: Phones) -> None:
    me = await customer(accounts, phones)
    results = await asyncio.gather(
        *[accounts.set_username(me, name) for name in ("kahawa", "chai", "maziwa")], return_exceptions=True
    )
    (named,) = [result for result in results if isinstance(result, Account)]
    assert {type(result) for result in results} == {Account, UsernameFixed}
    assert (await accounts.me(me)).account.username == named.username


# -- limits -------------------------------------------------------------------------------------


async def test_limits_and_what_is_left(db: Database, accounts: Accounts, phones: Phones, clock: ManualClock) -> None:
    me = await customer(accounts, phones)
    account = await accounts.account(me.account_id)
    limits = await accounts.limits(me)
    assert [one.total for one in (limits.withdrawal, limits.internal_send, limits.convert)] == [
        Cents(100_000), Cents(200_000), Cents(5_000_000)
    ]  # fmt: skip
    assert limits.withdrawal.remaining == limits.withdrawal.total
    assert limits.withdrawal.window_s == 86_400

    books = Books(db, claims=CLAIMS, effects=EFFECTS)
    await books.open()
    spend = limit_for(account, LimitKind.INTRALEDGER, Cents(150_000), clock.now())
    assert (await books.commit(Unit(new_id(), claims=(spend,)))).ok
    more = limit_for(account, LimitKind.INTRALEDGER, Cents(50_001), clock.now())
    over = (await books.commit(Unit(new_id(), claims=(more,)))).detail
    assert over == {"remaining": 50_000, "window_s": 86_400, "subject": f"intraledger:{account.id}"}
    await books.close()

    limits = await accounts.limits(me)
    assert limits.internal_send.remaining == Cents(50_000)
    assert limits.withdrawal.remaining == Cents(100_000)
    clock.advance(timedelta(days=1))
    assert (await accounts.limits(me)).internal_send.remaining == Cents(200_000)


# -- locked and closed --------------------------------------------------------------------------


async def test_a_locked_account_may_look_and_is_no_recipient(db: Database, accounts: Accounts, phones: Phones) -> None:
    token = await token_of(accounts, phones)
    me = await accounts.caller(token, None)
    assert me is not None
    await accounts.set_username(me, "kahawa")
    await set_status(db, await accounts.account(me.account_id), Status.LOCKED)

    locked = await accounts.caller(token, None)
    assert locked is not None
    assert locked.scopes == READ_ONLY
    assert (await accounts.me(locked)).account.status is Status.LOCKED
    btc = (await accounts.wallets(locked.account_id))[0]
    assert await accounts.wallet_for(locked, btc.id) == btc
    await refused(RecipientNotActive, accounts, btc.id)


async def test_a_closed_account_is_nobody(db: Database, accounts: Accounts, phones: Phones) -> None:
    token = await token_of(accounts, phones)
    me = await accounts.caller(token, None)
    assert me is not None
    await accounts.set_username(me, "kahawa")
    btc = (await accounts.wallets(me.account_id))[0]
    await set_status(db, await accounts.account(me.account_id), Status.CLOSED)
    assert await accounts.caller(token, None) is None
    await refused(RecipientUnknown, accounts, btc.id)


async def refused(refusal: type[Refusal], accounts: Accounts, wallet_id: UUID) -> None:
    with pytest.raises(refusal):
        await accounts.recipient(wallet_id)
    for name in ("kahawa", PHONE):
        with pytest.raises(refusal):
            await accounts.default_wallet(name, None)
