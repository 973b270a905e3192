"""What each scalar takes, and that none of them ever raises."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.api.graphql.scalars import SCALARS, Invalid, first_invalid
from hazina.kernel.money import Cents, Msats

PARSERS: dict[str, Any] = {scalar.name: scalar._parse_value for scalar in SCALARS}


def read(name: str, value: Any) -> Any:
    return PARSERS[name](value)


@pytest.mark.parametrize("value", [0, 1, "0", "1", "0042", 10**13, "10000000000000"])
def test_amounts_are_integers_or_plain_digits(value: Any) -> None:
    assert read("SatAmount", value) == Msats.from_sats(int(value))
    assert read("CentAmount", value) == Cents(int(value))


@pytest.mark.parametrize(
    "value",
    [True, False, 1.5, 1.0, 1e3, float("inf"), float("nan"), -1, 10**13 + 1, 2**63, 10**30, None, [], {},
     "", " 1", "1 ", "+1", "-1", "1.5", "1e3", "0x10", "1_000", "1,000",
     "١٢٣", "१२३", "１２３", "²", "NaN", "9" * 5000],
)  # fmt: skip
def test_everything_else_is_no_amount(value: Any) -> None:
    for name in ("SatAmount", "CentAmount"):
        assert isinstance(read(name, value), Invalid)


def test_text_scalars() -> None:
    assert read("WalletId", "0B2E8F0E-8B8C-4F5A-9A3B-2F1D1C3B4A5D") == UUID("0b2e8f0e-8b8c-4f5a-9a3b-2f1d1c3b4a5d")
    assert read("Memo", "é" * 319) == "é" * 319
    assert read("Username", "Amina_1") == "amina_1"
    assert read("Username", "254700000001") == "+254700000001"
    assert read("Phone", "00254 700 000 001") == "+254700000001"
    assert read("PaymentHash", "AB" * 32) == bytes.fromhex("ab" * 32)
    assert read("DisplayCurrency", "usd") == "USD"
    assert read("TxExternalId", "order-1_a") == "order-1_a"
    assert read("Minutes", "15") == 15


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WalletId", "not-an-id"),
        ("WalletId", "0b2e8f0e8b8c4f5a9a3b2f1d1c3b4a5d"),
        ("WalletId", "{0b2e8f0e-8b8c-4f5a-9a3b-2f1d1c3b4a5d}"),
        ("WalletId", "0b2e8f0e-8b8c-7f5a-9a3b-2f1d1c3b4a5d"),  # version 7
        ("Memo", "é" * 320),
        ("Memo", 5),
        ("Username", "ab"),
        ("Username", "1amina"),
        ("Username", "bc1amina"),
        ("Username", "123"),
        ("Username", "amina kamau"),
        ("Username", "amïna"),
        ("Username", "x" * 51),
        ("Phone", "+1"),
        ("Phone", "+٢٥٤٧٠٠٠٠٠٠٠١"),
        ("PaymentHash", "ab" * 31),
        ("LnPaymentRequest", "lnbc" + "1" * 7_100),
        ("LnPaymentRequest", "bc1qsomething"),
        ("LnPaymentRequest", "lnbc ſ"),
        ("TxExternalId", "Order"),
        ("OneTimeAuthCode", "12345"),
        ("OneTimeAuthCode", "١٢٣٤٥٦"),
        ("DisplayCurrency", "dollar"),
    ],
)
def test_bad_text(name: str, value: Any) -> None:
    assert isinstance(read(name, value), Invalid)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(PARSERS)), anything)
def test_no_scalar_raises(name: str, value: Any) -> None:
    found = read(name, value)
    assert not isinstance(found, Invalid) or name in found.message


def test_the_first_refused_value_is_found_anywhere() -> None:
    bad = Invalid("no")
    assert first_invalid({"input": {"a": 1, "list": [None, {"deep": bad}]}}) is bad
    assert first_invalid({"input": {"a": 1, "text": "fine"}}) is None
    assert first_invalid({"text": "a\0b"}) is not None
