"""The watch over the chain when things go wrong: the node away, behind, another one; the bank killed anywhere."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.real.watching import DROPPED, SEEN, SETTLED, UNSETTLED, Post, a_wallet, again, posted

from hazina.adapters.bitcoind import Bitcoind as Adapter
from hazina.adapters.bitcoind_rpc import Rpc
from hazina.chain import Chain, NodeUnfit, OnchainUnavailable, Policy, Speed
from hazina.chain.model import Place
from hazina.chain.ports import NodeInfo, NodeRefused, NodeSilent
from hazina.chain.watcher import Watcher, must_fit
from hazina.kernel import blocks
from hazina.kernel.bolt11 import Network
from hazina.kernel.db import Database, Tx
from hazina.kernel.ids import public_id
from hazina.sandbox.real.bitcoind import MINER, Bitcoind


@pytest.fixture
async def post(a_bitcoind: Bitcoind, db: Database) -> AsyncIterator[Post]:
    await a_bitcoind.mine(1)
    made = await posted(a_bitcoind, db, a_wallet())
    yield made
    await made.close()


# --- killed anywhere --------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is no more."""


class Knife:
    """Ends everything after so many calls and commits."""

    def __init__(self, after: int) -> None:
        self.left = after

    def cut(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class CutNode:
    """The real node, reached by a process that dies: its last call was made, the answer was not read."""

    def __init__(self, node: Any, knife: Knife) -> None:
        self._node = node
        self._knife = knife

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._node, name)
        if not asyncio.iscoroutinefunction(real):
            return real

        async def call(*values: Any, **named: Any) -> Any:
            answer = await real(*values, **named)
            self._knife.cut()
            return answer

        return call


class CutDatabase:
    """The real database, likewise: the last transaction is committed, or is not."""

    def __init__(self, db: Database, knife: Knife) -> None:
        self._db = db
        self._knife = knife

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self._db.transaction() as tx:
            yield tx
            self._knife.cut()
        self._knife.cut()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        async with self._db.reading() as tx:
            yield tx


async def killed_while_looking(post: Post, after: int) -> bool:
    """A fresh process begins and dies after so many steps; False when it was done before."""
    knife = Knife(after)
    parts = post.chain.parts
    cut = replace(parts, db=CutDatabase(parts.db, knife), bitcoin=CutNode(parts.bitcoin, knife))  # type: ignore[arg-type]  # they are what they stand before
    try:
        await Watcher(cut).look()
    except Killed:
        return True
    return False


async def test_f12_killed_at_any_step_nothing_is_lost_or_told_twice(post: Post) -> None:
    """At each step of a look that takes in a reorganisation: one deposit is gone, its coins pay for another."""
    steps = 0
    killed = True
    while killed:
        steps += 1
        txid = await post.node.send(await post.address(), 50_000)
        rival = await post.rival(txid, to=(await post.address(), 60_000))
        assert (await post.mine(2))[-1] == (SETTLED, 50_000)
        await post.reorganise(2, rival=rival)
        killed = await killed_while_looking(post, steps)
        told = sorted(await post.look(), key=lambda one: one[1])
        lost, came = [(UNSETTLED, 50_000), (DROPPED, 50_000)], [(SEEN, 60_000), (SETTLED, 60_000)]
        assert told == lost + came, f"cut after {steps} steps"
    assert steps > 12, "there are so many steps"
    assert await post.credited() == await post.in_chain() == steps * 60_000


async def test_two_watchers_at_once_tell_everything_once(post: Post) -> None:
    other = await again(post)
    for _ in range(5):
        for sats in (50_000, 60_000, 70_000):
            await post.node.send(await post.address(), sats)
        await post.node.mine(2)
        await asyncio.gather(post.watcher.look(), other.watcher.look(), return_exceptions=False)
    told = await post.look()
    assert len(told) == 30 and await post.credited() == await post.in_chain() == 900_000
    await other.rpc.close()


# --- the node away, behind, unfit -------------------------------------------------------------------


