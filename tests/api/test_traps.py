"""What a server that speaks Blink's API gets wrong first, by the numbers of our contract notes (behaviour, section
14): those that no other test bears in its name."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
import websockets
from tests.api.conftest import Person, World
from tests.api.test_api_keys import key_of
from tests.api.test_factors import address, with_email
from tests.api.test_money import CENTS, SATS, send

HERE = Path(__file__).parent.parent
NUMBERS = range(1, 31)
ON_BEHALF = """mutation($input: LnInvoiceCreateOnBehalfOfRecipientInput!) {
    lnInvoiceCreateOnBehalfOfRecipient(input: $input) { errors { message } invoice { paymentHash } } }"""
BY_HASH = """query($w: WalletId!, $h: PaymentHash!) { me { defaultAccount { walletById(walletId: $w) {
    transactionsByPaymentHash(paymentHash: $h) { direction settlementFee
        initiationVia { __typename } settlementVia { __typename } } } } } }"""
PAY = (
    """mutation($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) { status errors { message } } }"""
)


def test_every_trap_has_a_test_with_its_number() -> None:
    named = {
        int(number)
        for file in HERE.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
        for number in re.findall(r"trap_(\d\d)", name)
    }
    assert named == set(NUMBERS)


async def test_trap_09_only_the_socket_itself_is_asked_whether_it_lives(world: World) -> None:
    """No message asks for an answer: clients that know none stay connected."""
    amina = await world.rich(cents=100)
    juma = await world.person()
    async with world.live({"Authorization": f"Bearer {juma.token}"}) as live:
        await live.subscribe("subscription { myUpdates { update { __typename } } }")
        heard = [await live.hear() for _ in range(2)]
        await (await live.wire.ping())
        await send(amina, CENTS, walletId=amina.wallets["USD"], recipientWalletId=juma.wallets["USD"], amount=1)
        heard.append(await live.hear(30))
        with pytest.raises(TimeoutError):
            await live.hear(0.3)
    assert [one["type"] for one in heard] == ["next"] * 3


async def test_trap_11_one_log_in_is_wrapped_and_the_other_is_not(world: World) -> None:
    amina, email = await world.person(), address()
    await with_email(amina, email)
    asked = (await world.http.post("/auth/email/code", json={"email": email})).json()
    assert set(asked) == {"result"}
    await world.http.post("/auth/phone/code", json={"phone": amina.phone})
    by_phone = await world.http.post(
        "/auth/phone/login", json={"phone": amina.phone, "code": await world.code_of(amina.phone)}
    )
    assert set(by_phone.json()) == {"authToken", "totpRequired", "id"}
    wrong = await world.http.post("/auth/email/login", json={"emailLoginId": asked["result"], "code": "x"})
    assert wrong.status_code == 422 and "error" in wrong.json()


async def test_trap_19_words_on_a_few_coins_are_hidden_from_who_gets_them(world: World) -> None:
    """Fewer than 50 satoshi or 10 cents; who pays always sees them."""
    amina, juma = await world.rich(sats=1_000, cents=100), await world.person()
    for document, wallet, amounts in ((SATS, "BTC", (49, 50)), (CENTS, "USD", (9, 10))):
        for amount in amounts:
            sent = await send(
                amina, document, walletId=amina.wallets[wallet], recipientWalletId=juma.wallets[wallet],
                amount=amount, memo="Buy now",
            )  # fmt: skip
            assert sent["transaction"]["memo"] == "Buy now"
    assert await memos(juma) == {49: None, 50: "Buy now", 9: None, 10: "Buy now"}


async def memos(person: Person) -> dict[int, str | None]:
    found = await person.ask("{ me { defaultAccount { transactions { edges { node { settlementAmount memo } } } } } }")
    return {
        edge["node"]["settlementAmount"]: edge["node"]["memo"]
        for edge in found["me"]["defaultAccount"]["transactions"]["edges"]
    }


async def test_trap_23_a_socket_is_opened_by_its_first_message(world: World) -> None:
    """What stands in the headers of the upgrade opens nothing; the same in ``connection_init`` does."""
    amina = await world.person()
    _, secret = await key_of(amina, "READ")
    for payload, headers, opens in (
        ({}, {"X-API-KEY": secret, "Authorization": f"Bearer {amina.token}"}, False),
        ({"X-API-KEY": secret}, {}, True),
        ({"Authorization": f"Bearer {amina.token}"}, {}, True),
    ):
        assert await hears(world, payload, headers) is opens


async def hears(world: World, payload: dict[str, str], headers: dict[str, str]) -> bool:
    async with (
        world.served_at() as port,
        asyncio.timeout(30),
        websockets.connect(
            f"ws://127.0.0.1:{port}/graphql",
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            additional_headers=headers,
        ) as wire,
    ):
        await wire.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await wire.recv())["type"] == "connection_ack"
        query = "subscription { myUpdates { update { __typename } } }"
        await wire.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
        first = json.loads(await wire.recv())
        return bool(first["type"] == "next" and "errors" not in first["payload"])


async def test_trap_24_a_payment_is_one_row_that_was_sent(world: World) -> None:
    """What was reserved and not used comes back within the same row: clients that pick the row that was sent find
    the whole payment in it."""
    amina = await world.rich(sats=20_000)
    invoice = await world.outside("lightning/invoices", {"amountMsat": 10_000_000})
    given = {"walletId": amina.wallets["BTC"], "paymentRequest": invoice["paymentRequest"]}
    assert (await amina.ask(PAY, input=given))["lnInvoicePaymentSend"]["status"] == "SUCCESS"
    found = await amina.ask(BY_HASH, w=amina.wallets["BTC"], h=invoice["paymentHash"])
    (row,) = found["me"]["defaultAccount"]["walletById"]["transactionsByPaymentHash"]
    assert row["direction"] == "SEND"
    assert row["settlementVia"] == {"__typename": "SettlementViaLn"}
    assert (await amina.balances())["BTC"] == 20_000 - 10_000 - row["settlementFee"]


async def test_trap_25_hex_is_lower_case(world: World) -> None:
    amina = await world.person()
    wish = {"recipientWalletId": amina.wallets["BTC"], "amount": 100}
    for hash_, works in (("ab" * 32, True), ("AB" * 32, False), ("ab" * 31, False)):
        answer = await world.post(ON_BEHALF, input={**wish, "descriptionHash": hash_})
        made = answer.json()["data"]["lnInvoiceCreateOnBehalfOfRecipient"]
        assert answer.status_code == 200 and (made["invoice"] is not None) is works, hash_
        assert (made["errors"] == []) is works
