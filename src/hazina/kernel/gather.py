"""Looks that are asked for at the same time, made by one query.

While one query is under way the next gathers; nothing waits for a timer, and with one asker a query is
one look. Every answer was read after it was asked for. The group writer does the same for commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

KEYS_MAX = 500


class Gather(Generic[K, V]):
    """``fetch`` takes distinct keys and returns what it found of them; it opens its own transaction."""

    def __init__(self, fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._fetch = fetch
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """What there is for ``key`` now. Raises what ``fetch`` raises."""
        answer = self._waiting.get(key)
        if answer is None:
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run())
        # An asker who goes away takes the answer from nobody else.
        return await asyncio.shield(answer)

    async def _run(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[:KEYS_MAX]
            asked = {key: self._waiting.pop(key) for key in keys}
            try:
                found = await self._fetch(keys)
            except BaseException as error:
                for answer in asked.values():
                    if not answer.done():
                        answer.set_exception(error)
                        answer.exception()  # somebody may have gone away: not an unseen failure
                if not isinstance(error, Exception):
                    raise
            else:
                for key, answer in asked.items():
                    if not answer.done():
                        answer.set_result(found.get(key))
