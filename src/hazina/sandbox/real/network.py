"""A private Lightning network of real nodes: the bank's, and two outside with channels and money both ways.

The bank's node has a channel with ``b``, and ``b`` one with ``c``: what ``c`` pays the bank, and the bank
``c``, goes through ``b``. Making it takes half a minute, so it is made once, and copied into place.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hazina.kernel.http import NoAnswer
from hazina.sandbox.real.bitcoind import Bitcoind, until
from hazina.sandbox.real.electrum import Electrum
from hazina.sandbox.real.electrumx import ElectrumX
from hazina.sandbox.real.jsonrpc import RpcError
from hazina.sandbox.real.lnd import Lnd
from hazina.sandbox.real.node import Node
from hazina.sandbox.real.program import NotRunning

BANK, ROUTER, END = "bank", "b", "c"
COIN = 10**8
CHANNEL_SATS = COIN
FUNDED_SATS = 3 * COIN
COINS = 3
CONFIRMATIONS = 6
OPEN_S = 120.0
HOLD_S = 60.0


RECIPE = 1
"""Of ``furnish``: with another number, networks are made anew."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What is to be run: the bitcoind, and an lnd or the folder of Electrum's environment."""

    bitcoind: Path
    electrum: Path | None = None
    lnd: Path | None = None

    @property
    def kind(self) -> str:
        return "electrum" if self.lnd is None else "lnd"

    @property
    def template(self) -> Path:
        """Where the network lies that others are copies of, one for each pair of versions: beside Electrum's
        environment, which we made; an lnd is the operator's, so its network goes where programs keep such things."""
        node = self.lnd or self.electrum
        assert node is not None
        parts = [RECIPE, self.bitcoind.resolve(), node.resolve()]
        if self.lnd is None:
            folder = node.parent
        else:
            folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hazina"
            parts.append(node.stat().st_mtime_ns)  # an older lnd does not open what a newer one wrote
        key = hashlib.sha256(" ".join(str(part) for part in parts).encode()).hexdigest()
        return folder / f"network-{key[:12]}"


class Network:
    """The programs of one folder. ``open`` brings them all up, ``close`` takes them down."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.bitcoind = Bitcoind(programs.bitcoind, folder / "bitcoind")
        self.server: ElectrumX | None = None
        self.nodes: dict[str, Node] = {}
        self._lock: IO[str] | None = None
        if programs.electrum is not None and programs.lnd is None:
            self.server = ElectrumX(programs.electrum, folder / "electrumx", self.bitcoind)
        for name in (BANK, ROUTER, END):
            self.nodes[name] = self._node(name, folder / name)
        for name in (BANK, END):
            node, router = self.nodes[name], self.nodes[ROUTER]
            if isinstance(node, Electrum) and isinstance(router, Electrum):
                node.dials = router

    def _node(self, name: str, folder: Path) -> Node:
        if self.programs.lnd is not None:
            return Lnd(name, self.programs.lnd, folder, self.bitcoind)
        assert self.programs.electrum is not None and self.server is not None
        return Electrum(
            name, self.programs.electrum, folder, self.server.port, outside=name != BANK, forwards=name == ROUTER
        )

    @property
    def bank(self) -> Node:
        return self.nodes[BANK]

    def providers(self) -> dict[str, dict[str, Any]]:
        """Where the bank finds its nodes, and what opens them; in the words of its settings."""
        node = self.bitcoind
        return {
            "bitcoind": {
                "url": node.url, "user": node.user, "password": node.password, "zmq": list(node.zmq.values()),
            },
            self.programs.kind: self.bank.access(),
        }  # fmt: skip

    @property
    def bank_answers(self) -> bool:
        """Not while it starts again."""
        return self.bank.program.running and self.bank.opened

    async def pubkey(self) -> str:
        """Of the bank's node."""
        return await self.bank.id()

    async def channels(self) -> list[dict[str, Any]]:
        """As the router sees them, since every channel is one of its own."""
        try:
            names = {await node.id(): name for name, node in self.nodes.items()}
            known = await self.nodes[ROUTER].channels()
        except NoAnswer:
            return []
        return [
            {
                "from": names.get(one.peer, ""),
                "to": ROUTER,
                "capacityMsat": one.capacity * 1000,
                "fromMsat": one.theirs * 1000,
                "toMsat": one.ours * 1000,
            }
            for one in known
        ]

    async def open(self) -> None:
        """All programs run and all channels are usable. A new folder begins as a copy of the template, which
        is made when there is none.

        :raises NotRunning: one did not start, or another process has the folder; nothing is left running.
        """
        await self._hold()
        try:
            if not (self.folder / "bitcoind").exists():
                await prepare(self.programs)
                await asyncio.to_thread(shutil.copytree, self.programs.template, self.folder, dirs_exist_ok=True)
            await self.start()
        except (RpcError, NoAnswer, TimeoutError) as error:
            await self.close()
            raise NotRunning(f"The nodes of {self.folder} did not come up: {error}") from error
        except BaseException:
            await self.close()
            raise

    async def _hold(self) -> None:
        """The folder is ours alone; an earlier owner gets the time to let go."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (self.folder / "owner").open("a")
        end = time.monotonic() + HOLD_S
        while True:
            try:
                return fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise NotRunning(f"Another process runs the nodes of {self.folder}.") from None
                await asyncio.sleep(0.1)

    async def start(self) -> None:
        await self.bitcoind.start()
        await self.bitcoind.mine(1)  # a chain whose last block is old counts as not yet loaded
        if self.server is not None:
            await self.server.start()
        await asyncio.gather(*(node.start() for node in self.nodes.values()))
        await self.settle()
        if await self.bank.channels():
            await asyncio.gather(self.bank.connect(self.nodes[ROUTER]), self.nodes[END].connect(self.nodes[ROUTER]))

    async def close(self) -> None:
        """Everything ends; the folder stays."""
        parts: list[Awaitable[None]] = [node.close() for node in self.nodes.values()]
        for done in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(done, BaseException) and not isinstance(done, Exception):
                raise done
        with contextlib.suppress(Exception):
            if self.server is not None:
                await self.server.stop()
        with contextlib.suppress(Exception):
            await self.bitcoind.close()
        if self._lock is not None:
            self._lock.close()

    async def settle(self) -> None:
        """Wait until every node has seen the chain's last block."""
        height = await self.bitcoind.height()

        async def seen() -> bool:
            return all([await node.height() >= height for node in self.nodes.values()])

        await until(seen, f"all nodes are at height {height}")

    async def mine(self, blocks: int) -> list[str]:
        """Blocks, seen by every node that runs."""
        mined = await self.bitcoind.mine(blocks)
        height = await self.bitcoind.height()
        for node in self.nodes.values():
            if node.program.running:

                async def seen(node: Node = node) -> bool:
                    return await node.height() >= height

                await until(seen, f"{node.name} is at height {height}")
        return mined


