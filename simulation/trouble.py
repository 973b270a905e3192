"""What goes wrong while people live their day: kills, pauses, a node that falls, prices that jump."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulation.process import BUSY, Process

if TYPE_CHECKING:
    from simulation.world import World

WORKERS = {"api-1": False, "api-2": False, "worker-1": True, "worker-2": True}
"""Name of each process, and whether it works in the background."""


def begin(world: World) -> None:
    for name, works in WORKERS.items():
        world.boot(Process(world, name, works=works, pace=BUSY))
    world.spawn(_blocks(world), "miners")


async def happen(world: World) -> None:
    """Until it is cancelled."""
    for work in (_kills, _pauses, _node_falls, _prices_move, _database_falls, _bitcoin_falls, _fees_move):
        world.spawn(work(world), work.__name__)


async def _kills(world: World) -> None:
    dice = world.faults.dice("kills")
    while True:
        await asyncio.sleep(dice.expovariate(world.faults.rough["kills"] / 50))
        if world.faults.calm:
            return
        if not world.processes:
            continue
        name = dice.choice(list(world.processes))
        world.kill(name)
        world.spawn(_restart(world, name, dice.choice((0.5, 2, 20, 60))), "supervisor")


async def _restart(world: World, name: str, after_s: float) -> None:
    await asyncio.sleep(after_s)
    if not world.faults.calm and name not in world.processes:
        world.boot(Process(world, name, works=WORKERS[name], pace=BUSY))


async def _pauses(world: World) -> None:
    dice = world.faults.dice("pauses")
    while True:
        await asyncio.sleep(dice.expovariate(world.faults.rough["pauses"] / 80))
        if world.faults.calm:
            return
        if world.processes:
            process = world.processes[dice.choice(list(world.processes))]
            world.spawn(_pause(world, process, dice.choice((5, 30, 120, 300))), "pause")


async def _pause(world: World, process: Process, seconds: float) -> None:
    if process.stopped:
        return
    world.trace("stopped", process.name)
    process.stop()
    await asyncio.sleep(seconds)
    world.trace("goes on", process.name)
    process.go_on()


async def _node_falls(world: World) -> None:
    dice = world.faults.dice("node")
    while True:
        await asyncio.sleep(dice.expovariate(world.faults.rough["node"] / 250))
        if world.faults.calm:
            return
        world.trace("node falls")
        world.node.fall()
        await asyncio.sleep(dice.uniform(2, 120))
        world.trace("node rises")
        world.node.rise()


async def _prices_move(world: World) -> None:
    dice = world.faults.dice("prices")
    while not world.faults.calm:
        await asyncio.sleep(dice.expovariate(1 / 60))
        factor = dice.choice((0.5, 2.0)) if dice.random() < 0.05 else dice.uniform(0.99, 1.01)
        world.price_cents = max(1_000_000, min(50_000_000, int(world.price_cents * factor)))


async def _database_falls(world: World) -> None:
    """An immediate restart: every connection is lost, nothing that was committed is."""
    dice = world.faults.dice("server")
    while True:
        await asyncio.sleep(dice.expovariate(1 / 900))
        if world.faults.calm:
            return
        world.trace("database falls")
        world.server.away = True
        world.server.end_sessions()
        await asyncio.sleep(dice.uniform(0.2, 12))
        world.server.away = False
        world.trace("database rises")


async def _bitcoin_falls(world: World) -> None:
    dice = world.faults.dice("bitcoin node")
    while True:
        await asyncio.sleep(dice.expovariate(world.faults.rough["bitcoin"] / 300))
        if world.faults.calm:
            return
        world.trace("bitcoin falls")
        world.bitcoin.fall()
        await asyncio.sleep(dice.uniform(2, 90))
        world.trace("bitcoin rises")
        world.bitcoin.rise()
        await asyncio.sleep(dice.uniform(0, 30))
        world.bitcoin.load()


BLOCK_S = 25.0
SLOW_BLOCK_S = 3_600.0
HURRY_S = 900.0
"""So long after all is well blocks come fast."""


async def _blocks(world: World) -> None:
    """Miners: what pays little waits; now and then the last blocks were not the best."""
    dice, chain, calm_since = world.faults.dice("miners"), world.blockchain, 0.0
    while True:
        if world.faults.calm:
            calm_since = calm_since or world.now
            hurry = world.now - calm_since < HURRY_S
            await asyncio.sleep(2 * BLOCK_S if hurry else SLOW_BLOCK_S)
            chain.mine()
            continue
        calm_since = 0.0
        await asyncio.sleep(dice.expovariate(1 / BLOCK_S))
        least = int(chain.market * dice.choice((0, 0.3, 0.6, 1)))
        if dice.random() < 0.3:
            depth = dice.choice((1, 2, 3, 3, 4))
            empty = dice.choice((0, 1, depth, depth + 1, depth + 1))
            chain.reorganise(depth, empty, instead=lambda tx: world.strangers.instead(tx, dice), least=least)
        else:
            chain.mine(least=least)


async def _fees_move(world: World) -> None:
    """What miners ask; and the mempool's own floor, under which it forgets."""
    dice, chain = world.faults.dice("fees"), world.blockchain
    while True:
        await asyncio.sleep(dice.expovariate(1 / 70))
        if world.faults.calm:
            return
        chain.market = dice.choice((1_000, 2_000, 5_000, 12_000, 25_000))
        chain.raise_floor(chain.market // 2 if dice.random() < 0.4 else 0)
        world.trace("fees", chain.market, chain.floor)
        world.strangers.say_again(dice)
