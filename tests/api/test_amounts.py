"""AMT-01, AMT-03: every field of the schema that takes money, generated, with every amount that is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from graphql import GraphQLObjectType, get_named_type, is_input_object_type, is_non_null_type
from tests.api.conftest import Json, Person, World
from tests.api.test_cross_tenant import FILL, SCHEMA, selection, value_of

MONEY = {"SatAmount", "CentAmount"}
NONE: list[Any] = [0, "0", -1, 21 * 10**14 + 1, 2**63, 2**64, "9" * 400, 0.5, "1e3"]
BROKEN = {"UNEXPECTED_CLIENT_ERROR", "DB_ERROR", "UNKNOWN_CLIENT_ERROR"}


@dataclass(frozen=True)
class Place:
    """A field of the schema, and where in its arguments the amount stands."""

    root: str
    field: str
    argument: str
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.root}.{self.field}"


def places() -> Iterator[Place]:
    for root in ("Query", "Mutation"):
        type_ = SCHEMA.type_map[root]
        assert isinstance(type_, GraphQLObjectType)
        for name, made in type_.fields.items():
            for argument, given in made.args.items():
                inner = get_named_type(given.type)
                parts = (
                    [((one,), part.type) for one, part in inner.fields.items()] if is_input_object_type(inner) else []
                )
                for path, kind in [*parts, ((), given.type)]:
                    if get_named_type(kind).name in MONEY:
                        yield Place(root, name, argument, path)


PLACES = list(places())


async def answer(asker: Person, place: Place, amount: Any) -> Json:
    """With everything else as it should be: the wallet is of the currency that the field is for."""
    wallet = asker.wallets["USD" if "Usd" in place.field else "BTC"]
    mine = replace(asker, wallets={"BTC": wallet})
    type_ = SCHEMA.type_map[place.root]
    assert isinstance(type_, GraphQLObjectType)
    made, variables, declared, passed = type_.fields[place.field], {}, [], []
    for name, given in made.args.items():
        if is_non_null_type(given.type):
            at = (place.path, amount) if name == place.argument else None
            variables[name] = value_of(given.type, mine, (), at)
            declared.append(f"${name}: {given.type}")
            passed.append(f"{name}: ${name}")
    shown = selection(made.type)
    if place.root == "Mutation":
        shown = shown.replace("{", "{ errors { message code }", 1)
    text = f"{place.root.lower()}({', '.join(declared)}) {{ it: {place.field}({', '.join(passed)}) {shown} }}"
    found = await asker.post(text, **variables)
    assert found.status_code == 200, (place.name, amount, found.text)
    body: Json = found.json()
    return body


async def test_amt_01_no_field_takes_what_is_no_amount(world: World) -> None:
    amina = await world.rich(sats=10_000, cents=10_000)
    FILL["LnPaymentRequest"] = (await world.outside("lightning/invoices", {}))["paymentRequest"]
    before, seen = await amina.balances(), set()
    for place in PLACES:
        for amount in NONE:
            body = await answer(amina, place, amount)
            payload = (body.get("data") or {}).get("it") or {}
            errors = body.get("errors") or payload.get("errors")
            assert errors, f"{place.name} took {amount!r}"
            assert not BROKEN & {one["code"] for one in errors}, (place.name, amount, errors)
            assert not any("22003" in one["message"] or len(one["message"]) > 500 for one in errors)
            seen.add(place.name)
    assert {"Mutation.onChainUsdPaymentSend", "Mutation.lnUsdInvoiceCreateOnBehalfOfRecipient", "Query.onChainTxFee",
            "Mutation.lnNoAmountUsdInvoicePaymentSend", "Mutation.intraLedgerPaymentSend"} <= seen  # fmt: skip
    assert len(seen) >= 18 and await amina.balances() == before
