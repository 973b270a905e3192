"""Publishing to Nostr relays: what they answer, and which are not called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.server import serve

from hazina.adapters.nostr import NostrRelays
from hazina.adapters.outward import Outward
from hazina.kernel.db import Database, TransactionOpen

EVENT = {"id": "1" * 64, "kind": 1}
Say = Callable[[websockets.ServerConnection], Awaitable[None]]


@asynccontextmanager
async def relay(*answers: Any) -> AsyncIterator[str]:
    """Says these to whatever it hears."""

    async def hear(wire: websockets.ServerConnection) -> None:
        assert json.loads(await wire.recv()) == ["EVENT", EVENT]
        for one in answers:
            await wire.send(one if isinstance(one, str) else json.dumps(one))

    async with serve(hear, "127.0.0.1", 0) as running:
        yield f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}/"


@pytest.fixture
async def relays() -> AsyncIterator[NostrRelays]:
    outward = Outward(loopback=True)
    yield NostrRelays(outward)
    await outward.close()


OK = ["OK", "1" * 64, True, ""]


@pytest.mark.parametrize(
    ("answers", "taken"),
    [([OK], True), ([["NOTICE", "x"], ["AUTH", "y"], OK], True), ([["OK", "1" * 64, False, "blocked: no"]], False),
     ([["OK", "2" * 64, True, ""]], False), (["nonsense"], False), ([[]], False), ([], False),
     ([["NOTICE", "x"]] * 30, False), (["x" * 100_000], False)],
)  # fmt: skip
async def test_what_a_relay_answers(relays: NostrRelays, answers: list[Any], taken: bool) -> None:
    async with relay(*answers) as url, asyncio.timeout(30):
        assert await relays.publish(url, EVENT) is taken


@pytest.mark.parametrize(
    "url",
    ["ws://127.0.0.1:1/", "wss://127.0.0.1:1/", "ws://10.0.0.1/", "wss://10.0.0.1/", "ws://relay.example/", "wss://x.onion/",
     "wss://169.254.169.254/", "http://127.0.0.1:1/", "wss://", "wss://a:b@c.example/", "wss://[::1"],
)  # fmt: skip
async def test_relays_that_are_not_reached(relays: NostrRelays, url: str) -> None:
    assert await relays.publish(url, EVENT) is False


async def test_nothing_goes_out_in_a_transaction(db: Database, relays: NostrRelays) -> None:
    async with db.transaction():
        with pytest.raises(TransactionOpen):
            await relays.publish("wss://relay.example/", EVENT)
