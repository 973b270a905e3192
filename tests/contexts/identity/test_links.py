"""Whose a way to log in is: added, removed, handed over; and what everybody else of that person is told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contexts.whole import Person, Whole

from hazina.accounts import LoggedIn
from hazina.identity import (
    Factor,
    FactorExists,
    FactorKind,
    FactorTaken,
    FactorUnknown,
    LastFactor,
    NotRegistered,
    Proved,
    StepUpRequired,
    TooManyFactors,
)
from hazina.identity.model import FACTORS_MAX, device_of
from hazina.kernel.db import Tx
from hazina.kernel.errors import Refusal, TooManyRequests
from hazina.kernel.ids import new_id
from hazina.kernel.rates import Rate


async def link(person: Person, kind: FactorKind, subject: str) -> Factor:
    bank = person.whole.bank

    async def step(tx: Tx) -> Factor:
        return await bank.identity.links.link(tx, person.caller.user_id, kind, subject, name="mine", ip="203.0.113.9")

    return await bank.db.again(step)


async def unlink(person: Person, factor_id: UUID) -> Factor:
    bank = person.whole.bank

    async def step(tx: Tx) -> Factor:
        return await bank.identity.links.unlink(tx, person.caller.user_id, factor_id)

    return await bank.db.again(step)


async def factors(person: Person) -> list[Factor]:
    return await person.whole.bank.identity.factors(person.caller.user_id)


async def outcome(work: Awaitable[object]) -> type[Refusal] | None:
    try:
        await work
    except Refusal as refusal:
        return type(refusal)
    return None


def shows(kind: FactorKind, subject: str, *amr: str) -> Callable[[Tx], Awaitable[Proved]]:
    async def redeem(tx: Tx) -> Proved:
        return Proved(kind, subject, amr or ("pop",))

    return redeem


async def enter(whole: Whole, kind: FactorKind, subject: str) -> LoggedIn:
    return await whole.bank.accounts.enter(shows(kind, subject), ip="203.0.113.9", agent="Wallet/1")


async def test_a_factor_logs_its_person_in(whole: Whole) -> None:
    amina = await whole.person()
    added = await link(amina, FactorKind.NOSTR, "ab" * 32)
    assert (added.subject, added.name, added.user_id) == ("ab" * 32, "mine", amina.caller.user_id)
    entered = await enter(whole, FactorKind.NOSTR, "ab" * 32)
    assert (entered.user_id, entered.new) == (amina.caller.user_id, False)
    assert [one.kind for one in await factors(amina)] == [FactorKind.PHONE, FactorKind.NOSTR]
    assert await link(amina, FactorKind.NOSTR, "ab" * 32) == (await factors(amina))[1], "again: nothing changes"
    await unlink(amina, added.id)
    assert (await enter(whole, FactorKind.NOSTR, "ab" * 32)).user_id != amina.caller.user_id, "somebody new"


async def test_whoever_is_new_comes_in_whole_or_not_at_all(whole: Whole) -> None:
    found = await asyncio.gather(*(enter(whole, FactorKind.LNURL, "02" + "ab" * 32) for _ in range(6)))
    assert len({one.user_id for one in found}) == 1 and sum(one.new for one in found) == 1
    caller = await whole.bank.accounts.caller(found[0].token, None)
    assert caller is not None and caller.amr == ("pop",)
    account = await whole.bank.accounts.account(caller.account_id)
    assert account.level == 0, "no phone, no level"
    assert len(await whole.bank.accounts.wallets(account.id)) == 2
    async with whole.bank.db.transaction() as tx:
        assert await tx.value("select count(*) from person") == 1
    for kind in (FactorKind.EMAIL, FactorKind.TOTP):
        with pytest.raises(NotRegistered):
            await enter(whole, kind, "a@b.example")


async def test_aut_11_what_logs_somebody_else_in_is_not_taken(whole: Whole) -> None:
    amina, juma = await whole.person(), await whole.person()
    phone = (await factors(amina))[0]
    mine = await link(amina, FactorKind.BITCOIN, "bcrt1qexample")
    for kind, subject in ((FactorKind.BITCOIN, mine.subject), (FactorKind.EMAIL, "x@y.example")):
        assert await outcome(link(juma, kind, subject)) is (FactorTaken if kind is FactorKind.BITCOIN else None)
    juma_phone = (await factors(juma))[0]
    assert await outcome(unlink(juma, phone.id)) is FactorUnknown, "another's factor looks like none"
    assert await outcome(unlink(juma, new_id())) is FactorUnknown
    assert [one.id for one in await factors(amina)] == [phone.id, mine.id]
    assert juma_phone.id in {one.id for one in await factors(juma)}


async def test_aut_11_with_both_proofs_it_moves(whole: Whole) -> None:
    amina, juma = await whole.person(), await whole.person()
    key = await link(amina, FactorKind.NOSTR, "ab" * 32)
    accounts, identity = whole.bank.accounts, whole.bank.identity
    with pytest.raises(StepUpRequired) as asked:
        await accounts.release_factor(amina.caller, key.id, ip=None, agent=None)
    assert await outcome(link(juma, FactorKind.NOSTR, key.subject)) is FactorTaken, "asked for is not agreed"
    challenge, user_id = UUID(asked.value.facts["challenge"]), amina.caller.user_id
    await identity.stepup.begin(user_id, challenge, "phone", None)
    phone = (await factors(amina))[0].subject
    code = await whole.phones.code(phone)
    token = await identity.stepup.prove(user_id, challenge, "phone", code, ip=None, agent=None)
    sure = replace(amina.caller, step_up=token)
    assert await outcome(accounts.release_factor(juma.caller, key.id, ip=None, agent=None)) is FactorUnknown
    await accounts.release_factor(sure, key.id, ip=None, agent=None)

    await link(juma, FactorKind.NOSTR, key.subject)
    assert [one.kind for one in await factors(amina)] == [FactorKind.PHONE]
    assert [one.kind for one in await factors(juma)] == [FactorKind.PHONE, FactorKind.NOSTR]
    for person, verb in ((amina, "factor.removed"), (juma, "factor.added")):
        assert verb in [one.verb for one in await identity.history(person.caller.user_id)]
        assert await identity.held_until(person.caller.user_id) is not None
    assert await outcome(link(amina, FactorKind.NOSTR, key.subject)) is FactorTaken, "consent was for once"


async def test_what_was_released_may_be_taken_for_ten_minutes(whole: Whole) -> None:
    amina, juma = await whole.person(), await whole.person()
    key = await link(amina, FactorKind.NOSTR, "ab" * 32)
    only = (await factors(juma))[0]
    async with whole.bank.db.transaction() as tx:
        await whole.bank.identity.links.release(tx, amina.caller.user_id, key.id)
        with pytest.raises(LastFactor):
            await whole.bank.identity.links.release(tx, juma.caller.user_id, only.id)
    whole.clock.shift += timedelta(minutes=10, seconds=1)
    assert await outcome(link(juma, FactorKind.NOSTR, key.subject)) is FactorTaken


async def test_the_last_way_in_stays(whole: Whole) -> None:
    amina = await whole.person()
    phone = (await factors(amina))[0]
    await link(amina, FactorKind.TOTP, str(amina.caller.user_id))
    assert await outcome(unlink(amina, phone.id)) is LastFactor, "an authenticator app lets nobody in"
    key = await link(amina, FactorKind.NOSTR, "ab" * 32)
    found = await asyncio.gather(outcome(unlink(amina, phone.id)), outcome(unlink(amina, key.id)))
    assert set(found) == {LastFactor, None}
    assert len([one for one in await factors(amina) if one.kind is not FactorKind.TOTP]) == 1


async def test_of_many_who_claim_a_key_one_has_it(whole: Whole) -> None:
    people = [await whole.person() for _ in range(4)]
    found = await asyncio.gather(*(outcome(link(one, FactorKind.NOSTR, "ab" * 32)) for one in people))
    assert sorted(one is None for one in found) == [False] * 3 + [True] and set(found) == {None, FactorTaken}


async def test_one_phone_and_so_many_factors(whole: Whole) -> None:
    amina, identity = await whole.person(), whole.bank.identity
    with pytest.raises(FactorExists):
        await link(amina, FactorKind.PHONE, "+254799999999")
    policy = replace(identity.policy, factor_changes=Rate("factor_changes", 1_000, 60, 60))
    patient = replace(identity.links, policy=policy)
    async with whole.bank.db.transaction() as tx:
        for n in range(FACTORS_MAX - 1):
            await patient.link(tx, amina.caller.user_id, FactorKind.NOSTR, f"{n:064x}")
        with pytest.raises(TooManyFactors):
            await patient.link(tx, amina.caller.user_id, FactorKind.NOSTR, "ff" * 32)


async def test_changes_are_bounded_since_each_sends_messages(whole: Whole) -> None:
    amina = await whole.person()
    most = whole.bank.identity.policy.factor_changes.points
    found = [await outcome(link(amina, FactorKind.NOSTR, f"{n:064x}")) for n in range(most + 2)]
    assert found == [None] * most + [TooManyRequests] * 2
    assert len(await factors(amina)) == most + 1
    whole.clock.shift += timedelta(days=1, seconds=1)
    assert await outcome(link(amina, FactorKind.NOSTR, "ff" * 32)) is None


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_a_factor_has_one_owner_and_everybody_a_way_in(whole: Whole, seed: int) -> None:
    """Against a model: who owns what, and what is released. Several at once, in an order that nobody chose."""
    dice = random.Random(seed)
    people = [await whole.person() for _ in range(3)]
    subjects = [f"{n:064x}" for n in range(4)]
    for _ in range(8):
        steps: list[Awaitable[object]] = []
        for _ in range(4):
            person, subject = dice.choice(people), dice.choice(subjects)
            mine = await factors(person)
            match dice.randrange(4):
                case 0 | 1:
                    steps.append(link(person, FactorKind.NOSTR, subject))
                case 2:
                    steps.append(unlink(person, dice.choice(mine).id))
                case 3:
                    steps.append(release(person, dice.choice(mine).id))
        found = await asyncio.gather(*(outcome(step) for step in steps))
        assert set(found) <= {None, FactorTaken, FactorUnknown, LastFactor}, found
        standing = [await factors(person) for person in people]
        assert all(standing), "nobody is locked out"
        owned = [one.subject for each in standing for one in each]
        assert len(owned) == len(set(owned)), "and nothing is two people's"


async def release(person: Person, factor_id: UUID) -> Factor | None:
    bank = person.whole.bank

    async def step(tx: Tx) -> None:
        await bank.identity.links.release(tx, person.caller.user_id, factor_id)

    await bank.db.again(step)
    return None


async def test_all_others_hear_of_a_change(whole: Whole) -> None:
    amina = await whole.person()
    phone, identity = (await factors(amina))[0].subject, whole.bank.identity
    with whole.bank.hub.follow([f"user:{amina.caller.user_id}"]) as news:
        hub = asyncio.create_task(whole.bank.hub.run())
        async with asyncio.timeout(60):
            while whole.bank.hub._cursor is None:  # until it listens
                await asyncio.sleep(0.01)
        key = await link(amina, FactorKind.PASSKEY, "credential")
        fact = await asyncio.wait_for(news.get(), 60)
        hub.cancel()
    await asyncio.gather(hub, return_exceptions=True)
    assert (fact.topic, fact.body["kind"], fact.body["added"]) == ("factor_changed", "passkey", True)
    assert await identity.send_notices() == 1 and await identity.send_notices() == 0
    assert "a passkey was added to your account" in (await whole.phones.read(phone))[0]
    await unlink(amina, key.id)
    await identity.send_notices()
    assert "a passkey was removed from your account" in (await whole.phones.read(phone))[0]

    await link(amina, FactorKind.NOSTR, "ab" * 32)
    await unlink(amina, (await factors(amina))[0].id)
    await identity.send_notices()
    assert "a phone number was removed" in (await whole.phones.read(phone))[0], "the one that is gone hears it too"


async def test_word_of_a_change_waits_for_a_provider_that_is_away(whole: Whole) -> None:
    amina = await whole.person()
    phone, identity = (await factors(amina))[0].subject, whole.bank.identity
    await link(amina, FactorKind.PASSKEY, "credential")
    await whole.phones.fail("error")
    assert await identity.send_notices() == 0
    await whole.phones.mend()
    assert await identity.send_notices() == 0, "not at once"
    whole.clock.shift += timedelta(minutes=3)
    assert await identity.send_notices() == 1
    assert "passkey" in (await whole.phones.read(phone))[0]


async def test_the_first_factor_starts_no_hold(whole: Whole) -> None:
    amina = await whole.person()
    assert await whole.bank.identity.held_until(amina.caller.user_id) is None


@given(st.text(max_size=200) | st.none())
def test_a_device_has_a_short_name_whatever_it_says(agent: str | None) -> None:
    assert 0 < len(device_of(agent)) <= 40


def test_devices_as_people_know_them() -> None:
    firefox = "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0"
    safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1"
    assert device_of(firefox) == "Firefox on Android"
    assert device_of(safari) == "Safari on iPhone"
    assert device_of("LNbits/1.0 python") == "LNbits"
    assert device_of(None) == "Unknown device"
