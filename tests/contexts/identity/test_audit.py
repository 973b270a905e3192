"""The audit log: only ever added to, in a chain, read by the person whom it concerns."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from tests.contexts.phones import KEYS, Phones
from tests.contexts.whole import Whole

from hazina.identity import Identity
from hazina.kernel import audit
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database


@pytest.fixture
def identity(db: Database, clock: ManualClock, phones: Phones) -> Identity:
    return Identity(db, clock, phones.sms, KEYS)


async def note(identity: Identity, verb: str, n: int = 1) -> None:
    for _ in range(n):
        async with identity.db.transaction() as tx:
            await identity.audit.record(
                tx, at=identity.clock.now(), actor="operator:amina", user_id=None, verb=verb, object="x"
            )


async def link(db: Database) -> int:
    async with db.transaction() as tx:
        return await audit.link(tx)


async def broken(db: Database) -> dict[str, int]:
    async with db.transaction() as tx:
        return {check.name: check.broken for check in await audit.verify(tx) if check.broken}


async def test_customers_read_what_concerns_them(whole: Whole) -> None:
    amina, juma = await whole.person(), await whole.person()
    bank = whole.bank
    token = await bank.identity.open_session(amina.caller.user_id, ip="203.0.113.9", agent="Phone/1")
    caller = await bank.accounts.caller(token, "203.0.113.9")
    assert caller is not None and caller.session_id is not None
    await bank.identity.revoke(amina.caller.user_id, caller.session_id)
    first, second = await bank.identity.history(amina.caller.user_id)
    assert (first.verb, first.object, first.actor, first.result) == (
        "session.ended",
        str(caller.session_id),
        "user",
        "ok",
    )
    assert (second.verb, second.agent, second.detail) == ("session.opened", "test", {"amr": ["otp", "sms"]})
    assert [one.verb for one in await bank.identity.history(juma.caller.user_id)] == ["session.opened"]
    assert await bank.identity.history(amina.caller.user_id, before=first.id) == [second]
    assert await bank.identity.history(amina.caller.user_id, limit=1) == [first]


async def test_nobody_changes_a_line(db: Database, identity: Identity, owner_url: str) -> None:
    await note(identity, "one", 3)
    await link(db)
    for table in ("audit", "audit_link"):
        for text in (f"update {table} set hash = hash", f"delete from {table}", f"truncate {table} cascade"):
            for url in (db.url, owner_url):
                said = text.replace("hash = hash", "at = at") if table == "audit" else text
                with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(said.encode())
    assert await broken(db) == {}


TAMPERED = {
    "update audit set result = 'ok, really' where verb = 'two'": "audit-chain",
    "update audit set actor = 'user' where verb = 'two'": "audit-chain",
    "update audit set sealed = 'x' where verb = 'two'": "audit-chain",
    "update audit_link set hash = sha256('x') where seq = 2": "audit-chain",
    "delete from audit where verb = 'two'": "audit-chain",
    "delete from audit_link where seq = 2": "audit-chain",
    """insert into audit (id, xid, at, actor, verb, object, result)
       select gen_random_uuid(), min(xid), now(), 'user', 'never', '', 'ok' from audit""": "audit-linked",
}


@pytest.mark.parametrize("change", TAMPERED)
async def test_whoever_gets_round_that_is_seen(db: Database, identity: Identity, owner_url: str, change: str) -> None:
    for verb in ("one", "two", "three"):
        await note(identity, verb)
    assert await link(db) == 3 and await link(db) == 0
    assert await broken(db) == {}
    with psycopg.connect(owner_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(change.encode())
    assert TAMPERED[change] in await broken(db)


async def test_many_write_and_many_link_at_once(db: Database, identity: Identity) -> None:
    async def writes() -> None:
        await note(identity, "busy", 15)

    async def links() -> None:
        for _ in range(10):
            await link(db)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(writes() for _ in range(5)), *(links() for _ in range(3)))
    while await link(db):
        pass
    async with db.transaction() as tx:
        found = await audit.head(tx)
    assert found is not None and found[0] == 75
    assert await broken(db) == {}


async def test_a_line_that_is_committed_late_is_linked_all_the_same(db: Database, identity: Identity) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with db.transaction() as tx:
            await identity.audit.record(tx, at=identity.clock.now(), actor="bank", user_id=None, verb="slow")
            entered.set()
            await leave.wait()

    waiting = asyncio.create_task(slow())
    await entered.wait()
    await note(identity, "quick")
    assert await link(db) == 0, "what is behind a running transaction waits for it"
    leave.set()
    await waiting
    assert await link(db) == 2
    assert await broken(db) == {}


async def test_the_hash_of_all_changes_with_every_line(db: Database, identity: Identity) -> None:
    heads = set()
    for n in range(3):
        await note(identity, str(n))
        await link(db)
        async with db.transaction() as tx:
            found = await audit.head(tx)
        assert found is not None and found[0] == n + 1
        heads.add(found[1])
    assert len(heads) == 3


async def test_what_is_rolled_back_was_never_there(db: Database, identity: Identity) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction() as tx:
            await identity.audit.record(tx, at=identity.clock.now(), actor="bank", user_id=None, verb="never")
            raise RuntimeError
    assert await link(db) == 0
