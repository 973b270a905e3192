"""The bank's adapters, and what stands around a Lightning node under test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from tests.adapters.worlds import Played, Real, World
from tests.real.conftest import network, programs
from tests.sandbox.conftest import sandbox, sandbox_process
from tests.sandbox.process import SandboxProcess

from hazina.adapters.electrum import Electrum
from hazina.adapters.lnd import Lnd
from hazina.sandbox.real.network import Network

__all__ = ["lnd", "network", "played", "programs", "real_electrum", "sandbox", "sandbox_process", "world"]


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


@pytest.fixture(params=["sandbox LND", "real Electrum", "real LND"])
def world(request: pytest.FixtureRequest) -> World:
    """The node under test and its surroundings. Asked for by name, so that the played one starts no real ones."""
    if request.param == "real LND":
        if "HAZINA_LND_BINARY" not in os.environ:
            pytest.skip("no real LND: HAZINA_LND_BINARY names none")
        pytest.fail("HAZINA_LND_BINARY is set, and nothing here starts an LND yet")
    found: World = request.getfixturevalue("played" if request.param == "sandbox LND" else "real_electrum")
    return found
