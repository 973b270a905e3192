"""The chain without a node: what it told stands in its log, and its rates in its table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from subprocess import Popen

import pytest
from tests.contexts.payments.coins import Coins
from tests.contexts.payments.lightning import pair, quick
from tests.contexts.payments.machine import nursery
from tests.contexts.whole import Person, Whole

from hazina.adapters.bitcoind import Bitcoind
from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain import Chain
from hazina.kernel.bolt11 import Network
from hazina.payments import Payments

__all__ = ["pair", "quick"]


@pytest.fixture(scope="session")
def workers() -> Iterator[Popen[bytes]]:
    with nursery() as running:
        yield running


@pytest.fixture
async def coins(whole: Whole) -> AsyncIterator[Coins]:
    rpc, bank = Rpc("http://127.0.0.1:9", user="nobody", password="none"), whole.bank
    node, wallets = Bitcoind(rpc, "none"), BitcoindWallets(rpc, "none")
    chain = Chain(bank.db, whole.clock, node, wallets, Network.REGTEST)
    yield Coins(whole, Payments(replace(bank.payments.parts, chain=chain)))
    await node.close()


@pytest.fixture
async def anna(whole: Whole) -> Person:
    return await whole.person()
