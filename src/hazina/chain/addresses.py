"""Receiving addresses. The node's label of an address says for whom and for what request it was made, so that one
which was made and never written down here is found again: by its request, or by its place on the descriptor.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import structlog

from hazina.chain import store
from hazina.chain.common import Parts
from hazina.chain.errors import NodeUnfit, OnchainUnavailable
from hazina.chain.model import Address
from hazina.chain.ports import Labelled, NodeRefused, NodeSilent
from hazina.kernel import addresses
from hazina.kernel.ids import derived, new_id

log = structlog.get_logger("hazina.chain")

LEARN_MAX = 500
MAKE_TRIES = 5


async def current_address(parts: Parts, owner: UUID) -> Address:
    """The owner's newest address, or a fresh one when that has been paid to. The same however often it is asked."""
    async with parts.db.reading() as tx:
        newest = await store.newest_address(tx, owner)
    if newest is None:
        return await new_address(parts, owner, owner)
    if newest.used_at is None:
        return newest
    return await new_address(parts, owner, derived(owner, newest.text))


async def new_address(parts: Parts, owner: UUID, request: UUID | None = None) -> Address:
    """One more address; the same ``request`` again, the same address.

    :raises OnchainUnavailable: the node is away, or the watch has not begun: what is paid might go unseen.
    """
    request = request or new_id()
    async with parts.db.reading() as tx:
        known = await store.address_of_request(tx, request)
        begun = await store.cursor(tx)
    if known is None:
        if begun is None:
            raise OnchainUnavailable()
        try:
            known = await _made(parts, owner, request)
        except (NodeSilent, NodeRefused) as error:
            raise OnchainUnavailable() from error
    assert known is not None and known.owner == owner, "a request names one address of one owner"
    return known


async def _made(parts: Parts, owner: UUID, request: UUID) -> Address:
    name = label(owner, request)
    for _ in range(MAKE_TRIES):
        await _learn(parts, await parts.bitcoin.address(name))
        async with parts.db.reading() as tx:
            known = await store.address_of_request(tx, request)
        if known is not None:
            return known
        # a wallet from an older backup gave one that somebody has already: theirs it stays
        await parts.bitcoin.next_address(name)
    raise NodeSilent("the wallet gives out addresses that others have: it is behind")


async def reconcile(parts: Parts) -> int:
    """Make wallet and database agree on what was given out; how many addresses were new to the database.

    :raises NodeUnfit: the wallet makes other addresses than those that customers have.
    """
    await _give_out_again(parts)
    return await _learn_unknown(parts)


async def _give_out_again(parts: Parts) -> None:
    """A wallet put back from an older backup would give the addresses of the time since to others: let it make them
    anew, under their labels, before anybody asks for one."""
    async with parts.db.reading() as tx:
        top = await store.last_place(tx)  # read first: what the node makes meanwhile comes behind it
    made = await parts.bitcoin.made()
    while made <= top:
        async with parts.db.reading() as tx:
            known = await store.addresses_from(tx, made, LEARN_MAX)
        for text, place, owner, request in known:
            if place != made:
                raise NodeUnfit(f"The wallet has given out {made:,} addresses, the bank knows one at place {place:,}.")
            again = await parts.bitcoin.next_address(label(owner, request) if owner and request else "")
            if again != text:
                raise NodeUnfit(f"The wallet's address at place {place:,} is not the one that the bank gave out.")
            made += 1
        log.warning("addresses_given_out_again", count=len(known), last=made - 1)


async def _learn_unknown(parts: Parts) -> int:
    """Write down what the wallet has given out and we do not have. (A crash between node and database, or a database
    put back from an older copy.)"""
    made = await parts.bitcoin.made()
    found, before = 0, -1
    while True:
        async with parts.db.reading() as tx:
            places = await store.unknown_places(tx, made, LEARN_MAX)
        if not places:
            return found
        if places[0] <= before:
            raise NodeSilent(f"no address at place {places[0]} of {made}")
        before = last = max(place for place in places if place - places[0] < LEARN_MAX)
        found += await _learn(parts, await parts.bitcoin.addresses(places[0], last))
        log.warning("addresses_found_again", first=places[0], last=last)


async def _learn(parts: Parts, made: Iterable[Labelled]) -> int:
    rows = [
        (one.text, addresses.read(one.text, parts.network).script, one.place, *meant_for(one.label)) for one in made
    ]
    async with parts.db.transaction() as tx:
        return await store.learn(tx, rows, parts.clock.now())


def label(owner: UUID, request: UUID) -> str:
    """What the node keeps with the address."""
    return f"{owner}/{request}"


def meant_for(label: str) -> tuple[UUID | None, UUID | None]:
    """Owner and request of a label; neither for one that is not ours: then the coins are the bank's own."""
    try:
        owner, request = label.split("/")
        return UUID(owner), UUID(request)
    except ValueError:
        return None, None
