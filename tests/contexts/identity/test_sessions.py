"""Sessions: opened, listed, ended, forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contexts.phones import KEYS, Phones

from hazina.identity import Identity, SessionUnknown, User
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
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
