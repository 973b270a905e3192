"""Quizzes: who may claim which, and that each is paid once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contexts.learn.conftest import pupil
from tests.contexts.payments.machine import Machine
from tests.contexts.whole import Person, Whole

from hazina.adapters.proxycheck import ProxyCheck
from hazina.identity import FactorKind
from hazina.kernel.errors import Refusal, TooManyRequests
from hazina.kernel.paging import Page
from hazina.learn import (
    GATE,
    QUIZZES,
    SECTIONS,
    Learn,
    QuizAlreadyClaimed,
    QuizClaimedTooEarly,
    QuizCountryRefused,
    QuizFunderDepleted,
    QuizIpRefused,
    QuizPhoneNeeded,
    QuizPhoneRefused,
    QuizUnknown,
    QuizVpnRefused,
    State,
    memo_shown,
    quizzes,
)
from hazina.learn.model import PER_IP, PER_PHONE, Policy, may_be_rewarded

FIRST, LAST_OF_FIRST, SECOND = SECTIONS[0][1][0], SECTIONS[0][1][-1], SECTIONS[1][1][0]


def test_the_list_is_blinks() -> None:
    assert (len(QUIZZES), len(SECTIONS)) == (121, 19)
    assert [*QUIZZES][:5] == ["whatIsBitcoin", "sat", "whereBitcoinExist", "whoControlsBitcoin", "copyBitcoin"]
    assert {"moneyImportantGovernement", "GovernementCanPrintMoney"} < set(QUIZZES)


def test_a_section_opens_twelve_hours_after_the_one_before(whole: Whole) -> None:
    now = whole.clock.now()
    opens = {one.id: one.not_before for one in quizzes({}, now)}
    assert opens[FIRST] is None and opens[SECOND] == now + GATE
    done = {LAST_OF_FIRST: now - timedelta(hours=5)}
    opens = {one.id: one.not_before for one in quizzes(done, now)}
    assert opens[SECOND] == now + timedelta(hours=7) and opens[SECTIONS[2][1][0]] == now + GATE


async def test_a_reward_is_paid_by_the_funder_once(whole: Whole, funder: Person) -> None:
    """Also when it is claimed ten times at the same moment."""
    baraka, learn = await pupil(whole), whole.bank.learn
    answers = await asyncio.gather(*(learn.claim(baraka.caller, FIRST) for _ in range(10)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["QuizAlreadyClaimed"] * 9 + ["list"]
    assert (await baraka.sats(), await funder.sats()) == ((1, 0), (999, 0))
    page = await whole.bank.payments.lines(baraka.caller, None, Page(first=5))
    assert [(memo_shown(line), line.memo_shown) for line in page.items] == [(FIRST, None)]
    assert [one.id for one in await learn.quizzes(baraka.caller.account_id) if one.completed] == [FIRST]
    assert await learn.funding.counted() == {State.PAID: 1}
    assert await learn.settle() == 0


async def test_gates_in_order_and_what_is_done_without_reward(whole: Whole, funder: Person) -> None:
    baraka, learn = await pupil(whole), whole.bank.learn
    with pytest.raises(QuizUnknown):
        await learn.claim(baraka.caller, "no such quiz")
    with pytest.raises(QuizClaimedTooEarly):
        await learn.claim(baraka.caller, SECOND)
    await learn.claim(baraka.caller, LAST_OF_FIRST, rewarded=False)
    with pytest.raises(QuizAlreadyClaimed):
        await learn.claim(baraka.caller, LAST_OF_FIRST)
    with pytest.raises(QuizClaimedTooEarly):
        await learn.claim(baraka.caller, SECOND)
    whole.clock.shift += GATE
    await learn.claim(baraka.caller, SECOND)
    assert (await baraka.sats())[0] == 1
    nowhere = replace(baraka.caller, ip=None)
    with pytest.raises(QuizIpRefused):
        await learn.claim(nowhere, FIRST)
    await learn.claim(nowhere, FIRST, rewarded=False)
    assert (await baraka.sats())[0] == 1


async def test_without_a_funder_or_with_an_empty_one_it_may_be_claimed_later(whole: Whole) -> None:
    baraka, learn = await pupil(whole), whole.bank.learn
    poor = await whole.person()
    for account in (None, poor.caller.account_id):
        await learn.funding.set(account)
        with pytest.raises(QuizFunderDepleted):
            await learn.claim(baraka.caller, FIRST)
    await poor.fund(1)
    await learn.claim(baraka.caller, FIRST)
    assert (await baraka.sats(), await poor.sats()) == ((1, 0), (0, 0))


async def test_so_many_for_a_phone_and_for_an_address(whole: Whole) -> None:
    """Tries count too: here nobody pays."""
    baraka, other, learn = await pupil(whole), await pupil(whole), whole.bank.learn
    told = [await _claimed(learn, baraka, FIRST) for _ in range(PER_PHONE.points + 1)]
    assert told == [QuizFunderDepleted] * PER_PHONE.points + [TooManyRequests]
    left = PER_IP.points - len(told)
    third = await pupil(whole)
    told = [await _claimed(learn, who, FIRST) for who in (other, third) for _ in range(left // 2)]
    assert told == [QuizFunderDepleted] * len(told)
    assert await _claimed(learn, third, FIRST) in (QuizFunderDepleted, TooManyRequests)
    assert await _claimed(learn, third, FIRST) is TooManyRequests
    elsewhere = await pupil(whole, "192.0.2.8")
    assert await _claimed(learn, elsewhere, FIRST) is QuizFunderDepleted


async def test_a_phone_earns_a_quiz_once_whoever_has_it(whole: Whole, funder: Person) -> None:
    """An account that is deleted and opened again, and one that got the phone of another, earn nothing twice."""
    baraka, learn = await pupil(whole), whole.bank.learn
    phone = (await whole.bank.accounts.me(baraka.caller)).user.phone
    assert phone is not None and await _claimed(learn, baraka, FIRST) is None
    await whole.bank.account_closing.delete(baraka.caller)
    again = await pupil(whole, phone=phone)
    assert again.caller.account_id != baraka.caller.account_id
    with pytest.raises(QuizAlreadyClaimed, match="your phone number"):
        await learn.claim(again.caller, FIRST)
    assert await _claimed(learn, again, "sat") is None
    assert (await again.sats(), await funder.sats()) == ((1, 0), (998, 0))
    await learn.claim(again.caller, FIRST, rewarded=False)
    async with whole.bank.db.reading() as tx:
        kept = await tx.rows(bytes, "select phone from quiz_claim where phone is not null")
    assert len(set(kept)) == 1 and phone.encode() not in b"".join(kept), "a keyed hash is all that is kept"


async def test_past_phones_count_as_the_present_one(whole: Whole, funder: Person) -> None:
    baraka, learn, links = await pupil(whole), whole.bank.learn, whole.bank.identity.links
    assert await _claimed(learn, baraka, FIRST) is None
    await learn.funding.set(None)
    user_id = baraka.caller.user_id
    async with whole.bank.db.transaction() as tx:
        old = (await links.of(tx, user_id))[0]
        await links.link(tx, user_id, FactorKind.EMAIL, "baraka-quiz@example.org")
        await links.unlink(tx, user_id, old.id)
        await links.link(tx, user_id, FactorKind.PHONE, "+254711000933")
    told = [await _claimed(learn, baraka, "sat") for _ in range(PER_PHONE.points)]
    assert told == [QuizFunderDepleted] * (PER_PHONE.points - 1) + [TooManyRequests]


async def _claimed(learn: Learn, who: Person, quiz_id: str) -> type[Refusal] | None:
    try:
        await learn.claim(who.caller, quiz_id)
    except Refusal as refusal:
        return type(refusal)
    return None


def test_phones_that_are_had_by_the_dozen_are_not_rewarded() -> None:
    assert may_be_rewarded("+254712345678", Policy()) == "+254712345678"
    with pytest.raises(QuizPhoneNeeded):
        may_be_rewarded(None, Policy())
    for phone, policy in (
        ("+18005550199", Policy()),  # toll-free
        ("+448001111111", Policy()),
        ("+254712345678", Policy(phone_countries_denied=frozenset({"KE"}))),
    ):
        with pytest.raises(QuizPhoneRefused):
            may_be_rewarded(phone, policy)


@pytest.fixture
async def careful(whole: Whole) -> AsyncIterator[Learn]:
    """Addresses are looked up."""
    ips = ProxyCheck(f"{whole.bank.settings.sandbox_url}/proxycheck")
    policy = Policy(ip_countries_denied=frozenset({"ZZ"}))
    yield replace(whole.bank.learn, ips=ips, policy=policy)
    await ips.close()


@pytest.mark.parametrize(
    ("ip", "refusal"),
    [
        ("192.0.2.7", None),
        ("198.51.100.7", QuizVpnRefused),
        ("203.0.113.7", QuizCountryRefused),
        ("2001:db8::7", QuizIpRefused),
    ],
)
async def test_addresses(whole: Whole, funder: Person, careful: Learn, ip: str, refusal: type[Refusal] | None) -> None:
    baraka = await pupil(whole, ip)
    assert await _claimed(careful, baraka, FIRST) is refusal
    assert (await baraka.sats())[0] == (1 if refusal is None else 0)


async def test_an_address_that_cannot_be_looked_up_is_not_rewarded(
    whole: Whole, funder: Person, careful: Learn
) -> None:
    fault = {"provider": "proxycheck", "call": "lookup", "action": "error"}
    (await whole.sandbox.post("/sandbox/api/faults", json=fault)).raise_for_status()
    baraka = await pupil(whole)
    assert await _claimed(careful, baraka, FIRST) is QuizIpRefused
    network = replace(careful, policy=Policy(networks_denied=frozenset({"AS64501"})))
    (await whole.sandbox.delete("/sandbox/api/faults")).raise_for_status()
    assert await _claimed(network, baraka, FIRST) is QuizIpRefused
    assert await _claimed(careful, baraka, FIRST) is None


async def test_killed_between_claim_and_payment_and_between_payment_and_mark(
    whole: Whole, funder: Person, machine: Machine
) -> None:
    baraka, learn = await pupil(whole), whole.bank.learn
    await machine.killed_at("line", ("learn", "claim", (baraka.caller, FIRST)))
    assert (await baraka.sats())[0] == 0 and await learn.funding.counted() == {State.PAYING: 1}
    with pytest.raises(QuizAlreadyClaimed):
        await learn.claim(baraka.caller, FIRST)
    whole.clock.shift += timedelta(minutes=2)
    async with whole.bank.db.transaction() as tx:  # the worker keeps the machine's time
        await tx.execute("update quiz_claim set at = at - interval '2 minutes'")
    await machine.killed_at("quiz_claim", ("learn", "settle", ()), "new.state = 2")
    assert (await baraka.sats())[0] == 1 and await learn.funding.counted() == {State.PAYING: 1}
    assert await learn.settle() == 1
    assert (await baraka.sats(), await funder.sats()) == ((1, 0), (999, 0))
    assert await learn.funding.counted() == {State.PAID: 1}


async def test_what_nobody_could_pay_for_days_waits_for_an_operator(whole: Whole, funder: Person) -> None:
    """Before the books forget the key that makes a repeat harmless."""
    baraka, learn = await pupil(whole), whole.bank.learn
    async with whole.bank.db.transaction() as tx:
        await tx.execute(
            """insert into quiz_claim (account_id, quiz_id, state, funder_id, to_wallet_id, at)
            values (%(account)s, %(quiz)s, 1, %(funder)s, %(wallet)s, now() - interval '6 days')""",
            {
                "account": baraka.caller.account_id, "quiz": FIRST, "funder": funder.caller.account_id,
                "wallet": baraka.btc.id,
            },
        )  # fmt: skip
    assert await learn.settle() == 0
    assert (await baraka.sats())[0] == 0 and await learn.funding.counted() == {State.DOUBTFUL: 1}
