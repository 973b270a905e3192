"""A second proof for exactly one thing, once; and the hold on what leaves after a factor changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.contexts.whole import Person, Whole

from hazina.access import fingerprint
from hazina.accounts import Level
from hazina.accounts import store as accounts
from hazina.identity import (
    FACTOR_ADD,
    FACTOR_RELEASE,
    KEY,
    ChallengeUnknown,
    FactorKind,
    OutgoingHeld,
    Proved,
    StepUpRefused,
    StepUpRequired,
    WrongCode,
)
from hazina.kernel.errors import NotAuthorized, Refusal
from hazina.kernel.ids import new_id
from hazina.kernel.money import Msats
from hazina.payments import SendInternal, Sent


async def phone_of(person: Person) -> str:
    user = (await person.whole.bank.accounts.me(person.caller)).user
    assert user.phone is not None
    return user.phone


async def rich(whole: Whole, sats: int = 3_000_000) -> Person:
    """Somebody of level 2 with money."""
    person = await whole.person()
    async with whole.bank.db.transaction() as tx:
        await accounts.set_level(tx, person.caller.account_id, Level.TWO)
    await person.fund(sats)
    return person


async def asked(person: Person, other: Person, sats: int) -> StepUpRequired:
    with pytest.raises(StepUpRequired) as refused:
        await person.give(other, sats)
    return refused.value


async def proof(person: Person, refusal: StepUpRequired) -> str:
    stepup, user_id = person.whole.bank.identity.stepup, person.caller.user_id
    challenge = UUID(refusal.facts["challenge"])
    await stepup.begin(user_id, challenge, "phone", None)
    code = await person.whole.phones.code(await phone_of(person))
    return await stepup.prove(user_id, challenge, "phone", code, ip=None, agent=None)


async def send(person: Person, other: Person, sats: int, token: str, memo: str | None = None) -> Sent | type[Refusal]:
    order = SendInternal(person.btc.id, other.btc.id, Msats.from_sats(sats), memo)
    try:
        return await person.whole.bank.payments.send_internal(replace(person.caller, step_up=token), order)
    except Refusal as refusal:
        return type(refusal)


async def sats_over(whole: Whole, cents: int) -> int:
    """A little more than so many cents, in satoshi."""
    price = await whole.bank.prices.latest()
    assert price is not None
    return cents * 10**8 // price.cents_per_btc + 100


async def test_a_large_payment_waits_for_a_second_proof_of_exactly_it(whole: Whole) -> None:
    much = await sats_over(whole, 500_000)
    amina, juma, other = await rich(whole, 2 * much), await whole.person(), await whole.person()
    refusal = await asked(amina, juma, much)
    assert refusal.facts["methods"] == ["phone"]
    assert (await amina.sats())[0] == 2 * much
    again = await asked(amina, juma, much)
    assert again.facts["challenge"] == refusal.facts["challenge"], "asked twice, it is the same question"

    token = await proof(amina, refusal)
    message = (await whole.phones.read(await phone_of(amina)))[0]
    assert f"{much:,} sat" in message, "the message says what the code is good for"
    assert await send(amina, other, much, token) is StepUpRefused, "another recipient"
    assert await send(amina, juma, much + 1, token) is StepUpRefused, "another amount"
    assert not isinstance(await send(juma, amina, much, token), Sent), "another person"
    assert await send(amina, juma, much, "hzn_su_" + "0" * 32) is StepUpRefused
    assert await send(amina, juma, much, "nonsense") is StepUpRefused
    sent = await send(amina, juma, much, token)
    assert isinstance(sent, Sent) and sent.status == "SUCCESS"
    assert await send(amina, juma, much, token) is StepUpRefused, "a second time"
    assert (await amina.sats())[0] == much


async def test_a_little_needs_none_and_its_own_wallets_need_none(whole: Whole) -> None:
    amina, juma = await rich(whole), await whole.person()
    assert (await amina.give(juma, 1_000)).status == "SUCCESS"


async def test_aut_13_one_proof_in_parallel_requests_moves_money_once(whole: Whole) -> None:
    much = await sats_over(whole, 500_000)
    amina, juma = await rich(whole, 5 * much), await whole.person()
    token = await proof(amina, await asked(amina, juma, much))
    results = await asyncio.gather(*(send(amina, juma, much, token) for _ in range(8)))
    assert sum(isinstance(result, Sent) for result in results) == 1
    assert {result for result in results if not isinstance(result, Sent)} == {StepUpRefused}
    assert (await juma.sats())[0] == much


async def test_a_proof_that_the_books_refused_is_still_good(whole: Whole) -> None:
    much = await sats_over(whole, 500_000)
    amina, juma = await rich(whole, much - 50), await whole.person()
    token = await proof(amina, await asked(amina, juma, much))
    refused = await send(amina, juma, much, token)
    assert not isinstance(refused, Sent) and refused is not StepUpRefused, "there was not enough money"
    await amina.fund(1_000)
    assert isinstance(await send(amina, juma, much, token), Sent)


async def test_proofs_and_challenges_end(whole: Whole) -> None:
    much = await sats_over(whole, 500_000)
    amina, juma = await rich(whole, 2 * much), await whole.person()
    token = await proof(amina, await asked(amina, juma, much))
    refusal = await asked(amina, juma, much)
    whole.clock.shift += timedelta(minutes=6)
    assert await send(amina, juma, much, token) is StepUpRefused
    with pytest.raises(ChallengeUnknown):
        await proof(amina, refusal)


async def test_wrong_codes_and_strangers(whole: Whole) -> None:
    much = await sats_over(whole, 500_000)
    amina, juma = await rich(whole, 2 * much), await whole.person()
    stepup, mine = whole.bank.identity.stepup, amina.caller.user_id
    challenge = UUID((await asked(amina, juma, much)).facts["challenge"])
    await stepup.begin(mine, challenge, "phone", None)
    code = await whole.phones.code(await phone_of(amina))
    for user_id, id_, method in (
        (juma.caller.user_id, challenge, "phone"),
        (mine, new_id(), "phone"),
        (mine, challenge, "passkey"),
        (mine, challenge, "nonsense"),
    ):
        with pytest.raises(ChallengeUnknown):
            await stepup.prove(user_id, id_, method, code, ip=None, agent=None)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    tries = [stepup.prove(mine, challenge, "phone", wrong, ip=None, agent=None) for _ in range(9)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(one) for one in found].count(WrongCode) == 5, "however many at once"
    with pytest.raises(ChallengeUnknown):
        await stepup.prove(mine, challenge, "phone", code, ip=None, agent=None)
    history = await whole.bank.identity.history(mine)
    assert [one.result for one in history if one.verb == "step_up.answered"] == ["WRONG_CODE"] * 5
    assert code not in str(history)


async def test_one_right_answer_gives_one_token(whole: Whole) -> None:
    much = await sats_over(whole, 500_000)
    amina, juma = await rich(whole, 2 * much), await whole.person()
    stepup, mine = whole.bank.identity.stepup, amina.caller.user_id
    challenge = UUID((await asked(amina, juma, much)).facts["challenge"])
    await stepup.begin(mine, challenge, "phone", None)
    code = await whole.phones.code(await phone_of(amina))
    tries = [stepup.prove(mine, challenge, "phone", code, ip=None, agent=None) for _ in range(5)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, str) for one in found) == 1


async def test_api_06_asking_again_and_again_is_counted_by_account(whole: Whole) -> None:
    amina = await rich(whole)
    stepup = whole.bank.identity.stepup
    ends: list[str] = []
    for n in range(40):
        try:
            await stepup.required(amina.caller.user_id, KEY, fingerprint(n=n), "Make a key")
        except Refusal as refusal:
            ends.append(refusal.code)
    assert ends == ["TOO_MANY_REQUESTS"] * 10


async def test_what_moves_no_money_is_confirmed_the_same_way(whole: Whole) -> None:
    amina = await whole.person()
    accounts_, content = whole.bank.accounts, {"name": "till", "scopes": "READ"}
    await accounts_.second_proof(amina.caller, KEY, content, "a code by message is all that she has")
    await add_factor(amina, "credential", FactorKind.PASSKEY)
    with pytest.raises(StepUpRequired) as refused:
        await accounts_.second_proof(amina.caller, KEY, content, "Make the key till")
    sure = replace(amina.caller, step_up=await proof(amina, refused.value))

    async def act(content: dict[str, str]) -> bool:
        spend = await accounts_.second_proof(sure, KEY, content, "Make the key till")
        try:
            async with whole.bank.db.transaction() as tx:
                await spend(tx)
        except StepUpRefused:
            return False
        return True

    assert not await act({**content, "scopes": "WRITE"})
    assert sorted(await asyncio.gather(*(act(content) for _ in range(5)))) == [False] * 4 + [True]


async def test_consent_to_give_a_factor_away_always_needs_a_proof(whole: Whole) -> None:
    bank = whole.bank

    async def key(_: Any) -> Proved:
        return Proved(FactorKind.NOSTR, "ab" * 32, ("pop",))

    entered = await bank.accounts.enter(key, ip=None, agent=None)
    caller = await bank.accounts.caller(entered.token, None)
    assert caller is not None
    await bank.accounts.second_proof(caller, FACTOR_ADD, {"kind": "phone"}, "Add a phone")
    with pytest.raises(StepUpRequired) as refused:
        await bank.accounts.second_proof(caller, FACTOR_RELEASE, {}, "Something else")
    with pytest.raises(NotAuthorized):
        await bank.accounts.second_proof(replace(caller, session_id=None), FACTOR_ADD, {}, "By a key")
    assert "phone" not in refused.value.facts["methods"]


async def test_a_session_that_can_be_relayed_needs_it_sooner(whole: Whole) -> None:
    amina, juma = await rich(whole), await whole.person()
    little = await sats_over(whole, 5_000)
    amina_wary = replace(amina, caller=replace(amina.caller, wary=True))
    await asked(amina_wary, juma, little)
    assert (await amina.give(juma, little)).status == "SUCCESS"


async def test_such_a_session_makes_no_key_and_adds_no_factor_unproved(whole: Whole) -> None:
    amina, accounts_ = await whole.person(), whole.bank.accounts
    await accounts_.second_proof(amina.caller, KEY, {}, "Make a key")
    wary = replace(amina.caller, wary=True)
    for verb in (KEY, FACTOR_ADD):
        with pytest.raises(StepUpRequired) as refused:
            await accounts_.second_proof(wary, verb, {}, "Anything")
        assert refused.value.facts["methods"] == ["phone"]


# -- the hold -----------------------------------------------------------------------------------


async def add_factor(person: Person, subject: str = "cd" * 32, kind: FactorKind = FactorKind.NOSTR) -> None:
    bank = person.whole.bank
    async with bank.db.transaction() as tx:
        await bank.identity.links.link(tx, person.caller.user_id, kind, subject)


async def gives(person: Person, other: Person, sats: int) -> bool:
    try:
        return (await person.give(other, sats)).status == "SUCCESS"
    except OutgoingHeld:
        return False


async def test_aut_13_after_a_factor_changed_little_may_leave(whole: Whole) -> None:
    amina, juma = await rich(whole), await whole.person()
    most = await sats_over(whole, 4_800)
    await add_factor(amina)
    assert await gives(amina, juma, most // 2)
    with pytest.raises(OutgoingHeld) as refused:
        await amina.give(juma, most)
    assert refused.value.facts["remaining_cents"] <= 2_700
    until = await whole.bank.identity.held_until(amina.caller.user_id)
    assert until is not None and refused.value.facts["until"].startswith(until.isoformat()[:16])
    assert await gives(juma, amina, 100), "only the one whose factor changed is held"
    assert await gives(amina, juma, most // 3)
    with pytest.raises(OutgoingHeld):
        await amina.pay(await whole.invoice(most))

    whole.clock.shift += timedelta(hours=24, seconds=1)
    await whole.bank.prices.refresh()
    assert await gives(amina, juma, most)


async def test_under_a_hold_many_at_once_send_no_more_than_it_allows(whole: Whole) -> None:
    amina, juma = await rich(whole), await whole.person()
    tenth = await sats_over(whole, 480)
    await add_factor(amina)
    results = await asyncio.gather(*(gives(amina, juma, tenth) for _ in range(25)))
    assert results.count(True) == 10
    assert (await juma.sats())[0] == 10 * tenth


async def test_another_change_makes_the_hold_longer_and_allows_no_more(whole: Whole) -> None:
    amina, juma = await rich(whole), await whole.person()
    most = await sats_over(whole, 4_800)
    await add_factor(amina)
    assert await gives(amina, juma, most)
    whole.clock.shift += timedelta(hours=12)
    await whole.bank.prices.refresh()
    await add_factor(amina, "ef" * 32)
    assert not await gives(amina, juma, 5_000)
    whole.clock.shift += timedelta(hours=13)
    await whole.bank.prices.refresh()
    assert not await gives(amina, juma, 5_000), "the first hold would be over"


async def test_what_failed_under_a_hold_counts_no_more(whole: Whole) -> None:
    amina, juma = await rich(whole), await whole.person()
    most = await sats_over(whole, 4_800)
    await add_factor(amina)
    invoice = await whole.invoice(most // 2)
    await whole.cancel(invoice)
    assert (await amina.pay(invoice)).status == "FAILURE"
    assert await gives(amina, juma, most)
