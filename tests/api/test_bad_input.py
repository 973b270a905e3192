"""Whatever a client sends gets a named answer, never a 500, and moves nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.api.conftest import Person, World

MISSING = "0b2e8f0e-8b8c-4f5a-9a3b-2f1d1c3b4a5d"
SATS = """mutation($input: IntraLedgerPaymentSendInput!) { it: intraLedgerPaymentSend(input: $input) {
    status errors { message code path } transaction { id } } }"""
CENTS = """mutation($input: IntraLedgerUsdPaymentSendInput!) { it: intraLedgerUsdPaymentSend(input: $input) {
    status errors { message code path } transaction { id } } }"""
PAY = """mutation($input: LnInvoicePaymentInput!) { it: lnInvoicePaymentSend(input: $input) {
    status errors { message code path } transaction { id } } }"""
PAY_OPEN = """mutation($input: LnNoAmountInvoicePaymentInput!) { it: lnNoAmountInvoicePaymentSend(input: $input) {
    status errors { message code path } transaction { id } } }"""
PROBE = """mutation($input: LnInvoiceFeeProbeInput!) { it: lnInvoiceFeeProbe(input: $input) {
    amount errors { message code path } } }"""
INVOICE = """mutation($input: LnInvoiceCreateInput!) { it: lnInvoiceCreate(input: $input) {
    invoice { paymentHash } errors { message code path } } }"""

# Somebody else's invoices, from the BOLT 11 examples: mainnet, long expired.
MAINNET = (
    "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu"
    "sp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh"
    "8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
)

NO_AMOUNTS: list[Any] = [
    True, False, 1.5, 1.0, 1e3, -1, 10**13 + 1, 2**63, 10**30, "1_000", "1.5", "1e3", "-1", " 1", "", "NaN", "0x1",
    "١٠٠", "१००", "１００", [], [1], {}, {"sats": 1},
]  # fmt: skip


@pytest.fixture
async def amina(world: World) -> Person:
    return await world.rich(sats=10_000, cents=1_000)


async def refused(person: Person, document: str, order: dict[str, Any]) -> tuple[str | None, str]:
    """Code and message of the one error; nothing was moved."""
    before = await person.balances()
    answer = await person.post(document, input=order)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert "errors" not in body, body
    payload = body["data"]["it"]
    assert len(payload["errors"]) == 1, payload
    if "status" in payload:
        assert (payload["status"], payload["transaction"]) == ("FAILURE", None)
    assert body["extensions"]["requestId"] == answer.headers["x-request-id"]
    assert await person.balances() == before
    error = payload["errors"][0]
    assert error["message"] and len(error["message"]) < 500
    return error["code"], error["message"]


async def test_amounts(world: World, amina: Person) -> None:
    juma = await world.person()
    mine, his = amina.wallets, juma.wallets
    invoice = await world.outside("lightning/invoices", {})
    for amount in NO_AMOUNTS:
        orders = [
            (SATS, {"walletId": mine["BTC"], "recipientWalletId": his["BTC"], "amount": amount}),
            (CENTS, {"walletId": mine["USD"], "recipientWalletId": his["USD"], "amount": amount}),
            (PAY_OPEN, {"walletId": mine["BTC"], "paymentRequest": invoice["paymentRequest"], "amount": amount}),
            (INVOICE, {"walletId": mine["BTC"], "amount": amount}),
        ]
        for document, order in orders:
            code, message = await refused(amina, document, order)
            assert code is None and "Amount" in message, (amount, document)
    for document, wallet in ((SATS, "BTC"), (CENTS, "USD")):
        for zero in (0, "0", "000"):
            order = {"walletId": mine[wallet], "recipientWalletId": his[wallet], "amount": zero}
            assert (await refused(amina, document, order))[0] == "INVALID_INPUT"
        order = {"walletId": mine[wallet], "recipientWalletId": his[wallet], "amount": 10**13}
        assert (await refused(amina, document, order))[0] in ("INSUFFICIENT_BALANCE", "TRANSACTION_RESTRICTED")
    assert (await refused(amina, INVOICE, {"walletId": mine["BTC"], "amount": 0}))[0] == "INVALID_INPUT"
    assert await juma.balances() == {"BTC": 0, "USD": 0}


LITERALS: list[Any] = ["1.5", "1e3", "true", '"1_000"', "-1", "9" * 400, "[1]", "{}", "A"]


async def test_amounts_in_the_text(amina: Person) -> None:
    for literal in LITERALS:
        before, wallet = await amina.balances(), amina.wallets["BTC"]
        text = f"""mutation {{ it: lnInvoiceCreate(input: {{ walletId: "{wallet}", amount: {literal} }}) {{
            invoice {{ paymentHash }} errors {{ message code }} }} }}"""
        answer = await amina.post(text)
        assert answer.status_code in (200, 400)
        body = answer.json()
        error = body["errors"][0] if "errors" in body else body["data"]["it"]["errors"][0]
        assert error["message"]
        assert await amina.balances() == before


NO_NUMBERS: list[Any] = ["null", "NaN", "Infinity", "-Infinity", "9" * 5_000]


async def test_numbers_that_json_has_not(amina: Person) -> None:
    for value in NO_NUMBERS:
        wallet = amina.wallets["BTC"]
        text = json.dumps({"query": INVOICE}).rstrip("}")
        text += f', "variables": {{"input": {{"walletId": "{wallet}", "amount": {value}}}}}}}'
        answer = await amina.world.http.post(
            "/graphql",
            content=text,
            headers={"content-type": "application/json", "authorization": f"Bearer {amina.token}"},
        )
        assert answer.status_code == (200 if value == "null" else 400)
        assert answer.json()["errors"][0]["code"] == "INVALID_INPUT"


async def test_ids(world: World, amina: Person) -> None:
    juma = await world.person()
    bad: Any
    for bad in ("", "x", MISSING.replace("-", ""), "../../etc/passwd", "' or 1=1 --", 7, True, [], {}, "é" * 36):
        order = {"walletId": bad, "recipientWalletId": juma.wallets["BTC"], "amount": 1}
        assert (await refused(amina, SATS, order))[0] is None
        order = {"walletId": amina.wallets["BTC"], "recipientWalletId": bad, "amount": 1}
        assert (await refused(amina, SATS, order))[0] is None
    for wallet in (MISSING, juma.wallets["BTC"]):  # a missing wallet and another's look the same
        order = {"walletId": wallet, "recipientWalletId": amina.wallets["BTC"], "amount": 1}
        code, message = await refused(amina, SATS, order)
        assert code is None and "InvalidWalletId" in message
        assert "InvalidWalletId" in (await refused(amina, INVOICE, {"walletId": wallet, "amount": 1}))[1]
    await refused(amina, SATS, {"walletId": amina.wallets["BTC"], "recipientWalletId": MISSING, "amount": 1})


async def test_currencies_and_oneself(world: World, amina: Person) -> None:
    juma = await world.person()
    mine, his = amina.wallets, juma.wallets
    wrong = {"walletId": mine["USD"], "recipientWalletId": his["BTC"], "amount": 1}
    assert (await refused(amina, SATS, wrong))[0] == "INVALID_INPUT"
    wrong = {"walletId": mine["BTC"], "recipientWalletId": his["USD"], "amount": 1}
    assert (await refused(amina, CENTS, wrong))[0] == "INVALID_INPUT"
    for document, asset in ((SATS, "BTC"), (CENTS, "USD")):
        self_paid = {"walletId": mine[asset], "recipientWalletId": mine[asset], "amount": 1}
        assert (await refused(amina, document, self_paid))[0] == "CANT_PAY_SELF"
    own = await amina.invoice(10)
    order = {"walletId": mine["BTC"], "paymentRequest": own["paymentRequest"]}
    assert (await refused(amina, PAY, order))[0] == "CANT_PAY_SELF"


async def test_invoices(world: World, amina: Person) -> None:
    good = (await world.outside("lightning/invoices", {"amountMsat": 5_000_000}))["paymentRequest"]
    over = (await world.outside("lightning/invoices", {"amountMsat": 5_000_000, "expirySeconds": 1}))["paymentRequest"]
    open_ = (await world.outside("lightning/invoices", {}))["paymentRequest"]
    world.clock.shift += timedelta(seconds=30)
    wallet = amina.wallets["BTC"]
    for request, code in (
        ("", None),
        ("x", None),
        ("bitcoin:bcrt1q", None),
        ("lnbcrt" + "q" * 8_000, None),
        ("lnbcrt" + "q" * 1_000_000, None),
        (7, None),
        (None, "TOP"),
        ("lnbcrt1", "INVOICE_DECODE_ERROR"),
        ("lnbcrt" + "q" * 7_000, "INVOICE_DECODE_ERROR"),
        (good[:-1] + ("q" if good[-1] != "q" else "p"), "INVOICE_DECODE_ERROR"),
        (good[:40] + ("q" if good[40] != "q" else "p") + good[41:], "INVOICE_DECODE_ERROR"),
        (good[:30].upper() + good[30:], "INVOICE_DECODE_ERROR"),
        (MAINNET, "INVOICE_DECODE_ERROR"),
        (over, "LIGHTNING_PAYMENT_ERROR"),
        (open_, "INVALID_INPUT"),
    ):
        for document in (PAY, PROBE):
            order = {"walletId": wallet, "paymentRequest": request}
            if code == "TOP":
                answer = await amina.post(document, input=order)
                assert answer.json()["errors"][0]["code"] == "INVALID_INPUT"
            else:
                assert (await refused(amina, document, order))[0] == code, (str(request)[:60], document)
    with_amount = {"walletId": wallet, "paymentRequest": good, "amount": 5}
    assert (await refused(amina, PAY_OPEN, with_amount))[0] == "INVALID_INPUT"
    poor = await world.person()
    short = {"walletId": poor.wallets["BTC"], "paymentRequest": good}
    code, message = await refused(poor, PAY, short)
    assert code == "INSUFFICIENT_BALANCE" and "sats" in message


async def test_limits(world: World) -> None:
    amina, juma = await world.rich(cents=300_000), await world.person()
    order = {"walletId": amina.wallets["USD"], "recipientWalletId": juma.wallets["USD"], "amount": 200_001}
    assert (await refused(amina, CENTS, order))[0] == "TRANSACTION_RESTRICTED"


async def test_memos(world: World, amina: Person) -> None:
    juma = await world.person()
    order = {"walletId": amina.wallets["BTC"], "recipientWalletId": juma.wallets["BTC"], "amount": 1}
    for memo in ("x" * 640, "é" * 320, "x" * 1_000_000, 7, ["x"]):
        code, message = await refused(amina, SATS, {**order, "memo": memo})
        assert code is None and "Memo" in message
    before = await amina.balances()
    for memo in ("a\0b", "\ud800", "\udfff tail"):
        answer = await amina.world.http.post(
            "/graphql",
            content=json.dumps({"query": SATS, "variables": {"input": {**order, "memo": memo}}}),
            headers={"content-type": "application/json", "authorization": f"Bearer {amina.token}"},
        )
        assert answer.status_code == 400 and answer.json()["errors"][0]["code"] == "INVALID_INPUT"
    literal = (SATS.replace("($input: IntraLedgerPaymentSendInput!)", "").replace("$input", f"""{{
        walletId: "{order["walletId"]}", recipientWalletId: "{order["recipientWalletId"]}", amount: 1,
        memo: "a\\u0000b" }}"""))  # fmt: skip
    answer = await amina.post(literal)
    assert answer.json()["data"]["it"]["errors"][0]["message"] == "Text with a NUL character is not accepted."
    assert await amina.balances() == before


async def test_fields_that_nobody_knows(world: World, amina: Person) -> None:
    before = await amina.balances()
    for text, variables in (
        ("{ me { passwordHash } }", {}),
        ("mutation { giveMoney }", {}),
        ("{ __type(name: 3) { name } }", {}),
        (SATS, {"input": {"walletId": MISSING, "recipientWalletId": MISSING, "amount": 1, "fee": 0}}),
        (SATS, {"input": "x"}),
        (SATS, {"input": None}),
        (SATS, {"input": []}),
        (SATS, {}),
    ):
        answer = await amina.post(text, **variables)
        assert answer.status_code in (200, 400)
        assert answer.json()["errors"][0]["code"] in ("GRAPHQL_VALIDATION_FAILED", "INVALID_INPUT")
    assert await amina.balances() == before


async def test_a_secret_in_a_wrong_variable_is_not_echoed_at_length(amina: Person) -> None:
    answer = await amina.post(SATS, input={"walletId": MISSING, "unknown": "s" * 100_000})
    assert len(answer.text) < 2_000


NO_NAMES: list[Any] = ["x", "1abc", "a b c", "ab\u0441", "x" * 51, "", "bc1qabc", 7, True, "a\u200bbc"]


async def test_usernames(world: World, amina: Person) -> None:
    for name in NO_NAMES:
        take = """mutation($u: Username!) { it: userUpdateUsername(input: { username: $u }) {
            user { id } errors { code message } } }"""
        taken = (await amina.post(take, u=name)).json()["data"]["it"]
        assert taken["user"] is None and len(taken["errors"]) == 1
        asked = await world.post("query($u: Username!) { usernameAvailable(username: $u) }", u=name)
        assert asked.json()["errors"][0]["code"] == "INVALID_INPUT"
