"""Signing keys: published before they sign, known until nothing of theirs is asked about, sealed at rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from hazina.kernel.clock import ManualClock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database
from hazina.oauth.keys import KeyRing
from hazina.oauth.model import ALGORITHMS, Policy
from hazina.oauth.threads import Threads

POLICY = Policy()
DAY = timedelta(days=1)


@pytest.fixture
async def threads(db: Database, program_url: str) -> AsyncIterator[Threads]:
    running = Threads(program_url)
    yield running
    await running.close()


async def signed(threads: Threads, ring: KeyRing, alg: str) -> str:
    return await threads.run(lambda: jwt.encode({"alg": alg}, {"n": 1}, ring.signing(alg), [alg]))


async def published_by(threads: Threads, ring: KeyRing) -> KeySet:
    document: Any = await threads.run(ring.document)
    return KeySet.import_key_set(document)


async def checks(threads: Threads, ring: KeyRing, token: str) -> bool:
    """Does somebody who reads what ``ring`` publishes take the token?"""
    keys = await published_by(threads, ring)
    return bool(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)


async def kid_of(threads: Threads, ring: KeyRing, alg: str) -> Any:
    return (await threads.run(lambda: ring.signing(alg))).keys[0].kid


async def test_oid_12_no_node_ever_meets_a_key_that_it_cannot_know(threads: Threads, clock: ManualClock) -> None:
    """Two processes over a year; what somebody outside fetched up to a day ago always checks what is signed now."""
    keys = Keys.fresh()
    one, two = (KeyRing(threads, keys, clock, POLICY) for _ in range(2))
    outside = await published_by(threads, one)
    kids = set()
    for day in range(0, 366, 9):
        for ring in (one, two) if day % 2 else (two, one):
            token = await signed(threads, ring, "ES256")
            assert jwt.decode(token, outside, algorithms=["ES256"]).claims
            assert await checks(threads, one, token) and await checks(threads, two, token)
        kids.add(await kid_of(threads, one, "ES256"))
        clock.advance(8 * DAY)
        outside = await published_by(threads, one if day % 4 else two)
        clock.advance(DAY)
    assert len(kids) in (4, 5), "a new one every 90 days"


async def test_oid_12_an_old_key_stays_published_and_then_goes(threads: Threads, clock: ManualClock) -> None:
    ring = KeyRing(threads, Keys.fresh(), clock, POLICY)
    token = await signed(threads, ring, "RS256")
    first = await kid_of(threads, ring, "RS256")
    clock.advance(89 * DAY)
    published = {key["kid"] for key in (await threads.run(ring.document))["keys"]}
    assert len(published) == 4 and await kid_of(threads, ring, "RS256") == first, "published, and not yet used"
    clock.advance(2 * DAY)
    assert await kid_of(threads, ring, "RS256") != first
    assert await checks(threads, ring, token)
    clock.advance(31 * DAY)
    clock.advance(58 * DAY)
    await threads.run(ring.document)  # the next rotation clears away
    clock.advance(timedelta(minutes=2))
    assert first not in {key["kid"] for key in (await threads.run(ring.document))["keys"]}


async def test_a_process_that_is_behind_signs_with_what_everybody_knows(threads: Threads, clock: ManualClock) -> None:
    keys = Keys.fresh()
    quick, slow = (KeyRing(threads, keys, clock, POLICY) for _ in range(2))
    old = await kid_of(threads, slow, "ES256")
    clock.advance(timedelta(seconds=59))
    await threads.run(lambda: threads.alone(quick.rotate_now))
    await threads.run(lambda: threads.alone(quick.rotate_now))
    assert await kid_of(threads, slow, "ES256") == old, "it has not looked again"
    token = await signed(threads, slow, "ES256")
    clock.advance(timedelta(minutes=1))
    assert await checks(threads, quick, token)
    assert len((await threads.run(quick.document))["keys"]) == 4, "twice at once is once"


async def test_a_stolen_key_is_dead_for_everybody_outside(threads: Threads, clock: ManualClock) -> None:
    ring = KeyRing(threads, Keys.fresh(), clock, POLICY)
    token = await signed(threads, ring, "ES256")
    await threads.run(lambda: threads.alone(lambda tx: ring.rotate_now(tx, stolen=True)))
    clock.advance(timedelta(minutes=2))
    with pytest.raises(JoseError):
        await checks(threads, ring, token)
    assert len((await threads.run(ring.document))["keys"]) == 2
    assert await checks(threads, ring, await signed(threads, ring, "ES256"))


async def test_keys_are_sealed_and_follow_the_banks_own(threads: Threads, db: Database, clock: ManualClock) -> None:
    old = Keys.fresh()
    ring = KeyRing(threads, old, clock, POLICY)
    token = await signed(threads, ring, "ES256")
    both = old.with_new()
    newer = KeyRing(threads, both, clock, POLICY)
    assert await threads.run(lambda: threads.alone(newer.reseal)) == 2
    assert await threads.run(lambda: threads.alone(newer.reseal)) == 0
    without = KeyRing(threads, both.without(old.active), clock, POLICY)
    assert await checks(threads, without, token)
    strange = KeyRing(threads, Keys.fresh(), clock, POLICY)
    assert await signed(threads, strange, "ES256"), "keys that do not open are gone: there are new ones at once"
    async with db.reading() as tx:
        assert await tx.value("select count(*) from oauth_key") == 4
