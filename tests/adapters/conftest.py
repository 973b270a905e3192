"""The bank's adapters, and what stands around a Lightning node under test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.adapters.worlds import Played, Real, World
from tests.real.conftest import lnd_network, lnd_programs, network, programs
from tests.sandbox.conftest import sandbox, sandbox_process
from tests.sandbox.process import SandboxProcess

from hazina.adapters.electrum import Electrum
from hazina.adapters.lnd import Lnd
from hazina.sandbox.real.network import Network

__all__ = [
    "lnd", "lnd_network", "lnd_programs", "network", "played", "programs", "real_electrum", "real_lnd", "sandbox",
    "sandbox_process", "world",
]  # fmt: skip


@pytest.fixture
async def lnd(sandbox: SandboxProcess) -> AsyncIterator[Lnd]:
    """With the macaroon of least power."""
    node = sandbox.lnd()
    yield node
    await node.close()


@pytest.fixture
async def played(sandbox: SandboxProcess) -> AsyncIterator[World]:
    node = sandbox.lnd()
    yield Played(node, sandbox)
    await node.close()


@pytest.fixture
async def real_electrum(network: Network) -> AsyncIterator[World]:
    access = network.bank.access()
    node = Electrum("electrum-1", access["base_url"], access["user"], access["password"])
    yield Real(node, network)
    await node.close()


@pytest.fixture
async def real_lnd(lnd_network: Network) -> AsyncIterator[World]:
    access = lnd_network.bank.access()
    node = Lnd("lnd-1", access["base_url"], access["macaroon"], tls_pem=access["tls_cert"])
    yield Real(node, lnd_network)
    await node.close()


@pytest.fixture(params=["sandbox LND", "real Electrum", "real LND"])
def world(request: pytest.FixtureRequest) -> World:
    """The node under test and its surroundings. Asked for by name, so that the played one starts no real ones."""
    fixtures = {"sandbox LND": "played", "real Electrum": "real_electrum", "real LND": "real_lnd"}
    found: World = request.getfixturevalue(fixtures[request.param])
    return found