async def test_f12_the_node_gone_for_ten_minutes(bitcoinds: tuple[Bitcoind, Bitcoind], db: Database) -> None:
    """Money that comes meanwhile is late, not lost; somebody is told within two minutes."""
    a, b = bitcoinds
    await b.mine(101)
    await until_agreed(a, b)
    post = await posted(a, db, "hazina")
    addresses = [await post.address() for _ in range(2)]
    await a.part(b)
    await a.stop()
    sent = [await b.send(address, 30_000) for address in addresses]
    post.clock.advance(timedelta(minutes=2))
    with pytest.raises(NodeSilent):
        await post.look()
    assert "not answered" in (await post.chain.trouble() or "")
    await b.mine(3)
    post.clock.advance(timedelta(minutes=8))
    with pytest.raises(NodeSilent):
        await post.look()
    await a.start()
    await a.join(b)
    told = await post.news(4)
    assert {one.output.txid for one in post.told if one.output} == set(sent) and len(told) == 4
    assert await post.chain.trouble() is None
    await post.close()


async def until_agreed(a: Bitcoind, b: Bitcoind) -> None:
    async def agreed() -> bool:
        return bool(await a.rpc("getbestblockhash") == await b.rpc("getbestblockhash"))

    await until(agreed)


async def test_f12_the_watch_goes_on_by_itself_when_the_node_is_back(bitcoind: Bitcoind, db: Database) -> None:
    post = await posted(bitcoind, db, "hazina", Policy(poll=timedelta(milliseconds=20), tip_age_max=None))
    running = asyncio.create_task(Watcher(post.chain.parts).run())
    try:
        await bitcoind.stop()
        await asyncio.sleep(0.1)
        await bitcoind.start()
        await bitcoind.send(await until(post.address), 50_000)
        await bitcoind.mine(2)

        async def told() -> bool:
            return len(await post.chain.events(0, 10)) == 2

        await until(told)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await post.close()


async def until(asked: Callable[[], Awaitable[Any]]) -> Any:
    """What ``asked`` answers once it is something."""
    async with asyncio.timeout(120):
        while True:
            try:
                if answer := await asked():
                    return answer
            except (NodeSilent, OnchainUnavailable):
                pass
            await asyncio.sleep(0.02)


async def test_f12_a_node_with_less_work_than_was_seen_is_not_believed(post: Post) -> None:
    await post.node.send(await post.address(), 50_000)
    await post.news()
    assert await post.mine(3) == [(SETTLED, 50_000)]
    old = await post.node.rpc("getblockhash", await post.node.height() - 4)
    await post.node.rpc("invalidateblock", old)
    assert await post.look() == []
    assert "behind" in (await post.chain.trouble() or "")
    await post.node.rpc("reconsiderblock", old)
    assert await post.look() == [] and await post.chain.trouble() is None
    assert await post.credited() == await post.in_chain() == 50_000


async def test_another_chain_is_not_followed(post: Post) -> None:
    async with post.db.transaction() as tx:
        await tx.execute("update chain_block set hash = reverse(hash)")
    await post.node.mine(1)
    with pytest.raises(NodeUnfit, match="another chain"):
        await post.look()


async def test_another_banks_wallet_is_refused(post: Post) -> None:
    await post.address()
    async with post.db.transaction() as tx:
        for table in ("chain_output", "chain_address", "chain_block", "chain_wallet"):
            await tx.execute(f"delete from {table}")
    with pytest.raises(NodeUnfit, match="another bank's"):
        await again(post)


async def test_no_new_wallet_is_made_in_place_of_one_that_is_gone(bitcoind: Bitcoind, db: Database) -> None:
    post = await posted(bitcoind, db, "hazina")
    await post.address()
    await bitcoind.rpc("unloadwallet", "hazina")
    folder = Path(bitcoind.folder) / "regtest" / "wallets" / "hazina"
    kept = folder.with_name("kept")
    shutil.move(folder, kept)
    with pytest.raises(NodeUnfit, match="from its backup"):
        await again(post)
    with pytest.raises(NodeRefused):
        await post.look()
    await bitcoind.rpc("createwallet", "hazina")
    with pytest.raises(NodeUnfit, match="from its backup"):
        await again(post)
    await bitcoind.rpc("unloadwallet", "hazina")
    shutil.rmtree(folder)
    shutil.move(kept, folder)
    whole = await again(post)
    await bitcoind.send(await whole.address(), 50_000)
    assert await whole.news() == [(SEEN, 50_000)]
    await whole.rpc.close()
    await post.close()


