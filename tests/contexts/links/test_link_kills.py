"""A process is killed (kill -9), or an answer is lost, in each step by which a link moves money: it is moved once, or
not at all and then once."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any, LiteralString
from urllib.parse import urlsplit

import pytest
from tests.contexts.payments.machine import Machine
from tests.contexts.whole import Person, Whole

from hazina.kernel import nostr
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Msats
from hazina.links import Asked, NewWithdrawLink, PayTo
from hazina.links.zap import REQUEST

SATS = 1_000


async def link_of(giver: Person) -> tuple[str, str]:
    """Its code, and the k1 of its one use."""
    links, now = giver.whole.bank.links, giver.whole.clock.now()
    wish = NewWithdrawLink(giver.btc.id, "Prize", SATS, SATS, 1, now + timedelta(days=1))
    _, code = await links.make_withdraw_link(giver.caller, wish)
    return code, (await links.withdraw_terms(code, None))[1].hex()


async def left(giver: Person) -> int:
    """What the giver has, what is held included; routing fees counted back to the sat that was paid."""
    balance, _ = await giver.sats()
    return balance


async def paid_outside(whole: Whole, invoices: list[str]) -> int:
    listed = (await whole.sandbox.get("/sandbox/api/lightning/invoices")).json()
    return sum(int(one["receivedMsat"]) for one in listed if one["paymentRequest"] in invoices) // 1_000


async def settle(whole: Whole) -> None:
    """Some time passes, and whoever comes by looks."""
    for _ in range(3):
        whole.clock.shift += timedelta(seconds=40)
        await whole.bank.payments.reconcile()
        await whole.bank.links.settle_uses()


STEPS: list[tuple[str, LiteralString]] = [
    ("withdraw_use", "new.state = 1"),  # the use is being reserved
    ("payment", "true"),  # the money is being set aside
    ("payment", "new.state = 1"),  # it is being handed to the node
    ("withdraw_use", "new.state = 2"),  # it was paid
]


@pytest.mark.parametrize(("table", "when"), STEPS, ids=["reserve", "hold", "send", "conclude"])
async def test_killed_while_money_is_taken_by_a_link(
    whole: Whole, giver: Person, machine: Machine, table: str, when: LiteralString
) -> None:
    code, k1 = await link_of(giver)
    first, other = await whole.invoice(SATS), await whole.invoice(SATS)
    await machine.killed_at(table, ("links", "take", (code, k1, first, None)), when)
    if table == "withdraw_use" and "1" in when:
        await whole.bank.links.take(code, k1, first, None)  # nothing of it stands
    else:
        with pytest.raises(Refusal):  # reserved for the other invoice
            await whole.bank.links.take(code, k1, other, None)
        await whole.bank.links.take(code, k1, first, None)  # answered as before
    await settle(whole)
    assert await paid_outside(whole, [first, other]) == SATS
    assert 18_985 <= await left(giver) <= 19_000
    link = (await whole.bank.links.withdraw_links(giver.caller))[0]
    assert (link.paid, link.taken) == (1, 0)
    with pytest.raises(Refusal):
        await whole.bank.links.take(code, k1, other, None)


async def test_the_answer_of_the_node_is_lost(whole: Whole, giver: Person) -> None:
    """The use stays reserved while nobody knows, and no other invoice gets it."""
    code, k1 = await link_of(giver)
    pr = await whole.invoice(SATS)
    await whole.fault("send", "drop_reply", times=1)
    await whole.bank.links.take(code, k1, pr, None)
    with pytest.raises(Refusal):
        await whole.bank.links.take(code, k1, await whole.invoice(SATS), None)
    await settle(whole)
    assert await paid_outside(whole, [pr]) == SATS
    assert (await whole.bank.links.withdraw_links(giver.caller))[0].paid == 1


async def test_a_use_in_flight_stays_taken_whatever_is_refused_meanwhile(whole: Whole, giver: Person) -> None:
    """The giver is locked while the money is with the payee's node: asking again is refused, and frees nothing."""
    code, k1 = await link_of(giver)
    held, other = await whole.invoice(SATS, hold=True), await whole.invoice(SATS)
    await whole.bank.links.take(code, k1, held, None)
    await _locked(whole, giver, locked=True)
    await settle(whole)
    await _locked(whole, giver, locked=False)
    with pytest.raises(Refusal):
        await whole.bank.links.take(code, k1, other, None)
    link = (await whole.bank.links.withdraw_links(giver.caller))[0]
    assert (link.paid, link.taken) == (0, 1)
    await whole.cancel(held)
    await settle(whole)
    await whole.bank.links.take(code, k1, other, None)
    await settle(whole)
    assert await paid_outside(whole, [held, other]) == SATS


