"""Money through the API: inside, in and out over Lightning, and its history."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.conftest import Json, Person, World

LINE = """id createdAt direction status memo externalId settlementAmount settlementFee settlementCurrency
    settlementDisplayAmount settlementDisplayFee settlementDisplayCurrency
    settlementPrice { base offset currencyUnit formattedAmount }
    initiationVia { __typename ... on InitiationViaIntraLedger { counterPartyUsername counterPartyWalletId }
        ... on InitiationViaLn { paymentHash paymentRequest } }
    settlementVia { __typename ... on SettlementViaIntraLedger { counterPartyUsername counterPartyWalletId preImage }
        ... on SettlementViaLn { preImage paymentSecret } }"""
SENT = f"status errors {{ message code path }} transaction {{ {LINE} }}"


def sending(field: str, type_: str) -> str:
    return f"mutation($input: {type_}!) {{ sent: {field}(input: $input) {{ {SENT} }} }}"


SATS = sending("intraLedgerPaymentSend", "IntraLedgerPaymentSendInput")
CENTS = sending("intraLedgerUsdPaymentSend", "IntraLedgerUsdPaymentSendInput")
PAY = sending("lnInvoicePaymentSend", "LnInvoicePaymentInput")
PAY_OPEN = sending("lnNoAmountInvoicePaymentSend", "LnNoAmountInvoicePaymentInput")


STATUS = """query($p: LnPaymentRequest!) { lnInvoicePaymentStatus(input: { paymentRequest: $p }) {
    status errors { code } } }"""


async def send(person: Person, document: str, **order: Any) -> Json:
    sent: Json = (await person.ask(document, input=order))["sent"]
    return sent


async def lines(person: Person, arguments: str = "", **variables: Any) -> list[Json]:
    found = await person.ask(
        f"{{ me {{ defaultAccount {{ transactions{arguments} {{ edges {{ node {{ {LINE} }} }} }} }} }} }}", **variables
    )
    return [edge["node"] for edge in found["me"]["defaultAccount"]["transactions"]["edges"]]


async def test_sats_between_two_customers(world: World) -> None:
    amina, juma = await world.rich(sats=5_000), await world.person()
    sent = await send(amina, SATS, walletId=amina.wallets["BTC"], recipientWalletId=juma.wallets["BTC"],
                      amount="1200", memo="Chai ☕")  # fmt: skip
    assert (sent["status"], sent["errors"]) == ("SUCCESS", [])
    line = sent["transaction"]
    assert (line["direction"], line["settlementAmount"], line["settlementFee"]) == ("SEND", -1200, 0)
    assert line["settlementDisplayAmount"].startswith("-") and line["settlementDisplayCurrency"] == "USD"
    assert line["settlementPrice"]["offset"] == 12 and line["settlementPrice"]["currencyUnit"] == "MINOR"
    assert line["initiationVia"]["__typename"] == "InitiationViaIntraLedger"
    assert line["initiationVia"]["counterPartyWalletId"] == juma.wallets["BTC"]
    received = (await lines(juma))[0]
    assert (received["direction"], received["settlementAmount"], received["memo"]) == ("RECEIVE", 1200, "Chai ☕")
    assert await amina.balances() == {"BTC": 3_800, "USD": 0}
    assert await juma.balances() == {"BTC": 1_200, "USD": 0}


async def test_dollars_between_two_customers(world: World) -> None:
    amina, juma = await world.rich(cents=1_000), await world.person()
    sent = await send(amina, CENTS, walletId=amina.wallets["USD"], recipientWalletId=juma.wallets["USD"], amount=250)
    line = sent["transaction"]
    assert sent["status"] == "SUCCESS" and line["settlementAmount"] == -250 and line["settlementCurrency"] == "USD"
    assert (line["settlementDisplayAmount"], line["settlementDisplayFee"]) == ("-2.50", "0.00")
    assert line["settlementPrice"] == {"base": 10**6, "offset": 6, "currencyUnit": "MINOR", "formattedAmount": "1"}
    assert (await amina.balances())["USD"] == 750 and (await juma.balances())["USD"] == 250


async def test_a_payment_from_outside(world: World) -> None:
    amina = await world.person()
    invoice = await amina.invoice(2_100, "Two chapati")
    assert invoice["satoshis"] == 2_100 and invoice["paymentStatus"] == "PENDING"
    assert invoice["externalId"] == invoice["paymentHash"] and len(invoice["paymentSecret"]) == 64
    status = """query($h: PaymentHash!) { s: lnInvoicePaymentStatusByHash(input: { paymentHash: $h }) {
        status paymentHash paymentRequest paymentPreimage } }"""
    before = (await world.ask(status, h=invoice["paymentHash"]))["s"]
    assert before == {"status": "PENDING", "paymentHash": invoice["paymentHash"],
                      "paymentRequest": invoice["paymentRequest"], "paymentPreimage": None}  # fmt: skip
    paid = await world.outside("lightning/payments", {"paymentRequest": invoice["paymentRequest"]})
    await world.until(lambda: _balance_is(amina, 2_100))
    after = (await world.ask(status, h=invoice["paymentHash"]))["s"]
    assert (after["status"], after["paymentPreimage"]) == ("PAID", paid["preimage"])
    line = (await lines(amina))[0]
    assert (line["direction"], line["settlementAmount"], line["memo"]) == ("RECEIVE", 2_100, "Two chapati")
    assert line["initiationVia"]["paymentRequest"] == invoice["paymentRequest"]
    assert line["settlementVia"]["__typename"] == "SettlementViaLn"
    assert line["settlementVia"]["preImage"] == line["settlementVia"]["paymentSecret"] == paid["preimage"]
    by_hash = await amina.ask("""query($w: WalletId!, $h: PaymentHash!, $p: LnPaymentRequest!) { me { defaultAccount {
        walletById(walletId: $w) { invoiceByPaymentHash(paymentHash: $h) { __typename paymentStatus
            ... on LnInvoice { satoshis } }
        transactionsByPaymentHash(paymentHash: $h) { id } transactionsByPaymentRequest(paymentRequest: $p) { id }
        transactionsByAddress(address: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080") { edges { cursor } }
        invoices { edges { cursor node { paymentHash paymentStatus } } } } } } }""",
        w=amina.wallets["BTC"], h=invoice["paymentHash"], p=invoice["paymentRequest"])  # fmt: skip
    wallet = by_hash["me"]["defaultAccount"]["walletById"]
    assert wallet["invoiceByPaymentHash"] == {"__typename": "LnInvoice", "paymentStatus": "PAID", "satoshis": 2_100}
    assert wallet["transactionsByPaymentHash"] == wallet["transactionsByPaymentRequest"] == [{"id": line["id"]}]
    assert wallet["transactionsByAddress"] == {"edges": []}
    node = {"paymentHash": invoice["paymentHash"], "paymentStatus": "PAID"}
    assert wallet["invoices"]["edges"] == [{"cursor": invoice["paymentHash"], "node": node}]


async def _balance_is(person: Person, sats: int) -> bool:
    return (await person.balances())["BTC"] == sats


async def test_an_invoice_without_amount(world: World) -> None:
    amina, juma = await world.rich(sats=3_000), await world.person()
    make = """mutation($input: LnNoAmountInvoiceCreateInput!) { lnNoAmountInvoiceCreate(input: $input) {
        errors { message code } invoice { __typename paymentRequest paymentHash externalId } } }"""
    order = {"walletId": juma.wallets["BTC"], "externalId": "stall-1", "expiresIn": "30", "memo": "Open"}
    made = (await juma.ask(make, input=order))["lnNoAmountInvoiceCreate"]
    assert made["errors"] == [] and made["invoice"]["externalId"] == "stall-1"
    again = (await juma.ask(make, input=order))["lnNoAmountInvoiceCreate"]
    assert again["invoice"] is None and again["errors"][0]["code"] == "INVALID_INPUT"
    request = made["invoice"]["paymentRequest"]
    probe = await amina.ask(
        """mutation($input: LnNoAmountInvoiceFeeProbeInput!) { lnNoAmountInvoiceFeeProbe(input: $input) {
        amount errors { message } } }""",
        input={"walletId": amina.wallets["BTC"], "paymentRequest": request, "amount": 500},
    )
    assert probe["lnNoAmountInvoiceFeeProbe"] == {"amount": 0, "errors": []}
    refused = await send(amina, PAY, walletId=amina.wallets["BTC"], paymentRequest=request)
    assert refused["status"] == "FAILURE" and refused["errors"][0]["code"] == "INVALID_INPUT"
    assert refused["transaction"] is None
    sent = await send(amina, PAY_OPEN, walletId=amina.wallets["BTC"], paymentRequest=request, amount=500)
    assert sent["status"] == "SUCCESS" and sent["transaction"]["settlementAmount"] == -500
    via = sent["transaction"]["initiationVia"]["__typename"], sent["transaction"]["settlementVia"]["__typename"]
    assert via == ("InitiationViaLn", "SettlementViaIntraLedger")
    again = await send(amina, PAY_OPEN, walletId=amina.wallets["BTC"], paymentRequest=request, amount=500)
    assert (again["status"], again["errors"]) == ("ALREADY_PAID", [])
    assert again["transaction"]["id"] == sent["transaction"]["id"]


async def test_trap_01_trap_03_paying_outside(world: World) -> None:
    amina = await world.rich(sats=20_000)
    invoice = await world.outside("lightning/invoices", {"amountMsat": 10_000_000, "memo": "Solar lamp"})
    probe = await amina.ask(
        "mutation($input: LnInvoiceFeeProbeInput!) { lnInvoiceFeeProbe(input: $input) { amount errors { message } } }",
        input={"walletId": amina.wallets["BTC"], "paymentRequest": invoice["paymentRequest"]},
    )
    ceiling = probe["lnInvoiceFeeProbe"]["amount"]
    assert probe["lnInvoiceFeeProbe"]["errors"] == [] and 0 <= ceiling <= 50
    sent = await send(amina, PAY, walletId=amina.wallets["BTC"], paymentRequest=invoice["paymentRequest"], memo="Lamp")
    assert (sent["status"], sent["errors"]) == ("SUCCESS", [])
    line = sent["transaction"]
    assert line["settlementAmount"] == -10_000 - line["settlementFee"] and 0 <= line["settlementFee"] <= ceiling
    assert len(line["settlementVia"]["preImage"]) == 64 and line["memo"] == "Lamp"
    assert (await amina.balances())["BTC"] == 20_000 + line["settlementAmount"]
    again = await send(amina, PAY, walletId=amina.wallets["BTC"], paymentRequest=invoice["paymentRequest"])
    assert (again["status"], again["errors"]) == ("ALREADY_PAID", [])
    assert (await amina.balances())["BTC"] == 20_000 + line["settlementAmount"]


async def test_an_unknown_outcome_is_pending(world: World) -> None:
    amina = await world.rich(sats=20_000)
    invoice = await world.outside("lightning/invoices", {"amountMsat": 10_000_000, "hold": True})
    order = {"walletId": amina.wallets["BTC"], "paymentRequest": invoice["paymentRequest"]}
    sent = await send(amina, PAY, **order)
    assert (sent["status"], sent["errors"]) == ("PENDING", [])
    assert sent["transaction"]["status"] == "PENDING"
    assert (await amina.balances())["BTC"] <= 10_000  # set aside
    second = await send(amina, PAY, **order)
    assert second["status"] in ("PENDING", "FAILURE")
    assert (await amina.balances())["BTC"] >= 9_900


async def test_cancelling_an_invoice(world: World) -> None:
    amina, juma = await world.person(), await world.person()
    invoice = await amina.invoice(1_000)
    cancel = """mutation($input: LnInvoiceCancelInput!) { lnInvoiceCancel(input: $input) {
        success errors { message code } } }"""
    foreign = await juma.ask(cancel, input={"walletId": juma.wallets["BTC"], "paymentHash": invoice["paymentHash"]})
    assert foreign["lnInvoiceCancel"]["success"] is False
    assert foreign["lnInvoiceCancel"]["errors"][0]["code"] == "NOT_FOUND"
    order = {"walletId": amina.wallets["BTC"], "paymentHash": invoice["paymentHash"]}
    assert (await amina.ask(cancel, input=order))["lnInvoiceCancel"] == {"success": True, "errors": []}
    assert (await amina.ask(cancel, input=order))["lnInvoiceCancel"]["success"] is False
    status = await world.ask(
        STATUS,
        p=invoice["paymentRequest"],
    )
    assert status["lnInvoicePaymentStatus"] == {"status": "EXPIRED", "errors": []}


async def test_an_invoice_that_nobody_knows(world: World) -> None:
    unknown = await world.post(
        "query($h: PaymentHash!) { lnInvoicePaymentStatusByHash(input: { paymentHash: $h }) { status } }", h="ab" * 32
    )
    assert unknown.json()["errors"][0]["code"] == "NOT_FOUND"
    outside = await world.outside("lightning/invoices", {"amountMsat": 1_000})
    payload = await world.ask(
        STATUS,
        p=outside["paymentRequest"],
    )
    assert payload["lnInvoicePaymentStatus"] == {"status": None, "errors": [{"code": "NOT_FOUND"}]}


async def test_invoices_are_rate_limited(world: World) -> None:
    amina = await world.person()
    make = """mutation($w: WalletId!) { lnInvoiceCreate(input: { walletId: $w, amount: 1 }) {
        errors { code } invoice { paymentHash } } }"""
    codes = []
    world.clock.stop()  # all in one minute
    for _ in range(62):
        made = (await amina.ask(make, w=amina.wallets["BTC"]))["lnInvoiceCreate"]
        codes.append([one["code"] for one in made["errors"]])
    assert codes[:60] == [[]] * 60
    assert codes[60:] == [["TOO_MANY_REQUEST"]] * 2


async def test_paging(world: World) -> None:
    amina, juma = await world.rich(cents=10_000), await world.person()
    for amount in range(1, 8):
        await send(amina, CENTS, walletId=amina.wallets["USD"], recipientWalletId=juma.wallets["USD"], amount=amount)

    async def page(arguments: str) -> tuple[list[int], Json]:
        found = await juma.ask(f"""{{ me {{ defaultAccount {{ transactions{arguments} {{
            edges {{ cursor node {{ settlementAmount }} }}
            pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }} }} }}""")
        connection = found["me"]["defaultAccount"]["transactions"]
        info = connection["pageInfo"]
        assert not connection["edges"] or info["startCursor"] == connection["edges"][0]["cursor"]
        return [edge["node"]["settlementAmount"] for edge in connection["edges"]], info

    everything, info = await page("")
    assert everything == [7, 6, 5, 4, 3, 2, 1] and not info["hasNextPage"]
    first, info = await page("(first: 3)")
    assert first == [7, 6, 5] and info["hasNextPage"] and not info["hasPreviousPage"]
    second, info = await page(f'(first: 3, after: "{info["endCursor"]}")')
    assert second == [4, 3, 2] and info["hasNextPage"]
    rest, last = await page(f'(first: 3, after: "{info["endCursor"]}")')
    assert rest == [1] and not last["hasNextPage"]
    newer, info = await page(f'(last: 2, before: "{info["startCursor"]}")')
    assert newer == [6, 5] and info["hasPreviousPage"] and not info["hasNextPage"]
    oldest, info = await page("(last: 2)")
    assert oldest == [2, 1] and info["hasPreviousPage"]
    assert (await page("(walletIds: [])"))[0] == everything
    assert (await page(f'(walletIds: ["{juma.wallets["BTC"]}"])'))[0] == []


NO_PAGES = [
    "(first: 1, last: 1)",
    "(first: 101)",
    "(last: 101)",
    "(first: 0)",
    "(last: -1)",
    "(first: 2147483647)",
    '(first: 1, after: "x")',
    '(last: 1, before: "x")',
    '(walletIds: ["x"])',
]


async def test_trap_26_pages_that_cannot_be(world: World) -> None:
    amina = await world.person()
    for arguments in NO_PAGES:
        text = f"{{ me {{ defaultAccount {{ transactions{arguments} {{ edges {{ cursor }} }} }} }} }}"
        answer = await amina.post(text)
        assert answer.status_code == 200 and answer.json()["errors"][0]["code"] == "INVALID_INPUT"


async def test_foreign_wallets_look_like_none(world: World) -> None:
    amina, juma = await world.rich(cents=500), await world.person()
    look = "query($w: WalletId!) { me { defaultAccount { walletById(walletId: $w) { balance } } } }"
    missing = "0b2e8f0e-8b8c-4f5a-9a3b-2f1d1c3b4a5d"
    foreign = await juma.post(look, w=amina.wallets["USD"])
    assert foreign.json()["errors"][0]["code"] == "NOT_FOUND" and foreign.json()["data"] == {"me": None}
    assert (await juma.post(look, w=missing)).json()["errors"][0]["message"] == foreign.json()["errors"][0]["message"]
    for wallet in (amina.wallets["USD"], missing):
        sent = await send(juma, CENTS, walletId=wallet, recipientWalletId=juma.wallets["USD"], amount=1)
        assert sent["status"] == "FAILURE" and sent["errors"][0]["code"] is None
        assert "InvalidWalletId" in sent["errors"][0]["message"]
    listed = await juma.post(f'{{ me {{ defaultAccount {{ transactions(walletIds: ["{amina.wallets["USD"]}"]) '
                             "{ edges { cursor } } } } }")  # fmt: skip
    assert listed.json()["errors"]
    line = (await lines(amina))[0]["id"]
    by_id = """query($w: WalletId!, $id: ID!) { me { defaultAccount { walletById(walletId: $w) {
        transactionById(transactionId: $id) { id } } } } }"""
    assert (await amina.ask(by_id, w=amina.wallets["USD"], id=line))["me"]["defaultAccount"]["walletById"][
        "transactionById"] == {"id": line}  # fmt: skip
    stolen = await juma.post(by_id, w=juma.wallets["USD"], id=line)
    assert stolen.json()["errors"][0]["code"] == "NOT_FOUND"
    assert (await juma.post(by_id, w=juma.wallets["USD"], id="x")).json()["errors"][0]["code"] == "INVALID_INPUT"


async def test_many_at_once_move_exactly_what_there_is(world: World) -> None:
    amina, juma = await world.rich(cents=500), await world.person()
    order = {"walletId": amina.wallets["USD"], "recipientWalletId": juma.wallets["USD"], "amount": 100}
    sent = await asyncio.gather(*(send(amina, CENTS, **order) for _ in range(20)))
    assert sorted(one["status"] for one in sent) == ["FAILURE"] * 15 + ["SUCCESS"] * 5
    assert {one["errors"][0]["code"] for one in sent if one["errors"]} == {"INSUFFICIENT_BALANCE"}
    assert (await amina.balances())["USD"] == 0 and (await juma.balances())["USD"] == 500
