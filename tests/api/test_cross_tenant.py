"""IDR-01: every operation of the schema, generated, with another customer's ids: answered as if they were absent.

A slot is an argument that names something by an id. Each private slot is filled once with what is the victim's and
once with what nobody has; the two answers must be the same, word for word. A slot that this table does not know
fails the test: whoever adds one says whose it is.
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from tests.api.conftest import Person, World

from hazina.accounts import tell_in_app
from hazina.api.graphql.schema import build_schema

SCHEMA = build_schema()

# What names something that belongs to somebody.
PRIVATE = {"ID", "WalletId", "PaymentHash", "OnChainAddress", "EmailRegistrationId", "TotpRegistrationId", "EndpointId"}
# The same kinds where they are meant for strangers: whom to pay, which invoice is mine to pay.
PUBLIC = {
    ("Mutation.intraLedgerPaymentSend", "recipientWalletId"),
    ("Mutation.intraLedgerUsdPaymentSend", "recipientWalletId"),
    ("Mutation.lnInvoiceCreateOnBehalfOfRecipient", "recipientWalletId"),
    ("Mutation.lnNoAmountInvoiceCreateOnBehalfOfRecipient", "recipientWalletId"),
    ("Mutation.lnUsdInvoiceBtcDenominatedCreateOnBehalfOfRecipient", "recipientWalletId"),
    ("Mutation.lnUsdInvoiceCreateOnBehalfOfRecipient", "recipientWalletId"),
    ("Mutation.onChainUsdPaymentSend", "address"),
    ("Mutation.onChainUsdPaymentSendAsBtcDenominated", "address"),
    ("Mutation.onChainPaymentSend", "address"),
    ("Mutation.onChainPaymentSendAll", "address"),
    ("Query.onChainTxFee", "address"),
    ("Query.onChainUsdTxFee", "address"),
    ("Query.onChainUsdTxFeeAsBtcDenominated", "address"),
    ("Query.lnInvoicePaymentStatusByHash", "paymentHash"),
    ("Subscription.lnInvoicePaymentStatusByHash", "paymentHash"),
    ("Mutation.userLoginUpgradeTelegram", "nonce"),
    ("ConsumerAccount.csvTransactions", "walletIds"),  # ignored, as Blink does: always the asker's own
}
# How to reach a type from the root, as the one who asks.
WAYS = {
    "Query": "query{args} {{ {field} }}",
    "Mutation": "mutation{args} {{ {field} }}",
    "User": "query{args} {{ me {{ {field} }} }}",
    "ConsumerAccount": "query{args} {{ me {{ defaultAccount {{ ... on ConsumerAccount {{ {field} }} }} }} }}",
    "BTCWallet": "query{args} {{ me {{ defaultAccount {{ wallets {{ ... on BTCWallet {{ {field} }} }} }} }} }}",
    "UsdWallet": "query{args} {{ me {{ defaultAccount {{ wallets {{ ... on UsdWallet {{ {field} }} }} }} }} }}",
}
FILL: dict[str, Any] = {
    "SatAmount": 1, "CentAmount": 1, "Memo": "m", "Minutes": 5, "Int": 5, "String": "text", "Boolean": True,
    "OneTimeAuthCode": "123456", "TotpCode": "123456", "TxExternalId": "mine", "Phone": "+254712000001",
    "Username": "somebody", "EmailAddress": "nobody@example.org", "AuthToken": "hzn_st_" + "0" * 32,
    "TelegramPassportNonce": str(uuid.UUID(int=5, version=4)), "DisplayCurrency": "USD", "SafeInt": 5,
}  # fmt: skip


@dataclass(frozen=True)
class Slot:
    type: str
    field: str
    argument: str
    path: tuple[str, ...]  # of the value inside the argument
    kind: str
    many: bool

    @property
    def name(self) -> str:
        return ".".join([f"{self.type}.{self.field}", self.argument, *self.path])


def slots() -> Iterator[Slot]:
    for type_ in SCHEMA.type_map.values():
        if not is_object_type(type_) or type_.name.startswith("__"):
            continue
        for field_name, made in type_.fields.items():
            for argument, given in made.args.items():
                inner = get_named_type(given.type)
                parts: list[tuple[tuple[str, ...], GraphQLArgument | GraphQLInputField]] = [((), given)]
                if is_input_object_type(inner):
                    parts = [((name,), one) for name, one in inner.fields.items()]
                for path, one in parts:
                    kind = get_named_type(one.type).name
                    leaf = path[-1] if path else argument
                    if kind in PRIVATE and (f"{type_.name}.{field_name}", leaf) not in PUBLIC:
                        yield Slot(type_.name, field_name, argument, path, kind, is_list_type(_bare(one.type)))


def _bare(type_: Any) -> Any:
    return type_.of_type if is_non_null_type(type_) else type_


SLOTS = list(slots())


@dataclass
class Victim:
    """Somebody with one of everything."""

    person: Person
    things: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    async def made(cls, world: World) -> Victim:
        amina, payee = await world.rich(20_000), await world.person()
        victim = cls(amina)
        invoice = await amina.invoice(77)
        sent = """mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) {
            transaction { id } } }"""
        order = {"walletId": amina.wallets["BTC"], "recipientWalletId": payee.wallets["BTC"], "amount": 5}
        line = (await amina.ask(sent, input=order))["intraLedgerPaymentSend"]["transaction"]["id"]
        key = """mutation { apiKeyCreate(input: {name: "k"}) { apiKey { id } } }"""
        key_id = (await amina.ask(key))["apiKeyCreate"]["apiKey"]["id"]
        session = (await amina.ask("{ me { sessions { id } } }"))["me"]["sessions"][0]["id"]
        email = """mutation { userEmailRegistrationInitiate(input: {email: "victim@example.org"}) {
            emailRegistrationId } }"""
        email_id = (await amina.ask(email))["userEmailRegistrationInitiate"]["emailRegistrationId"]
        totp = "mutation { userTotpRegistrationInitiate { totpRegistrationId } }"
        totp_id = (await amina.ask(totp))["userTotpRegistrationInitiate"]["totpRegistrationId"]
        endpoint = """mutation { callbackEndpointAdd(input: {url: "https://example.org/hook"}) { id } }"""
        endpoint_id = (await amina.ask(endpoint))["callbackEndpointAdd"]["id"]
        notice = await _told(world, amina)
        victim.things = {
            "ID": [line, key_id, session, notice],
            "WalletId": list(amina.wallets.values()),
            "PaymentHash": [invoice["paymentHash"]],
            "OnChainAddress": ["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"],
            "EmailRegistrationId": [email_id],
            "TotpRegistrationId": [totp_id],
            "EndpointId": [endpoint_id],
        }
        return victim


async def _told(world: World, person: Person) -> str:
    """A notice in their app."""
    async with world.bank.db.transaction() as tx:
        await tell_in_app(tx, uuid.UUID(person.user_id), "News", "Read it.", world.clock.now())
    found = await person.ask("{ me { statefulNotifications(first: 1) { nodes { id } } } }")
    return str(found["me"]["statefulNotifications"]["nodes"][0]["id"])


def absent(kind: str) -> str:
    if kind == "PaymentHash":
        return secrets.token_hex(32)
    if kind == "OnChainAddress":
        return "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
    return str(uuid.uuid4())


def value_of(
    type_: Any, mine: Person, path: tuple[str, ...] = (), swap: tuple[tuple[str, ...], Any] | None = None
) -> Any:
    """Something valid for a type: the asker's own wallet where one is wanted."""
    if swap is not None and swap[0] == path:
        return swap[1]
    inner = get_named_type(type_)
    if is_list_type(_bare(type_)):
        return [value_of(_bare(type_).of_type, mine, path, swap)]
    if is_input_object_type(inner):
        return {
            name: value_of(one.type, mine, (*path, name), swap)
            for name, one in inner.fields.items()
            if is_non_null_type(one.type) or (swap is not None and swap[0] == (*path, name))
        }
    if is_enum_type(inner):
        return next(iter(inner.values))
    assert isinstance(inner, GraphQLScalarType)
    if inner.name == "WalletId":
        return mine.wallets["BTC"]
    return FILL[inner.name] if inner.name in FILL else absent(inner.name)


