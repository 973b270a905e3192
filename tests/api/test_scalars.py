"""What each scalar takes, and that none of them ever raises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.api import contract
from tests.api.conftest import Person, World

from hazina.accounts import Category
from hazina.api.graphql.scalars import SCALARS, Invalid, first_invalid
from hazina.api.graphql.schema import build_schema
from hazina.kernel.money import Cents, Msats

SCHEMA = build_schema()
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


ID = "0b2e8f0e-8b8c-4f5a-9a3b-2f1d1c3b4a5d"
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
# Each scalar that clients send: what it takes and becomes, and what it refuses.
TAKEN: dict[str, list[tuple[Any, Any]]] = {
    "AuthToken": [("a" * 32, "a" * 32), ("hzn_st_" + "0" * 32, "hzn_st_" + "0" * 32)],
    "CentAmount": [(5, Cents(5))],
    "ContactAlias": [("Mzee Kamau", "Mzee Kamau"), ("Åsa-Li", "Åsa-Li"), ("Амина", "Амина")],
    "ContactDisplayName": [("Mama Mboga", "Mama Mboga")],
    "ContactHandle": [("Amina_1", "amina_1"), ("Jane.Doe+tips@Example.org", "jane.doe+tips@example.org")],
    "ContactId": [(ID, UUID(ID))],
    "CountryCode": [("ke", "KE")],
    "DisplayCurrency": [("kes", "KES")],
    "EmailAddress": [("Amina@Example.org", "amina@example.org")],
    "EmailRegistrationId": [(ID.upper(), ID)],
    "EndpointId": [("ep_1", "ep_1")],
    "EndpointUrl": [("https://example.org/hook?a=1", "https://example.org/hook?a=1")],
    "Feedback": [("é" * 1_024, "é" * 1_024)],
    "Hex32Bytes": [("ab" * 32, bytes.fromhex("ab" * 32))],
    "Language": [("", ""), ("DEFAULT", ""), ("sw", "sw"), ("ES-sv", "es-SV"), ("zh-hans", "zh-Hans")],
    "LnPaymentPreImage": [("00" * 32, bytes(32))],
    "LnPaymentRequest": [("LNBC1abc", "LNBC1abc")],
    "LnPaymentSecret": [("00" * 32, bytes(32))],
    "Memo": [("", ""), ("Chai", "Chai")],
    "Minutes": [(15, 15), ("15", 15)],
    "NotificationCategory": [("AdminNotification", Category.ADMIN_NOTIFICATION)],
    "OnChainAddress": [(ADDRESS, ADDRESS)],
    "OnChainTxHash": [("AB" * 32, bytes.fromhex("ab" * 32))],
    "OneTimeAuthCode": [("123456", "123456")],
    "PaymentHash": [("AB" * 32, bytes.fromhex("ab" * 32))],
    "Phone": [("254700000001", "+254700000001")],
    "SafeInt": [(2**53 - 1, 2**53 - 1), (-5, -5)],
    "SatAmount": [("5", Msats.from_sats(5))],
    "Seconds": [(86_400, 86_400), ("60", 60)],
    "SignedAmount": [(-5, -5)],
    "SignedDisplayMajorAmount": [("-12.34", "-12.34"), ("5", "5")],
    "TelegramPassportNonce": [(ID, ID)],
    "TotpCode": [("123456", "123456")],
    "TotpRegistrationId": [(ID, ID)],
    "TxExternalId": [("order-1_a", "order-1_a")],
    "Username": [("Amina_1", "amina_1")],
    "WalletId": [(ID, UUID(ID))],
}
REFUSED: dict[str, list[Any]] = {
    "AuthToken": ["short", "a" * 33, "é" * 32],
    "CentAmount": [1.5, "1.0", -1],
    "ContactAlias": ["Abc", "1abcd", "Ab1cd", " Abcd", "Ab_cd", "=Abcd", "x" * 101],
    "ContactDisplayName": ["Abc", "Abc\u202edef"],
    "ContactHandle": ["ab", "jane@localhost", "@example.org", "jane@example.org/x", "j ane@example.org", "a" * 300],
    "ContactId": ["1", ID.replace("-", "")],
    "CountryCode": ["KEN", "K", "12", "ке"],
    "DisplayCurrency": ["US", "US1", "DOLLAR"],
    "EmailAddress": ["amina", "amina@", "a b@example.org"],
    "EmailRegistrationId": ["1"],
    "EndpointId": ["", "x" * 101, "a b"],
    "EndpointUrl": ["ftp://example.org", " https://example.org", "https://", "javascript:alert(1)"],
    "Feedback": ["é" * 1_025],
    "Hex32Bytes": ["AB" * 32, "ab" * 31, "ab" * 33],
    "Language": ["xx-invalid", "klingon", "en-ZZZ", "e", "en_", "qqx"],
    "LnPaymentPreImage": ["0" * 63],
    "LnPaymentRequest": ["bc1qabc", "ln bc"],
    "LnPaymentSecret": ["g" * 64],
    "Memo": ["x" * 640],
    "Minutes": [-1, 1.5, "1e3"],
    "NotificationCategory": ["payments", "PAYMENTS", "Security", ""],
    "OnChainAddress": ["bc1", "bc1q/etc/passwd/../../x", "x" * 101],
    "OnChainTxHash": ["ab" * 31],
    "OneTimeAuthCode": ["12345", "abcdef"],
    "PaymentHash": ["ab" * 31, "0x" + "ab" * 32],
    "Phone": ["+1", "not a phone"],
    "SafeInt": [2**53, -(2**53), 1.0, "5"],
    "SatAmount": [-1, 10**13 + 1],
    "Seconds": [-1, 1.5],
    "SignedAmount": [1.5, 10**14, "5"],
    "SignedDisplayMajorAmount": ["1e3", "--1", "1.", 12.34],
    "TelegramPassportNonce": ["nonce"],
    "TotpCode": ["12345", "1234567"],
    "TotpRegistrationId": ["1"],
    "TxExternalId": ["Order", "", "x" * 101, "a b"],
    "Username": ["ab", "_amina", "3amina"],
    "WalletId": ["1"],
}
OUTPUT_ONLY = {"Timestamp", "TotpSecret"}


def test_the_tables_know_every_scalar_of_the_contract() -> None:
    scalars = set(contract.SCALARS.split())
    assert set(PARSERS) == scalars
    assert set(TAKEN) == set(REFUSED) == scalars - OUTPUT_ONLY


@pytest.mark.parametrize("name", TAKEN)
def test_what_a_scalar_takes_and_refuses(name: str) -> None:
    for sent, read_as in TAKEN[name]:
        assert read(name, sent) == read_as, sent
    for bad in [*REFUSED[name], None, True, [], {}, {"x": 1}, b"x"]:
        found = read(name, bad)
        assert isinstance(found, Invalid) and found.message.startswith(f"Invalid value for {name}"), bad


@pytest.mark.parametrize("name", sorted(OUTPUT_ONLY))
def test_what_is_never_sent(name: str) -> None:
    assert isinstance(read(name, 1_700_000_000), Invalid) and isinstance(read(name, "x"), Invalid)


# -- at the door: §2 of the contract -------------------------------------------------------------


BUILT_IN = {"Boolean": True, "Float": 1.5, "ID": ID, "Int": 5, "String": "text"}


@dataclass(frozen=True)
class Slot:
    """One value of a root field that a custom scalar reads."""

    root: str
    field: str
    argument: str
    path: tuple[str, ...]
    kind: str
    many: bool


def _fields(root: str) -> dict[str, GraphQLField]:
    type_ = SCHEMA.type_map[root]
    assert isinstance(type_, GraphQLObjectType)
    fields: dict[str, GraphQLField] = type_.fields
    return fields


def _slots(root: str) -> Iterator[Slot]:
    for name, made in _fields(root).items():
        for argument, wanted in made.args.items():
            inner = get_named_type(wanted.type)
            parts: dict[tuple[str, ...], Any] = {(): wanted.type}
            if is_input_object_type(inner):
                parts = {(part,): one.type for part, one in inner.fields.items()}
            for path, one in parts.items():
                if (kind := get_named_type(one).name) in PARSERS:
                    yield Slot(root, name, argument, path, kind, is_list_type(getattr(one, "of_type", one)))


def _value(type_: Any, slot: Slot, path: tuple[str, ...] | None) -> Any:
    """Something good, but for the slot's own place."""
    if path == slot.path:
        return [{"x": 1}] if slot.many else {"x": 1}
    inner = get_named_type(type_)
    if is_input_object_type(inner):
        return {
            name: _value(one.type, slot, None if path is None else (*path, name))
            for name, one in inner.fields.items()
            if is_non_null_type(one.type) or (path is not None and (*path, name) == slot.path)
        }
    if is_enum_type(inner):
        return next(iter(inner.values))
    good = BUILT_IN[inner.name] if inner.name in BUILT_IN else TAKEN[inner.name][0][0]
    return [good] if is_list_type(getattr(type_, "of_type", type_)) else good


