"""Sessions: opened, listed, ended, forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.contexts.phones import KEYS, Phones

from hazina.accounts import Accounts, LoggedIn
from hazina.identity import ChallengeUnknown, FactorKind, Identity, Policy, Proved, SessionUnknown, User
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database, Tx
from hazina.kernel.ids import new_id

PHONE, OTHER = "+254712345678", "+254722000111"


@pytest.fixture
def identity(db: Database, clock: ManualClock, phones: Phones) -> Identity:
    return Identity(db, clock, phones.sms, KEYS)


async def somebody(identity: Identity, phones: Phones, phone: str = PHONE) -> User:
    await identity.request_code(phone, "SMS", None)
    return await identity.check_code(phone, await phones.code(phone), None)


async def test_sessions_are_listed(identity: Identity, phones: Phones, clock: ManualClock) -> None:
    user = await somebody(identity, phones)
    first = await identity.open_session(user.id, ip="203.0.113.9", agent="Phone/1\x00")
    clock.advance(timedelta(minutes=5))
    second = await identity.open_session(user.id, ip="nonsense", agent=None)
    assert first != second
    newest, oldest = await identity.sessions(user.id)
    assert (oldest.ip, oldest.agent, oldest.user_id) == ("203.0.113.9", "Phone/1", user.id)
    assert (newest.ip, newest.agent) == (None, None)
    assert newest.created_at - oldest.created_at == timedelta(minutes=5)


async def test_tokens_lie_in_the_database_as_hashes(db: Database, identity: Identity, phones: Phones) -> None:
    user = await somebody(identity, phones)
    token = await identity.open_session(user.id, ip=None, agent=None)
    async with db.transaction() as tx:
        (row,) = await tx.rows(lambda text: text, "select session::text from session")
    assert token not in row
    assert token[7:] not in row


async def test_a_session_is_ended_by_its_owner_only(identity: Identity, phones: Phones) -> None:
    first, second = [await somebody(identity, phones, phone) for phone in (PHONE, OTHER)]
    for user in (first, first, second):
        await identity.open_session(user.id, ip=None, agent=None)
    one, other = await identity.sessions(first.id)
    for stranger, session_id in ((second.id, one.id), (first.id, new_id())):
        with pytest.raises(SessionUnknown):
            await identity.revoke(stranger, session_id)
    await identity.revoke(first.id, one.id)
    assert await identity.sessions(first.id) == [other]
    with pytest.raises(SessionUnknown):
        await identity.revoke(first.id, one.id)

    assert await identity.revoke_all(first.id) == 1
    assert await identity.sessions(first.id) == []
    assert len(await identity.sessions(second.id)) == 1


async def test_what_is_forgotten_is_swept(db: Database, identity: Identity, phones: Phones, clock: ManualClock) -> None:
    user = await somebody(identity, phones)
    await identity.open_session(user.id, ip=None, agent=None)
    await identity.request_code(OTHER, "SMS", None)
    clock.advance(timedelta(days=364))
    await identity.open_session(user.id, ip=None, agent=None)
    clock.advance(timedelta(days=1))
    assert len(await identity.sessions(user.id)) == 1, "a year unused is over"
    await identity.sweep()
    async with db.transaction() as tx:
        assert await tx.value("select count(*) from session") == 1
        assert await tx.value("select count(*) from phone_code") == 0
        assert await tx.value("select count(*) from rate_use") == 0


async def test_a_session_ends_however_much_it_is_used(db: Database, clock: ManualClock, phones: Phones) -> None:
    identity = Identity(db, clock, phones.sms, KEYS, Policy(session_idle_s=10 * 86_400, session_max_s=30 * 86_400))
    user = await somebody(identity, phones)
    await identity.open_session(user.id, ip=None, agent=None)
    for _ in range(5):
        clock.advance(timedelta(days=5))
        (session,) = await identity.sessions(user.id)
        async with db.transaction() as tx:
            await identity.touch(tx, session.id, session.last_used_at)
    clock.advance(timedelta(days=5))
    assert await identity.sessions(user.id) == []
    await identity.sweep()
    async with db.transaction() as tx:
        assert await tx.value("select count(*) from session") == 0


async def test_all_but_this_one_end(identity: Identity, phones: Phones) -> None:
    user = await somebody(identity, phones)
    for n in range(4):
        await identity.open_session(user.id, ip=f"203.0.113.{n}", agent=None)
    mine = (await identity.sessions(user.id))[1]
    assert await identity.revoke_all(user.id, but=mine.id) == 3
    assert await identity.sessions(user.id) == [mine]
    assert [one.object for one in await identity.history(user.id)] == ["all"]


async def test_a_list_shows_device_and_network(identity: Identity, phones: Phones) -> None:
    user = await somebody(identity, phones)
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36"
    await identity.open_session(user.id, ip="2001:db8:1:2:3::9", agent=agent)
    (session,) = await identity.sessions(user.id)
    assert (session.device, session.place) == ("Chrome on Windows", "2001:db8:1::/48")


async def test_a_token_that_waits_for_a_second_factor_opens_nothing(
    db: Database, identity: Identity, phones: Phones, clock: ManualClock
) -> None:
    accounts = Accounts(db, clock, identity)
    user = await somebody(identity, phones)
    async with db.transaction() as tx:
        await identity.links.link(tx, user.id, FactorKind.TOTP, str(user.id))

    async def enter(*amr: str) -> LoggedIn:
        async def shows(tx: Tx) -> Proved:
            return Proved(FactorKind.PHONE, PHONE, amr)

        return await accounts.enter(shows, ip=None, agent=None)

    whole, half = await enter("hwk", "user", "mfa"), await enter("otp", "sms")
    assert not whole.totp_required and await accounts.caller(whole.token, None) is not None
    assert half.totp_required and await accounts.caller(half.token, None) is None
    async with db.transaction() as tx:
        session = await identity.session(tx, half.token)
    assert session is not None and session.totp_pending

    async def complete() -> bool:
        try:
            async with db.transaction() as tx:
                await identity.complete(tx, session, ("otp",), ip=None, agent=None)
        except ChallengeUnknown:
            return False
        return True

    assert sorted(await asyncio.gather(*(complete() for _ in range(4)))) == [False] * 3 + [True]
    caller = await accounts.caller(half.token, None)
    assert caller is not None and set(caller.amr) == {"otp", "sms", "mfa"}


async def test_counts_lie_under_marks(db: Database, identity: Identity, phones: Phones) -> None:
    await identity.request_code(PHONE, "SMS", "203.0.113.9")
    async with db.transaction() as tx:
        rows = await tx.rows(lambda text: text, "select rate_use::text from rate_use")
    assert len(rows) >= 4
    assert not [row for row in rows if PHONE[1:-3] in row or "203.0.113" in row]
