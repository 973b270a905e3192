"""A phone is proven by a code: how often, for how long, and by whom."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.contexts.phones import KEYS, Phones

from hazina.identity import (
    Identity,
    InvalidChannel,
    InvalidCode,
    InvalidPhone,
    PhoneNotServed,
    Policy,
    SmsUnavailable,
    User,
    WrongCode,
)
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal, TooManyRequests
from hazina.kernel.rates import Rate

PHONE, OTHER = "+254712345678", "+254722000111"
IP = "203.0.113.9"


@pytest.fixture
def identity(db: Database, clock: ManualClock, phones: Phones) -> Identity:
    return Identity(db, clock, phones.sms, KEYS)


async def code_for(identity: Identity, phones: Phones, phone: str = PHONE, ip: str | None = IP) -> str:
    await identity.request_code(phone, "SMS", ip)
    return await phones.code(phone)


def other_than(code: str, n: int = 1) -> str:
    return f"{(int(code) + n) % 1_000_000:06d}"


async def outcome(identity: Identity, phone: str, code: str, ip: str | None = IP) -> User | type[Refusal]:
    try:
        return await identity.check_code(phone, code, ip)
    except Refusal as refusal:
        return type(refusal)


async def test_a_code_proves_a_phone_and_makes_the_user(identity: Identity, phones: Phones, clock: ManualClock) -> None:
    await identity.request_code("254 712 345 678", "whatsapp", IP)
    code = await phones.code(PHONE)
    user = await identity.check_code("00254712345678", f" {code} ", IP)
    assert (user.phone, user.language, user.created_at) == (PHONE, "", clock.now())
    assert user.id.version == 4

    clock.advance(timedelta(days=1))
    again = await identity.check_code(PHONE, await code_for(identity, phones), IP)
    assert again == user, "the second time it is the same person"
    other = await identity.check_code(OTHER, await code_for(identity, phones, OTHER), IP)
    assert other.id != user.id


async def test_the_message(identity: Identity, phones: Phones) -> None:
    code = await code_for(identity, phones)
    assert await phones.read(PHONE) == [f"Your Hazina code is {code}. It is valid for 10 minutes."]
    assert await phones.read(OTHER) == []


async def test_a_code_is_good_once(identity: Identity, phones: Phones) -> None:
    code = await code_for(identity, phones)
    await identity.check_code(PHONE, code, IP)
    assert await outcome(identity, PHONE, code) is WrongCode


async def test_of_many_with_the_right_code_one_comes_in(identity: Identity, phones: Phones) -> None:
    code = await code_for(identity, phones)
    results = await asyncio.gather(*[outcome(identity, PHONE, code) for _ in range(5)])
    assert sum(isinstance(result, User) for result in results) == 1
    assert {result for result in results if not isinstance(result, User)} == {WrongCode}


async def test_after_five_wrong_tries_the_right_one_is_late(identity: Identity, phones: Phones) -> None:
    code = await code_for(identity, phones)
    for n in range(5):
        assert await outcome(identity, PHONE, other_than(code, n + 1)) is WrongCode
    assert await outcome(identity, PHONE, code) is WrongCode

    fresh = await code_for(identity, phones)
    assert isinstance(await outcome(identity, PHONE, fresh), User)


async def test_the_fifth_try_may_be_right(identity: Identity, phones: Phones) -> None:
    code = await code_for(identity, phones)
    for n in range(4):
        assert await outcome(identity, PHONE, other_than(code, n + 1)) is WrongCode
    assert isinstance(await outcome(identity, PHONE, code), User)


async def test_parallel_guesses_have_five_tries_together(db: Database, clock: ManualClock, phones: Phones) -> None:
    many = Rate("login_per_phone", 1_000, 60, 60)
    identity = Identity(db, clock, phones.sms, KEYS, Policy(login_per_phone=many))
    code = await code_for(identity, phones)
    wrong = [outcome(identity, PHONE, other_than(code, n + 1)) for n in range(12)]
    assert set(await asyncio.gather(*wrong)) == {WrongCode}
    assert await outcome(identity, PHONE, code) is WrongCode


async def test_a_code_dies_after_ten_minutes(identity: Identity, phones: Phones, clock: ManualClock) -> None:
    code = await code_for(identity, phones)
    clock.advance(timedelta(minutes=10))
    assert await outcome(identity, PHONE, code) is WrongCode

    code = await code_for(identity, phones)
    clock.advance(timedelta(minutes=9, seconds=59))
    assert isinstance(await outcome(identity, PHONE, code), User)


async def test_a_new_code_replaces_the_old(identity: Identity, phones: Phones) -> None:
    old, new = await code_for(identity, phones), await code_for(identity, phones)
    if old != new:
        assert await outcome(identity, PHONE, old) is WrongCode
    assert isinstance(await outcome(identity, PHONE, new), User)


async def test_a_code_is_for_one_phone(identity: Identity, phones: Phones) -> None:
    code = await code_for(identity, phones)
    assert await outcome(identity, OTHER, code) is WrongCode, "nobody sent one there"
    await identity.request_code(OTHER, "SMS", IP)
    if await phones.code(OTHER) != code:
        assert await outcome(identity, OTHER, code) is WrongCode
    assert isinstance(await outcome(identity, PHONE, code), User)


async def test_codes_lie_in_the_database_as_hashes(db: Database, identity: Identity, phones: Phones) -> None:
    code = await code_for(identity, phones)
    async with db.transaction() as tx:
        (row,) = await tx.rows(lambda text: text, "select phone_code::text from phone_code")
    assert code not in row.replace(KEYS.mark("phone", PHONE).hex(), "")
    assert PHONE[1:] not in row


@pytest.mark.parametrize("action", ["error", "drop_reply", "empty", "cut"])
async def test_a_provider_that_is_away_or_unclear(identity: Identity, phones: Phones, action: str) -> None:
    await phones.fail(action)
    with pytest.raises(SmsUnavailable) as refused:
        await identity.request_code(PHONE, "SMS", IP)
    assert refused.value.blink == "PHONE_PROVIDER_ERROR"
    if arrived := await phones.read(PHONE):  # it was sent, only nobody said so: then the code is good
        assert await phones.code(PHONE) in arrived[0]
        assert isinstance(await outcome(identity, PHONE, await phones.code(PHONE)), User)
    else:
        assert action == "error"
    await phones.mend()
    assert isinstance(await outcome(identity, PHONE, await code_for(identity, phones)), User)


# -- how often ----------------------------------------------------------------------------------


async def test_six_codes_an_hour_for_a_phone(identity: Identity, phones: Phones, clock: ManualClock) -> None:
    for n in range(6):
        await identity.request_code(PHONE, "SMS", f"203.0.{n}.9")
    with pytest.raises(TooManyRequests) as refused:
        await identity.request_code(PHONE, "SMS", "203.0.99.9")
    assert refused.value.blink == "TOO_MANY_REQUEST"
    assert refused.value.facts == {"retry_after_s": 3_600}
    assert len(await phones.read(PHONE)) == 6
    await identity.request_code(OTHER, "SMS", IP)

    clock.advance(timedelta(seconds=3_599))
    with pytest.raises(TooManyRequests):
        await identity.request_code(PHONE, "SMS", IP)
    clock.advance(timedelta(seconds=1))
    await identity.request_code(PHONE, "SMS", IP)


async def test_thirty_codes_an_hour_for_an_address(identity: Identity, phones: Phones) -> None:
    for n in range(30):
        await identity.request_code(f"+2547123456{n:02d}", "SMS", "::ffff:203.0.113.9" if n % 2 else IP)
    with pytest.raises(TooManyRequests):
        await identity.request_code(OTHER, "SMS", IP)
    assert await phones.read(OTHER) == []
    await identity.request_code(OTHER, "SMS", "203.0.113.10")


@pytest.mark.parametrize(
    ("policy", "first", "second"),
    [
        (Policy(code_per_range=Rate("code_per_range", 1, 60, 60)), (PHONE, IP), ("+254712345999", "198.51.100.1")),
        (Policy(code_per_network=Rate("code_per_network", 1, 60, 60)), (PHONE, IP), (OTHER, "203.0.113.200")),
        (Policy(code_per_network=Rate("code_per_network", 1, 60, 60)), (PHONE, None), (OTHER, None)),
        (Policy(code_per_country=Rate("code_per_country", 1, 60, 60)), (PHONE, IP), (OTHER, "198.51.100.1")),
        (Policy(code_in_all=Rate("code_in_all", 1, 60, 60)), (PHONE, IP), ("+14155552671", "198.51.100.1")),
        (Policy(code_per_ip=Rate("code_per_ip", 1, 60, 60)), (PHONE, "2001:db8::1"), (OTHER, "2001:db8::2:2")),
    ],
)
async def test_what_pumping_can_cost_is_bounded(
    db: Database, clock: ManualClock, phones: Phones, policy: Policy, first: tuple[str, str], second: tuple[str, str]
) -> None:
    identity = Identity(db, clock, phones.sms, KEYS, policy)
    await identity.request_code(first[0], "SMS", first[1])
    with pytest.raises(TooManyRequests):
        await identity.request_code(second[0], "SMS", second[1])
    assert await phones.read(second[0]) == []


async def test_eight_tries_an_hour_for_a_phone(identity: Identity, phones: Phones, clock: ManualClock) -> None:
    for n in range(8):
        if n % 5 == 0:
            code = await code_for(identity, phones)
        assert await outcome(identity, PHONE, other_than(code), f"203.0.{n}.9") is WrongCode
    assert await outcome(identity, PHONE, code, "203.0.99.9") is TooManyRequests, "the right code, too late"
    clock.advance(timedelta(hours=1))
    assert isinstance(await outcome(identity, PHONE, await code_for(identity, phones)), User)


async def test_forty_wrong_tries_for_an_address(db: Database, clock: ManualClock, phones: Phones) -> None:
    identity = Identity(db, clock, phones.sms, KEYS)
    for n in range(40):
        assert await outcome(identity, f"+2547123456{n:02d}", "000000") is WrongCode
    assert await outcome(identity, OTHER, "000000") is TooManyRequests
    assert await outcome(identity, OTHER, "000000", "198.51.100.1") is WrongCode


async def test_right_codes_do_not_count(identity: Identity, phones: Phones, clock: ManualClock) -> None:
    for _ in range(12):
        clock.advance(timedelta(minutes=10))
        await identity.check_code(PHONE, await code_for(identity, phones), IP)


async def test_counts_hold_across_processes(db: Database, clock: ManualClock, phones: Phones) -> None:
    identities = [Identity(db, clock, phones.sms, KEYS) for _ in range(2)]
    tries = [identities[n % 2].request_code(PHONE, "SMS", IP) for n in range(14)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [TooManyRequests] * 8
    assert len(await phones.read(PHONE)) == 6


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phone", "channel", "refusal"),
    [
        ("", "SMS", InvalidPhone), ("+254712345678\x00", "SMS", InvalidPhone), ("\ud800", "SMS", InvalidPhone),
        ("+２５４７１２３４５６７８", "SMS", InvalidPhone), ("1" * 1_000_000, "SMS", InvalidPhone),
        (PHONE, "TELEGRAM", InvalidChannel), (PHONE, "\ud800", InvalidChannel),
        ("+870773111632", "SMS", PhoneNotServed), ("+19002345678", "SMS", PhoneNotServed),
    ],
)  # fmt: skip
async def test_requests_refused(
    db: Database, identity: Identity, phone: str, channel: str, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await identity.request_code(phone, channel, IP)
    async with db.transaction() as tx:
        assert await tx.value("select count(*) from rate_use") == 0
        assert await tx.value("select count(*) from phone_code") == 0


@pytest.mark.parametrize("bad", ["１２３４５６", "123456\x00", "\ud800", "", "12345", "1" * 1_000_000, "-12345"])
async def test_codes_refused_cost_no_try(identity: Identity, phones: Phones, bad: str) -> None:
    code = await code_for(identity, phones)
    for _ in range(9):
        with pytest.raises(InvalidCode):
            await identity.check_code(PHONE, bad, IP)
    assert isinstance(await outcome(identity, PHONE, code), User)


async def test_strange_origins_are_no_error(identity: Identity, phones: Phones) -> None:
    for ip in (None, "", "nonsense", "\x00", "\ud800", "1" * 1_000_000):
        await identity.request_code(PHONE, "SMS", ip)
    assert isinstance(await outcome(identity, PHONE, await phones.code(PHONE), "\ud800"), User)
