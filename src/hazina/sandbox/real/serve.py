"""Real nodes behind the sandbox's control panel, while the sandbox runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.routing import BaseRoute, Route

from hazina.sandbox.app import answering
from hazina.sandbox.okx import Okx
from hazina.sandbox.real.control import CALLS, Real
from hazina.sandbox.real.exchange import Teller
from hazina.sandbox.real.network import Network
from hazina.sandbox.real.outside import Outside
from hazina.sandbox.world import World, write_private

PROVIDERS_FILE = "providers.json"
"""In the sandbox's folder while the nodes run: where the bank finds them, and what opens them."""


@asynccontextmanager
async def running(network: Network, data: Path) -> AsyncIterator[tuple[World, Sequence[BaseRoute]]]:
    """The sandbox's state, and the routes over the nodes.

    :raises NotRunning: a node does not start; then none is left running.
    """
    await network.open()
    try:
        world = World.open(data)
        write_private(data / PROVIDERS_FILE, json.dumps(network.providers()).encode())
        real = Real(world, Outside(network, world.store))
        real.outside.resume()
        teller = asyncio.create_task(Teller(Okx(world), network.bitcoind).run())
        yield world, [Route(f"/sandbox/api{path}", answering(real, act), methods=[how]) for how, path, act in CALLS]
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)
        await real.outside.close()
    finally:
        (data / PROVIDERS_FILE).unlink(missing_ok=True)
        await network.close()
