"""What happens to an account reaches the addresses that its owner named: in order, at least once, signed."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import pytest
from tests.contexts.payments.coins import Coins
from tests.contexts.payments.test_withdrawals import order, outside
from tests.contexts.webhooks.conftest import Hooks
from tests.contexts.whole import Person, Whole

from hazina.accounts import Level
from hazina.chain import EventKind, PayoutNews
from hazina.kernel.events import tell
from hazina.kernel.money import Msats
from hazina.payments import NewInvoice
from hazina.webhooks import (
    DeliveryUnknown,
    EndpointUnknown,
    EndpointUrlRefused,
    NoCallbacks,
    State,
    TooManyEndpoints,
    message_id,
)


async def test_six_events_as_blink_names_them(hooks: Hooks, amina: Person, baraka: Person) -> None:
    await hooks.listen(amina, "amina")
    await hooks.listen(baraka, "baraka")
    await amina.fund(50_000)
    await amina.give(baraka, 1_000)
    wish = NewInvoice(baraka.btc.id, Msats.from_sats(2_000), "tea")
    invoice = await hooks.whole.bank.payments.create_invoice(baraka.caller, wish)
    assert (await amina.pay(invoice.payment_request)).status == "SUCCESS"
    assert (await amina.pay(await hooks.whole.invoice(3_000))).status == "SUCCESS"
    await hooks.take(6)
    await hooks.send()
    assert await hooks.types("amina") == ["receive.lightning", "send.intraledger", "send.lightning", "send.lightning"]
    assert await hooks.types("baraka") == ["receive.intraledger", "receive.lightning"]
    told = (await hooks.came("baraka"))[0]["told"]
    assert set(told) == {"transaction", "accountId", "walletId", "eventType"}
    assert (told["accountId"], told["walletId"]) == (str(baraka.caller.account_id), str(baraka.btc.id))
    shown = told["transaction"]
    assert (shown["settlementAmount"], shown["settlementFee"], shown["status"]) == (1_000, 0, "success")
    assert shown["initiationVia"]["type"] == shown["settlementVia"]["type"] == "intraledger"
    assert shown["createdAt"].endswith("Z") and shown["settlementDisplayPrice"]["base"].isdigit()
    sent = (await hooks.came("amina"))[3]["told"]["transaction"]
    assert sent["settlementAmount"] == -3_000 - sent["settlementFee"]
    assert len(sent["settlementVia"]["revealedPreImage"]) == 64


async def test_coins_are_told_twice_when_they_come_and_once_when_they_went(
    coins: Coins, hooks: Hooks, anna: Person
) -> None:
    """On their way, and credited; a withdrawal when it is confirmed. However many follow, none is stored twice."""
    await hooks.listen(anna, "coins")
    output = coins.output(anna, 202_500)
    await coins.book(EventKind.OUTPUT_SEEN, output)
    await hooks.take(1)
    await coins.settle(output)
    await hooks.take(1)
    await coins.rates(2)
    assert (await coins.payments.send_onchain(anna.caller, order(anna, outside(), 50_000))).status == "SUCCESS"
    payout_id, _, _, fee = (await coins.payouts())[0]
    news = PayoutNews(payout_id, secrets.token_hex(32), 0, fee)
    await coins.book(EventKind.PAYOUT_BROADCAST, news)
    await coins.book(EventKind.PAYOUT_SETTLED, news)
    stored = 0
    async with asyncio.timeout(30):
        while not stored:
            stored = sum(await asyncio.gather(*(hooks.follow() for _ in range(4))))
    await hooks.send()
    told = [one["told"] for one in await hooks.came("coins")]
    assert [one["eventType"] for one in told] == ["receive.onchain", "receive.onchain", "send.onchain"]
    assert [one["transaction"]["status"] for one in told] == ["pending", "success", "success"]
    assert told[0]["transaction"]["initiationVia"]["address"] == output.address
    assert told[1]["transaction"]["settlementVia"]["transactionHash"] == output.txid
    assert told[2]["transaction"]["settlementAmount"] == -50_000 - told[2]["transaction"]["settlementFee"]


async def test_whk_02_signed_and_rotated(hooks: Hooks, amina: Person, baraka: Person) -> None:
    """By the secret that the owner reads; after a rotation by both, until the overlap is over."""
    webhooks = hooks.whole.bank.webhooks
    one = await hooks.listen(baraka, "signed")
    secret = await webhooks.secret(baraka.caller, one.id)
    await amina.fund(5_000)
    await amina.give(baraka, 100)
    await hooks.take(1)
    await hooks.send()
    fresh = await webhooks.rotate(baraka.caller, one.id)
    assert fresh != secret == (await webhooks.secret(baraka.caller, one.id)).replace(fresh, secret)
    for wait in (0, 90_000):
        hooks.later(wait)
        await amina.give(baraka, 100)
        await hooks.take(1)
        await hooks.send()
    calls = await hooks.came("signed")
    used = [[name for name, key in (("old", secret), ("new", fresh)) if _verifies(call, key)] for call in calls]
    assert used == [["old"], ["old", "new"], ["new"]]
    stamped = f"{calls[0]['headers']['x-flash-timestamp']}.".encode() + calls[0]["body"].encode()
    assert calls[0]["headers"]["x-flash-signature"] == hmac.new(secret.encode(), stamped, sha256).hexdigest()


def _verifies(call: dict[str, object], secret: str) -> bool:
    """As any library of Standard Webhooks does it."""
    headers, body = call["headers"], call["body"]
    assert isinstance(headers, dict) and isinstance(body, str)
    told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    made = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), told, sha256)
    return f"v1,{base64.b64encode(made).decode()}" in headers["webhook-signature"].split(" ")


async def test_whk_02_in_order_and_one_endpoint_does_not_hold_another(
    hooks: Hooks, amina: Person, baraka: Person
) -> None:
    """A delivery that fails holds those behind it, under the same id, until it arrives; another endpoint of the same
    account gets everything at once."""
    await hooks.listen(baraka, "ill")
    await hooks.listen(baraka, "well")
    await hooks.answers("ill", {"status": 500}, {"status": 503, "headers": {"retry-after": "600"}}, {"status": 204})
    await amina.fund(5_000)
    for sats in (101, 102, 103):
        await amina.give(baraka, sats)
    await hooks.take(6)
    await hooks.send()
    assert [one["told"]["transaction"]["settlementAmount"] for one in await hooks.came("well")] == [101, 102, 103]
    assert len(await hooks.ids("ill")) == 1
    hooks.later(10)
    await hooks.send()
    hooks.later(300)  # not before the time that the receiver named
    await hooks.send()
    assert len(await hooks.ids("ill")) == 2
    hooks.later(400)
    await hooks.send()
    ids, amounts = await hooks.ids("ill"), await hooks.came("ill")
    assert len(set(ids[:3])) == 1 and len(set(ids)) == 3
    assert [one["told"]["transaction"]["settlementAmount"] for one in amounts] == [101, 101, 101, 102, 103]


async def test_whk_01_an_endpoint_that_hangs_or_floods_slows_no_payment(
    hooks: Hooks, amina: Person, baraka: Person
) -> None:
    """Counted: while a call hangs, payments are made and told elsewhere, and the one that hangs stays one."""
    found = hooks.whole.bank.webhooks.sender
    sender = replace(found, policy=replace(found.policy, timeout_s=300))  # longer than any test
    await hooks.listen(baraka, "hangs")
    await hooks.listen(baraka, "floods")
    await hooks.answers("hangs", {"hang": True})
    await hooks.answers("floods", {"bytes": 2**30})
    await amina.fund(5_000)
    await amina.give(baraka, 100)
    await hooks.take(2)
    assert await sender.begin() == 2
    async with asyncio.timeout(30):
        while not await hooks.ids("hangs") or len(sender.under_way) > 1:
            await asyncio.sleep(0.05)
    for _ in range(10):
        assert (await amina.give(baraka, 100)).status == "SUCCESS"
    await hooks.take(20)
    async with asyncio.timeout(60):
        while len(await hooks.ids("floods")) < 11:
            await sender.begin()
            await asyncio.sleep(0.05)
    assert len(sender.under_way) == len(await hooks.ids("hangs")) == 1
    assert (await baraka.sats())[0] == 1_100


async def test_whk_01_no_way_into_our_own_network(hooks: Hooks, amina: Person, baraka: Person) -> None:
    """Addresses that are not of the public internet are refused, when they are named and when a name leads there;
    redirects are not followed."""
    webhooks = hooks.whole.bank.webhooks
    for url in (
        "http://example.org/x", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/",
        "https://user:secret@example.org/", "https://bank.internal/", "https://[::ffff:10.0.0.1]/", "gopher://example.org/",
    ):  # fmt: skip
        with pytest.raises(EndpointUrlRefused):
            await webhooks.add(baraka.caller, url)
    await hooks.listen(baraka, "moves")
    await hooks.answers("moves", {"status": 307, "headers": {"location": f"{hooks.url}/hooks/inside"}})
    await amina.fund(5_000)
    await amina.give(baraka, 100)
    await hooks.take(1)
    await hooks.send()
    assert (len(await hooks.ids("moves")), await hooks.ids("inside")) == (1, [])
    found = (await webhooks.log(baraka.caller, (await webhooks.endpoints(baraka.caller))[0].id))[0]
    assert (found.state, found.status) == (State.WAITING, 307)


async def test_gone_means_gone_until_the_owner_says_otherwise(hooks: Hooks, amina: Person, baraka: Person) -> None:
    webhooks = hooks.whole.bank.webhooks
    one = await hooks.listen(baraka, "gone")
    await hooks.answers("gone", {"status": 410})
    await amina.fund(5_000)
    for _ in range(2):
        await amina.give(baraka, 100)
    await hooks.take(2)
    await hooks.send()
    await amina.give(baraka, 100)
    assert await hooks.follow() == 0
    found = (await webhooks.endpoints(baraka.caller))[0]
    assert (found.disabled_why, found.waiting, len(await hooks.ids("gone"))) == ("gone", 1, 1)
    assert await webhooks.totals() == (1, 1, 0.0)
    await hooks.answers("gone")
    await webhooks.enable(baraka.caller, one.id)
    await hooks.send()
    assert len(set(await hooks.ids("gone"))) == 2


async def test_given_up_after_a_day_and_switched_off_when_the_next_fails_too(
    hooks: Hooks, amina: Person, baraka: Person
) -> None:
    webhooks = hooks.whole.bank.webhooks
    one = await hooks.listen(baraka, "dead")
    await hooks.answers("dead", {"status": 500})
    await amina.fund(5_000)
    for _ in range(3):
        await amina.give(baraka, 100)
    await hooks.take(3)
    for _ in range(len(webhooks.policy.gaps_s) + 1):
        await hooks.send()
        hooks.later(40_000)
    ids = await hooks.ids("dead")
    assert len(ids) == len(webhooks.policy.gaps_s) + 2 and len(set(ids)) == 2
    found = (await webhooks.endpoints(baraka.caller))[0]
    assert (found.disabled_why, found.waiting) == ("failing", 2)
    log = await webhooks.log(baraka.caller, one.id)
    assert [row.state for row in log] == [State.WAITING, State.WAITING, State.GIVEN_UP]


async def test_whk_02_replay(hooks: Hooks, amina: Person, baraka: Person) -> None:
    """The log shows what was sent and how it went; any of it is sent again under its own id."""
    webhooks = hooks.whole.bank.webhooks
    one = await hooks.listen(baraka, "again")
    await amina.fund(5_000)
    for _ in range(2):
        await amina.give(baraka, 100)
    await hooks.take(2)
    await hooks.send()
    log = await webhooks.log(baraka.caller, one.id)
    assert [(row.state, row.status, row.tries) for row in log] == [(State.DELIVERED, 200, 1)] * 2
    await webhooks.replay(baraka.caller, one.id, log[1].id)
    await hooks.send()
    first, second = message_id(log[1].id), message_id(log[0].id)
    assert await hooks.ids("again") == [first, second, first]
    found, tries = await webhooks.delivery(baraka.caller, one.id, log[1].id)
    assert (found.tries, [one.status for one in tries]) == (2, [200, 200])
    assert await webhooks.log(baraka.caller, one.id, log[0].id) == [found]
    with pytest.raises(EndpointUnknown):
        await webhooks.replay(amina.caller, one.id, log[1].id)
    with pytest.raises(DeliveryUnknown):
        await webhooks.replay(baraka.caller, one.id, uuid4())


async def test_news_that_cannot_be_told_keeps_no_other_back(hooks: Hooks, amina: Person, baraka: Person) -> None:
    await hooks.listen(baraka, "odd")
    await amina.fund(5_000)
    async with hooks.whole.bank.db.transaction() as tx:
        account = f"account:{baraka.caller.account_id}"
        await tell(tx, "line", [account], line_id="no id", direction="RECEIVE", status="SUCCESS")
    await amina.give(baraka, 100)
    await hooks.take(1)
    await hooks.send()
    assert await hooks.types("odd") == ["receive.intraledger"]


async def test_who_may_have_endpoints_and_how_many(hooks: Hooks, amina: Person) -> None:
    webhooks = hooks.whole.bank.webhooks
    made = [await hooks.listen(amina, f"n{n}") for n in range(webhooks.policy.endpoints_max)]
    with pytest.raises(TooManyEndpoints):
        await hooks.listen(amina, "another")
    assert [one.id for one in await webhooks.endpoints(amina.caller)] == [one.id for one in made]
    await webhooks.delete(amina.caller, made[0].id)
    with pytest.raises(EndpointUnknown):
        await webhooks.delete(amina.caller, made[0].id)
    async with hooks.whole.bank.db.transaction() as tx:
        query = "update account set level = %(level)s where id = %(id)s"
        await tx.execute(query, {"level": Level.ZERO, "id": amina.caller.account_id})
    with pytest.raises(NoCallbacks):
        await hooks.listen(amina, "none")


async def test_too_many_that_wait_switch_an_endpoint_off(whole: Whole, amina: Person, baraka: Person) -> None:
    bank = whole.bank
    following = replace(bank.webhooks.following, policy=replace(bank.webhooks.policy, waiting_max=2))
    await following.follow()
    await bank.webhooks.add(baraka.caller, f"{bank.settings.sandbox_url}/hooks/full")
    await amina.fund(5_000)
    for _ in range(4):
        await amina.give(baraka, 100)
    async with asyncio.timeout(30):
        while not (found := (await bank.webhooks.endpoints(baraka.caller))[0]).disabled_why:
            await following.follow()
    assert (found.disabled_why, found.waiting) == ("full", 2)


async def test_an_invoice_tells_once_that_it_was_paid_or_has_expired(hooks: Hooks, baraka: Person) -> None:
    bank = hooks.whole.bank
    made = [
        await bank.payments.create_invoice_for(
            NewInvoice(
                baraka.btc.id, Msats.from_sats(500), webhook_url=f"{hooks.url}/hooks/{name}", expires_in_minutes=5
            )
        )
        for name in ("paid", "late")
    ]
    await hooks.whole.outside_pays(made[0].payment_request)
    await bank.payments.sweep()
    await hooks.take(1)
    await hooks.answers("paid", {"status": 500}, {"status": 200})
    await hooks.send()
    hooks.later(400)
    await hooks.take(1)
    await hooks.send()
    await hooks.follow()
    hooks.later(400)
    await hooks.send()
    assert await hooks.types("paid") == ["invoice.paid"] * 2 and len(set(await hooks.ids("paid"))) == 1
    call = (await hooks.came("paid"))[0]
    assert sha256(bytes.fromhex(call["told"]["paymentPreimage"])).hexdigest() == call["told"]["paymentHash"]
    assert "webhook-signature" not in call["headers"]
    late = (await hooks.came("late"))[0]["told"]
    assert late == {
        "eventType": "invoice.expired", "paymentHash": made[1].payment_hash.hex(),
        "paymentRequest": made[1].payment_request, "status": "EXPIRED",
    }  # fmt: skip
    assert len(await hooks.ids("late")) == 1
