"""Deposits on a real node: seen, settled, dropped, reversed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.real.watching import DROPPED, SEEN, SETTLED, UNSETTLED, Post, a_wallet, again, posted

from hazina.chain import EventKind, OnchainUnavailable, OutputState, Policy, store
from hazina.chain.addresses import label
from hazina.chain.ports import NodeRefused, NodeSilent
from hazina.kernel.db import Database
from hazina.kernel.ids import public_id
from hazina.sandbox.real.bitcoind import MINER, Bitcoind


def by_sats(told: list[tuple[EventKind, int]]) -> list[tuple[EventKind, int]]:
    return sorted(told, key=lambda one: one[1])


@pytest.fixture
async def post(a_bitcoind: Bitcoind, db: Database) -> AsyncIterator[Post]:
    """A bank with a wallet of its own on a node that other tests have used."""
    await a_bitcoind.mine(1)
    made = await posted(a_bitcoind, db, a_wallet())
    yield made
    await made.close()


@pytest.fixture
async def lonely(bitcoind: Bitcoind, db: Database) -> AsyncIterator[Post]:
    """A bank on a node that may be stopped."""
    made = await posted(bitcoind, db, "hazina")
    yield made
    await made.close()


async def test_onc_01_a_payment_is_pending_until_it_is_deep_enough_for_its_amount(post: Post) -> None:
    for sats, needed in ((50_000, 2), (5_000_000, 3), (20_000_000, 6)):
        owner = public_id()
        txid = await post.node.send(await post.address(owner), sats)
        assert await post.news() == [(SEEN, sats)]
        assert [one.height for one in await post.chain.outputs([owner])] == [None]
        for depth in range(1, needed):
            assert await post.mine() == [], f"at depth {depth}"
        assert [one.confirmations_needed for one in await post.chain.outputs([owner])] == [needed]
        assert await post.mine() == [(SETTLED, sats)]
        assert await post.chain.outputs([owner]) == []
        assert post.told[-1].output and post.told[-1].output.txid == txid and post.told[-1].output.owner == owner
        assert await post.look() == [], "told once"


# --- addresses --------------------------------------------------------------------------------------


async def test_the_current_address_stays_until_it_is_paid_and_old_ones_work_for_ever(post: Post) -> None:
    owner = public_id()
    first = await post.chain.current_address(owner)
    assert await post.chain.current_address(owner) == first
    extra = await post.chain.new_address(owner)
    assert extra.text != first.text
    assert (await post.chain.current_address(owner)).text == extra.text, "the newest is the current one"
    await post.node.send(first.text, 30_000)
    await post.news()
    assert (await post.chain.current_address(owner)).text == extra.text, "the current one received nothing"
    await post.node.send(extra.text, 31_000)
    await post.news()
    fresh = await post.chain.current_address(owner)
    assert fresh.text not in (first.text, extra.text)
    assert await post.chain.current_address(owner) == fresh
    await post.mine(2)
    await post.node.send(first.text, 32_000)
    assert await post.news() == [(SEEN, 32_000)], "used, old, and still theirs"
    assert post.told[-1].output and post.told[-1].output.owner == owner


async def test_one_request_is_one_address(post: Post) -> None:
    owner, request = public_id(), public_id()
    made = await asyncio.gather(*(post.chain.new_address(owner, request) for _ in range(4)))
    assert len({one.text for one in made}) == 1
    assert (await post.chain.new_address(owner, request)).text == made[0].text
    for one in await post.rpc("getaddressesbylabel", label(owner, request), wallet=post.wallet):
        async with post.db.reading() as tx:
            known = await store.address(tx, one)
        assert known and known.owner == owner, "what was made too much is theirs as well"


async def test_an_address_that_only_the_node_knows_is_found_again_with_its_owner(post: Post) -> None:
    """A crash between node and database, or a database from an older copy."""
    owner, request = public_id(), public_id()
    lost = await post.rpc("getnewaddress", label(owner, request), "bech32", wallet=post.wallet)
    by_hand = await post.rpc("getnewaddress", "made by hand", "bech32", wallet=post.wallet)
    await post.node.send(lost, 40_000)
    await post.node.send(by_hand, 41_000)
    await post.node.mine(1)
    anew = await again(post)
    told = {one.output.address: one.output.owner for one in await anew.chain.events(0, 100) if one.output}
    assert told == {lost: owner, by_hand: None}
    assert (await anew.chain.new_address(owner, request)).text == lost
    await anew.rpc.close()


async def test_without_the_node_known_addresses_are_shown_and_no_new_one_is_made(lonely: Post) -> None:
    owner = public_id()
    known = await lonely.chain.current_address(owner)
    await lonely.node.stop()
    assert await lonely.chain.current_address(owner) == known
    with pytest.raises(OnchainUnavailable):
        await lonely.chain.new_address(owner)
    with pytest.raises(NodeSilent):
        await lonely.look()
    await lonely.node.start()
    await lonely.chain.new_address(owner)


# --- outputs ----------------------------------------------------------------------------------------


async def test_onc_04_every_output_of_a_transaction_counts_once_and_change_never(post: Post) -> None:
    first, second = public_id(), public_id()
    one, two, three = await post.address(first), await post.address(first), await post.address(second)
    txid = await post.pay_many([(one, 100_000), (two, 200_000), (three, 300_000)])
    assert await post.news(3) == [(SEEN, 100_000), (SEEN, 200_000), (SEEN, 300_000)]
    assert by_sats(await post.mine(2)) == [(SETTLED, 100_000), (SETTLED, 200_000), (SETTLED, 300_000)]
    assert {(one.output.owner, one.output.sats) for one in post.told[-3:] if one.output} == {
        (first, 100_000), (first, 200_000), (second, 300_000)
    }  # fmt: skip
    assert {one.output.txid for one in post.told if one.output} == {txid}
    # our own payment out of these coins: its change comes back to the wallet, and is nobody's deposit
    await post.rpc("sendtoaddress", await post.node.miner_address(), "0.00150000", wallet=post.wallet)
    assert await post.look() == []
    assert await post.mine(6) == []


async def test_onc_05_dust_is_recorded_and_never_told(post: Post) -> None:
    owner = public_id()
    address = await post.address(owner)
    txid = await post.pay_many([(address, 4_999)])
    assert await post.look() == [] and await post.chain.outputs([owner]) == []
    assert await post.mine(7) == [] and await post.chain.outputs([owner]) == []
    kept = await post.output(txid, 0) or await post.output(txid, 1)
    assert kept and kept.state is OutputState.DUST and kept.sats == 4_999
    await post.pay_many([(await post.address(owner), 5_000)])
    assert await post.news() == [(SEEN, 5_000)]


async def test_a_sum_cut_into_pieces_waits_as_long_as_the_whole(post: Post) -> None:
    outputs = [(await post.address(), 1_000_000) for _ in range(11)]
    await post.pay_many(outputs)
    await post.news(11)
    assert await post.mine(5) == []
    assert await post.mine() == [(SETTLED, 1_000_000)] * 11


async def test_a_block_that_came_at_once_is_told_in_order(post: Post) -> None:
    await post.node.send(await post.address(), 70_000)
    await post.node.mine(2)
    assert await post.news() == [(SEEN, 70_000), (SETTLED, 70_000)]


async def test_a_reward_is_credited_when_it_can_be_spent(post: Post) -> None:
    address = await post.address()
    await post.node.mine(1, address)
    (seen,) = await post.look()
    assert seen[0] is SEEN
    assert await post.mine(99) == []
    assert await post.mine() == [(SETTLED, seen[1])]


# --- what does not stay -----------------------------------------------------------------------------


async def test_a_replaced_payment_is_dropped(post: Post) -> None:
    owner = public_id()
    txid = await post.node.send(await post.address(owner), 60_000)
    assert await post.news() == [(SEEN, 60_000)]
    await post.replace(txid)
    assert await post.news() == [(DROPPED, 60_000)]
    assert await post.chain.outputs([owner]) == []
    assert await post.mine(7) == []
    assert await post.look() == []


async def test_a_fee_bump_is_the_old_payment_dropped_and_a_new_one_seen(post: Post) -> None:
    txid = await post.node.send(await post.address(), 60_000)
    await post.news()
    bumped = (await post.node.rpc("bumpfee", txid, wallet=MINER))["txid"]
    assert await post.news(2) == [(SEEN, 60_000), (DROPPED, 60_000)]
    assert await post.mine(2) == [(SETTLED, 60_000)]
    assert post.told[-1].output and post.told[-1].output.txid == bumped
    assert await post.credited() == await post.in_chain()


async def test_what_the_mempool_forgot_is_taken_when_it_is_mined(lonely: Post) -> None:
    """The node's mempool is lost (a power cut); the transaction comes back by another way."""
    txid = await lonely.node.send(await lonely.address(), 60_000)
    await lonely.news()
    raw = (await lonely.node.rpc("gettransaction", txid, wallet=MINER))["hex"]
    await lonely.node.rpc("unloadwallet", MINER)  # whose wallet would send it again at once
    await lonely.node.rpc("unloadwallet", lonely.wallet, False)
    await lonely.node.kill()
    await lonely.node.start()
    told: list[object] = []
    while not told:
        with contextlib.suppress(NodeSilent, NodeRefused):
            told = list(await lonely.look())
        if await lonely.node.mempool():
            break
    if told:
        assert told == [(DROPPED, 60_000)]
        await lonely.node.rpc("sendrawtransaction", raw)
        assert await lonely.news() == [(SEEN, 60_000)]
    assert await lonely.mine(2) == [(SETTLED, 60_000)]
    assert await lonely.credited() == 60_000


