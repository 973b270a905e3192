"""Usernames, levels and limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.access import ALL_SCOPES, READ_ONLY
from hazina.accounts import Account, InvalidUsername, Level, LimitKind, Status, level_cap, limit_for, parse_username
from hazina.accounts.model import is_reserved, limit_now, scopes_of
from hazina.kernel.money import Cents

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("kahawa", "kahawa"),
        ("Kahawa_99", "kahawa_99"),
        ("0x7", "0x7"),
        ("b_c1", "b_c1"),
        ("x" * 50, "x" * 50),
        ("2fast", "2fast"),
    ],
)
def test_names_taken(typed: str, name: str) -> None:
    assert parse_username(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "", "ab", "x" * 51, "1kahawa", "3kahawa", "_kahawa", "bc1kahawa", "lnbc1kahawa", "BC1kahawa", "254712345678",
        "+254712345678", "0712345678", "800flowersx", "kah awa", "kahawa.", "kahawa-b", "kahawa@home", "kahawa\n",
        "kahawa\x00", "\ud800kahawa", "к" + "ahawa", "ｋａｈａｗａ", "káhawa", "kah\u200bawa", "kahawı", "\u212aahawa",
        "kahaw\u0430", "x" * 1_000_000, "__234__", "222222",
    ],
)  # fmt: skip
def test_names_refused(typed: str) -> None:
    """Other scripts, full width, look-alikes (also those that become ASCII in lower case), blanks,
    a dot at the end, phone numbers, addresses of Bitcoin."""
    with pytest.raises(InvalidUsername):
        parse_username(typed)


@given(st.text(max_size=55))
def test_any_text_is_one_name_or_refused(typed: str) -> None:
    try:
        name = parse_username(typed)
    except InvalidUsername:
        return
    assert re.fullmatch(r"[0-9a-z_]{3,50}", name)
    assert parse_username(name) == parse_username(name.upper()) == name == typed.lower()


@given(st.from_regex(r"\A[0-9a-z_]{3,50}\Z"))
def test_the_published_pattern_decides(typed: str) -> None:
    blink = re.fullmatch(r"(?![13_]|bc1|lnbc1)(?=.*[a-z])[0-9a-z_]{3,50}", typed)
    try:
        parse_username(typed)
        assert blink
    except InvalidUsername:
        assert not blink or re.search(r"^[0-9]", typed), "only what a phone would dial is refused besides"


@pytest.mark.parametrize("name", ["admin", "support", "support_", "admin1", "hazina", "hazina_bank", "hazinasupport"])
def test_names_of_the_bank(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["kahawa", "adminton", "supporter", "bankole"])
def test_names_of_people(name: str) -> None:
    assert not is_reserved(name)


def test_blinks_limits() -> None:
    table = {
        LimitKind.WITHDRAWAL: [12_500, 100_000, 5_000_000, 10_000_000],
        LimitKind.INTRALEDGER: [12_500, 200_000, 5_000_000, 10_000_000],
        LimitKind.TRADE: [200_000, 5_000_000, 20_000_000, 30_000_000],
    }
    for kind, caps in table.items():
        assert [level_cap(level, kind).n for level in Level] == caps


def test_what_is_left_of_a_limit_is_never_below_nothing() -> None:
    assert limit_now(Level.ONE, LimitKind.WITHDRAWAL, 40_000).remaining == Cents(60_000)
    assert limit_now(Level.ZERO, LimitKind.WITHDRAWAL, 40_000).remaining == Cents(0)


def test_the_claim_of_a_limit() -> None:
    account = Account(uuid4(), uuid4(), None, Level.ONE, Status.ACTIVE, uuid4(), "USD", NOW)
    claim = limit_for(account, LimitKind.INTRALEDGER, Cents(150), NOW)
    assert claim.kind == "limit"
    assert claim.values == {
        "subject": f"intraledger:{account.id}",
        "windows": [86_400],
        "caps": [200_000],
        "amount": 150,
        "at": "2026-01-01T00:00:00+00:00",
    }


def test_a_locked_account_may_only_look() -> None:
    assert scopes_of(Status.ACTIVE) == ALL_SCOPES
    assert scopes_of(Status.LOCKED) == READ_ONLY
