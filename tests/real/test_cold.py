"""Hot and cold over a real node: swept by itself, brought back by two people and offline signatures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.real.banking import HOT, Desk, opened
from tests.real.signer import Signer

from hazina.chain import EventKind
from hazina.chain.batch import BatchState
from hazina.chain.cold import ColdPolicy, Draft
from hazina.chain.errors import (
    BadDescriptor,
    BadPsbt,
    ColdNameInvalid,
    ColdTooLittle,
    NeedsAnother,
    NoColdWallet,
    NoDraft,
    RefillStopped,
)
from hazina.chain.payout_store import live
from hazina.chain.treasury import Treasury
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.safety import OperatorRefused, Rail, Safety
from hazina.sandbox.real.bitcoind import Bitcoind

AMINA = ("amina", "amina's long passphrase")
BARAKA = ("baraka", "baraka's long passphrase")
SIGNERS = ("signer-1", "signer-2", "signer-3")
POLICY = ColdPolicy(threshold=150_000_000, least=10_000_000, kept=20_000_000)


@dataclass
class Bank:
    desk: Desk
    treasury: Treasury

    @property
    def node(self) -> Bitcoind:
        return self.desk.node

    async def cold_is(self, descriptor: str, name: str = "vault") -> None:
        await self.treasury.propose(name, descriptor, *AMINA)
        await self.treasury.confirm(name, *BARAKA)

    async def with_checksum(self, descriptor: str) -> str:
        return f"{descriptor}#{(await self.node.rpc('getdescriptorinfo', descriptor))['checksum']}"

    async def multisig(self) -> str:
        """2 of 3; the keys are in wallets of their own, as on three devices."""
        keys = []
        for signer in SIGNERS:
            await self.node.rpc("createwallet", signer)
            known = (await self.node.rpc("listdescriptors", wallet=signer))["descriptors"]
            (mine,) = [one["desc"] for one in known if one["desc"].startswith("wpkh") and not one["internal"]]
            keys.append(mine[len("wpkh(") : mine.index("/0/*")] + "/<0;1>/*")
        return await self.with_checksum(f"wsh(sortedmulti(2,{','.join(keys)}))")

    async def signed(self, psbt: str, *signers: str, sighash: str = "ALL") -> str:
        for signer in signers:
            psbt = (await self.node.rpc("walletprocesspsbt", psbt, True, sighash, wallet=signer))["psbt"]
        return psbt

    async def fund_cold(self, sats: int, name: str = "vault") -> None:
        await self.node.send(await self.desk.payouts.wallets.own_address(f"cold-{name}"), sats)
        await self.desk.mine(1)

    async def told(self, kind: EventKind) -> list[tuple[str, int]]:
        return [(one.transfer.direction, one.transfer.sats) for one in await self.desk.events(kind) if one.transfer]


@pytest.fixture
async def bank(bitcoind: Bitcoind, db: Database) -> AsyncIterator[Bank]:
    desk = await opened(bitcoind, db)
    safety = Safety(db, desk.clock)
    for name, passphrase in (AMINA, BARAKA):
        await safety.add_operator(name, passphrase, by="test")
    yield Bank(desk, Treasury(db, desk.clock, desk.payouts.wallets, desk.payouts, safety, POLICY))
    await desk.rpc.close()


async def test_coins_go_to_cold_by_themselves_and_come_back_by_two_people(bank: Bank) -> None:
    treasury, desk = bank.treasury, bank.desk
    assert await treasury.sweep() is None, "there is nowhere to keep them yet"
    proposed = await treasury.propose("vault", await bank.multisig(), *AMINA)
    assert proposed.first_address.startswith("bcrt1q") and await treasury.sweep() is None
    with pytest.raises(NeedsAnother):
        await treasury.confirm("vault", *AMINA)
    await treasury.confirm("vault", *BARAKA)
    queued = await desk.submit(await desk.outside(), 30_000_000)
    batch_id = await treasury.sweep()
    assert batch_id is not None and await treasury.sweep() is None, "one at a time"
    swept = 300_000_000 - 30_000_000 - POLICY.kept
    assert await bank.told(EventKind.TRANSFER_BROADCAST) == [("to_cold", swept)]
    await desk.mine(2)
    await desk.round()
    state = await treasury.state()
    assert state.cold is not None and (state.cold.ready, state.cold.coming) == (swept, 0)
    assert await bank.told(EventKind.TRANSFER_SETTLED) == [("to_cold", swept)]
    assert await treasury.sweep() is None, "under the threshold"

    draft = await treasury.draft(50_000_000, *AMINA)
    signed = await bank.signed(draft.psbt, *SIGNERS[:2])
    with pytest.raises(NeedsAnother):
        await treasury.release(draft.id, signed, *AMINA)
    with pytest.raises(OperatorRefused):
        await treasury.release(draft.id, signed, "baraka", "not her passphrase")
    refill = await treasury.release(draft.id, signed, *BARAKA)
    with pytest.raises(NoDraft):
        await treasury.release(draft.id, signed, *BARAKA)
    await desk.mine(2)
    await desk.round()
    assert (await desk.batch(refill)).state is BatchState.SETTLED
    assert (await bank.told(EventKind.TRANSFER_SETTLED))[-1] == ("to_hot", 50_000_000)
    after = await treasury.state()
    assert after.cold is not None and after.cold.ready == swept - 50_000_000 - draft.fee
    fees = (await desk.batch(batch_id)).newest.fee + (await desk.batch_of(queued)).newest.fee
    assert after.hot.ready == 300_000_000 - swept - 30_000_000 - fees + 50_000_000


async def test_a_late_refill_is_paid_for_by_the_hot_wallet(bank: Bank) -> None:
    """Its signers are not asked again: a child spends what it brings."""
    await bank.desk.rate(2_000)
    await bank.cold_is(await bank.multisig())
    await bank.fund_cold(100_000_000)
    draft = await bank.treasury.draft(50_000_000, *AMINA)
    refill = await bank.treasury.release(draft.id, await bank.signed(draft.psbt, *SIGNERS[1:]), *BARAKA)
    await bank.desk.rate(20_000)
    await bank.desk.round(bank.desk.payouts.policy.patience)
    async with bank.desk.db.reading() as tx:
        parent, child = await live(tx)
    assert (parent.id, child.parent) == (refill, refill)
    assert (parent.newest.fee + child.newest.fee) / (parent.newest.vsize + child.newest.vsize) >= 20
    await bank.desk.mine(2)
    await bank.desk.round()
    assert sorted(await bank.told(EventKind.TRANSFER_SETTLED)) == [("bump", 0), ("to_hot", 50_000_000)]


@pytest.mark.parametrize("kind", ["wpkh", "tr"])
async def test_a_cold_wallet_of_one_key_signed_by_another_library(bank: Bank, kind: str) -> None:
    signer = Signer.of(kind)
    assert signer.descriptor == await bank.with_checksum(signer.public), "both compute the same checksum"
    await bank.cold_is(signer.descriptor)
    await bank.fund_cold(100_000_000)
    draft = await bank.treasury.draft(60_000_000, *AMINA)
    await bank.treasury.release(draft.id, signer.sign(draft.psbt), *BARAKA)
    await bank.desk.mine(2)
    await bank.desk.round()
    assert await bank.told(EventKind.TRANSFER_SETTLED) == [("to_hot", 60_000_000)]


# -- what comes back is not what was drafted ----------------------------------------------------------


async def rebuilt(bank: Bank, draft: Draft, change: Callable[[list[Any], list[Any], dict[str, Any]], None]) -> str:
    """The draft with something changed, filled in and signed by two signers: valid, and not ours."""
    read = (await bank.node.rpc("decodepsbt", draft.psbt))["tx"]
    inputs = [{"txid": one["txid"], "vout": one["vout"], "sequence": one["sequence"]} for one in read["vin"]]
    outputs = [[one["scriptPubKey"]["address"], int(one["value"] * 100_000_000)] for one in read["vout"]]
    other = {"locktime": read["locktime"]}
    change(inputs, outputs, other)
    wanted = [{address: f"{sats / 100_000_000:.8f}"} for address, sats in outputs]
    made = await bank.node.rpc("createpsbt", inputs, wanted, other["locktime"], True)
    filled = (await bank.node.rpc("walletprocesspsbt", made, False, wallet="cold-vault"))["psbt"]
    filled = (await bank.node.rpc("walletprocesspsbt", filled, True, wallet=HOT))["psbt"]
    return await bank.signed(filled, *SIGNERS[:2])


async def less_to_us(bank: Bank, draft: Draft) -> str:
    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        outputs[0][1] -= 1

    return await rebuilt(bank, draft, change)


async def elsewhere(bank: Bank, draft: Draft) -> str:
    thief = await bank.desk.outside()

    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        outputs[0][0] = thief

    return await rebuilt(bank, draft, change)


async def change_elsewhere(bank: Bank, draft: Draft) -> str:
    thief = await bank.desk.outside()

    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        outputs[1][0] = thief

    return await rebuilt(bank, draft, change)


async def all_to_the_miner(bank: Bank, draft: Draft) -> str:
    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        outputs[1][1] -= 10_000_000

    return await rebuilt(bank, draft, change)


async def one_output_more(bank: Bank, draft: Draft) -> str:
    thief = await bank.desk.outside()

    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        outputs[1][1] -= 1_000_000
        outputs.append([thief, 1_000_000])

    return await rebuilt(bank, draft, change)


async def a_hot_coin_too(bank: Bank, draft: Draft) -> str:
    coin = (await bank.node.rpc("listunspent", wallet=HOT))[0]

    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        inputs.append({"txid": coin["txid"], "vout": coin["vout"]})

    return await rebuilt(bank, draft, change)


async def a_coin_less(bank: Bank, draft: Draft) -> str:
    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        inputs.pop()

    return await rebuilt(bank, draft, change)


async def not_before_block_500(bank: Bank, draft: Draft) -> str:
    def change(inputs: list[Any], outputs: list[Any], other: dict[str, Any]) -> None:
        other["locktime"] = 500

    return await rebuilt(bank, draft, change)


async def one_signature(bank: Bank, draft: Draft) -> str:
    return await bank.signed(draft.psbt, SIGNERS[0])


async def no_signature(bank: Bank, draft: Draft) -> str:
    return draft.psbt


async def for_no_output(bank: Bank, draft: Draft) -> str:
    return await bank.signed(draft.psbt, *SIGNERS[:2], sighash="NONE")


async def for_anyone_to_add(bank: Bank, draft: Draft) -> str:
    return await bank.signed(draft.psbt, *SIGNERS[:2], sighash="ALL|ANYONECANPAY")


async def finished_for_no_output(bank: Bank, draft: Draft) -> str:
    """The signer finalised it: the sighash stands only inside the witness."""
    signed = await for_no_output(bank, draft)
    return str((await bank.node.rpc("finalizepsbt", signed, False))["psbt"])


async def a_word(bank: Bank, draft: Draft) -> str:
    return "signed, thank you"


async def cut_off(bank: Bank, draft: Draft) -> str:
    return (await bank.signed(draft.psbt, *SIGNERS[:2]))[:-40]


async def endless(bank: Bank, draft: Draft) -> str:
    return "cHNidP8" + "A" * 2_000_000


TAMPERED: dict[Callable[[Bank, Draft], Awaitable[str]], str] = {
    less_to_us: "outputs",
    elsewhere: "outputs",
    change_elsewhere: "outputs",
    all_to_the_miner: "outputs",
    one_output_more: "outputs",
    a_hot_coin_too: "spends a coin",
    a_coin_less: "every coin",
    not_before_block_500: "lock time",
    one_signature: "signatures are missing",
    no_signature: "signatures are missing",
    for_no_output: "SIGHASH_ALL",
    for_anyone_to_add: "SIGHASH_ALL",
    finished_for_no_output: "SIGHASH_ALL",
    a_word: "no PSBT",
    cut_off: "",
    endless: "longer than",
}


async def test_what_was_tampered_with_is_refused_and_the_honest_one_still_passes(bank: Bank) -> None:
    await bank.cold_is(await bank.multisig())
    for _ in range(2):
        await bank.fund_cold(30_000_000)
    draft = await bank.treasury.draft(45_000_000, *AMINA)
    for tamper, said in TAMPERED.items():
        psbt = await tamper(bank, draft)
        with pytest.raises(BadPsbt) as refused:
            await bank.treasury.release(draft.id, psbt, *BARAKA)
        assert said in str(refused.value), tamper.__name__
        assert await bank.node.mempool() == [], tamper.__name__
    finished = await bank.node.rpc("finalizepsbt", await bank.signed(draft.psbt, *SIGNERS[:2]), False)
    await bank.treasury.release(draft.id, finished["psbt"], *BARAKA)
    assert len(await bank.node.mempool()) == 1


async def test_descriptors_that_the_node_refuses(bank: Bank) -> None:
    good = await bank.multisig()
    mainnet = good.replace("tpub", "xpub")
    wrong_sum = good[:-8] + ("q" * 8 if not good.endswith("q" * 8) else "p" * 8)
    for descriptor in (mainnet, wrong_sum):
        with pytest.raises(BadDescriptor, match="The node does not take it"):
            await bank.treasury.propose("vault", descriptor, *AMINA)
    with pytest.raises(ColdNameInvalid):
        await bank.treasury.propose("../vault", good, *AMINA)
    with pytest.raises(OperatorRefused):
        await bank.treasury.propose("vault", good, "amina", "not her passphrase")
    assert await bank.treasury.colds() == []
    await bank.treasury.propose("vault", good, *AMINA)
    with pytest.raises(ColdNameInvalid):
        await bank.treasury.propose("vault", good, *AMINA)
    with pytest.raises(NoColdWallet):
        await bank.treasury.confirm("attic", *BARAKA)


async def test_a_draft_that_is_dropped_frees_its_coins(bank: Bank) -> None:
    await bank.cold_is(await bank.multisig())
    await bank.fund_cold(30_000_000)
    with pytest.raises(ColdTooLittle):
        await bank.treasury.draft(30_000_000, *AMINA)
    draft = await bank.treasury.draft(20_000_000, *AMINA)
    await bank.treasury.safety.close(Rail.ONCHAIN, by="test", reason="who has the keys?")
    signed = await bank.signed(draft.psbt, *SIGNERS[:2])
    with pytest.raises(RefillStopped):
        await bank.treasury.release(draft.id, signed, *BARAKA)
    with pytest.raises(RefillStopped):
        await bank.treasury.draft(5_000_000, *AMINA)
    for operator in (AMINA, BARAKA):
        await bank.treasury.safety.lift(Rail.ONCHAIN, *operator)
    with pytest.raises(ColdTooLittle):
        await bank.treasury.draft(5_000_000, *AMINA)
    await bank.treasury.drop(draft.id, *BARAKA)
    with pytest.raises(NoDraft):
        await bank.treasury.release(draft.id, await bank.signed(draft.psbt, *SIGNERS[:2]), *BARAKA)
    with pytest.raises(NoDraft):
        await bank.treasury.drop(new_id(), *BARAKA)
    assert (await bank.treasury.draft(5_000_000, *AMINA)).sats == 5_000_000