@pytest.mark.parametrize("in_a_hurry", [False, True])
async def test_a_wallet_from_an_older_backup_gives_nobodys_address_away(
    post: Post, tmp_path: Path, in_a_hurry: bool
) -> None:
    owner = public_id()
    await post.address()
    await post.rpc("backupwallet", str(tmp_path / "backup.dat"), wallet=post.wallet)
    given = [(await post.chain.new_address(owner)).text for _ in range(5)]
    await post.rpc("unloadwallet", post.wallet)
    shutil.rmtree(Path(post.node.folder) / "regtest" / "wallets" / post.wallet)
    await post.rpc("restorewallet", post.wallet, str(tmp_path / "backup.dat"))
    early = public_id()
    if in_a_hurry:  # it asks before the watch has looked
        with pytest.raises(OnchainUnavailable):
            await post.chain.current_address(early)
        first = await post.chain.current_address(early)
        assert first.text not in given and first.owner == early
    anew = await again(post)
    other = await anew.address()
    assert other not in [*given, (await anew.chain.current_address(early)).text]
    await post.node.send(given[3], 50_000)
    assert await anew.news() == [(SEEN, 50_000)]
    assert anew.told[-1].output and anew.told[-1].output.owner == owner
    assert await anew.mine(2) == [(SETTLED, 50_000)] and await anew.in_chain() == 50_000
    assert (await anew.chain.new_address(owner)).text not in [*given, other]
    await anew.close()


async def test_a_node_of_another_network_is_refused_at_the_start(post: Post) -> None:
    parts = post.chain.parts
    chain = Chain(parts.db, parts.clock, parts.bitcoin, post.chain.payouts.wallets, Network.MAIN)
    with pytest.raises(NodeUnfit, match="another network"):
        await chain.start()
    await post.chain.start()


INFO = NodeInfo(Network.MAIN, 290_000, 900_000, 900_000, "0" * 64, 1, False, 0, True, 1_000)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (replace(INFO, network=Network.TEST), "another network"),
        (replace(INFO, network=None), "another network"),
        (replace(INFO, version=240_100), "too old"),
        (replace(INFO, pruned_below=899_002), "pruned"),
    ],
)
def test_what_makes_a_node_unfit(info: NodeInfo, said: str) -> None:
    cursor = Place(899_000, "0" * 64, 1)
    must_fit(INFO, Network.MAIN, cursor)
    must_fit(replace(INFO, pruned_below=899_001), Network.MAIN, cursor)
    with pytest.raises(NodeUnfit, match=said):
        must_fit(info, Network.MAIN, cursor)


# --- fee rates --------------------------------------------------------------------------------------


async def test_onc_09_rates_of_a_young_chain_and_of_one_that_knows(bitcoind: Bitcoind, db: Database) -> None:
    post = await posted(bitcoind, db, "hazina")
    with pytest.raises(OnchainUnavailable):
        await post.chain.estimate(None, Speed.FAST, None)
    await post.chain.refresh_rates()
    assert (await post.chain.rate(Speed.SLOW)).msat_per_vb == Policy().rate_fallback
    assert not (await post.chain.rate(Speed.SLOW)).estimated
    await bitcoind.mine(50)  # coins enough: what spends change that waits itself teaches the node nothing
    for _ in range(5):
        for n in range(8):
            await bitcoind.send(await bitcoind.miner_address(), 20_000, sat_per_vbyte=20 + n)
        await bitcoind.mine(1)
    await post.chain.refresh_rates()
    rates = [await post.chain.rate(speed) for speed in (Speed.FAST, Speed.MEDIUM, Speed.SLOW)]
    assert rates[0].estimated and rates[0].msat_per_vb > 10_000
    assert rates == sorted(rates, key=lambda one: -one.msat_per_vb), "slower is never dearer"
    quote = await post.chain.estimate(None, Speed.FAST, await post.address())
    assert quote.msat_per_vb == rates[0].msat_per_vb and quote.vbytes == 141, "P2WPKH, one in and two out"
    post.clock.advance(timedelta(hours=2))
    with pytest.raises(OnchainUnavailable):
        await post.chain.estimate(None, Speed.FAST, None)
    await post.close()


