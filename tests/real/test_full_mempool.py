"""A mempool that is full throws out who pays least: transactions of ours that were well paid when they were made."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from tests.real.banking import HOT, opened
from tests.real.signer import Signer
from tests.real.test_cold import AMINA, BARAKA, POLICY, Bank

from hazina.chain import Batch, EventKind
from hazina.chain.batch import BatchState, PayoutState, Purpose
from hazina.chain.payout_store import live
from hazina.chain.treasury import Treasury
from hazina.kernel.db import Database
from hazina.safety import Safety
from hazina.sandbox.real.bitcoind import MINER, Bitcoind, bitcoin, sats
from hazina.sandbox.real.jsonrpc import RpcError
from tools import nodes

CROWD, CROWDS_RATE, CROWDS_OUTPUTS = 60, 12, 3_100
NOBODYS_SCRIPT = bytes.fromhex("0014" + "07" * 20)
VERSION, ONE_INPUT, RBF, NO_SCRIPT, AT_ONCE = b"\2\0\0\0", b"\1", b"\xfd\xff\xff\xff", b"\0", b"\0\0\0\0"
LEAST_OUTPUT = 330


class Small(Bitcoind):
    """As small a mempool as there is: 5 MB."""

    def _configure(self) -> None:
        super()._configure()
        with (self.folder / "bitcoin.conf").open("a") as file:
            file.write("maxmempool=5\n")


@pytest.fixture
async def bank(db: Database) -> AsyncIterator[Bank]:
    with TemporaryDirectory(prefix="hazina-small-") as folder:
        node = Small(await to_thread(nodes.bitcoind), Path(folder))
        await node.start()
        desk = await opened(node, db)
        safety = Safety(db, desk.clock)
        for name, passphrase in (AMINA, BARAKA):
            await safety.add_operator(name, passphrase, by="test")
        try:
            yield Bank(desk, Treasury(db, desk.clock, desk.payouts.wallets, desk.payouts, safety, POLICY))
            await desk.holds()
        finally:
            await desk.rpc.close()
            await node.close()


async def crowd(node: Bitcoind, coins: list[dict[str, object]]) -> None:
    """Strangers' payments to thousands each, until no more of them are let in."""
    for coin in coins:
        size = 45 + CROWDS_OUTPUTS * (9 + len(NOBODYS_SCRIPT)) + 68
        rest = sats(str(coin["amount"])) - size * CROWDS_RATE - (CROWDS_OUTPUTS - 1) * LEAST_OUTPUT
        amounts = [LEAST_OUTPUT] * (CROWDS_OUTPUTS - 1) + [rest]
        outputs = b"".join(n.to_bytes(8, "little") + bytes([len(NOBODYS_SCRIPT)]) + NOBODYS_SCRIPT for n in amounts)
        spent = bytes.fromhex(str(coin["txid"]))[::-1] + int(str(coin["vout"])).to_bytes(4, "little") + NO_SCRIPT + RBF
        count = b"\xfd" + CROWDS_OUTPUTS.to_bytes(2, "little")
        raw = VERSION + ONE_INPUT + spent + count + outputs + AT_ONCE
        signed = await node.rpc("signrawtransactionwithwallet", raw.hex(), wallet="outside")
        try:
            await node.rpc("sendrawtransaction", signed["hex"], "0")
        except RpcError as refused:
            assert "mempool full" in refused.message or "mempool min fee" in refused.message
            return
    raise AssertionError("there is still room")


async def coins_of_strangers(bank: Bank) -> list[dict[str, object]]:
    homes = [await bank.desk.outside() for _ in range(CROWD)]
    await bank.node.rpc("sendmany", "", dict.fromkeys(homes, bitcoin(10_000_000)), wallet=MINER)
    await bank.desk.mine(1)
    coins: list[dict[str, object]] = await bank.node.rpc("listunspent", 1, 9_999, homes, wallet="outside")
    return coins


async def refilled(bank: Bank, signer: Signer, amount: int) -> UUID:
    draft = await bank.treasury.draft(amount, *AMINA)
    return await bank.treasury.release(draft.id, signer.sign(draft.psbt), *BARAKA)


async def child_of(bank: Bank, parent: UUID) -> Batch:
    async with bank.desk.db.reading() as tx:
        (found,) = [one for one in await live(tx) if one.parent == parent]
    return found


async def test_f14_what_a_full_mempool_threw_out_comes_back_better_paid(bank: Bank) -> None:
    """A payout by a replacement; a refill, whose signers are not asked again, by a child that is handed in with it;
    one that has a child already by a better child."""
    desk, signer = bank.desk, Signer.of("wpkh")
    await bank.cold_is(signer.descriptor)
    for _ in range(2):
        await bank.fund_cold(60_000_000)
    coins = await coins_of_strangers(bank)
    await desk.rate(2_000)
    helped = await refilled(bank, signer, 40_000_000)
    await desk.rate(5_000)
    await desk.round(desk.payouts.policy.patience)
    first_help = await child_of(bank, helped)
    await desk.rate(2_000)
    alone = await refilled(bank, signer, 30_000_000)
    payout_id = await desk.submit(await desk.outside(), 50_000)
    await desk.round()
    ours = {(await desk.batch(one)).newest.txid for one in (helped, alone, first_help.id)}
    ours.add((await desk.batch_of(payout_id)).newest.txid)
    assert set(await bank.node.mempool()) == ours

    await crowd(bank.node, coins)
    assert not ours & set(await bank.node.mempool()), "everybody pays more than we"
    await desk.rate(20_000)
    await desk.round()
    there = set(await bank.node.mempool())
    for refill in (helped, alone):
        parent, child = await desk.batch(refill), await child_of(bank, refill)
        assert {parent.newest.txid, child.newest.txid} <= there
        both = (parent.newest.fee + child.newest.fee) / (parent.newest.vsize + child.newest.vsize)
        assert 20 <= both < 21 and parent.trouble is child.trouble is None
    assert len((await desk.batch(first_help.id)).versions) == 2
    assert (await desk.batch_of(payout_id)).newest.txid in there

    await desk.mine(2)
    await desk.round()
    assert (await desk.payout(payout_id)).state is PayoutState.SETTLED
    assert {(await desk.batch(one)).state for one in (helped, alone)} == {BatchState.SETTLED}
    settled = sorted(await bank.told(EventKind.TRANSFER_SETTLED))
    assert settled == [("bump", 0), ("bump", 0), ("to_hot", 30_000_000), ("to_hot", 40_000_000)]
    async with desk.db.reading() as tx:
        assert [one for one in await live(tx) if one.purpose is not Purpose.PAYOUTS] == []
    assert sats((await bank.node.rpc("getbalances", wallet=HOT))["mine"]["untrusted_pending"]) == 0
