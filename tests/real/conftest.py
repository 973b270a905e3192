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
def lnd_programs(programs: Programs) -> Programs:
    """With an LND in Electrum's place. Only where HAZINA_LND_BINARY names one."""
    if "HAZINA_LND_BINARY" not in os.environ:
        pytest.skip("no real LND: HAZINA_LND_BINARY names none")
    return Programs(programs.bitcoind, lnd=Path(os.environ["HAZINA_LND_BINARY"]).resolve())


@pytest.fixture(scope="session", params=["electrum", "lnd"])
def each_kind(request: pytest.FixtureRequest) -> Programs:
    """The programs of a network of either kind."""
    found: Programs = request.getfixturevalue("programs" if request.param == "electrum" else "lnd_programs")
    return found


@pytest.fixture(scope="session")
async def lnd_network(lnd_programs: Programs) -> AsyncIterator[Network]:
    """As ``network``, of three LNDs."""
    folder = Path(tempfile.mkdtemp(prefix="hazina-lnd-"))
    try:
        async with running(lnd_programs, folder) as up:
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