async def prepare(programs: Programs) -> None:
    """A network ready to be copied stands where ``programs.template`` says."""
    template = programs.template
    template.parent.mkdir(parents=True, exist_ok=True)
    with (template.parent / f"{template.name}.lock").open("a") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if template.exists():
            return
        making = template.with_name(f"{template.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        network = Network(programs, making)
        try:
            await network.start()
            await furnish(network)
        finally:
            await network.close()
        for gone in ("*/*.log", "*/*.pid"):
            for path in making.glob(gone):
                path.unlink()
        (making / "made.json").write_text(json.dumps({"at": int(time.time())}))
        making.rename(template)


async def furnish(network: Network) -> None:
    """Coins and channels, money on both sides of each."""
    nodes, router = network.nodes, network.nodes[ROUTER]
    for node in nodes.values():
        for _ in range(COINS):  # so that change that waits for its block does not stop the next
            await network.bitcoind.send(await node.address(), FUNDED_SATS)
    await network.bitcoind.mine(CONFIRMATIONS)
    await network.settle()
    await until(lambda: synchronized(network), "the wallets see their coins", OPEN_S)
    for node in (network.bank, nodes[END]):
        await node.open_channel(router, CHANNEL_SATS, CHANNEL_SATS // 2)
    await network.bitcoind.mine(CONFIRMATIONS)
    await network.settle()
    them = await router.id()

    async def usable() -> bool:
        return all([await node.is_usable(them) for node in (network.bank, nodes[END])])

    async def known() -> bool:
        return await network.bank.finds(await nodes[END].id()) and await nodes[END].finds(await network.bank.id())

    await until(usable, "the channels open", OPEN_S)
    await until(known, "each node knows a way to the others", OPEN_S, every_s=0.5)


async def synchronized(network: Network) -> bool:
    """Do all wallets see all the coins that they were sent?"""
    return all([await node.coins() >= COINS * FUNDED_SATS for node in network.nodes.values()])


@contextlib.asynccontextmanager
async def running(programs: Programs, folder: Path) -> AsyncIterator[Network]:
    """The network of ``folder`` while the block runs."""
    network = Network(programs, folder)
    await network.open()
    try:
        yield network
    finally:
        await network.close()
