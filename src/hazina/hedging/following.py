"""Following: what the exchange billed, what came there and left, and what the chain told of our own coins, each booked
once. The place that was reached is stored in the commit that books."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from hazina.chain import ChainEvent, EventKind, Output, PayoutNews
from hazina.hedging import postings, store
from hazina.hedging.common import OWNER, Parts, book
from hazina.hedging.flow import Event, after
from hazina.hedging.model import BillKind, Kind, Move, State
from hazina.hedging.ports import Coins
from hazina.kernel.db import Tx
from hazina.kernel.money import Price
from hazina.ledger import Unit

log = structlog.get_logger("hazina.hedging")

BATCH = 200


async def open_books(parts: Parts, price: Price) -> bool:
    """Take what is at the exchange into the books, once. False: it moved meanwhile; try again."""
    venue = parts.venue
    before = await venue.bills(None)
    position, trading, funding = await venue.position(), await venue.trading(), await venue.funding()
    came = [one for one in await venue.deposits() if one.credited]
    left = await venue.withdrawals()
    if [one.id for one in await venue.bills(None)] != [one.id for one in before]:
        return False
    now = parts.clock.now()
    async with parts.db.transaction() as tx:
        if (await store.standing(tx, lock=True)).opened_at is not None:
            return True
        await store.opened(tx, now, before[-1].id if before else "0", position.short, 0)
        for one in (*came, *left):  # part of the opening balance, or gone before it
            await store.add_coins(tx, one.id, one.at, one.sats, one.fee_sats, None)
        await book(tx, parts, [postings.opening(trading.cash + funding, price)])
    log.info("hedge_opened", msats=(trading.cash + funding).n, short_cents=position.short)
    return True


async def follow_bills(parts: Parts, price: Price) -> int:
    """Book what the exchange billed since; how many bills."""
    async with parts.db.reading() as tx:
        place = (await store.standing(tx)).bill
    bills = await parts.venue.bills(place or "0")
    for start in range(0, len(bills), BATCH):
        page = bills[start : start + BATCH]
        async with parts.db.transaction() as tx:
            if not await store.move_bill(tx, place, page[-1].id, sum(one.short for one in page)):
                return start  # somebody else follows too
            await store.add_bills(tx, page)
            await book(tx, parts, [postings.billed(one, price) for one in page])
        place = page[-1].id
        for one in page:
            if one.kind is BillKind.LIQUIDATION:
                log.error("hedge_liquidated", cents=one.short, msats=one.amount.n)
            elif one.kind is BillKind.OTHER:
                log.error("hedge_bill_unknown", said=one.said, msats=one.amount.n)
    return len(bills)


# --- coins at the exchange --------------------------------------------------------------------------


async def follow_coins(parts: Parts, price: Price) -> None:
    """Book what came to the exchange and what left it."""
    came = [one for one in await parts.venue.deposits() if one.credited]
    left = [one for one in await parts.venue.withdrawals() if one.credited]
    async with parts.db.reading() as tx:
        known = await store.known_coins(tx, [one.id for one in (*came, *left)])
    for one in reversed([one for one in came if one.id not in known]):
        await _came(parts, one, price)
    for one in reversed([one for one in left if one.id not in known]):
        await _left(parts, one, price)


async def _came(parts: Parts, coins: Coins, price: Price) -> None:
    async with parts.db.transaction() as tx:
        move = await _deposit_of(tx, coins)
        if not await store.add_coins(tx, coins.id, coins.at, coins.sats, 0, move.id if move else None):
            return
        if move is not None:
            reason = f"{coins.sats:,} sat arrived of {move.sats:,}" if coins.sats != move.sats else None
            await store.turn(tx, move, State.DONE, parts.clock.now(), sats=coins.sats, reason=reason)
        await book(tx, parts, [postings.came(coins.id, coins.sats, price, ours=move is not None)])
    if move is not None and coins.sats != move.sats:
        log.error("hedge_deposit_differs", move=str(move.id), sent=move.sats, arrived=coins.sats)


async def _deposit_of(tx: Tx, coins: Coins) -> Move | None:
    """The deposit of ours that this is: by its transaction, of which there may have been several versions."""
    for one in await store.open_moves(tx):
        if one.kind is Kind.DEPOSIT and after(one.kind, one.state, Event.SUCCEED) and coins.txid in one.txids:
            return one
    return None


async def _left(parts: Parts, coins: Coins, price: Price) -> None:
    async with parts.db.transaction() as tx:
        mine = [one for one in await store.open_moves(tx) if one.client_id == coins.client_id]
        move = mine[0] if mine else None
        fee = coins.fee_sats
        if not await store.add_coins(tx, coins.id, coins.at, -coins.sats, fee, move.id if move else None):
            return
        if move is not None:
            await store.turn(tx, move, State.DONE, parts.clock.now(), sats=coins.sats, fee_sats=fee)
        await book(tx, parts, [postings.left(coins.id, coins.sats, fee, price, ours=move is not None)])


# --- our own coins in the chain ---------------------------------------------------------------------


async def follow_chain(parts: Parts, price: Price) -> None:
    """Book what the chain tells of payouts to the exchange, and of coins that come back."""
    if parts.chain is None:
        return
    while True:
        async with parts.db.reading() as tx:
            place = (await store.standing(tx)).chain_seq
        told = await parts.chain.events(place, BATCH)
        if not told:
            return
        if not await _take_all(parts, place, told, price):
            return


async def _take_all(parts: Parts, place: int, told: Sequence[ChainEvent], price: Price) -> bool:
    async with parts.db.reading() as tx:
        ours = await store.known_moves(tx, [event.payout.payout_id for event in told if event.payout is not None])
    for event in told:
        if not _is_ours(event, ours):
            continue
        async with parts.db.transaction() as tx:
            if not await store.move_chain(tx, place, event.seq):
                return False
            await book(tx, parts, [await _take(tx, parts, event, price)])
        place = event.seq
    if place < told[-1].seq:
        async with parts.db.transaction() as tx:
            return await store.move_chain(tx, place, told[-1].seq)
    return True


def _is_ours(event: ChainEvent, payouts: set[UUID]) -> bool:
    if event.payout is not None:
        return event.payout.payout_id in payouts
    return event.output is not None and event.output.owner == OWNER


async def _take(tx: Tx, parts: Parts, event: ChainEvent, price: Price) -> Unit | None:
    if event.output is not None:
        return _returned(event.kind, event.output, event.seq, price)
    assert event.payout is not None
    move = await store.move(tx, event.payout.payout_id)
    assert move is not None, "it was known a moment ago"
    return await _paid_out(tx, parts, move, event.kind, event.payout, event.seq, price)


def _returned(kind: EventKind, output: Output, seq: int, price: Price) -> Unit | None:
    match kind:
        case EventKind.OUTPUT_SETTLED:
            return postings.arrived(seq, output.sats, price)
        case EventKind.OUTPUT_UNSETTLED:
            return postings.arrived(seq, -output.sats, price)
        case _:
            return None


async def _paid_out(
    tx: Tx, parts: Parts, move: Move, kind: EventKind, news: PayoutNews, seq: int, price: Price
) -> Unit | None:
    """A deposit's payout. What was booked so far: its sum if it was ever broadcast, and the fee in ``fee_sats``."""
    booked, now = move.sats if move.txids else 0, parts.clock.now()
    match kind:
        case EventKind.PAYOUT_BROADCAST | EventKind.PAYOUT_SETTLED if move.state is not State.FAILED:
            share = move.fee_sats if news.fee_share_sats is None else news.fee_share_sats
            assert news.txid is not None, "a payout in the chain has a transaction"
            await store.place_move(tx, move.id, news.txid, share)
            if after(move.kind, move.state, Event.SEE) is not None:
                await store.turn(tx, move, State.UNDER_WAY, now)
                await store.begin_waiting(tx, move.id, now)
            return postings.sent(move.id, seq, move.sats - booked, share - move.fee_sats, price)
        case EventKind.PAYOUT_CANCELLED if after(move.kind, move.state, Event.FAIL) is not None:
            await store.turn(tx, move, State.FAILED, now, fee_sats=0, reason=news.reason or "the payout was cancelled")
            return postings.sent(move.id, seq, -booked, -move.fee_sats, price) if booked else None
        case _:
            return None