# --- reorganisations --------------------------------------------------------------------------------


@pytest.fixture(params=[1, 3, 6])
async def deep(request: pytest.FixtureRequest, a_bitcoind: Bitcoind, db: Database) -> AsyncIterator[tuple[Post, int]]:
    """A bank that asks for as many confirmations as blocks will be taken away."""
    depth: int = request.param
    await a_bitcoind.mine(1)
    made = await posted(a_bitcoind, db, a_wallet(), Policy(tiers=((None, depth),), tip_age_max=None))
    yield made, depth
    await made.close()


async def test_f13_a_reorganisation_reverses_and_credits_again_once(deep: tuple[Post, int]) -> None:
    """The payments fall back into the mempool, and are mined again later."""
    post, depth = deep
    txid = await post.pay_many([(await post.address(), 50_000), (await post.address(), 60_000)])
    await post.news(2)
    assert by_sats(await post.mine(depth)) == [(SETTLED, 50_000), (SETTLED, 60_000)]
    await post.reorganise(depth)
    assert by_sats(await post.look()) == [(UNSETTLED, 50_000), (UNSETTLED, 60_000)]
    assert await post.node.mempool() == [txid] and await post.credited() == 0
    assert await post.look() == []
    assert by_sats(await post.mine(depth)) == [(SETTLED, 50_000), (SETTLED, 60_000)]
    assert await post.credited() == await post.in_chain(depth) == 110_000
    assert await post.look() == []


