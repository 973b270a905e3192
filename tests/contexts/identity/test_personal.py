"""What is personal lies sealed, apart from the books; it ends with its key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from tests.contexts.phones import KEYS, Phones
from tests.contexts.whole import Whole

from hazina import migrations
from hazina.identity import FactorKind, Identity
from hazina.kernel.clock import ManualClock
from hazina.kernel.crypto import BadKeys, Keys
from hazina.kernel.db import Database
from hazina.kernel.embedded import OWNER_ROLE, PROGRAM_ROLE, Cluster
from hazina.kernel.ids import public_id

PHONE, OTHER = "+254712345678", "+254722000111"


def everything(url: str) -> str:
    """All rows of all tables, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            """select format('%I.%I', schemaname, tablename) from pg_tables
            where schemaname in ('public', 'ledger') and tablename <> 'alembic_version'"""
        ).fetchall()
        rows = [connection.execute(f"select t::text from {name} t").fetchall() for (name,) in tables]
    return "\n".join(text for found in rows for (text,) in found)


@pytest.fixture
def identity(db: Database, clock: ManualClock, phones: Phones) -> Identity:
    return Identity(db, clock, phones.sms, KEYS)


async def come(identity: Identity, phones: Phones, phone: str = PHONE) -> str:
    await identity.request_code(phone, "SMS", "203.0.113.9")
    user = await identity.check_code(phone, await phones.code(phone), "203.0.113.9")
    await identity.open_session(user.id, ip="203.0.113.9", agent="Phone/1")
    return str(user.id)


async def test_no_phone_and_no_address_lies_in_clear(whole: Whole, program_url: str) -> None:
    amina, juma = await whole.person(), await whole.person()
    phones = [(await whole.bank.accounts.me(one.caller)).user.phone or "?" for one in (amina, juma)]
    async with whole.bank.db.transaction() as tx:
        await whole.bank.identity.links.link(tx, amina.caller.user_id, FactorKind.EMAIL, "amina@bank.example")
        await whole.bank.identity.links.link(
            tx, amina.caller.user_id, FactorKind.NOSTR, "ab" * 32, name="Amina's phone", ip="203.0.113.77"
        )
    await whole.bank.identity.request_code(phones[0], "SMS", "203.0.113.78")
    await amina.fund(20_000)
    await amina.give(juma, 1_000)
    text = everything(program_url)
    assert str(amina.caller.user_id) in text, "it is the right database"
    await whole.bank.identity.open_session(amina.caller.user_id, ip="203.0.113.76", agent="Firefox/1")
    text += everything(program_url)
    for secret in (
        "203.0.113.76",
        "Firefox",
        *(phone[1:] for phone in phones),
        "amina@bank",
        "abab",
        "Amina",
        "203.0.113.77",
        "203.0.113.78",
    ):
        assert secret not in text, secret


async def test_who_is_forgotten_is_gone_and_the_books_stay(whole: Whole, program_url: str) -> None:
    amina, juma = await whole.person(), await whole.person()
    identity, user_id = whole.bank.identity, amina.caller.user_id
    await amina.fund(20_000)
    await amina.give(juma, 1_000)
    phone = (await whole.bank.accounts.me(amina.caller)).user.phone
    assert phone is not None
    assert await identity.forget(user_id)
    assert not await identity.forget(user_id), "once"
    assert await identity.factors(user_id) == [] and await identity.sessions(user_id) == []
    async with whole.bank.db.transaction() as tx:
        gone = await identity.user(tx, user_id)
        assert gone is not None and gone.phone is None
        assert await identity.user_by_phone(tx, phone) is None
        assert await identity.vault.key_of(tx, user_id) is None
    assert await amina.sats() == (19_000, 0), "what the bank owes stays in the books"
    assert [one.ip for one in await identity.history(user_id)] == [None] * len(await identity.history(user_id))
    assert phone[1:] not in everything(program_url)
    await whole.bank.identity.request_code(phone, "SMS", None)
    entered = await whole.bank.accounts.log_in(phone, await whole.phones.code(phone), ip=None, agent=None)
    assert entered.user_id != user_id, "the number's next holder is somebody else"


