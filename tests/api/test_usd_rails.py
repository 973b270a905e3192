"""Dollar wallets on Lightning under Blink's names: invoices in cents and in satoshi, probes, paying."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.api.conftest import Json, Person, World

from hazina.kernel import bolt11

INVOICE = "errors { message code } invoice { paymentRequest paymentHash satoshis paymentStatus externalId }"
PROBED = "errors { message code } amount"
SENT = "status errors { message code } transaction { id settlementAmount settlementFee settlementCurrency status }"


def doc(field: str, answer: str, type_: str | None = None) -> str:
    type_ = type_ or f"{field[0].upper()}{field[1:]}Input"
    return f"mutation($input: {type_}!) {{ made: {field}(input: $input) {{ {answer} }} }}"


CREATE = doc("lnUsdInvoiceCreate", INVOICE)
CREATE_FOR = doc("lnUsdInvoiceCreateOnBehalfOfRecipient", INVOICE)
CREATE_SATS_FOR = doc("lnUsdInvoiceBtcDenominatedCreateOnBehalfOfRecipient", INVOICE)
CREATE_OPEN_FOR = doc("lnNoAmountInvoiceCreateOnBehalfOfRecipient", INVOICE.replace("satoshis ", ""))
CREATE_BTC = doc("lnInvoiceCreate", INVOICE)
CREATE_BTC_FOR = doc("lnInvoiceCreateOnBehalfOfRecipient", INVOICE)
PROBE = doc("lnUsdInvoiceFeeProbe", PROBED)
PROBE_OPEN = doc("lnNoAmountUsdInvoiceFeeProbe", PROBED)
PROBE_BTC = doc("lnInvoiceFeeProbe", PROBED)
PROBE_OPEN_BTC = doc("lnNoAmountInvoiceFeeProbe", PROBED)
PAY = doc("lnInvoicePaymentSend", SENT, "LnInvoicePaymentInput")
PAY_OPEN = doc("lnNoAmountUsdInvoicePaymentSend", SENT, "LnNoAmountUsdInvoicePaymentInput")
PAY_OPEN_BTC = doc("lnNoAmountInvoicePaymentSend", SENT, "LnNoAmountInvoicePaymentInput")


async def made(world: World, document: str, person: Person | None = None, **order: Any) -> Json:
    answer: Json = (await world.ask(document, person.token if person else None, input=order))["made"]
    return answer


async def priced(world: World) -> int:
    """US cents for one bitcoin, young enough to deal at."""
    await world.bank.prices.refresh()
    return (await world.bank.prices.fresh()).cents_per_btc


async def paid(world: World, person: Person, invoice: Json, cents: int, **more: Any) -> None:
    """From outside; and the bank decides that it takes what is held."""
    await world.outside("lightning/payments", {"paymentRequest": invoice["paymentRequest"], **more})

    async def credited() -> bool:
        await world.bank.payments.decide_held()
        return (await person.balances())["USD"] == cents

    await world.until(credited)


async def test_an_invoice_over_cents_brings_exactly_these(world: World) -> None:
    """Trap 16: five minutes, whatever is asked for."""
    amina, price = await world.person(), await priced(world)
    mine = await made(
        world, CREATE, amina, walletId=amina.wallets["USD"], amount=250, memo="Maize", expiresIn=60, externalId="m-1"
    )
    assert mine["errors"] == [] and mine["invoice"]["externalId"] == "m-1"
    says = bolt11.decode(mine["invoice"]["paymentRequest"])
    assert (says.expiry_s, says.description) == (300, "Maize")
    sats = mine["invoice"]["satoshis"]
    assert says.amount_msat == sats * 1_000 and 0 <= sats - 250 * 10**8 * 1.0012 / price < 1
    wanted = hashlib.sha256(b"menu").digest()
    theirs = await made(
        world, CREATE_FOR, recipientWalletId=amina.wallets["USD"], amount=100, descriptionHash=wanted.hex(), expiresIn=2
    )
    says = bolt11.decode(theirs["invoice"]["paymentRequest"])
    assert (says.expiry_s, says.description_hash) == (120, wanted)
    over_sats = await made(world, CREATE_SATS_FOR, recipientWalletId=amina.wallets["USD"], amount=10_000)
    assert over_sats["invoice"]["satoshis"] == 10_000
    little = await made(world, CREATE_SATS_FOR, recipientWalletId=amina.wallets["USD"], amount=1)
    assert little["invoice"] is None and little["errors"][0]["code"] == "INVALID_INPUT"
    await paid(world, amina, mine["invoice"], 250)
    await paid(world, amina, theirs["invoice"], 350)
    bought = 10_000 * price * 9_988 // 10**12
    await paid(world, amina, over_sats["invoice"], 350 + bought)
    assert (await amina.balances())["BTC"] == 0
    free = await made(world, CREATE_OPEN_FOR, recipientWalletId=amina.wallets["USD"], expiresIn=90)
    assert bolt11.decode(free["invoice"]["paymentRequest"]).expiry_s == 300
    await priced(world)
    now = 10_000 * price * 9_990 // 10**12  # at the rate of the moment, not one that stands for five minutes
    await paid(world, amina, free["invoice"], 350 + bought + now, amountMsat=10_000_000)


async def test_a_wallet_of_the_other_currency_is_refused(world: World) -> None:
    amina = await world.rich(sats=20_000, cents=2_000)
    await priced(world)
    btc, usd = amina.wallets["BTC"], amina.wallets["USD"]
    fixed = (await world.outside("lightning/invoices", {"amountMsat": 1_000_000}))["paymentRequest"]
    free = (await world.outside("lightning/invoices", {}))["paymentRequest"]
    before = await amina.balances()
    cases: list[tuple[str, Json]] = [
        (CREATE, {"walletId": btc, "amount": 5}),
        (CREATE_BTC, {"walletId": usd, "amount": 5}),
        (CREATE_FOR, {"recipientWalletId": btc, "amount": 5}),
        (CREATE_SATS_FOR, {"recipientWalletId": btc, "amount": 5}),
        (CREATE_BTC_FOR, {"recipientWalletId": usd, "amount": 5}),
        (PROBE, {"walletId": btc, "paymentRequest": fixed}),
        (PROBE_BTC, {"walletId": usd, "paymentRequest": fixed}),
        (PROBE_OPEN, {"walletId": btc, "paymentRequest": free, "amount": 5}),
        (PROBE_OPEN_BTC, {"walletId": usd, "paymentRequest": free, "amount": 5}),
        (PAY_OPEN, {"walletId": btc, "paymentRequest": free, "amount": 5}),
        (PAY_OPEN_BTC, {"walletId": usd, "paymentRequest": free, "amount": 5}),
        (PAY_OPEN, {"walletId": usd, "paymentRequest": fixed, "amount": 5}),
        (PAY, {"walletId": usd, "paymentRequest": free}),
    ]
    for document, order in cases:
        answer = await made(world, document, amina, **order)
        assert [one["code"] for one in answer["errors"]] == ["INVALID_INPUT"], (document, answer)
        assert answer.get("invoice", answer.get("amount")) is None
    assert await amina.balances() == before


async def test_trap_05_dollars_pay_invoices_at_what_the_probe_said(world: World) -> None:
    """Trap 5: the probe of an invoice with an amount holds cents where its type says satoshi."""
    amina, price = await world.rich(cents=2_000), await priced(world)
    usd = amina.wallets["USD"]
    fixed = (await world.outside("lightning/invoices", {"amountMsat": 10_000_000}))["paymentRequest"]
    probe = await made(world, PROBE, amina, walletId=usd, paymentRequest=fixed)
    cents = 10_000 * price // 10**8
    assert probe["errors"] == [] and 0 <= probe["amount"] <= max(cents // 100, 2)
    sent = await made(world, PAY, amina, walletId=usd, paymentRequest=fixed)
    assert (sent["status"], sent["errors"]) == ("SUCCESS", [])
    line = sent["transaction"]
    assert line["settlementCurrency"] == "USD" and 0 <= line["settlementFee"] <= probe["amount"]
    assert cents <= -line["settlementAmount"] - line["settlementFee"] <= cents + max(cents // 100, 2)
    free = (await world.outside("lightning/invoices", {}))["paymentRequest"]
    await priced(world)
    probe = await made(world, PROBE_OPEN, amina, walletId=usd, paymentRequest=free, amount=300)
    assert probe["errors"] == [] and 0 <= probe["amount"] <= 5
    sent = await made(world, PAY_OPEN, amina, walletId=usd, paymentRequest=free, amount=300)
    assert sent["status"] == "SUCCESS"
    paid_out = sent["transaction"]
    assert -paid_out["settlementAmount"] - paid_out["settlementFee"] == 300
    left = 2_000 + line["settlementAmount"] + paid_out["settlementAmount"]
    assert await amina.balances() == {"BTC": 0, "USD": left}
    again = await made(world, PAY_OPEN, amina, walletId=usd, paymentRequest=free, amount=300)
    assert (again["status"], again["errors"], again["transaction"]["id"]) == ("ALREADY_PAID", [], paid_out["id"])


async def test_a_probe_keeps_the_limit_of_the_day(world: World) -> None:
    """Of what leaves, and of what stays inside: a level 1 may send 1,000 and 2,000 dollars."""
    amina, juma = await world.rich(sats=1_000, cents=1_000), await world.person()
    price = await priced(world)
    over = 100_001 * 10**8 // price
    far = (await world.outside("lightning/invoices", {"amountMsat": over * 1_000}))["paymentRequest"]
    near = (await juma.invoice(over))["paymentRequest"]
    for document, wallet in ((PROBE_BTC, "BTC"), (PROBE, "USD")):
        probe = await made(world, document, amina, walletId=amina.wallets[wallet], paymentRequest=far)
        assert (probe["amount"], [one["code"] for one in probe["errors"]]) == (None, ["TRANSACTION_RESTRICTED"])
        probe = await made(world, document, amina, walletId=amina.wallets[wallet], paymentRequest=near)
        assert (probe["amount"], probe["errors"]) == (0, [])


async def test_trap_04_a_probe_may_tell_an_amount_and_an_error(world: World) -> None:
    """Trap 4: where no way was found, the ceiling stands beside the error."""
    amina = await world.rich(sats=20_000, cents=2_000)
    price = await priced(world)
    far = (await world.outside("lightning/invoices", {"amountMsat": 5_000_000}))["paymentRequest"]
    await world.outside("faults", {"provider": "lnd", "call": "estimatefee", "action": "error", "times": 2})
    try:
        in_sats = await made(world, PROBE_BTC, amina, walletId=amina.wallets["BTC"], paymentRequest=far)
        in_cents = await made(world, PROBE, amina, walletId=amina.wallets["USD"], paymentRequest=far)
    finally:
        await world.http.delete("/sandbox/api/faults")
    assert in_sats["amount"] == 25 and in_sats["errors"][0]["code"] == "ROUTE_FINDING_ERROR"
    assert in_cents["amount"] in (1, 25 * price // 10**8 + 1) and in_cents["errors"][0]["code"] == "ROUTE_FINDING_ERROR"