async def _refused(person: Person, slot: Slot) -> tuple[dict[str, Any], bool]:
    """The answer to a bad value in this slot, and whether errors belong into the payload."""
    made = _fields(slot.root)[slot.field]
    variables = {
        name: _value(wanted.type, slot, () if name == slot.argument else None)
        for name, wanted in made.args.items()
        if is_non_null_type(wanted.type) or name == slot.argument
    }
    declared = ", ".join(f"${name}: {made.args[name].type}" for name in variables)
    passed = ", ".join(f"{name}: ${name}" for name in variables)
    answered = getattr(get_named_type(made.type), "fields", {})
    inside = "errors" in answered
    inner = "{ errors { message code path } }" if inside else "{ __typename }" if answered else ""
    answer = await person.post(f"{slot.root.lower()}({declared}) {{ {slot.field}({passed}) {inner} }}", **variables)
    assert answer.status_code == 200, (slot, answer.text)
    body: dict[str, Any] = answer.json()
    return body, inside


async def test_trap_06_a_bad_value_is_told_in_the_payload_without_a_code(world: World) -> None:
    """Where a payload has no place for errors (API keys, notices, questions) it is an error of the whole answer."""
    amina, seen = await world.person(), set()
    for slot in [*_slots("Mutation"), *_slots("Query")]:
        body, inside = await _refused(amina, slot)
        (error,) = body["data"][slot.field]["errors"] if inside else body["errors"]
        assert error["message"].startswith(f"Invalid value for {slot.kind}"), (slot, body)
        if inside:
            assert (error["code"], error["path"], "errors" in body) == (None, None, False), (slot, body)
        else:
            assert error["code"] == error["extensions"]["code"] == "INVALID_INPUT", (slot, body)
        seen.add(slot.kind)
    assert len(seen) >= 20, seen


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
