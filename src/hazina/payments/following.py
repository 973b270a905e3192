"""The chain's events, booked in their order. The place that was reached is stored in the commit that books them: a
process that dies anywhere, or two that follow at once, book each of them once."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from hazina.chain import ChainEvent, EventKind, TransferNews
from hazina.kernel.db import Tx
from hazina.kernel.money import Price
from hazina.ledger import BANK, Code, Result, Unit, apply_units
from hazina.payments import deposits, store_onchain, withdrawals
from hazina.payments import postings_onchain as books
from hazina.payments.common import Parts

log = structlog.get_logger("hazina.payments")

BATCH = 200
"""Events that are booked in one commit, at most."""
TRIES = 5
WALLETS = {"to_cold": (BANK.ONCHAIN_BTC, BANK.COLD_BTC), "to_hot": (BANK.COLD_BTC, BANK.ONCHAIN_BTC)}


class NotBooked(Exception):
    """The books refused a unit. Everything of its batch is rolled back."""

    def __init__(self, event: ChainEvent, result: Result) -> None:
        super().__init__(f"event {event.seq} ({event.kind.name}): {result}")
        self.result = result


async def follow(parts: Parts) -> int:
    """Book all that the chain has told; how many events."""
    if parts.chain is None:
        return 0
    done = 0
    while True:
        async with parts.db.reading() as tx:
            place = await store_onchain.place(tx)
        told = await parts.chain.events(place, BATCH)
        if not told:
            return done + await _ripe(parts, place)
        at = await deposits.market(parts)
        for run in runs(told):
            if not await _book(parts, place, run, at):
                return done  # somebody else follows too
            place = run[-1].seq
            done += len(run)


def runs(told: Sequence[ChainEvent]) -> list[list[ChainEvent]]:
    """Events that may be booked in one commit: each is of another thing, and a reversal stands alone, since what can
    be taken back depends on all that was booked before."""
    parts: list[list[ChainEvent]] = []
    seen: set[object] = set()
    alone = True
    for event in told:
        name = _thing(event)
        if alone or name in seen or event.kind is EventKind.OUTPUT_UNSETTLED:
            parts.append([])
            seen = set()
        parts[-1].append(event)
        seen.add(name)
        alone = event.kind is EventKind.OUTPUT_UNSETTLED
    return parts


def _thing(event: ChainEvent) -> object:
    if event.output is not None:
        return event.output.txid, event.output.vout
    if event.payout is not None:
        return event.payout.payout_id
    assert event.transfer is not None
    return event.transfer.transfer_id


async def _ripe(parts: Parts, place: int) -> int:
    """Credit deposits that have waited for a price; how many. Under the same lock as the events."""
    async with parts.db.reading() as tx:
        waits = await store_onchain.ripe_deposits(tx, 1)
    at = await deposits.market(parts) if waits else None
    return await parts.db.again(lambda tx: _ripe_step(tx, parts, place, at)) if at is not None and at.rate else 0


async def _ripe_step(tx: Tx, parts: Parts, place: int, at: deposits.Market) -> int:
    if not await store_onchain.move_place(tx, place, place):
        return 0
    units = await deposits.take_ripe(tx, at, parts.clock.now(), BATCH)
    for result in await apply_units(tx, parts.books.registry, units) if units else ():
        assert result.ok, f"a deposit that waited cannot be booked: {result}"
    return len(units)


async def _book(parts: Parts, place: int, run: list[ChainEvent], at: deposits.Market) -> bool:
    """These events in one commit, or one by one where the books refuse some. False: they are booked already."""
    for attempt in range(TRIES):
        try:
            return await parts.db.again(lambda tx: _step(tx, parts, place, run, at))
        except NotBooked as error:
            if len(run) > 1:
                return await _one_by_one(parts, place, run, at)
            if error.result.code is not Code.FUNDS or attempt == TRIES - 1:  # else it was spent at this moment
                raise
    raise AssertionError("unreachable")


async def _one_by_one(parts: Parts, place: int, run: list[ChainEvent], at: deposits.Market) -> bool:
    for event in run:
        if not await _book(parts, place, [event], at):
            return False
        place = event.seq
    return True


async def _step(tx: Tx, parts: Parts, place: int, run: list[ChainEvent], at: deposits.Market) -> bool:
    """Rows of deposits and withdrawals are changed by nobody else, so they may be locked before the books'."""
    if not await store_onchain.move_place(tx, place, run[-1].seq):
        return False
    found = [(event, await _take(tx, parts, event, at)) for event in run]
    units = [(event, unit) for event, unit in found if unit is not None]
    if units:
        results = await apply_units(tx, parts.books.registry, [unit for _, unit in units])
        for (event, _), result in zip(units, results, strict=True):
            if not result.ok:
                raise NotBooked(event, result)
    return True


async def _take(tx: Tx, parts: Parts, event: ChainEvent, at: deposits.Market) -> Unit | None:
    if event.output is not None:
        return await deposits.take(tx, parts, event.kind, event.output, at)
    if event.payout is not None:
        return await withdrawals.take(tx, parts, event.kind, event.payout, event.seq)
    assert event.transfer is not None
    return await _moved(tx, event.transfer, event.seq, at.price)


async def _moved(tx: Tx, news: TransferNews, seq: int, price: Price | None) -> Unit | None:
    """The bank's own coins: what is new since the transfer was last told."""
    src, dst = WALLETS.get(news.direction, WALLETS["to_cold"])
    sats, fee_sats = await store_onchain.booked_transfer(tx, news.transfer_id)
    unit = books.moved(str(news.transfer_id), seq, src, dst, news.sats - sats, news.fee_sats - fee_sats, price)
    if unit is not None:
        await store_onchain.keep_transfer(tx, news.transfer_id, news.sats, news.fee_sats, unit.id)
    return unit
