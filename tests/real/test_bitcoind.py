"""The node that the other tests stand on does what they take for granted."""

from __future__ import annotations

import os

import pytest

from hazina.sandbox.real.bitcoind import MINER, Bitcoind, bitcoin, sats
from hazina.sandbox.real.jsonrpc import RpcError


async def test_a_coin_is_sent_seen_and_confirmed(bitcoind: Bitcoind) -> None:
    await bitcoind.rpc("createwallet", "bank")
    address = await bitcoind.rpc("getnewaddress", wallet="bank")
    assert address.startswith("bcrt1q")
    txid = await bitcoind.send(address, 123_456)
    assert await bitcoind.mempool() == [txid]
    await bitcoind.mine(2)
    seen = await bitcoind.rpc("gettransaction", txid, wallet="bank")
    assert (sats(seen["amount"]), seen["confirmations"]) == (123_456, 2)


async def test_a_reorganisation_puts_a_payment_back_into_the_mempool(bitcoind: Bitcoind) -> None:
    txid = await bitcoind.send(await bitcoind.miner_address(), 50_000)
    await bitcoind.mine(3)
    await bitcoind.reorganise(3)
    assert await bitcoind.mempool() == [txid]
    assert await bitcoind.height() == 101 + 4


async def test_a_reorganisation_may_spend_the_coins_otherwise(bitcoind: Bitcoind) -> None:
    await bitcoind.rpc("createwallet", "bank")
    txid = await bitcoind.send(await bitcoind.rpc("getnewaddress", wallet="bank"), 50_000)
    await bitcoind.mine(3)
    await bitcoind.reorganise(3, double_spend=True)
    assert await bitcoind.mempool() == []
    assert (await bitcoind.rpc("gettransaction", txid, wallet="bank"))["confirmations"] < 0


async def test_two_nodes_part_and_the_longer_chain_wins(bitcoinds: tuple[Bitcoind, Bitcoind]) -> None:
    a, b = bitcoinds
    await a.part(b)
    txid = await a.send(await b.miner_address(), 50_000)
    await a.mine(2)
    await b.mine(3)
    await a.join(b)
    assert await a.rpc("getbestblockhash") == await b.rpc("getbestblockhash")
    assert txid in await a.mempool()


async def test_it_stands_again_after_a_kill(bitcoind: Bitcoind) -> None:
    await bitcoind.mine(2)
    await bitcoind.kill()
    await bitcoind.start()
    assert await bitcoind.height() == 103
    with pytest.raises(RpcError, match="Insufficient funds"):
        await bitcoind.rpc("sendtoaddress", await bitcoind.miner_address(), bitcoin(10**15), wallet=MINER)


async def test_what_was_left_running_is_ended(bitcoind: Bitcoind) -> None:
    left = bitcoind.program.process
    assert left is not None
    again = Bitcoind(bitcoind.binary, bitcoind.folder)
    await again.start()
    assert left.wait(10) != 0
    assert again.program.process is not None and os.path.exists(f"/proc/{again.program.process.pid}")
    await again.close()
