"""A bank with webhooks, and whoever receives them: the sandbox's receiver, reached over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.contexts.links.conftest import machine
from tests.contexts.payments.conftest import anna, coins, workers
from tests.contexts.whole import Person, Whole

from hazina.webhooks import Endpoint

__all__ = ["anna", "coins", "machine", "workers"]


@dataclass(frozen=True, slots=True)
class Hooks:
    whole: Whole
    url: str

    async def listen(self, person: Person, name: str) -> Endpoint:
        return await self.whole.bank.webhooks.add(person.caller, f"{self.url}/hooks/{name}")

    async def answers(self, name: str, *answers: dict[str, Any]) -> None:
        body = {"name": name, "answers": list(answers)}
        (await self.whole.sandbox.post("/sandbox/api/hooks", json=body)).raise_for_status()

    async def came(self, name: str) -> list[dict[str, Any]]:
        """What the receiver got, oldest first; bodies read."""
        found = (await self.whole.sandbox.get("/sandbox/api/hooks", params={"name": name})).json()
        return [{**one, "told": json.loads(one["body"])} for one in found]

    async def ids(self, name: str) -> list[str]:
        return [one["headers"]["webhook-id"] for one in await self.came(name)]

    async def types(self, name: str) -> list[str]:
        return [one["told"]["eventType"] for one in await self.came(name)]

    async def follow(self) -> int:
        """Take in what was told, all of it: facts are read when no older transaction runs any more."""
        return await self.whole.bank.webhooks.follow()

    async def take(self, deliveries: int) -> None:
        """Follow until so many are stored."""
        async with asyncio.timeout(60):
            while deliveries > 0:
                deliveries -= await self.follow()
                await asyncio.sleep(0.02)
        assert deliveries == 0

    async def send(self) -> None:
        """Call what is due, one round after another, until nothing is."""
        sender = self.whole.bank.webhooks.sender
        while await sender.begin() or sender.under_way:
            await asyncio.gather(*sender.under_way)

    def later(self, seconds: float) -> None:
        self.whole.clock.shift += timedelta(seconds=seconds)


@pytest.fixture
async def hooks(whole: Whole) -> AsyncIterator[Hooks]:
    url = whole.bank.settings.sandbox_url
    assert url is not None
    (await whole.sandbox.delete("/sandbox/api/hooks")).raise_for_status()
    found = Hooks(whole, url)
    await found.follow()  # the cursor begins here
    yield found


@pytest.fixture
async def amina(whole: Whole) -> Person:
    return await whole.person()


@pytest.fixture
async def baraka(whole: Whole) -> Person:
    return await whole.person()
