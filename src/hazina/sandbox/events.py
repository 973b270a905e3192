"""Who wants to know: snapshots handed to every open stream of this process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class NodeStopped(Exception):
    """The node went away under an open stream."""


class Events(Generic[T]):
    """One kind of snapshot, by node name."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[T | None]]] = defaultdict(set)

    def publish(self, node: str, snapshot: T) -> None:
        for queue in self._queues[node]:
            queue.put_nowait(snapshot)

    def stop(self, node: str) -> None:
        """Break every stream of ``node``."""
        for queue in self._queues[node]:
            queue.put_nowait(None)

    @contextmanager
    def listening(self, node: str) -> Iterator[Listener[T]]:
        """Everything published from here on."""
        queue: asyncio.Queue[T | None] = asyncio.Queue()
        self._queues[node].add(queue)
        try:
            yield Listener(queue)
        finally:
            self._queues[node].discard(queue)


class Listener(Generic[T]):
    def __init__(self, queue: asyncio.Queue[T | None]) -> None:
        self._queue = queue

    async def next(self) -> T:
        """The next snapshot; raises ``NodeStopped``."""
        snapshot = await self._queue.get()
        if snapshot is None:
            raise NodeStopped
        return snapshot
