"""Asking the exchange: each order and movement is stored with its client id before it is asked for, looked up by that
id until the exchange has said how it ended, and never guessed.

An order is asked for once: it dies on its way after a few seconds (the exchange sees to that), and one that never
arrived is decided anew. A transfer or a withdrawal that never arrived is asked for again under the same client id.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from hazina.chain import Speed, queue_own_payout
from hazina.hedging import reading, store
from hazina.hedging.common import OWNER, PAYER, Parts
from hazina.hedging.flow import Event, after
from hazina.hedging.model import LANES, Kind, Look, Move, State, onchain_for, order_for, transfer_for, worth
from hazina.hedging.ports import Progress, Refused, Stage, VenueRefused, VenueSilent
from hazina.kernel.errors import Refusal
from hazina.kernel.ids import new_id
from hazina.safety import Rail, stopping

log = structlog.get_logger("hazina.hedging")

REST = timedelta(seconds=30)
"""After a refusal, before the same kind of thing is asked for again."""


# --- what is under way ------------------------------------------------------------------------------


async def look_up(parts: Parts) -> list[Move]:
    """Ask about everything that is under way; what still is. Silence changes nothing."""
    async with parts.db.reading() as tx:
        moves = await store.open_moves(tx)
    for move in moves:
        try:
            await _look_up(parts, move)
        except VenueSilent as error:
            log.warning("hedge_silent", move=str(move.id), kind=move.kind.name, why=str(error)[:200])
    async with parts.db.reading() as tx:
        return await store.open_moves(tx)


async def _look_up(parts: Parts, move: Move) -> None:
    match move.kind:
        case Kind.ORDER:
            await _order(parts, move, await parts.venue.order(move.client_id))
        case Kind.TRANSFER:
            await _coins(parts, move, await parts.venue.transferred(move.client_id))
        case Kind.WITHDRAWAL:
            await _coins(parts, move, await parts.venue.withdrawn(move.client_id))
        case Kind.DEPOSIT:
            late = parts.clock.now() - move.asked_at > parts.policy.lost_after
            if late and await _turn(parts, move, Event.LOSE):
                log.error("hedge_deposit_lost", move=str(move.id), sats=move.sats, txids=list(move.txids))


async def _order(parts: Parts, move: Move, said: Progress | None) -> None:
    now, policy = parts.clock.now(), parts.policy
    if said is None:
        if now - move.asked_at > policy.order_lives + policy.gone_after and move.state is State.ASKED:
            await _turn(parts, move, Event.FAIL, reason="it never reached the exchange")
    elif said.stage is Stage.DONE:
        filled = said.cents if move.cents > 0 else -said.cents
        await _turn(parts, move, Event.SUCCEED, cents=filled, reason=said.said or None)
    elif said.stage is Stage.FAILED:
        await _turn(parts, move, Event.FAIL, reason=said.said)
    else:
        await _turn(parts, move, Event.SEE)
        if now - move.created_at > policy.stuck_after:
            await parts.venue.cancel(move.client_id)


async def _coins(parts: Parts, move: Move, said: Progress | None) -> None:
    if said is None:
        if move.state is State.ASKED and parts.clock.now() - move.asked_at > parts.policy.gone_after:
            await _ask_again(parts, move)
    elif said.stage is Stage.FAILED:
        await _turn(parts, move, Event.FAIL, reason=said.said or "the exchange says that it failed")
    elif said.stage is Stage.DONE and move.kind is Kind.TRANSFER:
        await _turn(parts, move, Event.SUCCEED, sats=move.sats)
    else:  # a withdrawal that is done ends with its booking
        await _turn(parts, move, Event.SEE)


async def _ask_again(parts: Parts, move: Move) -> None:
    now = parts.clock.now()
    async with parts.db.transaction() as tx:
        if after(move.kind, move.state, Event.ASK) is None or not await store.ask_again(tx, move, now):
            return
    log.warning("hedge_asked_again", move=str(move.id), kind=move.kind.name)
    await _ask(parts, replace(move, asked_at=now))


async def _turn(
    parts: Parts, move: Move, event: Event, *, cents: int = 0, sats: int = 0, reason: str | None = None
) -> bool:
    """False: the event has no meaning now, or somebody else was faster."""
    to = after(move.kind, move.state, event)
    if to is None:
        return False
    async with parts.db.transaction() as tx:
        return await store.turn(tx, move, to, parts.clock.now(), cents=cents, sats=sats, reason=reason)


# --- asking -----------------------------------------------------------------------------------------


async def _begin(parts: Parts, move: Move, look: Look) -> bool:
    """Store it, then ask. False: the look is old by now, or something of its kind was refused a moment ago."""
    async with parts.db.transaction() as tx:
        if await store.refused_since(tx, LANES[move.kind], parts.clock.now() - REST):
            return False
        if not await store.add_move(tx, move, look.turns):
            return False
    await _ask(parts, move)
    return True


async def _ask(parts: Parts, move: Move) -> None:
    venue = parts.venue
    try:
        if move.kind is Kind.ORDER:
            await venue.place(move.client_id, move.cents, move.asked_at + parts.policy.order_lives)
        elif move.kind is Kind.TRANSFER:
            await venue.transfer(move.client_id, move.sats)
        else:
            assert move.kind is Kind.WITHDRAWAL and move.address is not None
            await venue.withdraw(move.client_id, -move.sats, move.address, move.fee_sats)
    except VenueSilent as error:
        log.warning("hedge_unknown", move=str(move.id), kind=move.kind.name, why=str(error)[:200])
    except VenueRefused as error:
        if error.why is Refused.KNOWN:
            return  # an earlier try arrived: the look-up tells how it went
        log.warning("hedge_refused", move=str(move.id), kind=move.kind.name, why=str(error)[:200])
        # An earlier try may have arrived, and may not be shown yet: only a first one is surely not there.
        if move.asked_at == move.created_at:
            await _turn(parts, move, Event.FAIL, reason=str(error))


def _move(parts: Parts, kind: Kind, *, cents: int = 0, sats: int = 0) -> Move:
    now = parts.clock.now()
    return Move(new_id(), kind, State.ASKED, now, now, cents=cents, sats=sats)


async def order(parts: Parts, look: Look) -> bool:
    equity = worth(look.trading.equity, look.price)
    cents = order_for(look.owed, look.position.short, equity, look.instrument, parts.policy)
    return cents != 0 and await _begin(parts, _move(parts, Kind.ORDER, cents=cents), look)


async def transfer(parts: Parts, look: Look) -> bool:
    sats = transfer_for(look, parts.policy)
    return sats != 0 and await _begin(parts, _move(parts, Kind.TRANSFER, sats=sats), look)


async def onchain(parts: Parts, look: Look) -> bool:
    """Coins between hot wallet and exchange, where the bank has a Bitcoin node and may do this by itself."""
    if parts.chain is None or not parts.policy.onchain:
        return False
    async with parts.db.reading() as tx:
        if await stopping(tx, Rail.ONCHAIN) is not None:
            return False
        hot = await reading.hot_sats(tx)
    try:
        sats = onchain_for(look, hot, await parts.venue.limits(), parts.policy)
        if sats > 0:
            return await _deposit(parts, sats, look)
        return sats < 0 and await _withdraw(parts, -sats, look)
    except (VenueSilent, VenueRefused, Refusal) as error:  # the node is away, or the address is none
        log.warning("hedge_coins_stay", why=str(error)[:200])
        return False


async def _deposit(parts: Parts, sats: int, look: Look) -> bool:
    """Queued as a payout of the bank's own in the commit that stores it; the chain's events tell of it."""
    assert parts.chain is not None
    address = parts.chain.check_address(await parts.venue.address()).text
    quote = await parts.chain.estimate(sats, Speed.FAST, address)
    move = replace(_move(parts, Kind.DEPOSIT, sats=sats), address=address)
    async with parts.db.transaction() as tx:
        if not await store.add_move(tx, move, look.turns):
            return False
        await queue_own_payout(tx, move.id, address, sats, Speed.FAST, quote.miner_sats, PAYER, move.created_at)
    log.info("hedge_deposit", move=str(move.id), sats=sats)
    return True


async def _withdraw(parts: Parts, sats: int, look: Look) -> bool:
    assert parts.chain is not None
    address = await parts.chain.new_address(OWNER, OWNER)
    fee = (await parts.venue.limits()).fee
    move = replace(_move(parts, Kind.WITHDRAWAL, sats=-sats), address=address.text, fee_sats=fee)
    return await _begin(parts, move, look)
