"""Real programs for tests. ``bitcoind`` is a node of the test's own; ``a_bitcoind`` lives as long as the
module; ``bitcoinds`` are two that can be parted; ``network`` is a Lightning network of Electrum nodes that
all tests of a run share."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.real.bitcoind import running_bitcoind, two_bitcoinds

from hazina.sandbox.real.bitcoind import Bitcoind
from hazina.sandbox.real.network import Network, Programs, running
from tools import nodes


@pytest.fixture
async def bitcoind() -> AsyncIterator[Bitcoind]:
    async with running_bitcoind() as node:
        yield node


@pytest.fixture(scope="module")
async def a_bitcoind() -> AsyncIterator[Bitcoind]:
    async with running_bitcoind() as node:
        yield node


@pytest.fixture
async def bitcoinds() -> AsyncIterator[tuple[Bitcoind, Bitcoind]]:
    async with two_bitcoinds() as pair:
        yield pair


@pytest.fixture(scope="session")
async def programs() -> Programs:
    return Programs(await asyncio.to_thread(nodes.bitcoind), await asyncio.to_thread(nodes.electrum))


@pytest.fixture(scope="session")
async def lnd_network(programs: Programs) -> AsyncIterator[Network]:
    """As ``network``, of three LNDs. Only where HAZINA_LND_BINARY names one."""
    named = Programs(programs.bitcoind, lnd=Path(os.environ["HAZINA_LND_BINARY"]).resolve())
    folder = Path(tempfile.mkdtemp(prefix="hazina-lnd-"))
    try:
        async with running(named, folder) as up:
            yield up
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def network(programs: Programs) -> AsyncIterator[Network]:
    """A bitcoind and three Electrum nodes: ``bank`` has a channel with ``b``, ``b`` one with ``c``, of one
    bitcoin each with half of it on either side. Tests leave it as they found it but for what they moved."""
    folder = Path(tempfile.mkdtemp(prefix="hazina-network-"))
    try:
        async with running(programs, folder) as up:
            yield up
    finally:
        shutil.rmtree(folder, ignore_errors=True)