async def test_f13_a_double_spend_in_the_other_branch_takes_the_deposit_away(deep: tuple[Post, int]) -> None:
    post, depth = deep
    txid = await post.node.send(await post.address(), 50_000)
    rival = await post.rival(txid)
    await post.news()
    assert await post.mine(depth) == [(SETTLED, 50_000)]
    await post.reorganise(depth, rival=rival)
    assert await post.look() == [(UNSETTLED, 50_000), (DROPPED, 50_000)]
    assert await post.mine(7) == []
    assert await post.credited() == await post.in_chain() == 0


async def test_f13_what_stands_in_both_branches_is_not_touched(deep: tuple[Post, int]) -> None:
    post, depth = deep
    await post.node.send(await post.address(), 50_000)
    await post.news()
    await post.mine(depth)
    await post.reorganise(depth, empty=False)
    assert await post.look() == []
    assert await post.credited() == await post.in_chain(depth) == 50_000


async def test_f13_the_other_branch_pays_later_in_it(post: Post) -> None:
    """Reversed by one commit although it is in the new branch, for it is not deep enough there; then once more."""
    await post.node.send(await post.address(), 50_000)
    await post.news()
    assert await post.mine(2) == [(SETTLED, 50_000)]
    await post.reorganise(2, instead=2)  # no more work yet: nothing is believed
    assert await post.look() == []
    await post.node.mine(1)
    assert await post.look() == [(UNSETTLED, 50_000)]
    assert await post.mine(1) == [(SETTLED, 50_000)]


async def test_f13_two_nodes_part_and_the_weaker_branch_gives_way(
    bitcoinds: tuple[Bitcoind, Bitcoind], db: Database
) -> None:
    a, b = bitcoinds
    post = await posted(a, db, "hazina")
    await a.part(b)
    txid = await a.send(await post.address(), 50_000)
    await post.news()
    assert await post.mine(3) == [(SETTLED, 50_000)]
    await b.mine(5)
    await a.join(b)
    assert await post.look() == [(UNSETTLED, 50_000)]
    assert txid in await a.mempool()
    assert await post.mine(2) == [(SETTLED, 50_000)]
    assert await post.credited() == await post.in_chain(2) == 50_000
    await post.close()


async def test_f13_a_reorganisation_while_the_bank_is_down(post: Post) -> None:
    await post.node.send(await post.address(), 50_000)
    await post.news()
    assert await post.mine(2) == [(SETTLED, 50_000)]
    await post.node.mine(3)
    await post.reorganise(5, instead=9)
    assert await post.look() == [(UNSETTLED, 50_000)]
    anew = await again(post)
    assert await anew.mine(2) and anew.told[-1].kind is SETTLED
    assert await anew.credited() == await anew.in_chain() == 50_000
    await anew.rpc.close()
