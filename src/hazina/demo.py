"""A small bank to look at: two customers, a shop, and a month of their payments.

Everything goes through the ordinary verbs, on a clock that starts a month ago: codes by text message,
invoices paid by the sandbox's outside wallet, payments by username. Only for a bank on the sandbox.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hazina import app
from hazina.access import Caller
from hazina.accounts import RecipientUnknown, Wallet
from hazina.kernel.clock import ManualClock
from hazina.kernel.errors import Refusal
from hazina.kernel.http import HttpClient
from hazina.kernel.money import Cents, Msats
from hazina.payments import NewInvoice, SendInternal, SendInvoice

DAYS = 30
SEED = 21
PEOPLE = (("+254712345601", "amina"), ("+254712345602", "baraka"), ("+254712345603", "duka_la_asha"))
GOODS = ("Unga", "Sukari", "Mchele", "Chai na mandazi", "Sabuni", "Airtime", "Matatu", "Maji", "Mboga")
FAVOURS = ("Asante", "Lunch", "For the bus", "School fees", "Chama", "Happy birthday")
WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Player:
    name: str
    phone: str
    caller: Caller
    btc: Wallet
    usd: Wallet


async def make(bank: app.Bank, say: Callable[[str], None]) -> None:
    """Fill ``bank`` (started, on the sandbox). Does nothing when the demo is there already."""
    assert bank.settings.sandbox_url is not None
    try:
        await bank.accounts.default_wallet(PEOPLE[0][1], None)
    except RecipientUnknown:
        pass
    else:
        say("  demo        is there already")
        return
    say("  demo        making a month of history …")
    await bank.prices.refresh()
    clock = ManualClock(bank.clock.now() - timedelta(days=DAYS))
    past = app.build(bank.settings, clock=clock)
    world = HttpClient("sandbox", bank.settings.sandbox_url)
    await past.start()
    try:
        players = [await _enter(past, world, phone, name) for phone, name in PEOPLE]
        count = await _month(past, world, clock, *players)
        for player in players:
            await past.identity.revoke_all(player.caller.user_id)
    finally:
        await world.close()
        await past.stop()
    say(f"  demo        {count} payments; log in as {PEOPLE[0][0]} (amina) with the code on the sandbox page")


async def _enter(bank: app.Bank, world: HttpClient, phone: str, name: str) -> Player:
    await bank.identity.request_code(phone, "SMS", None)
    messages = (await world.call("GET", "/sandbox/api/sms", query={"to": phone})).json()
    code = next(word for word in messages[0]["body"].replace(".", " ").split() if word.isdigit() and len(word) == 6)
    entered = await bank.accounts.log_in(phone, code, ip=None, agent="demo")
    caller = await bank.accounts.caller(entered.token, None)
    assert caller is not None
    await bank.accounts.set_username(caller, name)
    btc, usd = await bank.accounts.wallets(caller.account_id)
    return Player(name, phone, caller, btc, usd)


async def _month(
    bank: app.Bank, world: HttpClient, clock: ManualClock, amina: Player, baraka: Player, shop: Player
) -> int:
    """How many payments there were. A refusal (a limit, too little money) is part of life."""
    dice, count = random.Random(SEED), 0
    await bank.payments.issue_dollars(amina.usd.id, Cents(12_500), "Dollars brought to the counter")
    await bank.payments.issue_dollars(shop.usd.id, Cents(4_000), "Dollars brought to the counter")
    for day in range(DAYS):
        clock.advance(timedelta(hours=7, minutes=dice.randrange(90)))
        if day % 14 == 1:
            await _receive(bank, world, amina, 180_000, "Salary")
            await _receive(bank, world, baraka, 95_000, "Website work")
        for _ in range(dice.randrange(1, 4)):
            clock.advance(timedelta(minutes=dice.randrange(20, 200)))
            payer, payee = dice.choice([(amina, shop), (baraka, shop), (amina, baraka), (baraka, amina)])
            memo = dice.choice(GOODS if payee is shop else FAVOURS)
            try:
                await _pay(bank, payer, payee, dice.randrange(400, 6_000), memo)
                count += 1
            except Refusal:
                continue
        if day % 5 == 3:
            await _receive(bank, world, shop, dice.randrange(1_500, 20_000), "Counter sale")
            count += 1
        clock.advance(timedelta(days=1) - timedelta(hours=clock.now().hour, minutes=clock.now().minute))
    await _today(bank, world, amina, shop)
    return count + 2


async def _pay(bank: app.Bank, payer: Player, payee: Player, sats: int, memo: str) -> None:
    order = SendInternal(payer.btc.id, payee.btc.id, Msats.from_sats(sats), memo)
    await bank.payments.send_internal(payer.caller, order)


async def _receive(bank: app.Bank, world: HttpClient, payee: Player, sats: int, memo: str) -> None:
    invoice = await bank.payments.create_invoice(payee.caller, NewInvoice(payee.btc.id, Msats.from_sats(sats), memo))
    await world.call("POST", "/sandbox/api/lightning/payments", body={"paymentRequest": invoice.payment_request})
    async with asyncio.timeout(WAIT_S):  # nobody else may credit it: the row's time is this bank's clock
        while (await bank.payments.invoice_status(invoice.payment_hash)).status != "PAID":
            await bank.payments.sweep()


async def _today(bank: app.Bank, world: HttpClient, amina: Player, shop: Player) -> None:
    """Two payments of today, by a bank of today: one leaves the bank, and the node judges the credential by
    its own clock."""
    answer = await world.call(
        "POST", "/sandbox/api/lightning/invoices", body={"amountMsat": 2_100_000, "memo": "Podcast, one month"}
    )
    today = app.build(bank.settings)
    await today.start()
    try:
        await today.payments.send_invoice(amina.caller, SendInvoice(amina.btc.id, answer.json()["paymentRequest"]))
        share = SendInternal(amina.usd.id, shop.usd.id, Cents(1_250), "Generator share")
        await today.payments.send_internal(amina.caller, share)
    finally:
        await today.stop()
