"""The hedge against an exchange that answers: position and collateral in their bands, every bill in the books."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contexts.hedging.conftest import BTC, Hedging

from hazina.hedging import Hedge, HedgeNotSet, Kind, Mode, State
from hazina.kernel.money import Cents, Msats
from hazina.ledger import BANK, transfer
from hazina.payments import SendInternal


async def test_off_until_somebody_switches_it_on(hedging: Hedging) -> None:
    """And the risk is the bank's, in plain numbers."""
    await hedging.owe(10_000)
    await hedging.rounds(2)
    status = await hedging.status()
    assert (status.mode, status.liability.owed, status.seen, status.moves) == (Mode.OFF, 1_000_000, None, ())
    assert (await hedging.there())["contracts"] == "0"
    nothing = replace(hedging.hedge, venue=None)
    await nothing.round()
    with pytest.raises(HedgeNotSet):
        await nothing.switch(Mode.ON, "test")
    assert not (await nothing.status()).set_up


async def test_from_nothing_to_hedged(hedging: Hedging) -> None:
    hedge = hedging.hedge
    await hedging.owe(10_000)
    await hedge.switch(Mode.ON, "test")
    await hedging.rounds()
    assert await hedging.balance(BANK.EXCHANGE_BTC) == -2 * BTC * 1_000  # what was there is the bank's own
    assert await hedging.balance(BANK.OWN_BTC) == 2 * BTC * 1_000
    status = await hedging.rest()
    seen = status.seen
    assert seen is not None and status.blind is None
    assert (seen["shortCents"], seen["ratioBp"]) == (1_000_000, 10_000)
    assert 299 <= seen["leveragePct"] <= 301
    assert [(one.kind, one.state) for one in await hedging.moves()] == [
        (Kind.TRANSFER, State.DONE),
        (Kind.ORDER, State.DONE),
    ]
    assert await hedging.balance(BANK.HEDGE_FEES_BTC) == -10_000_000  # 0.05 % of 0.2 BTC
    assert await hedging.balance(BANK.HEDGE_BTC) == 0
    await hedging.agree()
    await hedging.rounds(3)
    assert len(await hedging.moves()) == 2


async def test_dollars_bought_by_a_customer_are_hedged(hedging: Hedging) -> None:
    """And dollars that were issued against dollars are not: those are there."""
    person = await hedging.whole.person()
    await person.fund(1_000_000)
    await hedging.whole.bank.payments.issue_dollars(person.usd.id, Cents(700_000), None)
    order = SendInternal(person.btc.id, person.usd.id, Msats.from_sats(1_000_000))
    await hedging.whole.bank.payments.send_internal(person.caller, order)
    await hedging.hedge.switch(Mode.ON, "test")
    status = await hedging.rest()
    assert status.liability.in_dollars == 700_000
    assert 49_900 < status.liability.owed < 50_000  # 500 dollars, less the dealer's spread
    assert status.seen is not None and status.seen["shortCents"] == 50_000


async def test_liability_and_price_move(hedged: Hedging) -> None:
    await hedged.owe(10_190)  # inside of the band
    assert len((await hedged.rest()).moves) == 2
    await hedged.owe(12_345)
    status = await hedged.rest()
    assert status.seen is not None and status.seen["shortCents"] == 1_234_000
    await hedged.agree()
    await hedged.price(65_000)  # a short loses: more collateral is needed
    status = await hedged.rest()
    assert status.seen is not None and 200 <= status.seen["leveragePct"] <= 360
    assert (await hedged.moves())[-1].kind is Kind.TRANSFER and (await hedged.moves())[-1].sats > 0
    await hedged.price(35_000)
    await hedged.owe(4_000)
    status = await hedged.rest()
    assert status.seen is not None and status.seen["shortCents"] == 400_000
    assert 200 <= status.seen["leveragePct"] <= 360 and status.seen["ratioBp"] == 10_000
    assert any(one.kind is Kind.TRANSFER and one.sats < 0 for one in await hedged.moves())
    assert await hedged.balance(BANK.HEDGE_BTC) > 0  # bought back for less than it was sold for
    await hedged.agree()
    await hedged.owe(40)  # too little to hedge
    status = await hedged.rest()
    assert status.seen is not None and (status.seen["shortCents"], status.seen["equitySats"]) == (0, 0)
    await hedged.agree()


async def test_closing_ends_the_position_and_then_the_hedge(hedged: Hedging) -> None:
    await hedged.hedge.switch(Mode.CLOSING, "test")
    status = await hedged.rest()
    assert status.mode is Mode.OFF and status.seen is not None and status.seen["shortCents"] == 0
    await hedged.agree()


async def test_switched_off_it_follows_and_orders_nothing(hedged: Hedging) -> None:
    await hedged.hedge.switch(Mode.OFF, "test")
    await hedged.owe(20_000)
    await hedged.post("/okx/funding", rate="0.0001")
    status = await hedged.rest()
    assert status.seen is not None and status.seen["shortCents"] == 1_000_000
    hedged.whole.clock.shift += timedelta(minutes=6)
    assert not (await hedged.status()).outside  # there is no band to be kept
    hedged.whole.clock.shift = timedelta(0)
    assert await hedged.balance(BANK.HEDGE_FUNDING_BTC) > 0
    await hedged.agree()


