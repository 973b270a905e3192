"""Telling of zaps that were paid: a receipt for each (NIP-57), stored before it is published, published until a relay
has it. Anybody may do a round, at any time; a receipt made twice is the same event."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from hazina.links import store
from hazina.links.common import Parts
from hazina.links.store import Zap
from hazina.links.zap import receipt, relays_of
from hazina.payments import paid_at

log = structlog.get_logger("hazina.links")

BATCH = 200
TAKEN = timedelta(seconds=60)
"""For so long nobody else looks at what a round has taken."""
TRIES = 8


async def round_of_zaps(parts: Parts) -> int:
    """How many were looked at."""
    now = parts.clock.now()
    async with parts.db.transaction() as tx:
        due = await store.take_zaps(tx, now, now + TAKEN, BATCH)
    async with parts.db.reading() as tx:
        paid = await paid_at(tx, [zap.payment_hash for zap in due if zap.state == store.WAITING])
    gate = asyncio.Semaphore(10)

    async def one(zap: Zap) -> None:
        async with gate:
            try:
                await _on(parts, zap, paid.get(zap.payment_hash), now)
            except Exception:
                log.exception("zap_not_told", hash=zap.payment_hash.hex())

    await asyncio.gather(*(one(zap) for zap in due))
    return len(due)


async def _on(parts: Parts, zap: Zap, paid: datetime | None, now: datetime) -> None:
    event = zap.receipt
    if zap.state == store.WAITING:
        if paid is None:
            await _wait(parts, zap, now)
            return
        status = await parts.payments.invoice_status(zap.payment_hash)
        event = receipt(await parts.signer(), zap.request, status.payment_request, status.preimage, paid)
        async with parts.db.transaction() as tx:
            await store.move_zap(tx, zap.payment_hash, store.PAID, now + TAKEN, receipt=event, tries=0)
    assert event is not None
    taken = await asyncio.gather(*(parts.relays.publish(relay, event) for relay in relays_of(zap.request)))
    tries = zap.tries + 1
    state = store.TOLD if any(taken) else store.LOST if tries >= TRIES else store.PAID
    async with parts.db.transaction() as tx:
        later = now + timedelta(seconds=15 * 3**tries)
        await store.move_zap(tx, zap.payment_hash, state, later, receipt=None, tries=tries)


async def _wait(parts: Parts, zap: Zap, now: datetime) -> None:
    """Soon after it was made it is looked at often, later now and then."""
    over = now >= zap.expires_at + timedelta(minutes=10)
    later = now + max(timedelta(seconds=1), (now - zap.created_at) / 10)
    async with parts.db.transaction() as tx:
        await store.move_zap(tx, zap.payment_hash, store.LOST if over else store.WAITING, later, receipt=None, tries=0)