async def test_another_wrapping_key(db: Database, identity: Identity, phones: Phones, clock: ManualClock) -> None:
    await identity.open_keys()
    await come(identity, phones)
    newer = Identity(db, clock, phones.sms, KEYS.with_new())
    await newer.open_keys()
    await come(newer, phones, OTHER)
    before = everything(db.url)
    assert await newer.rewrap() == 1 and await newer.rewrap() == 0
    async with db.transaction() as tx:
        assert await tx.rows(str, "select distinct kek_id from person_key") == ["kek-2"]
        user = await newer.user_by_phone(tx, PHONE)
    assert user is not None and user.phone == PHONE
    sealed = [line for line in before.splitlines() if "phone," in line]
    assert all(line in everything(db.url) for line in sealed), "what the keys seal stayed as it was"
    only_new = Identity(db, clock, phones.sms, newer.keys.without("kek-1"))
    await only_new.open_keys()


async def test_keys_of_another_bank_are_refused(
    db: Database, identity: Identity, phones: Phones, clock: ManualClock
) -> None:
    await identity.open_keys()
    await come(identity, phones)
    strange = Keys.fresh()
    for keys in (strange, replace(strange, index=KEYS.index), replace(KEYS, index=strange.index)):
        with pytest.raises(BadKeys):
            await Identity(db, clock, phones.sms, keys).open_keys()
    lost = KEYS.with_new().without("kek-1")
    with pytest.raises(BadKeys) as refused:
        await Identity(db, clock, phones.sms, lost).open_keys()
    assert "kek-1" in str(refused.value)
    await identity.open_keys()


@pytest.fixture
def old(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """A database of the revision that kept phones in clear, with three customers: owner's and program's URL."""
    with psycopg.connect(cluster.url(OWNER_ROLE), autocommit=True) as connection:
        connection.execute("create database in_clear")
    owner, program = (
        psycopg.conninfo.make_conninfo(url, dbname="in_clear") for url in (cluster.url(OWNER_ROLE), cluster.url())
    )
    migrations.migrate(owner, PROGRAM_ROLE, to="0013")
    with psycopg.connect(owner) as connection:
        for n in range(3):
            connection.execute(
                "insert into person (id, phone, created_at) values (%s, %s, now())", [public_id(), f"+25471234567{n}"]
            )
    yield owner, program
    with psycopg.connect(cluster.url(OWNER_ROLE), autocommit=True) as connection:
        connection.execute("drop database in_clear with (force)")


async def test_phones_of_an_older_revision_are_sealed_at_the_start(
    old: tuple[str, str], phones: Phones, clock: ManualClock
) -> None:
    owner, program = old
    migrations.undo(owner, PROGRAM_ROLE, "0012")
    migrations.migrate(owner, PROGRAM_ROLE, to="0014")
    migrations.undo(owner, PROGRAM_ROLE, "0013")  # before a start there is a way back
    migrations.migrate(owner, PROGRAM_ROLE)
    db = Database(program, size=4)
    await db.open()
    try:
        identity = Identity(db, clock, phones.sms, KEYS)
        several = [Identity(db, clock, phones.sms, KEYS) for _ in range(3)]
        await asyncio.gather(*(one.open_keys() for one in several))  # processes that start together
        async with db.transaction() as tx:
            assert await tx.value("select count(*) from factor") == 3
            user = await identity.user_by_phone(tx, "+254712345671")
            assert user is not None and user.phone == "+254712345671"
            assert await tx.value("select count(*) from phone_to_move") == 0
        assert "25471234567" not in everything(program)
    finally:
        await db.close()
    with pytest.raises(Exception, match="no way back"):
        migrations.undo(owner, PROGRAM_ROLE, "0013")
