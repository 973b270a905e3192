"""Real programs for tests. ``bitcoind`` is a node of the test's own; ``a_bitcoind`` lives as long as the
module; ``bitcoinds`` are two that can be parted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.real.bitcoind import running_bitcoind, two_bitcoinds

from hazina.sandbox.real.bitcoind import Bitcoind


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
