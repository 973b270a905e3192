"""One seed, from the empty bank to the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from hazina import migrations
from hazina.kernel.db import Tx
from hazina.kernel.embedded import DATABASE, OWNER_ROLE, PROGRAM_ROLE, Cluster
from simulation import database, oracle, said, trouble
from simulation.customers import Town
from simulation.determined import determined
from simulation.loop import Stuck, VirtualLoop
from simulation.plants import Plant, sow_sql
from simulation.process import BUSY, QUIET, Process
from simulation.world import World

LEVELS = [0, 1, 1, 1]
SATS = [400_000, 60_000, 1_000_000, 2_000_000]
ACTIONS, BUSY_S = 60, 420.0
PLANTED_ACTIONS, PLANTED_BUSY_S = 40, 240.0
"""Where all that people do is what shows a plant, less of it does."""
DAY_S = 86_400.0
STEP_S = 3.0


@dataclass
class Outcome:
    """What became of one seed. ``wrong``: what did not hold; empty is good."""

    seed: int
    wrong: list[str]
    digest: str
    virtual_s: float
    kills: int
    statements: int
    lock_waits: int
    verdict: oracle.Verdict = field(default_factory=oracle.Verdict)


@contextmanager
def bank_database(plant: Plant | None = None, shared: Path | None = None) -> Iterator[database.Server]:
    """A database of our own with the bank's tables, and psycopg in the hands of the simulation. ``shared``: a folder
    whose PostgreSQL several simulations use, one after the other; the first makes the tables."""
    folder = shared or Path(tempfile.mkdtemp(prefix="hazina-simulation-"))
    cluster = Cluster(folder / "pg", durable=False, shared_buffers_mb=128).start()
    name = f"simulation_{os.getpid()}"
    try:
        owner = cluster.url(OWNER_ROLE)
        if migrations.state(owner).pending:
            migrations.migrate(owner, PROGRAM_ROLE)
        with psycopg.connect(cluster.url(OWNER_ROLE, "postgres"), autocommit=True) as maker:
            maker.execute(sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, DATABASE))))
            # A circle of locks is broken at once, so that it is broken before time goes on.
            query = sql.SQL("alter role {} in database {} set deadlock_timeout = '1ms'")
            maker.execute(query.format(sql.Identifier(PROGRAM_ROLE), sql.Identifier(name)))
            with psycopg.connect(cluster.url(OWNER_ROLE, name), autocommit=True) as admin:
                admin.execute("set jit = off")
                if plant is not None:
                    sow_sql(plant, admin)
                server = database.Server(cluster.url(database=name), admin)
                database.install(server)
                yield server
            maker.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    finally:
        cluster.stop()
        if shared is None:
            shutil.rmtree(folder, ignore_errors=True)


def simulate(seed: int, server: database.Server, *, tell: bool = False, plant: Plant | None = None) -> Outcome:
    """Play one seed; with a plant, in the weather and the ways that show it."""
    gc.collect()
    gc.disable()  # when garbage goes must not depend on what ran before
    loop = VirtualLoop()
    weather, ways = (plant.weather, plant.ways) if plant else (None, None)
    world = World(seed, loop, server, tell=tell, weather=weather, ways=ways)
    loop.set_task_factory(world.born)
    loop.set_exception_handler(world.complain)
    asyncio.set_event_loop(loop)
    server.begin(world)
    said.to(world)
    outcome = Outcome(seed, world.wrong, "", 0, 0, 0, 0)
    try:
        with determined(seed, loop):
            try:
                outcome.verdict = loop.run_until_complete(_play(world, plant))
            except Stuck as stuck:
                world.fail(f"stuck: {stuck}")
            with contextlib.suppress(Stuck):
                loop.run_until_complete(world.end())
    finally:
        server.finish()
        asyncio.set_event_loop(None)
        loop.close()
        gc.enable()
    outcome.digest, outcome.virtual_s, outcome.kills = world.digest, world.now, world.kills
    outcome.statements, outcome.lock_waits = server.statements, server.lock_waits
    return outcome


async def _play(world: World, plant: Plant | None) -> oracle.Verdict:
    town = Town(world)
    world.faults.calm = True
    trouble.begin(world)
    await asyncio.wait([p.ready for p in world.processes.values()])
    await asyncio.sleep(40)  # the first price
    await town.move_in(world.processes["api-1"], LEVELS, SATS)
    oracle.after_step(world)
    world.faults.calm = False
    await trouble.happen(world)
    actions, within_s = (ACTIONS, BUSY_S) if plant is None else (PLANTED_ACTIONS, PLANTED_BUSY_S)
    life = world.spawn(town.live(actions, within_s), "town")
    seen = -1
    while not life.done():
        await asyncio.wait([life], timeout=STEP_S)
        if seen == (seen := world.server.commits):
            continue
        oracle.after_step(world)
        if world.wrong:
            return oracle.Verdict()
    return await _quiet(world, town)


async def _quiet(world: World, town: Town) -> oracle.Verdict:
    """All is well again; after a day nothing may be left open."""
    world.faults.calm = True
    world.node.rise()
    world.bitcoin.rise()
    world.bitcoin.load()
    world.blockchain.raise_floor(0)
    world.strangers.say_again(world.faults.dice("last words"))
    world.server.away = False
    for name in list(world.processes):
        world.kill(name)
    await asyncio.sleep(400)  # what still travels arrives
    world.boot(Process(world, "worker-soon", works=True, pace=BUSY))
    await asyncio.sleep(120)
    oracle.after_step(world)
    world.kill("worker-soon")
    database.patience(busy=False)
    world.boot(Process(world, "api-day", works=False, pace=QUIET))
    last = world.boot(Process(world, "worker-day", works=True, pace=QUIET))
    await asyncio.sleep(DAY_S)

    async def look(process: Process) -> oracle.Verdict:
        async with process.db.transaction() as tx:
            verdict = await oracle.after_quiet(world, town, Tx(tx.raw))
        for breach in [*await process.watch.look(), *await process.watch.night()]:
            world.fail(f"the watch says {breach.invariant} {breach.check}: {breach.offending[:2]}")
        return verdict

    return await last.ask(look, patience_s=600)
