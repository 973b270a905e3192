"""The price of bitcoin outside, and the sources through which the bank sees it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from hazina.dealer.ports import FeedUnavailable, Tick
from hazina.kernel.db import outside_call
from simulation.database import Killed
from simulation.loop import EPOCH

if TYPE_CHECKING:
    from simulation.process import Process
    from simulation.world import World

START_CENTS = 9_600_000
SPREAD_CENTS = 500


class PricePort:
    """``dealer.ports.Feed`` for one process."""

    def __init__(self, world: World, process: Process, name: str) -> None:
        self._world, self._process, self.name = world, process, name

    async def ticker(self) -> Tick:
        outside_call(f"price.{self.name}")
        world = self._world
        there, back, lost = world.faults.network("price")
        await asyncio.sleep(there + back)
        if not self._process.alive:
            raise Killed
        if lost:
            raise FeedUnavailable("no answer")
        cents = world.price_cents * world.faults.price_error()
        return Tick(cents - SPREAD_CENTS, cents + SPREAD_CENTS, EPOCH + timedelta(seconds=int(world.now)))
