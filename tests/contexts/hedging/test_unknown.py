"""Answers that are lost, late or wrong: everything asked for happens once, and who cannot see does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contexts.hedging.conftest import QUICK, Hedging

from hazina.hedging import Kind, Mode, State
from hazina.kernel.money import Msats
from hazina.ledger import BANK, transfer

ACTED = [("drop_reply", None), (None, "50004")]
NOT_ACTED = [("error", None)]


async def trouble(hedged: Hedging, call: str, action: str | None, code: str | None) -> None:
    if action is not None:
        await hedged.fault(call, action, times=1)
    else:
        await hedged.moods(reject={call: [code, 1]})


@pytest.mark.parametrize(("action", "code"), ACTED)
async def test_usd_07_an_order_that_was_done_and_not_answered_is_one_order(
    hedged: Hedging, action: str | None, code: str | None
) -> None:
    await trouble(hedged, "order.place", action, code)
    await hedged.owe(20_000)
    await hedged.rounds()
    assert [one.state for one in (await hedged.status()).under_way] == [State.ASKED]
    await hedged.rest()
    there = await hedged.there()
    assert (int(Decimal(there["contracts"])), len(there["orders"])) == (-200, 2)
    assert (await hedged.moves())[-1].state is State.DONE
    await hedged.agree()


@pytest.mark.parametrize(("action", "code"), NOT_ACTED)
async def test_an_order_that_never_arrived_is_decided_anew_and_not_before_it_is_dead(
    hedged: Hedging, action: str | None, code: str | None
) -> None:
    await trouble(hedged, "order.place", action, code)
    await hedged.owe(20_000)
    await hedged.rounds(3)
    assert [one.state for one in (await hedged.status()).under_way] == [State.ASKED]
    assert len((await hedged.there())["orders"]) == 1
    hedged.whole.clock.shift += timedelta(seconds=21)  # it would be refused now, if it came
    await hedged.rounds()
    hedged.whole.clock.shift = timedelta(0)
    first = (await hedged.moves())[-1]
    assert (first.state, first.reason) == (State.FAILED, "it never reached the exchange")
    await hedged.rounds()  # a rest after what failed
    assert len((await hedged.there())["orders"]) == 1
    async with hedged.whole.bank.db.transaction() as tx:
        await tx.execute("update hedge_move set created_at = created_at - interval '1 minute'")
    await hedged.rest()
    assert len((await hedged.there())["orders"]) == 2
    await hedged.agree()


async def test_an_order_that_is_not_shown_at_once_is_waited_for(hedged: Hedging) -> None:
    """As OKX does for some seconds after placing."""
    hedged.hedge = replace(hedged.hedge, policy=replace(QUICK, gone_after=timedelta(seconds=20)))
    await hedged.moods(hideSeconds=600)
    await hedged.owe(11_000)
    await hedged.rounds(3)
    assert [(one.kind, one.state) for one in (await hedged.status()).under_way] == [(Kind.ORDER, State.ASKED)]
    await hedged.moods()
    await hedged.rest()
    assert len((await hedged.there())["orders"]) == 2
    await hedged.agree()


async def test_an_order_that_is_refused_rests(hedged: Hedging) -> None:
    """Whatever the reason: busy, no margin, wrong, locked."""
    await hedged.owe(11_000)
    for n, code in enumerate(("50001", "51008", "51121", "50113"), 3):
        await trouble(hedged, "order.place", None, code)
        await hedged.rounds(2)
        moves = await hedged.moves()
        assert (moves[-1].state, len(moves)) == (State.FAILED, n) and code in (moves[-1].reason or "")
        async with hedged.whole.bank.db.transaction() as tx:
            await tx.execute("update hedge_move set created_at = created_at - interval '1 minute'")
    assert len((await hedged.there())["orders"]) == 1
    await hedged.rest()
    assert len((await hedged.there())["orders"]) == 2


@pytest.mark.parametrize(("action", "code"), [*ACTED, *NOT_ACTED])
async def test_usd_07_a_transfer_is_one_transfer(hedging: Hedging, action: str | None, code: str | None) -> None:
    """Done and not answered, or never arrived and asked for again: by one client id, once."""
    await trouble(hedging, "transfer", action, code)
    await hedging.owe(10_000)
    await hedging.hedge.switch(Mode.ON, "test")
    status = await hedging.rest()
    there = await hedging.there()
    assert (len(there["transfers"]), len(there["orders"])) == (1, 1)
    assert [one.state for one in status.moves] == [State.DONE, State.DONE]
    await hedging.agree()


async def test_a_transfer_that_fails_later_is_tried_another_time(hedging: Hedging) -> None:
    await hedging.moods(transfers="failed")
    await hedging.owe(10_000)
    await hedging.hedge.switch(Mode.ON, "test")
    await hedging.rounds(4)
    assert [one.state for one in await hedging.moves()] == [State.FAILED]
    await hedging.agree()


# --- blind ------------------------------------------------------------------------------------------


async def must_do_nothing(hedged: Hedging, said: str) -> None:
    """However much is owed."""
    before = await hedged.there()
    await hedged.owe(50_000)
    await hedged.rounds(2)
    status = await hedged.status()
    assert status.blind is not None and said in status.blind, status.blind
    there = await hedged.there()
    assert (len(there["orders"]), len(there["transfers"])) == (len(before["orders"]), len(before["transfers"]))


async def test_an_exchange_that_is_away(hedged: Hedging) -> None:
    for call in ("positions", "balance", "mark", "bills"):
        await hedged.fault(call, "error")
        await must_do_nothing(hedged, "does not say")
        await hedged.whole.heal()
    status = await hedged.rest()
    assert status.blind is None and status.seen is not None and status.seen["shortCents"] == 5_000_000
    await hedged.agree()


async def test_what_else_makes_blind(hedged: Hedging) -> None:
    await hedged.moods(blankPosition=True)
    await must_do_nothing(hedged, "does not say")
    await hedged.moods(markFactor="1.06")
    await must_do_nothing(hedged, "far from ours")
    await hedged.moods(market="suspend")
    await must_do_nothing(hedged, "does not trade")
    await hedged.moods(reject={"config": ["50113", 9]})
    await must_do_nothing(hedged, "50113")
    await hedged.moods()
    hedged.whole.clock.shift += timedelta(minutes=2)
    await must_do_nothing(hedged, "not known")  # our own price is old


async def test_somebody_trades_by_hand(hedged: Hedging) -> None:
    """It is a bill like others, so it is known, and mended."""
    await hedged.post("/okx/trades", contracts=50)
    status = await hedged.rest()
    assert status.blind is None and status.seen is not None and status.seen["shortCents"] == 1_000_000
    await hedged.agree()


async def test_a_position_and_a_balance_that_no_bill_explains(hedged: Hedging) -> None:
    async with hedged.whole.bank.db.transaction() as tx:
        await tx.execute("update hedge set short_cents = short_cents + 1000")
    await hedged.rounds()
    await must_do_nothing(hedged, "by the bills it should be")
    async with hedged.whole.bank.db.transaction() as tx:
        await tx.execute("update hedge set short_cents = short_cents - 1000")
    await hedged.rest()
    await hedged.book(transfer(BANK.EXCHANGE_BTC, BANK.OWN_BTC, Msats(1_000)))
    await hedged.rounds()
    await must_do_nothing(hedged, "in the books it is")
