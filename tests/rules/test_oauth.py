"""Rules of the provider: how sure the bank is of somebody, what people type, what a request may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.access import Scope
from hazina.identity.proofs import passkey
from hazina.kernel.ids import new_id
from hazina.oauth import Malformed, fields_of, shown_user_code, typed_user_code, with_params
from hazina.oauth.model import (
    ACR_ONE,
    ACR_PHISHING_RESISTANT,
    ACR_TWO,
    acr_of,
    acr_reaches,
    new_user_code,
    rights_of,
    scope_list,
    sid_of,
)


@pytest.mark.parametrize(
    ("amr", "acr"),
    [
        (("otp", "sms"), ACR_ONE),
        (("otp", "sms", "otp", "mfa"), ACR_TWO),
        (("pop",), ACR_ONE),
        (("pop", "mfa"), ACR_TWO),
        (("hwk",), ACR_ONE),
        (passkey.amr(True), ACR_PHISHING_RESISTANT),
        (passkey.amr(False), ACR_PHISHING_RESISTANT),
        ((), ACR_ONE),
    ],
)
def test_how_sure_the_bank_is(amr: tuple[str, ...], acr: str) -> None:
    assert acr_of(amr) == acr


def test_better_is_enough_and_unknown_is_not() -> None:
    assert acr_reaches(ACR_PHISHING_RESISTANT, [ACR_ONE]) and acr_reaches(ACR_TWO, [ACR_PHISHING_RESISTANT, ACR_TWO])
    assert not acr_reaches(ACR_ONE, [ACR_TWO]) and not acr_reaches(ACR_PHISHING_RESISTANT, ["gold"])


def test_scopes_in_our_order_each_once() -> None:
    assert scope_list("write openid  write x openid") == ["openid", "write", "x"] and scope_list(None) == []
    assert rights_of(["openid", "read", "write"]) == {Scope.READ, Scope.WRITE}


def test_user_codes_as_people_type_them() -> None:
    for _ in range(50):
        code = new_user_code()
        assert typed_user_code(shown_user_code(code)) == typed_user_code(f" {code.lower()} ") == code
    for wrong in ("", "BCDF-GHJ", "AEIO-UAEI", "BCDFGHJKL", "B" * 1_000, "ＢＣＤＦＧＨＪＫ"):
        assert typed_user_code(wrong) is None


def test_two_apps_know_a_session_by_two_names() -> None:
    session = new_id()
    assert sid_of(session, "a") != sid_of(session, "b") and sid_of(session, "a") == sid_of(session, "a")


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=20)), max_size=10))
def test_fields_are_each_there_once_or_refused(pairs: list[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    try:
        found = fields_of(pairs)
    except Malformed:
        text = "".join(name + value for name, value in pairs)
        assert len(set(names)) < len(names) or "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)
    else:
        assert found == {name: value for name, value in pairs if value} and len(set(names)) == len(names)


def test_an_empty_value_repeated_is_repeated() -> None:
    with pytest.raises(Malformed):
        fields_of([("a", ""), ("a", "1")])


def test_more_in_a_query() -> None:
    assert with_params("https://a.example/b?c=d", {"e": "f g&"}) == "https://a.example/b?c=d&e=f+g%26"
    assert with_params("com.example.app:/cb", {"e": "f"}) == "com.example.app:/cb?e=f"