def selection(type_: Any, depth: int = 0) -> str:
    """Every leaf that needs no argument, and one level below."""
    inner = get_named_type(type_)
    if is_leaf_type(inner):
        return ""
    if not is_object_type(inner):
        return "{ __typename }"
    assert isinstance(inner, GraphQLObjectType)
    leaves = [name for name, one in inner.fields.items() if is_leaf_type(get_named_type(one.type)) and not one.args]
    deeper = [
        f"{name} {selection(one.type, depth + 1)}"
        for name, one in inner.fields.items()
        if depth < 1 and not is_leaf_type(get_named_type(one.type)) and not one.args and name in ("errors", "edges")
    ]
    return "{ __typename " + " ".join([*leaves, *deeper]) + " }"


def document(slot: Slot, mine: Person, swapped: str) -> tuple[str, dict[str, Any]]:
    type_ = SCHEMA.type_map[slot.type]
    assert isinstance(type_, GraphQLObjectType)
    made = type_.fields[slot.field]
    variables, declared, passed = {}, [], []
    for name, given in made.args.items():
        if not is_non_null_type(given.type) and name != slot.argument:
            continue
        at = (slot.path, [swapped] if slot.many else swapped) if name == slot.argument else None
        variables[name] = value_of(given.type, mine, (), at)
        declared.append(f"${name}: {given.type}")
        passed.append(f"{name}: ${name}")
    text = f"{slot.field}({', '.join(passed)}) {selection(made.type)}"
    return WAYS[slot.type].format(args=f"({', '.join(declared)})", field=text), variables


