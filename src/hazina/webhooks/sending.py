"""Calling the endpoints, beside everything else: so many at once and no more, over connections of its own.

An endpoint's deliveries go out one after the other, the next when the one before it has arrived or was given up. Who
calls holds a lease; a process that dies in between leaves the delivery to the next, which sends it again under the
same id.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from hazina.kernel.clock import Clock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database, Tx
from hazina.kernel.http import NoAnswer
from hazina.webhooks import store
from hazina.webhooks.model import GONE, Policy, State, Task, Try, Why, chance, headers, message_id, succeeded, wait
from hazina.webhooks.ports import Outward

log = structlog.get_logger("hazina.webhooks")

ANSWER_BYTES_MAX = 1_024
"""Nobody reads what a receiver says beside its status."""
ERROR_CHARS_MAX = 200
CONNECTIONS = 2
"""To the database, at most, so that payments never wait for one that deliveries hold."""


@dataclass(frozen=True, slots=True)
class Sender:
    db: Database
    clock: Clock
    keys: Keys
    outward: Outward
    policy: Policy
    under_way: dict[asyncio.Task[None], bool] = field(default_factory=dict)  # True: to a doubtful endpoint
    database: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))

    async def begin(self) -> int:
        """Call the endpoints that are due, as far as there is room; how many. Does not wait for them. Doubtful
        endpoints never take all the room."""
        begun = 0
        for doubtful in (False, True):
            room = self.policy.at_once_max - len(self.under_way)
            if doubtful:
                room = min(room, self.policy.doubtful_max - sum(self.under_way.values()))
            if room <= 0:
                continue
            for task in await self._claim(room, doubtful):
                running = asyncio.create_task(self._deliver(task), name=f"webhook-{task.delivery_id}")
                self.under_way[running] = doubtful
                running.add_done_callback(self.under_way.pop)
                begun += 1
        return begun

    async def _claim(self, room: int, doubtful: bool) -> list[Task]:
        now = self.clock.now()
        until = now + timedelta(seconds=self.policy.timeout_s + self.policy.lease_margin_s)
        async with self.database, self.db.transaction() as tx:
            return await store.claim(tx, now, until, room, doubtful=doubtful)

    async def _deliver(self, task: Task) -> None:
        """A failure of ours leaves the delivery to the end of its lease."""
        try:
            one, retry_after_s = await self._call(task)
            async with self.database:
                await self.db.again(lambda tx: self._mark(tx, task, one, retry_after_s))
        except Exception as error:
            log.warning(
                "webhook_left", delivery=str(task.delivery_id), error=type(error).__name__, why=str(error)[:200]
            )

    async def _call(self, task: Task) -> tuple[Try, int | None]:
        at, begun, body = self.clock.now(), self.clock.steady(), task.body.encode()
        about = f"webhook {task.endpoint_id}"
        secrets = [self.keys.open(about, sealed).decode() for sealed in task.sealed]
        fields = headers(secrets, message_id(task.delivery_id), at, body)
        status, error, retry_after_s = None, None, None
        try:
            answer = await self.outward.call(
                "POST", task.url, headers=fields, content=body, timeout_s=self.policy.timeout_s,
                bytes_max=ANSWER_BYTES_MAX, cut=True,
            )  # fmt: skip
            status, retry_after_s = answer.status, answer.retry_after_s
        except NoAnswer as none:
            error = str(none)[:ERROR_CHARS_MAX]
        took_ms = round((self.clock.steady() - begun) * 1_000)
        return Try(at, status, error, took_ms), retry_after_s

    async def _mark(self, tx: Tx, task: Task, one: Try, retry_after_s: int | None) -> None:
        now = self.clock.now()
        if not await store.lock(tx, task.endpoint_id):
            return
        await store.tried(tx, task.delivery_id, one)
        if succeeded(one.status):
            await store.end(tx, task.delivery_id, State.DELIVERED, now)
            await store.go_on(tx, task, 0, now)
        elif one.status == GONE:
            await store.end(tx, task.delivery_id, State.GIVEN_UP, now)
            await self._disable(tx, task, Why.GONE, now)
        elif task.given_up:
            await self._disable(tx, task, Why.FAILING, now)
        else:
            gap = wait(self.policy, task.failures + 1, task.once, one.status, retry_after_s, chance())
            if gap is not None:
                await store.later(tx, task, now + gap)
                return
            await store.end(tx, task.delivery_id, State.GIVEN_UP, now)
            await store.go_on(tx, task, task.given_up + 1, now)

    async def _disable(self, tx: Tx, task: Task, why: Why, now: datetime) -> None:
        log.info("webhook_endpoint_off", endpoint=str(task.endpoint_id), why=why.name)
        await store.disable(tx, task.endpoint_id, why.name.lower(), now)
