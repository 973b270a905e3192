"""People outside of the bank: those who are paid, and those who pay."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import TYPE_CHECKING

from hazina.payments.ports import IncomingState, OutgoingState, Reason
from simulation.node import Attempt, write_invoice

if TYPE_CHECKING:
    from simulation.world import World

KEY = hashlib.sha256(b"somebody outside").digest()
MOODS = {"fast": 40, "slow": 15, "stuck": 10, "no route": 25, "rejects": 10}


class Payee:
    """One invoice of somebody outside. Each attempt to pay it draws what becomes of it."""

    def __init__(self, world: World, dice: random.Random, amount: int | None, expiry_s: int) -> None:
        self.world, self.dice = world, dice
        self.preimage = dice.randbytes(32)
        self.hash = hashlib.sha256(self.preimage).digest()
        self.amount = amount
        self.text = write_invoice(world, KEY, self.hash, dice.randbytes(32), amount, "tea", expiry_s)
        self.paid = False
        self.shy = dice.random() < 0.3
        world.payees[self.hash] = self

    def approached(self, attempt: Attempt) -> None:
        self.world.spawn(self._decide(attempt), "payee")

    async def _decide(self, attempt: Attempt) -> None:
        dice, node = self.dice, self.world.node
        moods = self.world.moods
        mood = dice.choices(list(moods), list(moods.values()))[0]
        if self.shy:  # the first attempt fails at once, so that a second one follows
            mood, self.shy = "no route", False
        if mood == "no route":
            await asyncio.sleep(dice.uniform(0.05, 60) if dice.random() < 0.3 else dice.uniform(0.05, 2))
            node.fail(attempt, Reason.NO_ROUTE)
            return
        wait = {"fast": (0.1, 3.0), "slow": (5, 90), "stuck": (600, 7200), "rejects": (0.1, 10)}[mood]
        await asyncio.sleep(dice.uniform(*wait))
        if mood == "rejects" or (mood == "stuck" and dice.random() < 0.5) or self.paid:
            node.fail(attempt, Reason.REJECTED)
            return
        assert attempt.state is OutgoingState.IN_FLIGHT
        self.paid = True
        fee = dice.randint(0, min(attempt.fee_max, 5_000))
        node.succeed(attempt, self.preimage, fee)


class Payer:
    """Somebody outside who pays one of our invoices: rightly, twice, late, too much, too little."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice

    async def pay(self, payment_hash: bytes, amount: int, soon_s: float = 5) -> None:
        dice, node = self.dice, self.world.node
        times = 2 if dice.random() < 0.15 else 1
        for _ in range(times):
            await asyncio.sleep(dice.uniform(0.05, soon_s))
            sent = int(amount * dice.choice((1, 1, 1, 1, 1, 1.5, 2.5, 0.5)))
            if not node.htlc_arrives(payment_hash, sent):
                continue
            if node.bills[payment_hash].hold:  # the bank decides, until the blocks run out
                self.world.spawn(self._give_up(payment_hash), "payer")
                continue
            await asyncio.sleep(dice.uniform(0.01, 0.5) if dice.random() < 0.9 else dice.uniform(1, 60))
            node.htlc_settles(payment_hash, sent)

    async def _give_up(self, payment_hash: bytes) -> None:
        await asyncio.sleep(self.dice.choice((1, 5, 400, 3600)) * self.dice.uniform(0.5, 2))
        bill = self.world.node.bills[payment_hash]
        if bill.state is IncomingState.HELD:
            bill.state = IncomingState.CANCELLED
