"""Real bitcoinds for tests: each on a regtest of its own, in a folder that goes away."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hazina.sandbox.real.bitcoind import Bitcoind
from tools import nodes


@asynccontextmanager
async def running_bitcoind(name: str = "bitcoind") -> AsyncIterator[Bitcoind]:
    """A fresh chain of 101 blocks, with the miner's coins to send."""
    program = await asyncio.to_thread(nodes.bitcoind)
    folder = Path(tempfile.mkdtemp(prefix=f"hazina-{name}-"))
    node = Bitcoind(program, folder)
    try:
        await node.start()
        yield node
    finally:
        with contextlib.suppress(Exception):
            await node.close()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def two_bitcoinds() -> AsyncIterator[tuple[Bitcoind, Bitcoind]]:
    """Two nodes that follow one chain; ``a.part(b)`` splits them, ``a.join(b)`` heals."""
    async with running_bitcoind("a") as a, running_bitcoind("b") as b:
        await a.mine(1)  # more work than b's, so that there is one answer
        await b.join(a)
        yield a, b
