"""Money behind a URL: being paid by name, paying to others' names and links, and what must not happen on the way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest
from tests.api.conftest import Person, World

from hazina.dealer import dealing
from hazina.kernel import bolt11, lnurl, nostr
from hazina.kernel.money import Msats
from hazina.links import PayTo
from hazina.links.zap import RECEIPT, REQUEST
from hazina.payments import KeyReused, Sent

ACTION = "successAction { tag message description url }"
PAY = """mutation($input: LnAddressPaymentSendInput!) { lnAddressPaymentSend(input: $input) {
    status errors { code message } transaction { settlementAmount memo initiationVia { __typename }
    successAction { tag message description url } } } }"""
PAY_LNURL = """mutation($input: LnurlPaymentSendInput!) { lnurlPaymentSend(input: $input) {
    status errors { code message } transaction { settlementAmount settlementVia { __typename } } } }"""


async def named(person: Person, name: str) -> Person:
    made = await person.ask(
        """mutation($input: UserUpdateUsernameInput!) { userUpdateUsername(input: $input) { errors { message } } }""",
        input={"username": name},
    )
    assert made["userUpdateUsername"]["errors"] == []
    return person


async def get(world: World, path: str, host: str | None = None, **query: str) -> dict[str, Any]:
    headers = {"host": host} if host else {}
    answer = await world.http.get(path, params=query, headers={**headers, "origin": "https://wallet.example"})
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    return body


def outside_of(world: World) -> str:
    """The domain of the service outside."""
    return urlsplit(world.bank.settings.sandbox_url or "").netloc


async def pay(person: Person, to: str, sats: int, key: str | None = None) -> dict[str, Any]:
    wish = {"walletId": person.wallets["BTC"], "lnAddress": to, "amount": sats}
    headers = {"x-idempotency-key": key} if key else None
    answer = (await person.post(PAY, headers, input=wish)).json()
    found: dict[str, Any] = answer["data"]["lnAddressPaymentSend"]
    return found


# -- being paid by name --------------------------------------------------------------------------


async def test_a_payment_to_a_name(world: World) -> None:
    """The whole way of a wallet outside, and what the recipient sees of it."""
    amina = await named(await world.person(), "amina")
    domain = urlsplit(world.bank.settings.origin).netloc
    asked = await get(world, "/.well-known/lnurlp/Amina%2Bstall", host=domain)
    assert asked["tag"] == "payRequest" and (asked["minSendable"], asked["maxSendable"]) == (1_000, 10**11)
    assert asked["callback"] == f"{world.bank.settings.origin}/lnurlp/amina%2Bstall/callback"
    assert json.loads(asked["metadata"]) == [
        ["text/plain", "Payment to amina"], ["text/identifier", f"amina+stall@{domain}"], ["text/tag", "stall"],
    ]  # fmt: skip
    payer = json.dumps({"name": "Juma"})
    path = urlsplit(asked["callback"]).path
    made = await get(world, path, amount="21000", comment="Two \u202emangoes\u0000", payerdata=payer)
    assert made["status"] == "OK" and made["routes"] == [] and "successAction" not in made
    invoice = bolt11.decode(made["pr"])
    assert invoice.amount_msat == 21_000
    assert invoice.description_hash == hashlib.sha256((asked["metadata"] + payer).encode()).digest()

    verify = urlsplit(made["verify"]).path
    assert await get(world, verify) == {"status": "OK", "settled": False, "preimage": None, "pr": made["pr"]}
    paid = await world.outside("lightning/payments", {"paymentRequest": made["pr"]})

    async def settled() -> bool:
        return bool((await get(world, verify))["settled"])

    await world.until(settled)
    assert (await get(world, verify))["preimage"] == paid["preimage"]
    assert hashlib.sha256(bytes.fromhex(paid["preimage"])).digest() == invoice.payment_hash
    assert (await amina.balances())["BTC"] == 21
    lines = await amina.ask("{ me { defaultAccount { transactions(first: 1) { edges { node { memo } } } } } }")
    memo = lines["me"]["defaultAccount"]["transactions"]["edges"][0]["node"]["memo"]
    assert memo is None  # under fifty satoshi nobody advertises


async def test_what_a_wallet_gets_wrong(world: World) -> None:
    await named(await world.person(), "amina")
    at = "/lnurlp/amina/callback"
    nobody = await get(world, "/.well-known/lnurlp/nobody_here")
    assert nobody == {"status": "ERROR", "reason": "Couldn't find user 'nobody_here'."}
    wrong: list[tuple[dict[str, str], str]] = [
        ({}, "Invalid request"),
        ({"amount": "1500"}, "full sats"),
        ({"amount": "0"}, "from 1 to"),
        ({"amount": "100000001000"}, "from 1 to"),
        ({"amount": "-1000"}, "Invalid request"),
        ({"amount": "1e3"}, "Invalid request"),
        ({"amount": "٣000"}, "Invalid request"),
        ({"amount": "1000", "comment": "x" * 281}, "280"),
        ({"amount": "1000", "comment": "\u20bf" * 230}, "280"),
        ({"amount": "1000", "payerdata": "[]"}, "payer data"),
        ({"amount": "1000", "payerdata": '{"auth": {}}'}, "payer data"),
        ({"amount": "1000", "nostr": "{}"}, "zap"),
    ]
    for query, reason in wrong:
        answer = await get(world, at, **query)
        assert answer["status"] == "ERROR" and reason in answer["reason"], (query, answer)
    for path in ("/lnurlp/amina/verify/00", f"/lnurlp/amina/verify/{'0' * 64}", "/lnurlw/nothing"):
        assert (await get(world, path))["status"] == "ERROR"
    pinned = await get(world, "/lnurlp/amina", amount="5")
    assert pinned["minSendable"] == pinned["maxSendable"] == 5_000
    assert (await get(world, "/lnurlp/amina", amount="x"))["status"] == "ERROR"


async def test_a_phone_number_is_a_name(world: World) -> None:
    person = await world.person()
    asked = await get(world, f"/.well-known/lnurlp/{person.phone}")
    assert f'"{person.phone}@' in asked["metadata"], asked
    made = await get(world, urlsplit(asked["callback"]).path, amount="5000")
    assert bolt11.decode(made["pr"]).description_hash == hashlib.sha256(asked["metadata"].encode()).digest()
    assert (await get(world, "/.well-known/lnurlp/+254799999999"))["status"] == "ERROR"


async def test_api_07_a_host_that_is_not_ours_is_not_repeated(world: World) -> None:
    await named(await world.person(), "amina")
    asked = await world.http.get("/lnurlp/amina", headers={"host": "evil.example", "x-forwarded-host": "evil.example"})
    assert "evil.example" not in asked.text and world.bank.settings.origin in asked.text


async def test_what_is_said_to_who_has_paid(world: World) -> None:
    amina = await named(await world.person(), "amina")
    mine = {"authorization": f"Bearer {amina.token}"}
    said = await world.http.post("/links/address", json={"successMessage": "Asante \u200b sana"}, headers=mine)
    domain = urlsplit(world.bank.settings.origin).netloc
    assert said.json() == {"addresses": [f"amina@{domain}"], "successMessage": "Asante  sana"}
    made = await get(world, "/lnurlp/amina/callback", amount="1000")
    assert made["successAction"] == {"tag": "message", "message": "Asante  sana"}
    assert (
        await world.http.post("/links/address", json={"successMessage": "x" * 145}, headers=mine)
    ).status_code == 400
    assert (await world.http.get("/links/address")).status_code == 401


async def test_a_zap_and_its_receipt(world: World) -> None:
    """The receipt goes to the relay that was named, once the invoice is paid, and is the same event each time."""
    amina = await named(await world.person(), "amina")
    asked = await get(world, "/.well-known/lnurlp/amina")
    assert asked["allowsNostr"] is True
    sender, relay = nostr.new_secret(), f"ws://{outside_of(world)}/relay"
    tags = [["p", secrets.token_hex(32)], ["relays", relay, "ws://127.0.0.1:1/"], ["amount", "60000"], ["e", "0" * 64]]
    at = int(world.clock.now().timestamp())
    request = nostr.write(sender, created_at=at, kind=REQUEST, tags=tags, content="Great \u2615")
    text = json.dumps(request, ensure_ascii=False)
    path = urlsplit(asked["callback"]).path
    wrong = {**request, "content": "other"}
    for query in ({"amount": "61000", "nostr": text}, {"amount": "60000", "nostr": json.dumps(wrong)}):
        assert (await get(world, path, **query))["status"] == "ERROR"
    made = await get(world, path, amount="60000", nostr=text)
    assert bolt11.decode(made["pr"]).description_hash == hashlib.sha256(text.encode()).digest()
    await world.bank.links.tell_zaps()
    await world.outside("lightning/payments", {"paymentRequest": made["pr"]})

    async def told() -> bool:
        world.clock.shift += timedelta(seconds=2)
        await world.bank.links.tell_zaps()
        return any(request["id"] in json.dumps(one["tags"]) for one in await world.outside("relay", None))

    await world.until(told)
    receipt = next(one for one in await world.outside("relay", None) if request["id"] in json.dumps(one["tags"]))
    event = nostr.read(receipt, tags_max=50, items_max=50, chars_max=50_000)
    assert event.kind == RECEIPT and event.pubkey.hex() == asked["nostrPubkey"] and event.content == ""
    assert event.values("p") == [tags[0][1]] and event.values("e") == ["0" * 64]
    assert event.values("bolt11") == [made["pr"]] and event.values("description") == [text]
    assert event.values("P") == [request["pubkey"]]
    assert (await amina.balances())["BTC"] == 60


# -- paying --------------------------------------------------------------------------------------


async def test_paying_to_an_address_outside(world: World) -> None:
    payer = await world.rich(sats=50_000)
    paid = await pay(payer, f"Bob@{outside_of(world)}", 1_000)
    assert paid["status"] == "SUCCESS" and paid["errors"] == []
    assert paid["transaction"]["memo"] == f"bob@{outside_of(world)}"
    text = lnurl.encode(f"http://{outside_of(world)}/.well-known/lnurlp/bob")
    wish = {"walletId": payer.wallets["BTC"], "lnurl": text, "amount": 500}
    again = (await payer.ask(PAY_LNURL, input=wish))["lnurlPaymentSend"]
    assert again["status"] == "SUCCESS" and again["transaction"]["settlementVia"]["__typename"] == "SettlementViaLn"
    assert await contacts(payer) == {f"bob@{outside_of(world)}": 1}, "a link names nobody"
    left = (await payer.balances())["BTC"]
    assert 48_000 < left <= 48_500


async def test_the_same_order_again_pays_once(world: World) -> None:
    """The invoice of an order is kept under its key: whoever lost the answer does not pay another one."""
    payer = await world.rich(sats=50_000)
    caller = await world.bank.accounts.caller(payer.token, None)
    assert caller is not None
    order = PayTo(UUID(payer.wallets["BTC"]), f"bob@{outside_of(world)}", Msats.from_sats(1_000), "key")
    first, *more = await asyncio.gather(
        *(world.bank.links.pay(caller, order) for _ in range(5)), return_exceptions=True
    )
    again = await world.bank.links.pay(caller, order)
    assert isinstance(again, Sent) and again.status in ("SUCCESS", "ALREADY_PAID") and again.line is not None
    assert {one.line.id for one in (first, *more) if isinstance(one, Sent) and one.line} == {again.line.id}
    assert (await payer.balances())["BTC"] > 48_900
    assert await contacts(payer) == {f"bob@{outside_of(world)}": 1}
    with pytest.raises(KeyReused):
        await world.bank.links.pay(caller, replace(order, amount=Msats.from_sats(2_000)))


async def contacts(person: Person) -> dict[str, int]:
    """How often each was met."""
    found = await person.ask("{ me { contacts { handle transactionsCount } } }")
    return {one["handle"]: one["transactionsCount"] for one in found["me"]["contacts"]}


@pytest.mark.parametrize("form", ["address", "lnurl"])
async def test_an_address_of_this_bank_is_paid_inside(world: World, form: str) -> None:
    payer = await world.rich(sats=5_000)
    amina = await named(await world.person(), "amina")
    domain = urlsplit(world.bank.settings.origin).netloc
    if form == "address":
        paid = await pay(payer, f"amina+tea@{domain}", 1_000)
    else:
        url = f"{world.bank.settings.origin}/lnurlp/{quote('amina')}"
        wish = {"walletId": payer.wallets["BTC"], "lnurl": lnurl.encode(url), "amount": 1_000}
        paid = (await payer.ask(PAY_LNURL, input=wish))["lnurlPaymentSend"]
        assert paid["transaction"]["settlementVia"]["__typename"] == "SettlementViaIntraLedger"
    assert paid["status"] == "SUCCESS"
    assert ((await payer.balances())["BTC"], (await amina.balances())["BTC"]) == (4_000, 1_000)
    nobody = await pay(payer, f"nobody_at_all@{domain}", 1_000)
    assert nobody["status"] == "FAILURE"


async def test_dollars_pay_to_addresses_too(world: World) -> None:
    """The recipient gets what was said, to the satoshi; the dollars are changed on the way."""
    payer, amina = await world.rich(cents=2_000), await named(await world.person(), "amina")
    domain = urlsplit(world.bank.settings.origin).netloc
    for to in (f"amina@{domain}", f"bob@{outside_of(world)}"):
        wish = {"walletId": payer.wallets["USD"], "lnAddress": to, "amount": 1_000}
        paid = (await payer.ask(PAY, input=wish))["lnAddressPaymentSend"]
        assert paid["status"] == "SUCCESS", paid
    assert (await amina.balances())["BTC"] == 1_000
    left = await payer.balances()
    assert left["BTC"] == 0 and 1_700 < left["USD"] < 1_900
    assert await contacts(payer) == {"amina": 1, f"bob@{outside_of(world)}": 1}


REFUSED = (
    "wrong_amount", "wrong_hash", "foreign_url", "script_url", "bad_secret", "unknown_action", "foreign_chain",
    "reason", "no_json", "wrong_tag",
)  # fmt: skip


async def test_what_others_say_to_who_has_paid(world: World) -> None:
    """LUD-09 and LUD-10: in the answer, and in the statement afterwards; of who has paid, and of nobody else."""
    payer, other, to = await world.rich(sats=50_000), await world.person(), f"bob@{outside_of(world)}"
    nothing = {"tag": None, "message": None, "description": None, "url": None}
    told: list[dict[str, str | None] | None] = [
        None,
        {**nothing, "tag": "message", "message": "Thank you"},
        {**nothing, "tag": "url", "description": "Your order", "url": f"http://{outside_of(world)}/order"},
        {**nothing, "tag": "aes", "message": "Gate code for bob: 4711", "description": "Your code"},
    ]
    try:
        for mode, said in zip(("ok", "message", "own_url", "secret"), told, strict=True):
            await world.outside("lnurl/mode", {"mode": mode})
            key = str(uuid4()) if mode == "secret" else None  # kept with the order's invoice, or by itself
            assert (await pay(payer, to, 1_000, key))["transaction"]["successAction"] == said, mode
        async with world.bank.db.reading() as tx:
            kept = await tx.value("select count(*) from lnurl_action")
        refused = await pay(other, to, 1_000)
    finally:
        await world.outside("lnurl/mode", {"mode": "ok"})
    found = await payer.ask(
        f"{{ me {{ defaultAccount {{ transactions(first: 4) {{ edges {{ node {{ {ACTION} }} }} }} }} }} }}"
    )
    nodes = [one["node"]["successAction"] for one in found["me"]["defaultAccount"]["transactions"]["edges"]]
    assert nodes == told[::-1]
    async with world.bank.db.reading() as tx:
        assert (refused["status"], await tx.value("select count(*) from lnurl_action")) == ("FAILURE", kept)


async def test_lnu_09_what_is_refused_before_anything_is_moved(world: World) -> None:
    payer, to = await world.rich(sats=50_000), f"bob@{outside_of(world)}"
    try:
        for mode in REFUSED:
            await world.outside("lnurl/mode", {"mode": mode})
            answer = await pay(payer, to, 1_000)
            assert answer["status"] == "FAILURE", mode
            assert answer["errors"][0]["code"] == "LNURL_REQUEST_INVOICE_ERROR", mode
        for mode in ("no_hash", "message", "own_url"):
            await world.outside("lnurl/mode", {"mode": mode})
            assert (await pay(payer, to, 1_000))["status"] == "SUCCESS", mode
    finally:
        await world.outside("lnurl/mode", {"mode": "ok"})
    for action in ("error", "empty", "cut"):
        await world.outside("faults", {"provider": "lnurl", "call": "pay.callback", "action": action, "times": 1})
        assert (await pay(payer, to, 1_000))["errors"][0]["code"] == "LNURL_REQUEST_INVOICE_ERROR", action
    nowhere = await pay(payer, "bob@127.0.0.1:1", 1_000)
    assert nowhere["errors"][0]["code"] == "LNURL_REQUEST_INVOICE_ERROR"
    for text in ("bob", "bob@", "lnurl1xx", "https://"):
        assert (await pay(payer, text, 1_000))["errors"][0]["code"] == "INVALID_INPUT", text
    much = await pay(payer, to, 200_000_000)
    assert much["status"] == "FAILURE" and "at a time" in much["errors"][0]["message"]
    assert 46_900 <= (await payer.balances())["BTC"] <= 47_000
    assert await contacts(payer) == {to: 3}, "what was refused makes nobody acquainted"


# -- withdraw links ------------------------------------------------------------------------------


async def link(person: Person, **more: Any) -> dict[str, Any]:
    wish = {"walletId": person.wallets["BTC"], "title": "Prize", "maxSats": 1_000, **more}
    answer = await person.world.http.post(
        "/links/withdraw", json=wish, headers={"authorization": f"Bearer {person.token}"}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def outside_invoice(world: World, sats: int | None) -> str:
    amount = {} if sats is None else {"amountMsat": sats * 1_000}
    return str((await world.outside("lightning/invoices", amount))["paymentRequest"])


async def test_taking_money_by_a_link(world: World) -> None:
    """The whole way; LNU-02: what does not fit takes nothing; one use for one invoice."""
    giver = await world.rich(sats=20_000)
    made = await link(giver, minSats=100, uses=2)
    assert lnurl.decode(made["lnurl"]) == made["url"] and made["qr"].startswith("<svg")
    path = urlsplit(made["url"]).path
    terms = await get(world, path)
    assert terms["tag"] == "withdrawRequest" and terms["defaultDescription"] == "Prize"
    assert (terms["minWithdrawable"], terms["maxWithdrawable"]) == (100_000, 1_000_000)
    at, k1 = urlsplit(terms["callback"]).path, terms["k1"]
    for sats in (99, 1_001, None):  # LNU-02
        refused = await get(world, at, k1=k1, pr=await outside_invoice(world, sats))
        assert refused["status"] == "ERROR" and "must ask for" in refused["reason"], sats
    for query in ({"k1": k1, "pr": "lnbc1"}, {"k1": "00" * 32, "pr": await outside_invoice(world, 500)}, {}):
        assert (await get(world, at, **query))["status"] == "ERROR"
    pr = await outside_invoice(world, 500)
    first = await get(world, at, k1=k1, pr=pr)
    assert first == {"status": "OK"}, first
    assert await get(world, at, k1=k1, pr=pr) == {"status": "OK"}  # the answer was lost: nothing more happens
    assert (await get(world, at, k1=k1, pr=await outside_invoice(world, 500)))["status"] == "ERROR"
    mine = {"authorization": f"Bearer {giver.token}"}
    listed = (await world.http.get("/links/withdraw", headers=mine)).json()["links"][0]
    assert (listed["usesPaid"], listed["open"], "url" in listed) == (1, True, False)
    assert 19_480 <= (await giver.balances())["BTC"] <= 19_500
    again = await get(world, path)
    assert again["k1"] != k1
    ended = await world.http.post(f"/links/withdraw/{made['id']}/end", headers=mine)
    assert ended.json() == {"success": True}
    assert (await get(world, path))["status"] == "ERROR"
    assert (await get(world, at, k1=again["k1"], pr=await outside_invoice(world, 500)))["status"] == "ERROR"


async def test_lnu_07_a_link_of_a_dollar_wallet_gives_satoshi_at_the_rate_of_its_use(world: World) -> None:
    """Without a price nothing is taken and the use stays free; with one it is paid once, whatever is asked again."""
    giver = await world.rich(cents=3_000)
    made = await link(giver, walletId=giver.wallets["USD"])
    terms = await get(world, urlsplit(made["url"]).path)
    at, query = urlsplit(terms["callback"]).path, {"k1": terms["k1"], "pr": await outside_invoice(world, 1_000)}
    world.clock.shift += timedelta(minutes=5)  # the newest price is old now
    assert (await get(world, at, **query))["status"] == "ERROR"
    assert (await giver.balances())["USD"] == 3_000
    world.clock.shift = timedelta(0)

    async def taken() -> bool:
        await world.bank.prices.refresh()
        return await get(world, at, **query) == {"status": "OK"}

    await world.until(taken, 30)
    await world.until(taken, 30)  # the answer was lost: nothing more happens
    await world.bank.prices.refresh()
    sold = (await dealing(world.bank.prices)).cents_to_sell(Msats.from_sats(1_000)).n

    async def paid() -> bool:
        left = await giver.balances()
        return left["BTC"] == 0 and 3_000 - sold - 2 <= left["USD"] <= 3_000 - sold

    await world.until(paid, 30)
    assert (await get(world, urlsplit(made["url"]).path))["status"] == "ERROR", "its one use is taken"


async def test_lnu_01_a_hundred_invoices_for_one_use(world: World) -> None:
    giver = await world.rich(sats=20_000)
    made = await link(giver)
    terms = await get(world, urlsplit(made["url"]).path)
    at = urlsplit(terms["callback"]).path
    invoices = [await outside_invoice(world, 1_000) for _ in range(100)]
    answers = await asyncio.gather(*(get(world, at, k1=terms["k1"], pr=pr) for pr in invoices))
    assert [one["status"] for one in answers].count("OK") == 1
    assert (await giver.balances())["BTC"] >= 18_980


async def test_lnu_06_links_cannot_be_guessed(world: World) -> None:
    """192 bits, found by their hash; and whoever guesses is slowed down."""
    made = await link(await world.person())
    assert len(made["url"].rpartition("/")[2]) == 32
    async with world.bank.db.reading() as tx:
        found = await tx.rows(lambda *row: row, "select * from withdraw_link")
    assert made["url"].rpartition("/")[2] not in str(found)
    refused = 0
    world.clock.stop()  # all in one minute
    for _ in range(130):
        refused += "Too many" in (await get(world, "/lnurlw/" + secrets.token_urlsafe(24)))["reason"]
    assert refused >= 5


async def test_a_use_is_free_again_when_nothing_could_be_paid(world: World) -> None:
    """Too little money, then enough."""
    giver = await world.rich(sats=500)
    made = await link(giver)
    terms = await get(world, urlsplit(made["url"]).path)
    at = urlsplit(terms["callback"]).path
    pr = await outside_invoice(world, 1_000)
    assert (await get(world, at, k1=terms["k1"], pr=pr))["status"] == "ERROR"
    await giver.fund(1_000)
    assert (await get(world, at, k1=terms["k1"], pr=pr))["status"] == "OK"


async def test_who_may_make_links(world: World) -> None:
    one, other = await world.rich(sats=1_000), await world.person()
    headers = {"authorization": f"Bearer {one.token}"}
    wish = {"walletId": one.wallets["BTC"], "title": "Prize", "maxSats": 10}
    for change in (
        {"walletId": other.wallets["BTC"]}, {"walletId": other.wallets["USD"]}, {"title": " "}, {"maxSats": 0},
        {"uses": 0}, {"uses": 101}, {"minSats": 11}, {"expiresInHours": 0}, {"maxSats": "10"}, {"walletId": "x"},
    ):  # fmt: skip
        answer = await world.http.post("/links/withdraw", json={**wish, **change}, headers=headers)
        assert answer.status_code == 400, change
    key = await one.ask(
        """mutation { apiKeyCreate(input: {name: "k", scopes: [READ, RECEIVE, WRITE]}) { apiKeySecret } }"""
    )
    by_key = {"x-api-key": key["apiKeyCreate"]["apiKeySecret"]}
    assert (await world.http.post("/links/withdraw", json=wish, headers=by_key)).status_code in (400, 403)
    made = await link(one)
    ended = await world.http.post(
        f"/links/withdraw/{made['id']}/end", headers={"authorization": f"Bearer {other.token}"}
    )
    assert ended.status_code == 400
    assert (await world.http.post("/links/withdraw", json=wish)).status_code == 401


async def test_taking_money_from_the_outside(world: World) -> None:
    taker = await world.person()
    headers = {"authorization": f"Bearer {taker.token}"}
    made = await world.outside("lnurl/withdraw", {"minSats": 100, "maxSats": 2_000, "title": "From the fair"})
    wish = {"walletId": taker.wallets["BTC"], "lnurl": made["lnurl"]}
    assert (await world.http.post("/links/redeem", json={**wish, "sats": 2_001}, headers=headers)).status_code == 400
    taken = await world.http.post("/links/redeem", json=wish, headers=headers)
    assert taken.status_code == 200 and taken.json()["sats"] == 2_000, taken.text

    async def arrived() -> bool:
        return (await taker.balances())["BTC"] == 2_000

    await world.until(arrived)
    used = await world.http.post("/links/redeem", json=wish, headers=headers)
    assert used.status_code == 400 and used.json()["code"] == "LNURL_REQUEST_INVOICE_ERROR"


async def test_a_page_hands_over_a_link_and_an_invoice(world: World) -> None:
    """Blink's proxy: its statuses, and no way into our own network."""
    taker = await world.person()
    invoice = (await taker.invoice(700))["paymentRequest"]
    made = await world.outside("lnurl/withdraw", {"maxSats": 1_000})
    body = {"lnurl": made["lnurl"], "paymentRequest": invoice}
    done = await world.http.post("/api/lnurl-proxy", json=body)
    assert (done.status_code, done.json()) == (200, {"status": "OK"})
    for wrong, status in (
        ({**body}, 400), ({"lnurl": made["lnurl"]}, 400), ([], 400), ({**body, "paymentRequest": "x"}, 400),
        ({**body, "lnurl": lnurl.encode("http://169.254.169.254/latest")}, 400),
        ({**body, "lnurl": lnurl.encode("https://10.0.0.1/")}, 400), ({**body, "lnurl": "x" * 3_000}, 400),
    ):  # fmt: skip
        answer = await world.http.post("/api/lnurl-proxy", json=wrong)
        assert answer.status_code == status, wrong
    other = await world.outside("lnurl/withdraw", {"maxSats": 1_000})
    await world.outside("lnurl/mode", {"mode": "foreign_callback"})
    try:
        away = await world.http.post("/api/lnurl-proxy", json={**body, "lnurl": other["lnurl"]})
        assert away.status_code == 400 and away.json()["status"] == "ERROR"
    finally:
        await world.outside("lnurl/mode", {"mode": "ok"})