async def _locked(whole: Whole, person: Person, *, locked: bool) -> None:
    async with whole.bank.db.transaction() as tx:
        status = "locked" if locked else "active"
        await tx.execute(
            "update account set status = %(status)s where id = %(id)s",
            {"id": person.caller.account_id, "status": status},
        )


@pytest.mark.parametrize("table", ["lnurl_invoice", "payment"])
async def test_killed_while_an_address_is_paid(whole: Whole, giver: Person, machine: Machine, table: str) -> None:
    """The customer asks again with the same key: one invoice is paid, whoever gave how many."""
    domain = urlsplit(whole.bank.settings.sandbox_url or "").netloc
    order = PayTo(giver.btc.id, f"bob@{domain}", Msats.from_sats(SATS), key=secrets.token_hex(8))
    before = {one["paymentRequest"] for one in (await whole.sandbox.get("/sandbox/api/lightning/invoices")).json()}
    await machine.killed_at(table, ("links", "pay", (giver.caller, order)))
    assert await giver.sats() == (20_000, 0)
    for _ in range(2):
        assert (await whole.bank.links.pay(giver.caller, order)).status in ("SUCCESS", "ALREADY_PAID")
    listed = (await whole.sandbox.get("/sandbox/api/lightning/invoices")).json()
    given = [one["paymentRequest"] for one in listed if one["paymentRequest"] not in before]
    assert len(given) == (2 if table == "lnurl_invoice" else 1)
    assert await paid_outside(whole, given) == SATS
    assert 18_985 <= await left(giver) <= 19_000


@pytest.mark.parametrize("when", ["new.state = 1", "new.state = 2"])
async def test_killed_while_a_zap_is_told(whole: Whole, giver: Person, machine: Machine, when: LiteralString) -> None:
    """Its receipt is the same event, however often it is told."""
    links, sandbox = whole.bank.links, whole.bank.settings.sandbox_url or ""
    async with whole.bank.db.transaction() as tx:
        await tx.execute("update account set username = 'zapped' where id = %(id)s", {"id": giver.caller.account_id})
    relay = f"ws://{urlsplit(sandbox).netloc}/relay"
    tags = [["p", secrets.token_hex(32)], ["relays", relay]]
    at = int(whole.clock.now().timestamp())
    request = nostr.write(nostr.new_secret(), created_at=at, kind=REQUEST, tags=tags, content="")
    asked = Asked("21000", zap=json.dumps(request))
    made, _ = await links.invoice("zapped", links.place(None), asked, None)
    await whole.outside_pays(made.payment_request)
    await whole.bank.payments.sweep()
    await machine.killed_at("zap", ("links", "tell_zaps", ()), when)

    async def told() -> list[dict[str, Any]]:
        events = (await whole.sandbox.get("/sandbox/api/relay")).json()
        return [one for one in events if request["id"] in json.dumps(one["tags"])]

    before = await told()
    assert len(before) == (0 if "1" in when else 1)
    for _ in range(3):
        whole.clock.shift += timedelta(seconds=70)
        await links.tell_zaps()
    after = await told()
    assert len(after) == 1 and (not before or before == after)
