"""Subscriptions over real sockets."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import websockets
from tests.api.conftest import Json, Live, Person, World
from tests.api.test_money import CENTS, SATS, send

from hazina.api.graphql.live import OPERATIONS_MAX
from hazina.kernel.events import Fact

# As LNbits sends it: fragments on what it wants, `{}` for the rest.
UPDATES = """subscription { myUpdates { update { ... on LnUpdate { transaction {
    initiationVia { ... on InitiationViaLn { paymentHash } } direction } } } } }"""
EVERYTHING = """subscription { myUpdates { errors { message } me { id username } update { __typename
    ... on Price { base offset currencyUnit formattedAmount }
    ... on RealtimePrice { id timestamp denominatorCurrency btcSatPrice { base offset } usdCentPrice { base offset } }
    ... on LnUpdate { paymentHash status walletId transaction { id direction settlementAmount status } }
    ... on IntraLedgerUpdate { amount displayCurrencyPerSat usdPerSat walletId txNotificationType
        transaction { id direction settlementAmount } }
    ... on OnChainUpdate { txHash transaction { id } } } } }"""
STATUS = """subscription($h: PaymentHash!) { lnInvoicePaymentStatusByHash(input: { paymentHash: $h }) {
    status paymentHash paymentPreimage errors { message code } } }"""


def bearer(person: Person) -> Json:
    return {"Authorization": f"Bearer {person.token}"}


async def data(live: Live, id_: str = "1") -> Json:
    message = await live.hear()
    assert (message["type"], message["id"]) == ("next", id_), message
    assert "errors" not in message["payload"], message
    found: Json = message["payload"]["data"]
    return found


# -- the protocol ----------------------------------------------------------------------------------


OFFERS: list[Any] = [[], ["graphql-ws"], ["graphql-ws", "graphql-transport-ws"]]


async def test_the_subprotocol(world: World) -> None:
    for offered in OFFERS:
        names = [websockets.Subprotocol(name) for name in offered]
        async with world.served_at() as port:
            try:
                async with websockets.connect(f"ws://127.0.0.1:{port}/graphqlws", subprotocols=names or None) as wire:
                    if "graphql-transport-ws" in offered:
                        assert wire.subprotocol == "graphql-transport-ws"
                        return
                    with pytest.raises(websockets.ConnectionClosed) as closed:
                        await wire.recv()
                    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4406
            except websockets.NegotiationError:
                assert "graphql-transport-ws" not in offered


BREACHES: list[Any] = [
    (["{"], 4400),
    (["[]"], 4400),
    (["3"], 4400),
    (["{}"], 4400),
    (['{"type": "unknown"}'], 4400),
    (['{"type": "connection_init", "payload": {"a": "\\ud800"}}'], 4400),
    (['{"type": "subscribe", "id": "1", "payload": {"query": "subscription { myUpdates { me { id } } }"}}'], 4401),
    (['{"type": "connection_init"}', '{"type": "connection_init"}'], 4429),
    (['{"type": "connection_init"}', '{"type": "subscribe", "payload": {"query": "x"}}'], 4400),
    (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1", "payload": []}'], 4400),
    (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1"}'], 4400),
]


async def test_a_client_that_breaks_the_protocol(world: World) -> None:
    for messages, code in BREACHES:
        async with world.served_at() as port:
            named = [websockets.Subprotocol("graphql-transport-ws")]
            async with websockets.connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=named) as wire:
                for message in messages:
                    await wire.send(message)
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    while True:
                        assert json.loads(await wire.recv())["type"] == "connection_ack"
                assert closed.value.rcvd is not None and closed.value.rcvd.code == code


async def test_ping_and_complete(world: World) -> None:
    async with world.live() as live:
        await live.send(type="ping", payload={"n": 1})
        assert await live.hear() == {"type": "pong", "payload": {"n": 1}}
        await live.send(type="pong")
        await live.send(type="complete", id="unknown")
        await live.subscribe("subscription { realtimePrice(input: {}) { realtimePrice { timestamp } } }")
        assert (await data(live))["realtimePrice"]["realtimePrice"]["timestamp"] > 0
        await live.send(type="complete", id="1")
        await live.send(type="ping")
        assert await live.hear() == {"type": "pong"}


async def test_too_many_subscriptions(world: World) -> None:
    async with world.live() as live:
        for n in range(OPERATIONS_MAX + 1):
            await live.subscribe(STATUS, str(n), h="ab" * 32)
            if n == 0:
                break
        await live.subscribe("subscription { realtimePrice(input: {}) { errors { code } } }", "a")
        await live.subscribe("subscription { realtimePrice(input: {}) { errors { code } } }", "a")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                await live.hear()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4409
    async with world.live() as live:
        for n in range(OPERATIONS_MAX + 1):
            await live.subscribe("subscription { realtimePrice(input: {}) { errors { code } } }", str(n))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                await live.hear()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4429


NO_SUBSCRIPTIONS: list[Any] = [
    ("{ me { id } }", "INVALID_INPUT"),
    ("mutation { captchaCreateChallenge { errors { code } } }", "INVALID_INPUT"),
    ("subscription { nobody }", "GRAPHQL_VALIDATION_FAILED"),
    ("subscription {", "GRAPHQL_PARSE_FAILED"),
    (7, "INVALID_INPUT"),
]


async def test_what_is_no_subscription(world: World) -> None:
    for query, code in NO_SUBSCRIPTIONS:
        async with world.live() as live:
            await live.send(type="subscribe", id="9", payload={"query": query})
            message = await live.hear()
            assert (message["type"], message["id"]) == ("error", "9")
            assert message["payload"][0]["code"] == message["payload"][0]["extensions"]["code"] == code
            await live.send(type="ping")
            assert (await live.hear())["type"] == "pong"


# -- who asks --------------------------------------------------------------------------------------


STRANGERS: list[Any] = [{}, {"Authorization": ""}, {"Authorization": "Bearer nobody"}, {"X-API-KEY": "x"}]


async def test_my_updates_need_a_log_in(world: World) -> None:
    for payload in STRANGERS:
        async with world.live(payload) as live:  # the socket stays open, whatever was shown
            await live.subscribe(UPDATES)
            message = await live.hear()
            assert message["type"] == "next" and message["payload"]["data"] is None
            assert message["payload"]["errors"][0]["code"] == "NOT_AUTHORIZED"
            assert await live.hear() == {"type": "complete", "id": "1"}
            await live.send(type="ping")
            assert (await live.hear())["type"] == "pong"


async def test_a_revoked_session_hears_nothing_more(world: World) -> None:
    amina, juma = await world.person(), await world.rich(cents=500)
    async with world.live(bearer(amina), "/graphqlws") as live:
        await live.subscribe(EVERYTHING)
        await data(live)
        await data(live)
        await amina.ask("mutation { userLogout { success } }")
        await send(juma, CENTS, walletId=juma.wallets["USD"], recipientWalletId=amina.wallets["USD"], amount=5)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await live.hear()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


# -- what is told ----------------------------------------------------------------------------------


async def test_my_updates(world: World) -> None:
    amina, juma = await world.person(), await world.rich(sats=2_000, cents=500)
    async with world.live(bearer(amina)) as live:
        await live.subscribe(EVERYTHING)
        price, realtime = [(await data(live))["myUpdates"] for _ in range(2)]
        assert price["update"]["__typename"] == "Price" and price["me"] is None
        assert price["update"]["currencyUnit"] == "USDCENT" and price["update"]["offset"] == 12
        assert realtime["update"]["__typename"] == "RealtimePrice" and realtime["me"]["id"] == amina.user_id

        await send(juma, CENTS, walletId=juma.wallets["USD"], recipientWalletId=amina.wallets["USD"], amount=5)
        told = (await data(live))["myUpdates"]
        assert told["errors"] == [] and told["me"]["id"] == amina.user_id
        assert told["update"]["__typename"] == "IntraLedgerUpdate"
        assert told["update"]["txNotificationType"] == "IntraLedgerReceipt"
        assert told["update"]["walletId"] == amina.wallets["USD"]
        assert told["update"]["transaction"]["settlementAmount"] == 5 and told["update"]["amount"] > 0

        await send(juma, SATS, walletId=juma.wallets["BTC"], recipientWalletId=amina.wallets["BTC"], amount=7)
        told = (await data(live))["myUpdates"]["update"]
        assert told["amount"] == told["transaction"]["settlementAmount"] == 7
        assert 0 < told["usdPerSat"] == told["displayCurrencyPerSat"] < 1

        await send(amina, CENTS, walletId=amina.wallets["USD"], recipientWalletId=juma.wallets["USD"], amount=1)
        with pytest.raises(TimeoutError):  # sends are not told
            await live.hear(0.5)


async def test_trap_07_trap_08_receipts_by_invoice_are_ln_updates(world: World) -> None:
    """Also when the payer is a customer of this bank: other systems look for this kind only."""
    amina, juma = await world.person(), await world.rich(sats=2_000)
    inside, outside = await amina.invoice(100), await amina.invoice(200)
    async with world.live(bearer(amina)) as live:
        await live.subscribe(UPDATES)
        assert [(await data(live))["myUpdates"]["update"] for _ in range(2)] == [{}, {}]
        paid = await juma.ask(
            "mutation($i: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $i) { status errors { message } } }",
            i={"walletId": juma.wallets["BTC"], "paymentRequest": inside["paymentRequest"]},
        )
        assert paid["lnInvoicePaymentSend"] == {"status": "SUCCESS", "errors": []}
        await world.outside("lightning/payments", {"paymentRequest": outside["paymentRequest"]})
        for invoice in (inside, outside):
            update = (await data(live))["myUpdates"]["update"]
            via = {"paymentHash": invoice["paymentHash"]}
            assert update == {"transaction": {"initiationVia": via, "direction": "RECEIVE"}}


async def test_the_status_of_an_invoice(world: World) -> None:
    amina = await world.person()
    invoice = await amina.invoice(300)
    by_request = """subscription($p: LnPaymentRequest!) { lnInvoicePaymentStatus(input: { paymentRequest: $p }) {
        errors { message } status paymentHash } }"""
    async with world.live() as live:  # no log-in
        await live.subscribe(STATUS, "hash", h=invoice["paymentHash"])
        first = (await data(live, "hash"))["lnInvoicePaymentStatusByHash"]
        assert first == {
            "status": "PENDING", "paymentHash": invoice["paymentHash"], "paymentPreimage": None, "errors": [],
        }  # fmt: skip
        paid = await world.outside("lightning/payments", {"paymentRequest": invoice["paymentRequest"]})
        last = (await data(live, "hash"))["lnInvoicePaymentStatusByHash"]
        assert (last["status"], last["paymentPreimage"]) == ("PAID", paid["preimage"])
        assert await live.hear() == {"type": "complete", "id": "hash"}
        await live.subscribe(by_request, "request", p=invoice["paymentRequest"])
        assert (await data(live, "request"))["lnInvoicePaymentStatus"]["status"] == "PAID"
        assert await live.hear() == {"type": "complete", "id": "request"}
        newer = """(input: { paymentRequest: $p }) { status paymentHash paymentRequest paymentPreimage"""
        field = "lnInvoicePaymentStatusByPaymentRequest" + newer
        await live.subscribe(f"subscription($p: LnPaymentRequest!) {{ {field} errors {{ code }} }} }}", "newer",
                             p=invoice["paymentRequest"])  # fmt: skip
        told = (await data(live, "newer"))["lnInvoicePaymentStatusByPaymentRequest"]
        assert told.pop("errors") == []
    asked = await world.ask(f"query($p: LnPaymentRequest!) {{ {field} }} }}", p=invoice["paymentRequest"])
    assert told == asked["lnInvoicePaymentStatusByPaymentRequest"] == {
        "status": "PAID", "paymentHash": invoice["paymentHash"], "paymentRequest": invoice["paymentRequest"],
        "paymentPreimage": paid["preimage"],
    }  # fmt: skip


async def test_an_invoice_that_expires_while_watched(world: World) -> None:
    amina = await world.person()
    async with world.live() as live:
        for place, left in enumerate((1, 15)):  # longer, where the machine was too busy to see it pending
            made = await amina.ask(
                """mutation($i: LnInvoiceCreateInput!) { lnInvoiceCreate(input: $i) { invoice { paymentHash } } }""",
                i={"walletId": amina.wallets["BTC"], "amount": 5, "expiresIn": 1},
            )
            world.clock.shift += timedelta(seconds=60 - left)
            await live.subscribe(STATUS, str(place), h=made["lnInvoiceCreate"]["invoice"]["paymentHash"])
            told = []
            while (message := await live.hear())["type"] != "complete":
                told.append(message["payload"]["data"]["lnInvoicePaymentStatusByHash"]["status"])
            if told[0] == "PENDING":
                break
        assert told == ["PENDING", "EXPIRED"]


async def test_invoices_that_nobody_knows(world: World) -> None:
    async with world.live() as live:
        for value, code in (("ab" * 32, "NOT_FOUND"), ("zz", None)):
            await live.subscribe(STATUS, h=value)
            told = (await data(live))["lnInvoicePaymentStatusByHash"]
            assert told["status"] is None and [e["code"] for e in told["errors"]] == [code]
            assert await live.hear() == {"type": "complete", "id": "1"}


async def test_prices(world: World) -> None:
    price = """subscription($a: SatAmount!, $from: ExchangeCurrencyUnit!, $to: ExchangeCurrencyUnit!) {
        price(input: { amount: $a, amountCurrencyUnit: $from, priceCurrencyUnit: $to }) {
            errors { message code } price { base offset currencyUnit formattedAmount } } }"""
    async with world.live() as live:
        await live.subscribe(price, a=100, **{"from": "BTCSAT", "to": "USDCENT"})
        told = (await data(live))["price"]
        assert told["errors"] == [] and told["price"]["currencyUnit"] == "USDCENT"
        cents = told["price"]["base"] / 10 ** told["price"]["offset"]
        assert abs(cents - float(told["price"]["formattedAmount"])) < 1e-6
        await live.send(type="complete", id="1")
        for n, wrong in enumerate((
            {"a": 1_000_000, "from": "BTCSAT", "to": "USDCENT"},
            {"a": 1, "from": "USDCENT", "to": "BTCSAT"},
            {"a": -1, "from": "BTCSAT", "to": "USDCENT"},
        )):  # fmt: skip
            await live.subscribe(price, f"w{n}", **wrong)
            told = (await data(live, f"w{n}"))["price"]
            assert told["price"] is None and [e["code"] for e in told["errors"]] == [None]
            assert (await live.hear())["type"] == "complete"


async def test_nothing_is_left_of_a_socket_that_went_away(world: World) -> None:
    amina = await world.person()
    async with world.live(bearer(amina)) as live:
        await live.subscribe(EVERYTHING)
        await data(live)
        assert world.bank.hub._queues
    await world.until(lambda: asyncio.sleep(0, not world.bank.hub._queues))


async def test_a_subscription_that_breaks_ends_the_socket(world: World) -> None:
    """So that the client connects again."""
    amina = await world.person()
    account = (await amina.ask("{ me { defaultAccount { id } } }"))["me"]["defaultAccount"]["id"]
    async with world.live(bearer(amina)) as live:
        await live.subscribe(UPDATES)
        await data(live)
        await data(live)
        await world.bank.db.close()
        body = {"line_id": account, "direction": "RECEIVE"}
        world.bank.hub.tell(Fact(0, 0, "line", (f"account:{account}",), body, world.clock.now()))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await live.hear()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1011