def test_every_slot_can_be_reached() -> None:
    assert len(SLOTS) > 30
    assert {slot.type for slot in SLOTS} - set(WAYS) == set()
    known = {(f"{slot.type}.{slot.field}") for slot in SLOTS}
    assert {"Mutation.sessionRevoke", "Mutation.apiKeyRevoke", "BTCWallet.transactionById"} <= known


async def test_idr_01_another_customers_ids_are_answered_as_if_absent(world: World) -> None:
    victim, baraka = await Victim.made(world), await world.rich(5_000)
    outside = await world.outside("lightning/invoices", {"amountMsat": 5_000})
    FILL["LnPaymentRequest"] = outside["paymentRequest"]
    before = json.dumps(await _state(victim.person))
    told: list[str] = []
    for slot in SLOTS:
        for thing in victim.things[slot.kind]:
            nothing = absent(slot.kind)
            with_theirs = await _answer(baraka, slot, thing)
            with_none = await _answer(baraka, slot, nothing)
            if with_theirs != with_none:
                told.append(f"{slot.name}: {with_theirs} … {with_none}")
    assert told == [], "\n".join(told)
    assert json.dumps(await _state(victim.person)) == before, "a stranger changed something"
    # The same questions bite: to their owner these things are there.
    theirs = {
        slot.name
        for slot in SLOTS
        if slot.field != "sessionRevoke"  # it would end the session that asks
        for thing in victim.things[slot.kind]
        if await _answer(victim.person, slot, thing) != await _answer(victim.person, slot, absent(slot.kind))
    }
    assert {"Mutation.apiKeyRevoke.input.id", "BTCWallet.transactionById.transactionId",
            "Mutation.callbackEndpointDelete.input.id", "Mutation.statefulNotificationAcknowledge.input.notificationId",
            "ConsumerAccount.walletById.walletId", "BTCWallet.invoiceByPaymentHash.paymentHash"} <= theirs  # fmt: skip
    assert len(theirs) >= len(SLOTS) // 3, sorted(theirs)


async def _answer(asker: Person, slot: Slot, value: str) -> str:
    query, variables = document(slot, asker, value)
    answer = await asker.post(query, **variables)
    text = re.sub(r'"requestId":"[^"]*"', "", answer.text)
    return f"{answer.status_code} {text}".replace(value, "ID")


async def _state(person: Person) -> Any:
    return await person.ask(
        """{ me { phone email { address } totpEnabled apiKeys { id revoked limits { dailyLimitSats } } sessions { id }
        defaultAccount { wallets { id balance } invoices { edges { node { paymentHash paymentStatus } } }
        callbackEndpoints { id }
        transactions { edges { node { id status } } } } } }"""
    )


async def test_idr_01_over_rest(world: World) -> None:
    amina, baraka = await world.person(), await world.person()
    theirs = {"authorization": f"Bearer {amina.token}"}
    mine = {"authorization": f"Bearer {baraka.token}"}
    factor = (await world.http.get("/auth/factors", headers=theirs)).json()["factors"][0]["id"]
    session = (await world.http.get("/auth/sessions", headers=theirs)).json()["sessions"][0]["id"]
    for method, path, thing in (
        ("PATCH", "/auth/factors/{}", factor),
        ("DELETE", "/auth/factors/{}", factor),
        ("POST", "/auth/factors/{}/release", factor),
        ("DELETE", "/auth/sessions/{}", session),
    ):
        answers = []
        for one in (thing, str(uuid.uuid4())):
            body = {"name": "x"} if method != "DELETE" else None
            answer = await world.http.request(method, path.format(one), headers=mine, json=body)
            said = {name: value for name, value in answer.json().items() if name != "requestId"}
            answers.append((answer.status_code, said))
        assert answers[0] == answers[1] and answers[0][0] == 404, (method, path, answers)
    assert (await world.ask("{ me { id } }", amina.token))["me"]["id"] == amina.user_id
