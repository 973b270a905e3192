"""What customers do on-chain: ask for addresses that strangers pay to, and send to addresses outside and inside."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

from hazina.chain import Speed
from hazina.kernel.money import Cents, Msats
from hazina.payments import SendOnchain

if TYPE_CHECKING:
    from simulation.customers import Customer, SentRequest, Town
    from simulation.process import Process

WHOLE = (6_000, 15_000, 40_000, 90_000, 250_000)
FIRST_COINS = 2


async def be_paid(town: Town, dice: random.Random, who: Customer) -> None:
    """By a stranger: to one address, to one twice, or to two customers at once."""
    whose = [who, *dice.sample(town.customers, dice.choice((0, 0, 0, 1)))]
    texts = []
    for one in whose:
        wallet = one.usd if dice.random() < 0.3 else one.btc
        fresh = dice.random() < 0.3
        found = await town.quietly(_asks_address(one, wallet.id, fresh))
        if found is not None:
            texts += [found] * dice.choice((1, 1, 1, 2))
    if texts:
        await asyncio.sleep(dice.choice((0, 1, 20)))
        await town.world.strangers.pay(dice, texts)


async def send(town: Town, dice: random.Random, who: Customer) -> None:
    """To somebody outside, mostly; by a quote that was shown, now and then; all there is, seldom."""
    dollars = dice.random() < 0.3
    wallet = who.usd if dollars else who.btc
    address = await _address(town, dice)
    if address is None:
        return
    amount: Msats | Cents | None = Msats.from_sats(dice.choice(WHOLE) + dice.randint(0, 2_000))
    if dollars and dice.random() < 0.7:
        amount = Cents(dice.randint(700, 9_000))
    elif dice.random() < 0.08:
        amount = None
    speed = dice.choice((Speed.FAST, Speed.FAST, Speed.MEDIUM, Speed.SLOW))
    wish = town.wish(dice)
    order = SendOnchain(wallet.id, address, amount, speed, wish.memo, wish.key)
    if dice.random() < 0.5:
        await town.quietly(lambda p: p.payments.onchain_fee(who.caller, order))
        await asyncio.sleep(dice.choice((0, 5, 60, 320)))
    await town.ask(dice, wish, _sends(who, order))


async def _address(town: Town, dice: random.Random) -> str | None:
    """A stranger's, or another customer's; sometimes one that was paid to before."""
    if dice.random() < 0.15:
        other = dice.choice(town.customers)
        inside: str | None = await town.quietly(_asks_address(other, dice.choice((other.btc, other.usd)).id, False))
        return inside
    if town.homes and dice.random() < 0.1:
        return dice.choice(town.homes)
    town.homes.append(town.world.strangers.home())
    return town.homes[-1]


async def begin_with(town: Town, door: Process, who: Customer, dice: random.Random) -> None:
    """Coins from before the trouble."""
    address = await door.ask(_asks_address(who, who.btc.id, False))
    for _ in range(FIRST_COINS):
        town.world.strangers.pay_plainly(dice, address, dice.randint(150_000, 600_000))


def _asks_address(who: Customer, wallet_id: UUID, fresh: bool) -> Callable[[Process], Awaitable[str]]:
    return lambda process: process.payments.address(who.caller, wallet_id, fresh=fresh)


def _sends(who: Customer, order: SendOnchain) -> SentRequest:
    return lambda process: process.payments.send_onchain(who.caller, order)
