"""Every root field with every scope: a key opens what its scopes say, and an answer names what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_named_type, is_enum_type, is_input_object_type, is_leaf_type, is_list_type, is_non_null_type
from tests.api.conftest import Person, World
from tests.api.test_api_keys import key_of
from tests.api.test_scalars import BUILT_IN, TAKEN

from hazina.api.graphql.schema import build_schema

SCHEMA = build_schema()
SCOPES: list[tuple[str, ...]] = [("READ",), ("RECEIVE",), ("WRITE",), ("READ", "RECEIVE"), ("READ", "WRITE")]
ANYBODY = {
    *("accountDefaultWallet", "btcPriceList", "businessMapMarkers", "captchaCreateChallenge", "captchaRequestAuthCode"),
    *("currencyConversionEstimation", "currencyList", "globals", "lnInvoiceCreateOnBehalfOfRecipient"),
    *("lnInvoicePaymentStatus", "lnInvoicePaymentStatusByHash", "lnInvoicePaymentStatusByPaymentRequest"),
    *("lnNoAmountInvoiceCreateOnBehalfOfRecipient", "lnUsdInvoiceBtcDenominatedCreateOnBehalfOfRecipient"),
    *("lnUsdInvoiceCreateOnBehalfOfRecipient", "merchantMapSuggest", "mobileVersions", "payoutSpeeds"),
    *("realtimePrice", "regionCheck", "userDefaultWalletId", "userLogin", "usernameAvailable"),
}
RECEIVES = {
    *("lnInvoiceCancel", "lnInvoiceCreate", "lnNoAmountInvoiceCreate", "lnUsdInvoiceCreate", "onChainAddressCreate"),
    *("onChainAddressCurrent", "lnUsdInvoiceBtcDenominatedCreate"),
}
UNSCOPED = {"apiKeyRevoke"}
"""Any key may end one."""
SAFER = {"sessionRevoke", "userLogout"}
"""What a locked customer may still do; then they ask for a person who is logged in, and no key is one."""
READS, WRITES = "not authorized to read data", "not authorized to execute mutations"


def _value(type_: Any) -> Any:
    inner = get_named_type(type_)
    if is_input_object_type(inner):
        good: Any = {name: _value(one.type) for name, one in inner.fields.items() if is_non_null_type(one.type)}
    elif is_enum_type(inner):
        good = next(iter(inner.values))
    else:
        good = BUILT_IN[inner.name] if inner.name in BUILT_IN else TAKEN[inner.name][0][0]
    return [good] if is_list_type(getattr(type_, "of_type", type_)) else good


def _document(root: str, name: str) -> tuple[str, dict[str, Any]]:
    made = SCHEMA.type_map[root].fields[name]  # type: ignore[attr-defined]  # the roots are object types
    needed = {argument: one for argument, one in made.args.items() if is_non_null_type(one.type)}
    declared = ", ".join(f"${argument}: {one.type}" for argument, one in needed.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in needed)
    inner = "" if is_leaf_type(get_named_type(made.type)) else "{ __typename }"
    head, given = (f"({declared})", f"({passed})") if needed else ("", "")
    return f"{root.lower()}{head} {{ {name}{given} {inner} }}", {name: _value(one.type) for name, one in needed.items()}


def _opens(root: str, name: str, scopes: tuple[str, ...]) -> bool:
    if name in ANYBODY or name in UNSCOPED:
        return True
    if root == "Query" or name in SAFER:
        return "READ" in scopes
    return "WRITE" in scopes or (name in RECEIVES and "RECEIVE" in scopes)


async def _refusal(world: World, secret: str, root: str, name: str) -> str | None:
    """What the answer says about a missing scope."""
    text, variables = _document(root, name)
    answer = await world.post(text, headers={"X-API-KEY": secret}, **variables)
    assert answer.status_code == 200, (name, answer.text)
    for error in answer.json().get("errors", []):
        if READS in error["message"] or WRITES in error["message"]:
            assert error["code"] == error["extensions"]["code"] == "NOT_AUTHORIZED"
            return str(error["message"])
    return None


@pytest.mark.parametrize("root", ["Query", "Mutation"])
async def test_every_root_field_with_every_scope(world: World, root: str) -> None:
    fields = sorted(SCHEMA.type_map[root].fields)  # type: ignore[attr-defined]
    wrong = []
    for scopes in SCOPES:
        amina: Person = await world.person()
        _, secret = await key_of(amina, *scopes)
        for name in fields:
            said = await _refusal(world, secret, root, name)
            if (said is None) is not _opens(root, name, scopes):
                wrong.append((scopes, name, said))
    assert wrong == []
