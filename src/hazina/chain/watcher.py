"""The watch over the chain: it takes in one block after the other, then the mempool, and writes down what is paid to
us. What it knows is in the database, so it may die anywhere and be begun anew.

The node's best chain is the truth. The cursor is the newest block that was taken in; a chain is followed when it has
more work than the cursor's, whether it carries on from there or forks off earlier. A node with less work than we have
seen is not believed, it is waited for. News by ZMQ only ends the rest between two looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from hazina.chain import addresses, flow, store
from hazina.chain.common import Parts
from hazina.chain.errors import NodeUnfit
from hazina.chain.flow import Change
from hazina.chain.model import Found, Output, Place
from hazina.chain.ports import Header, NodeInfo, NodeRefused, NodeSilent
from hazina.kernel import blocks
from hazina.kernel.bolt11 import Network
from hazina.kernel.db import Tx

log = structlog.get_logger("hazina.chain")

VERSION_MIN = 270_000
BLOCKS_AT_ONCE = 6
"""Blocks that are taken in by one commit when there are many."""
FIRST_PLACES = 100
"""Blocks under the first cursor that are remembered: a reorganisation may come on the first day."""
PENDING_MAX = 2_000
"""Outputs of the mempool that are looked at; more are found when they are mined."""
WAITING_MAX = 2 * PENDING_MAX
MISSING_MAX = 500
"""Of ours that wait, and of these such as the wallet does not show, how many are looked at in one look."""
SHARE = 5
"""Rest at least so many times as long as a look took: a large wallet must not keep the node busy for us."""
REST_MIN_S, REST_MAX_S = 0.1, 60.0
"""However much news there is: a busy network has some ten times a second."""
LEARN_EVERY = timedelta(minutes=10)


class Watcher:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._learned_at: float | None = None
        """None: the node has not been opened since it last failed."""

    async def run(self) -> None:
        """For ever."""
        clock, said = self._parts.clock, ""
        while True:
            began = clock.steady()
            try:
                await self.look()
                trouble = ""
            except (NodeSilent, NodeRefused, NodeUnfit) as error:
                trouble = f"{type(error).__name__}: {error}"
            except Exception as error:  # deposits must be seen, whatever this was: look again
                trouble = f"{type(error).__name__}: {error}"
                log.exception("chain_watch_stumbled")
            if trouble != said:
                log.warning("chain_watch", trouble=trouble or None)
                said = trouble
            least = min(max(SHARE * (clock.steady() - began), REST_MIN_S), REST_MAX_S)
            await asyncio.sleep(least)
            await self._parts.bitcoin.hint(max(self._parts.policy.poll.total_seconds() - least, 0))

    async def look(self) -> None:
        """Take in what is new.

        :raises NodeSilent, NodeRefused, NodeUnfit: the next look opens the node anew.
        """
        try:
            await self._look()
        except BaseException:
            self._learned_at = None
            raise

    async def _look(self) -> None:
        parts = self._parts
        info = await parts.bitcoin.info()
        if self._learned_at is None:
            await begin(parts, info)
        await _note(parts, info)
        now = parts.clock.steady()
        if self._learned_at is None or now - self._learned_at > LEARN_EVERY.total_seconds():
            await addresses.reconcile(parts)
            self._learned_at = now
        while await take_blocks(parts, info):
            info = await parts.bitcoin.info()
            await _note(parts, info)
        await take_mempool(parts)


async def _note(parts: Parts, info: NodeInfo) -> None:
    async with parts.db.transaction() as tx:
        await store.note_node(tx, info.height, info.headers, info.catching_up, info.best, parts.clock.now())


async def begin(parts: Parts, info: NodeInfo) -> None:
    """Make sure that this is a node for us, open the wallet, and take the first cursor.

    :raises NodeUnfit: it is not, and waiting will not help.
    """
    async with parts.db.reading() as tx:
        known, cursor = await store.wallet(tx), await store.cursor(tx)
    must_fit(info, parts.network, cursor)
    descriptor = await parts.bitcoin.open_wallet(make=known is None)
    if known is None:
        assert descriptor is not None, "it was made"
        given_out = await parts.bitcoin.made()
        async with parts.db.transaction() as tx:
            # another process may have begun meanwhile, and given out addresses: then they are the bank's
            if given_out and cursor is None and await store.wallet(tx) is None:
                raise NodeUnfit(
                    f"The wallet {parts.bitcoin.wallet} on this node has given out addresses that this bank does not "
                    "know: it is another bank's. Name another in the settings ([bitcoind] wallet), or bring back this "
                    "bank's database."
                )
            await store.keep_wallet(tx, parts.bitcoin.wallet, descriptor, parts.clock.now())
    elif known[0] != parts.bitcoin.wallet:
        raise NodeUnfit(f"The settings name the wallet {parts.bitcoin.wallet}; this bank's is {known[0]}.")
    elif known[1] != descriptor:
        raise NodeUnfit(
            f"This node has no wallet {known[0]} with the bank's keys. Bring it back from its backup; the bank makes "
            "no new one, because customers pay to addresses of the old."
        )
    if cursor is None:
        await _first_cursor(parts, info)


def must_fit(info: NodeInfo, network: Network, cursor: Place | None) -> None:
    """:raises NodeUnfit:"""
    if info.network is not network:
        other = info.network.name.lower() if info.network else "unknown"
        raise NodeUnfit(f"The Bitcoin node is on another network ({other}) than the bank ({network.name.lower()}).")
    if info.version < VERSION_MIN:
        raise NodeUnfit(
            f"The Bitcoin node's version {info.version:,} is too old: the bank needs {VERSION_MIN:,} or newer."
        )
    if cursor is not None and info.pruned_below > cursor.height + 1:
        raise NodeUnfit(
            f"The Bitcoin node has pruned blocks that the bank has not seen: it needs {cursor.height + 1:,} and newer, "
            f"the node begins at {info.pruned_below:,}. Start it with -reindex, and prune less (about 2 GB a week)."
        )


async def _first_cursor(parts: Parts, info: NodeInfo) -> None:
    if info.catching_up and parts.network is not Network.REGTEST:
        await _note(parts, info)  # so that whoever asks is told so
        raise NodeSilent("the node is in its initial download; addresses are given out when it is done")
    headers = await parts.bitcoin.headers(max(info.height - FIRST_PLACES, 0), info.height)
    if not headers:
        raise NodeSilent("the node showed no header")
    async with parts.db.transaction() as tx:
        await store.one_watcher(tx)
        if await store.cursor(tx) is None:
            await store.move_cursor(tx, -1, [Place(one.height, one.hash, one.work) for one in headers])


# --- blocks -----------------------------------------------------------------------------------------


async def take_blocks(parts: Parts, info: NodeInfo) -> bool:
    """Take in the next blocks of the node's best chain; False when there is none that we have not."""
    async with parts.db.reading() as tx:
        cursor = await store.cursor(tx)
    assert cursor is not None, "the watch has begun"
    if info.best == cursor.hash or info.work <= cursor.work:
        return False
    fork = await _fork(parts, cursor)
    headers = await _next(parts, cursor, fork, info.height)
    found: list[Found] = []
    previous = fork.hash
    for header in headers:
        block = await _block(parts, header)
        if block.previous != previous:
            return True  # the chain changed between two questions: ask again
        previous = header.hash
        found += await _paid_to_us(parts, block, header.height)
    return bool(headers) and await _apply(parts, cursor, fork, headers, found)