async def test_funding_fees_and_profit_by_day(hedged: Hedging) -> None:
    for rate in ("0.0001", "-0.00005"):
        await hedged.post("/okx/funding", rate=rate)
    await hedged.price(40_000)
    await hedged.owe(5_000)
    await hedged.rest()
    (day,) = await hedged.hedge.days(7)
    assert day.funding_msats == 2_000_000 - 1_000_000 == await hedged.balance(BANK.HEDGE_FUNDING_BTC)
    assert day.position_msats == 2_500_000_000 == await hedged.balance(BANK.HEDGE_BTC)  # 5,000 × (1/40,000 − 1/50,000)
    assert day.fees_msats == -10_000_000 - 6_250_000 == await hedged.balance(BANK.HEDGE_FEES_BTC)
    assert (day.traded_cents, day.liquidated_cents, day.other_msats) == (1_500_000, 0, 0)
    await hedged.agree()


async def test_liquidation_is_booked_and_told(hedged: Hedging) -> None:
    """Nobody brings collateral: the exchange closes the position by force."""
    await hedged.hedge.switch(Mode.OFF, "test")
    seen = (await hedged.status()).seen
    assert seen is not None
    before = -await hedged.balance(BANK.EXCHANGE_BTC)
    await hedged.price(seen["liquidationCents"] // 100 + 1)
    status = await hedged.rest()
    assert status.seen is not None and (status.seen["shortCents"], status.liquidated_cents) == (0, 1_000_000)
    await hedged.agree()
    lost = before + await hedged.balance(BANK.EXCHANGE_BTC)
    assert lost == -await hedged.balance(BANK.HEDGE_BTC) - (await hedged.balance(BANK.HEDGE_FEES_BTC) + 10_000_000)
    await hedged.hedge.switch(Mode.ON, "test")
    await hedged.owe(9_000)
    status = await hedged.rest()  # the reserve carries a new one
    assert status.seen is not None and status.seen["shortCents"] == 900_000
    await hedged.agree()


async def test_no_position_beyond_what_the_collateral_carries(hedging: Hedging) -> None:
    """Half of the collateral that it should have: twice the leverage is not taken for it."""
    await hedging.post("/okx/balance", fundingSats=2_000_000)
    await hedging.owe(10_000)
    await hedging.hedge.switch(Mode.ON, "test")
    status = await hedging.rest()
    assert status.seen is not None and status.seen["shortCents"] == 400_000  # four times 1,000 dollars
    await hedging.agree()


async def test_two_workers_at_once_order_once(hedged: Hedging) -> None:
    await hedged.owe(20_000)
    twin: Hedge = replace(hedged.hedge)
    await asyncio.gather(*(one.round() for one in (hedged.hedge, twin, hedged.hedge, twin)))
    await hedged.rest()
    there = await hedged.there()
    assert (int(Decimal(there["contracts"])), len(there["orders"]), len(there["transfers"])) == (-200, 2, 2)
    await hedged.agree()


async def test_a_part_that_is_filled_counts(hedged: Hedging) -> None:
    await hedged.moods(fill="part")
    await hedged.owe(20_000)
    status = await hedged.rest()
    assert status.seen is not None and status.seen["shortCents"] >= 1_960_000
    done = [one.done_cents for one in await hedged.moves() if one.kind is Kind.ORDER]
    assert done[1] == 500_000 and sum(done) == status.seen["shortCents"]
    await hedged.agree()


async def test_out_of_its_band_for_too_long_somebody_is_told(hedging: Hedging) -> None:
    """The watch tells (I10); switched off, there is nothing that it could be true of."""
    await hedging.post("/okx/balance", fundingSats=0)
    await hedging.owe(10_000)
    await hedging.hedge.switch(Mode.ON, "test")
    await hedging.rounds()
    watch = hedging.whole.bank.watch
    assert [one for one in await watch.look() if one.invariant == "I10"] == []
    async with hedging.whole.bank.db.transaction() as tx:
        await tx.execute("update hedge set outside_since = outside_since - interval '6 minutes'")
    assert (await hedging.status()).outside
    assert [one.check for one in await watch.look() if one.invariant == "I10"] == ["hedge-band"]
    await hedging.hedge.switch(Mode.OFF, "test")
    assert [one for one in await watch.look() if one.invariant == "I10"] == []
    states = {one.invariant.name: one.state.value for one in (await watch.report()).standings}
    assert states["I10"] == "not applicable"


async def test_a_stuck_order_is_cancelled(hedged: Hedging) -> None:
    hedged.hedge = replace(hedged.hedge, policy=replace(hedged.hedge.policy, stuck_after=-hedged.hedge.policy.every))
    await hedged.moods(fill="slow", slowSeconds=600)
    await hedged.owe(20_000)
    await hedged.rounds(4)
    orders = [one for one in await hedged.moves() if one.kind is Kind.ORDER]
    assert orders[1].state is State.FAILED and "cancelled" in (orders[1].reason or "")
    await hedged.agree()


async def test_what_people_bring_and_take_by_hand_is_the_banks_own(hedged: Hedging) -> None:
    own = await hedged.balance(BANK.OWN_BTC)
    await hedged.post("/okx/deposits", txId="ab" * 32, sats=12_345, state=2)
    await hedged.rounds(2)
    assert await hedged.balance(BANK.OWN_BTC) == own + 12_345_000
    await hedged.agree()
    await hedged.book(transfer(BANK.EXCHANGE_BTC, BANK.OWN_BTC, Msats(999)))  # less than a satoshi disturbs nobody
    await hedged.rounds(2)
    assert (await hedged.status()).blind is None
