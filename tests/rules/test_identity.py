"""Phone numbers, codes, tokens, and what is counted under which key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.identity.errors import InvalidChannel, InvalidCode, InvalidPhone
from hazina.identity.model import (
    SANDBOX_POLICY,
    TOKEN_LENGTH,
    Channel,
    Policy,
    clean_agent,
    clean_ip,
    code_matches,
    code_message,
    code_rates,
    country_of,
    hash_code,
    ip_keys,
    is_served,
    login_rates,
    new_code,
    new_token,
    parse_channel,
    parse_code,
    parse_phone,
    reads_as_phone,
    token_hash,
)
from hazina.kernel.crypto import Keys
from hazina.kernel.ids import new_id

KENYA = "+254712345678"


@pytest.mark.parametrize(
    "typed",
    [KENYA, "254712345678", "00254712345678", " +254 712 345 678 ", "+254 (712) 345-678", "+254.712.345.678"],
)
def test_one_number_in_many_forms(typed: str) -> None:
    assert parse_phone(typed) == KENYA


@pytest.mark.parametrize("number", ["+14155552671", "+50370123456", "+447400123456", "+16505554320"])
def test_numbers_of_the_world(number: str) -> None:
    assert parse_phone(number) == number


@pytest.mark.parametrize(
    "typed",
    [
        "", "+", "0712345678", "+0712345678", "+254", "+2547123456789012", "+999123456789", "++254712345678",
        "+254712345678x12", "+254712345678;ext=1", "tel:+254712345678", "+254-SAFARI", "+1800FLOWERS",
        "+２５４７１２３４５６７８", "+٢٥٤٧١٢٣٤٥٦٧٨", "＋254712345678", "+254712345678\n", "+254712345678\x00",
        "+254712345678\ud800", "+254\t712345678", "+25471234\u200b5678", "1" * 1_000_000, "+254712345678" + " " * 40,
        "000254712345678", "true", "2.54712345678e11",
    ],
)  # fmt: skip
def test_what_is_no_number(typed: str) -> None:
    with pytest.raises(InvalidPhone):
        parse_phone(typed)


@given(st.text(max_size=45))
def test_any_text_is_a_number_or_refused(typed: str) -> None:
    try:
        number = parse_phone(typed)
    except InvalidPhone:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{4,14}", number)
    assert parse_phone(number) == number


def test_where_codes_are_sent() -> None:
    assert country_of(KENYA) == "KE"
    assert is_served(KENYA, Policy())
    assert not is_served(KENYA, Policy(countries=frozenset({"UG"})))
    assert country_of("+870773111632") is None, "satellite phones belong to no country"
    assert not is_served("+870773111632", Policy())
    assert not is_served("+18005551234", Policy()), "toll-free numbers read no SMS"
    assert not is_served("+19002345678", Policy()), "premium numbers cost"


def test_names_that_a_phone_would_dial() -> None:
    assert reads_as_phone("254712345678")
    assert reads_as_phone("800flowersx")
    assert not reads_as_phone("kahawa")


@pytest.mark.parametrize("text", ["SMS", "sms", "WhatsApp"])
def test_channels_taken(text: str) -> None:
    assert parse_channel(text) in Channel


@pytest.mark.parametrize("text", ["", "TELEGRAM", "telegram", "ＳＭＳ", "sms ", "ſms", "S" * 1_000_000])
def test_channels_refused(text: str) -> None:
    with pytest.raises(InvalidChannel):
        parse_channel(text)


@pytest.mark.parametrize(
    "text",
    ["", "12345", "1234567", "12345a", "１２３４５６", "١٢٣٤٥٦", "-12345", "1_2345", "12 345", "123456\n", "1" * 10**6],
)
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(InvalidCode):
        parse_code(text)


def test_codes() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) > 190
    assert all(parse_code(code) == code for code in codes)
    assert parse_code(" 012345 ") == "012345"


def test_a_code_is_kept_as_a_salted_keyed_hash() -> None:
    keys, one, two = Keys.fresh(), new_id(), new_id()
    first, second = hash_code(keys, one, "012345"), hash_code(keys, two, "012345")
    assert first != second != hash_code(Keys.fresh(), two, "012345")
    assert "012345" not in first
    assert code_matches(keys, one, "012345", first)
    assert not code_matches(keys, one, "012346", first)
    assert not code_matches(keys, two, "012345", first)


def test_the_message_is_one_sms() -> None:
    text = code_message("012345")
    assert text == "Your Hazina code is 012345. It is valid for 10 minutes."
    assert len(text) <= 160
    assert re.fullmatch(r"[A-Za-z0-9 .]+", text), "letters of the GSM 7-bit alphabet"


def test_tokens() -> None:
    tokens = {new_token() for _ in range(50)}
    assert len(tokens) == 50
    for token in tokens:
        assert len(token) == TOKEN_LENGTH == 39
        assert token.isalnum() is False and token.replace("_", "").isalnum()
        hashed = token_hash(token)
        assert hashed is not None and len(hashed) == 32


@pytest.mark.parametrize(
    "token",
    ["", "x" * 39, "hzn_st_" + "a" * 31, "hzn_st_" + "a" * 33, "hzn_st_" + "ａ" * 32, "hzn_st_" + "\ud800" * 32,
     "hzn_st_" + "a" * 31 + "\n", "hzn_st_" + "a" * 31 + "\x00", "a" * 1_000_000],
)  # fmt: skip
def test_what_is_no_token(token: str) -> None:
    assert token_hash(token) is None


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("203.0.113.9", "203.0.113.9"), (" 203.0.113.9 ", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"), ("", None), ("203.0.113", None), (None, None),
        ("203.0.113.9, 10.0.0.1", None), ("２０３.0.113.9", None), ("\x00", None), ("1" * 1_000_000, None),
        ("localhost", None), ("\ud800", None),
    ],
)  # fmt: skip
def test_addresses(text: str | None, ip: str | None) -> None:
    assert clean_ip(text) == ip


def test_agents_are_shown_safely() -> None:
    assert clean_agent("Blink/2.2 (Android)\x00\ud800\n\u202e") == "Blink/2.2 (Android)"
    assert clean_agent("a" * 1_000_000) == "a" * 200
    assert clean_agent("\x00") is None
    assert clean_agent(None) is None


def test_networks_are_counted_as_one() -> None:
    assert ip_keys("203.0.113.9") == ("203.0.113.9/32", "203.0.113.0/24")
    assert ip_keys("2001:db8:1:2:3:4:5:6") == ("2001:db8:1:2::/64", "2001:db8:1::/48")
    assert ip_keys(None) == ("unknown", "unknown")


def test_what_a_request_is_counted_under() -> None:
    counted = {rate.name: (rate.points, key) for rate, key in code_rates(KENYA, "203.0.113.9", Policy())}
    assert counted == {
        "code_per_phone": (6, KENYA),
        "code_per_ip": (30, "203.0.113.9/32"),
        "code_per_network": (200, "203.0.113.0/24"),
        "code_per_range": (100, "+254712345"),
        "code_per_country": (5_000, "KE"),
        "code_in_all": (20_000, ""),
    }
    tried = {rate.name: (rate.points, key) for rate, key in login_rates(KENYA, None, Policy())}
    assert tried == {"login_per_phone": (8, KENYA), "failed_login_per_ip": (40, "unknown")}


def test_a_sandbox_does_not_count_its_own_machine() -> None:
    def names(ip: str | None) -> set[str]:
        return {rate.name for rate, _ in code_rates(KENYA, ip, SANDBOX_POLICY)}

    assert names("127.0.0.1") == {"code_per_phone"}
    assert names("203.0.113.9") == {"code_per_phone", "code_per_ip"}
    assert [rate.name for rate, _ in login_rates(KENYA, "::1", SANDBOX_POLICY)] == ["login_per_phone"]