# --- the adapter ------------------------------------------------------------------------------------


async def test_a_cookie_is_read_again_after_the_node_has_started_anew(bitcoind: Bitcoind, tmp_path: Path) -> None:
    cookie = tmp_path / ".cookie"
    cookie.write_text("somebody:else")
    rpc = Rpc(bitcoind.url, cookie=cookie)
    with pytest.raises(NodeRefused, match="cookie"):
        await rpc("getblockcount")
    cookie.write_text(f"{bitcoind.user}:{bitcoind.password}\n")
    assert await rpc("getblockcount") == 101
    await bitcoind.stop()
    with pytest.raises(NodeSilent):
        await rpc("getblockcount")
    cookie.unlink()
    await bitcoind.start()
    assert await rpc("getblockcount") == 101
    await rpc.close()


async def test_blocks_are_read_as_the_node_reads_them(post: Post) -> None:
    """With witnesses and without, many outputs, and a script that is no address."""
    legacy = await post.node.rpc("getnewaddress", "", "legacy", wallet=MINER)
    await post.node.send(legacy, 10_000_000)
    said = await post.node.rpc("listdescriptors", wallet=MINER)
    descriptor = next(one["desc"] for one in said["descriptors"] if one["desc"].startswith("wpkh("))
    addresses = await post.node.rpc("deriveaddresses", descriptor, [1_000, 1_299])
    await post.pay_many([(address, 10_000 + n) for n, address in enumerate(addresses)])
    await post.node.mine(1)
    await post.node.rpc("send", {await post.node.miner_address(): "0.05", "data": "00" * 40}, wallet=MINER)
    (tip,) = await post.node.mine(1)
    for hash_ in ((await post.node.rpc("getblock", tip))["previousblockhash"], tip):
        ours = blocks.read(await post.chain.parts.bitcoin.block(hash_))
        theirs = await post.node.rpc("getblock", hash_, 2)
        assert (ours.hash, ours.previous) == (theirs["hash"], theirs["previousblockhash"])
        assert [ours.txid(n) for n in range(len(theirs["tx"]))] == [one["txid"] for one in theirs["tx"]]
        assert [(one.n, one.vout, one.sats, one.script.hex()) for one in ours.outputs] == [
            (n, out["n"], int(out["value"] * 100_000_000), out["scriptPubKey"]["hex"])
            for n, one in enumerate(theirs["tx"])
            for out in one["vout"]
        ]


@pytest.mark.parametrize("topic", ["hashblock", "rawblock", "rawtx", "sequence"])
async def test_news_end_the_rest(a_bitcoind: Bitcoind, topic: str) -> None:
    """ZMQ is a hint: it comes, or it does not."""
    node = Adapter(Rpc(a_bitcoind.url), "none", [a_bitcoind.zmq.get(topic, next(iter(a_bitcoind.zmq.values())))])
    await node.hint(0.01)

    async def mined_until_heard() -> None:
        while not await node.hint(0.5):
            await a_bitcoind.mine(1)

    async with asyncio.timeout(120):
        await mined_until_heard()
    await node.close()
    deaf = Adapter(Rpc(a_bitcoind.url), "none", ["tcp://127.0.0.1:1"])
    assert not await deaf.hint(0.05)
    await deaf.close()


async def test_addresses_of_owners_do_not_mix(post: Post) -> None:
    """Twenty customers at once; every address is one owner's."""
    owners = [public_id() for _ in range(20)]
    made = await asyncio.gather(*(post.chain.current_address(owner) for owner in owners))
    assert len({one.text for one in made}) == 20
    assert [one.owner for one in made] == owners
    assert [(await post.chain.current_address(owner)).text for owner in owners] == [one.text for one in made]
