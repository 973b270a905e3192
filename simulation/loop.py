"""An event loop whose time is virtual: when nothing is ready it jumps to the next timer.

Every callback runs in the context it was made in, and that context names the process it belongs to.
A stopped process (SIGSTOP) gets no callbacks; they wait, in order, until it goes on.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Callable
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")

EPOCH = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""The time of day when virtual time is zero."""


TURN_S = 1e-9
"""What one turn of the loop takes: who waits for a moment that is closer than floats can tell gets there."""
ROUNDS_MAX = 100_000
"""So often the loop may turn at one moment."""


class Stuck(RuntimeError):
    """Nothing is ready and nothing ever will be: everybody waits for somebody else."""


class Gate:
    """What a process's callbacks pass through."""

    def __init__(self) -> None:
        self.stopped = False
        self.waiting: list[asyncio.Handle] = []


GATE: ContextVar[Gate | None] = ContextVar("simulation_process", default=None)
"""The process that the running code belongs to; None: the world outside of the bank."""


def _held_back(handle: Any) -> bool:
    gate: Gate | None = handle._context.get(GATE)
    if gate is None or not gate.stopped:
        return False
    gate.waiting.append(handle)
    return True


class _Handle(asyncio.Handle):
    def _run(self) -> None:
        if not _held_back(self):
            super()._run()


class _Timer(asyncio.TimerHandle):
    def _run(self) -> None:
        if not _held_back(self):
            super()._run()


class _Jump(selectors.SelectSelector):
    """There are no sockets to wait for: the database is asked in place (``database``)."""

    loop: VirtualLoop
    rounds = 0
    """Since time last moved."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("no timer is left")
        if timeout > 0:
            self.rounds = 0
        self.loop.virtual += timeout + TURN_S
        self.rounds += 1
        if self.rounds > ROUNDS_MAX:
            busy = [task for task in asyncio.all_tasks(self.loop) if task._fut_waiter is None]  # type: ignore[attr-defined]
            raise Stuck(f"time stands still for {[(task.get_name(), task.get_stack(limit=3)) for task in busy]}")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.virtual = 0.0
        jump = _Jump()
        jump.loop = self
        super().__init__(jump)

    def time(self) -> float:
        return self.virtual

    # asyncio's own two lines, with handles that ask the gate. Not thread-safe; nothing here has threads.

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]  # asyncio.BaseEventLoop's queue
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # asyncio.BaseEventLoop's heap
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.virtual + delay, callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """In place: there are no threads, and what they would do takes no time."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def go_on(self, gate: Gate) -> None:
        """SIGCONT."""
        gate.stopped = False
        self._ready.extend(gate.waiting)  # type: ignore[attr-defined]
        gate.waiting = []


class VirtualClock:
    """A process's own clock; it may go ``skew_s`` seconds before or behind the true time."""

    def __init__(self, loop: VirtualLoop, skew_s: float = 0.0) -> None:
        self._loop = loop
        self.skew_s = skew_s

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.virtual + self.skew_s)

    def steady(self) -> float:
        return self._loop.virtual
