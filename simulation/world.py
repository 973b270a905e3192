"""Everything that outlives a process of the bank, and the record of what happened."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import Any

from simulation.bitcoin import BitcoinNode
from simulation.blockchain import Blockchain
from simulation.database import Killed, Server
from simulation.faults import Faults
from simulation.loop import GATE, VirtualLoop
from simulation.node import Node
from simulation.outside import MOODS, Payee
from simulation.prices import START_CENTS
from simulation.process import Process
from simulation.strangers import Strangers


class Failed(Exception):
    """Something that must hold did not. The text says what."""


class World:
    def __init__(
        self,
        seed: int,
        loop: VirtualLoop,
        server: Server,
        *,
        tell: bool = False,
        weather: dict[str, float] | None = None,
        ways: dict[str, float] | None = None,
    ) -> None:
        self.ways = ways
        self.seed, self.loop, self.server = seed, loop, server
        self.context: Context = copy_context()
        self.faults = Faults(seed, weather)
        self.node = Node(self)
        taste = self.faults.dice("moods")
        self.moods = {mood: weight * taste.choice((0.2, 1, 3)) for mood, weight in MOODS.items()}
        self.payees: dict[bytes, Payee] = {}
        self.processes: dict[str, Process] = {}
        self.dead: list[Process] = []
        self.price_cents = START_CENTS
        self.number = 0
        self.kills = 0
        self.wrong: list[str] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._digest = hashlib.blake2b(digest_size=16)
        self._tell = tell
        self.blockchain = Blockchain(self)
        self.bitcoin = BitcoinNode(self)
        self.strangers = Strangers(self)

    @property
    def now(self) -> float:
        return self.loop.time()

    def trace(self, *what: object) -> None:
        """One thing that happened: part of the run's digest."""
        line = f"{self.loop.time():.6f} {' '.join(map(str, what))}"
        self._digest.update(line.encode() + b"\n")
        if self._tell:
            print(line)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def fail(self, what: str) -> None:
        """Note a breach; the run ends at the next step."""
        self.trace("WRONG", what)
        self.wrong.append(f"at {self.loop.time():.3f} s: {what}")

    def payee_of(self, payment_hash: bytes) -> Payee:
        return self.payees[payment_hash]

    # -- tasks -----------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "world") -> asyncio.Task[Any]:
        """A task of the outside, whoever starts it."""
        task = self.loop.create_task(work, name=name, context=self.context.copy())
        self._tasks[task] = None
        task.add_done_callback(self._done, context=self.context)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(f"the simulation's own {task.get_name()} failed: {error!r}")

    def born(self, loop: Any, work: Any, context: Context | None = None, **named: Any) -> asyncio.Task[Any]:
        """The loop's task factory: every task of the bank belongs to a process."""
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context, **named)
        gate = (context or copy_context()).get(GATE)
        if isinstance(gate, Process):
            gate.adopt(task)
        return task

    def complain(self, loop: Any, context: dict[str, Any]) -> None:
        """A background task died and nobody looked."""
        error = context.get("exception")
        if not isinstance(error, Killed):
            self.fail(f"unseen failure: {context.get('message')}: {error!r}")

    async def end(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        await asyncio.sleep(1)
        for task in list(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        left = [task.get_name() for p in [*self.dead, *self.processes.values()] for task in p.tasks]
        if left:
            self.fail(f"tasks that outlive their process: {left[:5]}")

    # -- processes -------------------------------------------------------------------------------

    def boot(self, process: Process) -> Process:
        self.trace("starts", process.name)
        self.processes[process.name] = process
        process.start()
        return process

    def kill(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None:
            self.trace("killed", name)
            self.kills += 1
            process.kill()
            self.dead.append(process)
            self.spawn(process.bury(), "burial")

    def crashed(self, process: Process) -> None:
        """It ended by itself: start it again."""
        if self.processes.get(process.name) is process:
            self.kill(process.name)
            self.spawn(self._again(process), "supervisor")

    async def _again(self, process: Process) -> None:
        await asyncio.sleep(2)
        if process.name not in self.processes:
            self.boot(Process(self, process.name, works=process.works, pace=process.pace))
