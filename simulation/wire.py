"""The way between a process of the bank and a node outside, and what may go wrong on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hazina.kernel.db import outside_call
from simulation.database import Killed

if TYPE_CHECKING:
    from simulation.process import Process
    from simulation.world import World

T = TypeVar("T")

CALL_S = 15.0


@dataclass(frozen=True, slots=True)
class Wire:
    """``call``: a call that has left arrives, whether or not its asker still lives; an answer may be late, or never
    come. ``fate``: seconds there and back, and what is lost on the way ("asker": that dies of what it has just asked
    for). ``up``: whether the node can be reached. ``silent``, ``refused``: the port's own errors."""

    world: World
    process: Process
    rail: str
    fate: Callable[[str], tuple[float, float, str]]
    up: Callable[[], bool]
    silent: Callable[[str], Exception]
    refused: type[Exception]

    async def call(self, what: str, effect: Callable[[], T], patience_s: float = CALL_S) -> T:
        """What ``effect`` returns, as the node's answer. Raises ``silent``, and what ``effect`` refuses with."""
        outside_call(f"{self.rail}.{what}")
        if not self.process.alive:
            raise Killed
        answer: asyncio.Future[T] = self.world.loop.create_future()
        self.world.spawn(self._travel(what, effect, answer), f"{self.rail} call")
        try:
            async with asyncio.timeout(patience_s):
                return await answer
        except TimeoutError:
            raise self.silent("no answer in time") from None
        finally:
            if not self.process.alive:
                raise Killed

    async def _travel(self, what: str, effect: Callable[[], T], answer: asyncio.Future[T]) -> None:
        there, back, lost = self.fate(what)
        await asyncio.sleep(there)
        if not self.up() or lost == "request":
            self.world.trace(self.rail, what, "not reached")
            _give(answer, self.silent("the node was not reached"))
            return
        result: T | Exception
        try:
            result = effect()
        except self.refused as refusal:
            result = refusal
        self.world.trace(self.rail, what, lost, type(result).__name__)
        if lost == "asker":
            self.world.crashed(self.process)
        await asyncio.sleep(back)
        _give(answer, self.silent("the answer was lost") if lost == "answer" else result)


def _give(answer: asyncio.Future[Any], what: Any) -> None:
    if answer.done():
        return
    if isinstance(what, Exception):
        answer.set_exception(what)
    else:
        answer.set_result(what)