async def _next(parts: Parts, cursor: Place, fork: Place, tip: int) -> list[Header]:
    """The blocks to take in by one commit. A reorganisation is taken until it has more work than what it replaces:
    the bank never goes back to a weaker chain."""
    last = min(tip, max(fork.height, cursor.height) + BLOCKS_AT_ONCE)
    headers = await parts.bitcoin.headers(fork.height + 1, last)
    while headers and headers[-1].work <= cursor.work:
        more = await parts.bitcoin.headers(last + 1, last + BLOCKS_AT_ONCE)
        if not more:
            return []
        headers, last = headers + more, last + BLOCKS_AT_ONCE
    return headers


async def _fork(parts: Parts, cursor: Place) -> Place:
    """The newest block that was taken in and is part of the node's best chain."""
    below = cursor.height + 1
    while True:
        async with parts.db.reading() as tx:
            places = await store.places(tx, below, FIRST_PLACES)
        for place in places:
            header = await parts.bitcoin.header(place.hash)
            if header is not None and header.active:
                return place
        if not places:
            raise NodeUnfit(
                f"The node's chain has no block in common with the last {store.BLOCKS_KEPT:,} that the bank has seen: "
                "it is another chain, or a reorganisation that no program should follow by itself."
            )
        below = places[-1].height


