"""Invoices that a payer makes for somebody else: no log-in, and nothing but money for the recipient can come of it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.api.conftest import Json, Person, World

from hazina.kernel import bolt11
from hazina.payments import InvoiceHook, take_invoice_hooks

INVOICE = "invoice { paymentRequest paymentHash paymentSecret paymentStatus externalId createdAt"
FOR = f"""mutation($input: LnInvoiceCreateOnBehalfOfRecipientInput!) {{
    made: lnInvoiceCreateOnBehalfOfRecipient(input: $input) {{ errors {{ message code }} {INVOICE} satoshis }} }} }}"""
OPEN_FOR = f"""mutation($input: LnNoAmountInvoiceCreateOnBehalfOfRecipientInput!) {{
    made: lnNoAmountInvoiceCreateOnBehalfOfRecipient(input: $input) {{ errors {{ message code }} {INVOICE} }} }} }}"""


PAGE = "startCursor endCursor hasNextPage hasPreviousPage"


async def made(world: World, document: str, person: Person, **more: Any) -> Json:
    order = {"recipientWalletId": person.wallets["BTC"], **more}
    answer: Json = (await world.ask(document, input=order))["made"]
    return answer


def read(invoice: Json) -> bolt11.Invoice11:
    return bolt11.decode(invoice["paymentRequest"])


async def taken(world: World) -> list[InvoiceHook]:
    async with world.bank.db.transaction() as tx:
        return await take_invoice_hooks(tx, world.clock.now(), 100)


async def test_a_stranger_makes_an_invoice_and_pays_it(world: World) -> None:
    amina = await world.person()
    plain = await made(world, FOR, amina, amount=700, memo="Chai", externalId="order-7", expiresIn=10)
    assert plain["errors"] == [] and plain["invoice"]["satoshis"] == 700
    assert (plain["invoice"]["externalId"], plain["invoice"]["paymentStatus"]) == ("order-7", "PENDING")
    says = read(plain["invoice"])
    assert (says.description, says.amount_msat, says.expiry_s) == ("Chai", 700_000, 600)
    assert says.payment_hash.hex() == plain["invoice"]["paymentHash"]
    twice = await made(world, FOR, amina, amount=700, externalId="order-7")
    assert twice["invoice"] is None and [one["code"] for one in twice["errors"]] == ["INVALID_INPUT"]

    wanted = hashlib.sha256(b'[["text/plain","amina"]]').digest()
    hashed = await made(world, FOR, amina, amount=300, memo="Only for her", descriptionHash=wanted.hex())
    assert (read(hashed["invoice"]).description, read(hashed["invoice"]).description_hash) == (None, wanted)
    any_amount = await made(world, OPEN_FOR, amina, memo="Tips")
    assert read(any_amount["invoice"]).amount_msat is None and read(any_amount["invoice"]).expiry_s == 7_200

    for invoice, more in ((plain, {}), (hashed, {}), (any_amount, {"amountMsat": 55_900})):
        request = {"paymentRequest": invoice["invoice"]["paymentRequest"], **more}
        await world.outside("lightning/payments", request)

    async def has() -> bool:
        return (await amina.balances())["BTC"] == 1_055

    await world.until(has)
    found = await amina.ask("{ me { defaultAccount { transactions { edges { node { memo externalId } } } } } }")
    memos = {edge["node"]["memo"] for edge in found["me"]["defaultAccount"]["transactions"]["edges"]}
    assert memos == {"Chai", "Only for her", "Tips"}


async def test_what_no_invoice_is_made_for(world: World) -> None:
    amina = await world.person()
    nobody = (await world.ask(FOR, input={"recipientWalletId": str(uuid4()), "amount": 1}))["made"]
    assert nobody["invoice"] is None and "InvalidWalletId" in nobody["errors"][0]["message"]
    bad: list[Json] = [
        {"amount": 0}, {"amount": -1}, {"amount": 10**13 + 1}, {"amount": 5, "descriptionHash": "AB" * 32},
        {"amount": 5, "descriptionHash": "ab" * 31}, {"amount": 5, "webhookUrl": "ftp://shop.example/paid"},
        {"amount": 5, "webhookUrl": " https://shop.example"}, {"amount": 5, "externalId": "Upper"},
        {"amount": 5, "webhookUrl": "https://10.0.0.1/paid"},
        {"amount": 5, "webhookUrl": "https://shop.example/" + "a" * 2_048}, {"amount": 5, "memo": "é" * 320},
    ]  # fmt: skip
    for more in bad:
        refused = await made(world, FOR, amina, **more)
        assert refused["invoice"] is None and len(refused["errors"]) == 1, more
        assert refused["errors"][0]["code"] in (None, "INVALID_INPUT")
    found = await amina.ask("{ me { defaultAccount { invoices { edges { cursor } } } } }")
    assert found["me"]["defaultAccount"]["invoices"]["edges"] == []


async def test_strangers_are_counted_apart_from_the_recipient(world: World) -> None:
    amina, juma = await world.person(), await world.person()
    codes = []
    world.clock.stop()  # all in one minute
    for n in range(61):
        answer = await made(world, FOR if n % 2 else OPEN_FOR, amina, **({"amount": 1} if n % 2 else {}))
        codes.append([one["code"] for one in answer["errors"]])
    assert codes == [[]] * 60 + [["TOO_MANY_REQUEST"]]
    assert (await amina.invoice(5))["satoshis"] == 5, "what she makes herself is not stopped by strangers"
    assert (await made(world, FOR, juma, amount=5))["errors"] == []


async def test_whoever_waits_for_an_invoice_is_told_once(world: World) -> None:
    """The end of each invoice is taken over by one deliverer; the preimage only where it was paid."""
    amina = await world.person()
    url = "https://shop.example/paid?order=7"
    paid = await made(world, FOR, amina, amount=100, webhookUrl=url)
    lapsed = await made(world, OPEN_FOR, amina, expiresIn=1, webhookUrl=url)
    waits = await made(world, FOR, amina, amount=100, expiresIn=60, webhookUrl=url)
    assert await taken(world) == []
    answer = await world.outside("lightning/payments", {"paymentRequest": paid["invoice"]["paymentRequest"]})

    async def has() -> bool:
        return (await amina.balances())["BTC"] == 100

    await world.until(has)
    world.clock.shift += timedelta(minutes=2)
    told = {one.payment_hash.hex(): one for one in await taken(world)}
    assert set(told) == {paid["invoice"]["paymentHash"], lapsed["invoice"]["paymentHash"]}
    first, second = told[paid["invoice"]["paymentHash"]], told[lapsed["invoice"]["paymentHash"]]
    assert (first.event, first.url) == ("invoice.paid", url)
    assert first.preimage is not None and first.preimage.hex() == answer["preimage"]
    assert (second.event, second.preimage) == ("invoice.expired", None)
    assert await taken(world) == [], "taken over once"
    assert waits["invoice"]["paymentHash"] not in told


async def test_invoices_are_paged_newest_first_while_others_are_added(world: World) -> None:
    """A row's place never changes; both currencies in one list, each wallet's in its own."""
    amina, juma = await world.person(), await world.person()
    await world.bank.prices.refresh()
    hashes = [(await made(world, OPEN_FOR, amina))["invoice"]["paymentHash"] for _ in range(5)]
    usd = (await made(world, OPEN_FOR, amina, recipientWalletId=amina.wallets["USD"]))["invoice"]["paymentHash"]

    async def page(arguments: str, wallet: str = "") -> tuple[list[str], Json]:
        inner = f"invoices{arguments} {{ edges {{ cursor node {{ paymentHash }} }} pageInfo {{ {PAGE} }} }}"
        text = f'walletById(walletId: "{wallet}") {{ {inner} }}' if wallet else inner
        account = (await amina.ask(f"{{ me {{ defaultAccount {{ {text} }} }} }}"))["me"]["defaultAccount"]
        found = account["walletById"]["invoices"] if wallet else account["invoices"]
        assert all(edge["cursor"] == edge["node"]["paymentHash"] for edge in found["edges"])
        return [edge["cursor"] for edge in found["edges"]], found["pageInfo"]

    newest = [usd, *reversed(hashes)]
    assert (await page(""))[0] == newest, "trap 26: without arguments, up to a hundred"
    assert (await page("", amina.wallets["BTC"]))[0] == newest[1:]
    assert (await page("", amina.wallets["USD"]))[0] == [usd]
    first, info = await page("(first: 2)")
    assert first == newest[:2] and (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
    late = (await made(world, OPEN_FOR, amina))["invoice"]["paymentHash"]
    second, info = await page(f'(first: 2, after: "{info["endCursor"]}")')
    assert second == newest[2:4]
    newer, back = await page(f'(last: 2, before: "{info["startCursor"]}")')
    assert newer == newest[:2] and (back["hasNextPage"], back["hasPreviousPage"]) == (False, True)
    assert (await page("(last: 1)"))[0] == newest[-1:]
    assert (await page("(first: 1)"))[0] == [late]
    theirs = (await made(world, OPEN_FOR, juma))["invoice"]["paymentHash"]
    for arguments in ("(first: 1, last: 1)", "(first: 0)", "(first: 101)", '(first: 1, after: "x")',
                      f'(first: 1, after: "{theirs}")', f'(last: 1, before: "{"ab" * 32}")'):  # fmt: skip
        answer = await amina.post(f"{{ me {{ defaultAccount {{ invoices{arguments} {{ edges {{ cursor }} }} }} }} }}")
        assert answer.json()["errors"][0]["code"] == "INVALID_INPUT", arguments