async def _block(parts: Parts, header: Header) -> blocks.Block:
    raw = await parts.bitcoin.block(header.hash)
    try:
        block = await asyncio.to_thread(blocks.read, raw)  # a full one takes a noticeable time
    except blocks.BlockUnreadable as error:
        raise NodeSilent(f"block {header.hash} cannot be read: {error}") from error
    if block.hash != header.hash:
        raise NodeSilent(f"block {block.hash} came where {header.hash} was asked for")
    return block


async def _paid_to_us(parts: Parts, block: blocks.Block, height: int) -> list[Found]:
    async with parts.db.reading() as tx:
        ours = await store.ours(tx, list({one.script for one in block.outputs}))
    txids: dict[int, str] = {}
    found = []
    for one in block.outputs:
        if one.script in ours and one.sats > 0:
            txid = txids.get(one.n) or txids.setdefault(one.n, block.txid(one.n))
            text, owner = ours[one.script]
            found.append(Found(txid, one.vout, text, owner, one.sats, height, coinbase=one.n == 0))
    return found


async def _apply(parts: Parts, cursor: Place, fork: Place, headers: Sequence[Header], found: Sequence[Found]) -> bool:
    now, tip = parts.clock.now(), headers[-1].height
    rewound = fork.height < cursor.height
    async with parts.db.transaction() as tx:
        await store.one_watcher(tx)
        if await store.cursor(tx) != cursor:
            return True  # another watcher was quicker: look again from there
        known = await store.outputs(tx, [one.key for one in found])
        known += await store.touched(tx, fork.height, tip, rewound=rewound)
        changes = flow.advanced(
            {(one.txid, one.vout): one for one in known}, found, fork.height, tip, now, parts.policy
        )
        await _keep(tx, changes, now)
        await store.move_cursor(tx, fork.height, [Place(one.height, one.hash, one.work) for one in headers])
    if rewound:
        log.warning("reorganised", fork=fork.height, was=cursor.height, now=tip, changed=len(changes))
    return True


async def _keep(tx: Tx, changes: Sequence[Change], now: datetime) -> None:
    await store.keep_outputs(tx, [one.output for one in changes], now)
    await store.tell(tx, [(kind, one.output) for one in changes for kind in one.told], now)


# --- the mempool ------------------------------------------------------------------------------------


async def take_mempool(parts: Parts) -> None:
    """Write down what waits in the mempool, and what has gone from it without a block."""
    async with parts.db.reading() as tx:
        cursor, waiting = await store.cursor(tx), await store.waiting(tx, WAITING_MAX)
    pending = await parts.bitcoin.pending(parts.policy.deposit_sats_min, PENDING_MAX)
    seen = {(one.txid, one.vout) for one in pending}
    missing = [one for one in waiting if (one.txid, one.vout) not in seen][:MISSING_MAX]
    there = await parts.bitcoin.in_mempool(sorted({one.txid for one in missing})) if missing else set()
    info = await parts.bitcoin.info()
    # only then can it not have gone into a block that we have not taken in
    sure = info.mempool_loaded and cursor is not None and info.best == cursor.hash
    gone = [(one.txid, one.vout) for one in missing if sure and one.txid not in there]
    now = parts.clock.now()
    async with parts.db.transaction() as tx:
        owners = await store.our_addresses(tx, list({one.address for one in pending}))
        found = [
            Found(one.txid, one.vout, one.address, owners[one.address], one.sats)
            for one in pending
            if one.address in owners  # the rest is change of our own
        ]
        if found or gone:
            await store.one_watcher(tx)
            if await store.cursor(tx) != cursor:
                return
            known: list[Output] = await store.outputs(tx, [*(one.key for one in found), *gone])
            changes = flow.sighted({(one.txid, one.vout): one for one in known}, found, gone, now, parts.policy)
            await _keep(tx, changes, now)
        if info.best == (cursor and cursor.hash):
            await store.note_done(tx, now)
