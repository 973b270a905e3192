"""The hedge's decisions, whatever the numbers: position and collateral come to rest in their bands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hazina.hedging import flow, postings
from hazina.hedging.model import (
    LANES,
    Bill,
    BillKind,
    Instrument,
    Kind,
    Limits,
    Look,
    Policy,
    Position,
    State,
    Trading,
    collateral,
    exposure,
    hedged,
    in_band,
    leverage_pct,
    onchain_for,
    order_for,
    sats_of,
    transfer_for,
    worth,
)
from hazina.kernel.money import Cents, Msats, Price
from hazina.ledger import BANK

NOW = datetime(2026, 11, 21, tzinfo=UTC)
POLICY = Policy()
SWAP = Instrument(lot=1_000, least=1_000, most=10**10, live=True)
RICH = Cents(10**13)
LIMITS = Limits(10_000, 10_000, 10_000)

owed_cents = st.integers(0, 10**10)
lots = st.sampled_from([1_000, 10_000])
prices = st.integers(100_000, 10**9)  # 1,000 to 10 million dollars
sats = st.integers(0, 10**12)


def swap(lot: int, most: int = 10**10) -> Instrument:
    return Instrument(lot=lot, least=lot, most=most, live=True)


def look(owed: int, short: int, equity: int, funding: int, cents: int, spare: int | None = None) -> Look:
    had = Msats.from_sats(equity)
    trading = Trading(had, had, had if spare is None else Msats.from_sats(spare))
    return Look(NOW, owed, Price(cents, "okx", NOW), SWAP, Position(short), trading, Msats.from_sats(funding))


# --- the position -----------------------------------------------------------------------------------


@given(owed_cents, st.integers(-(10**6), 10**6), lots)
def test_the_position_comes_to_rest_in_its_band(owed: int, short_lots: int, lot: int) -> None:
    short = short_lots * lot
    for _ in range(250):
        size = order_for(owed, short, RICH, swap(lot), POLICY)
        assert size % lot == 0 and abs(size) <= POLICY.order_cents_max
        if not size:
            break
        short += size
    assert order_for(owed, short, RICH, swap(lot), POLICY) == 0
    assert in_band(owed, short, lot, POLICY)
    if hedged(owed, POLICY) >= 25 * lot:
        assert 9_800 * owed <= short * 10_000 <= 10_200 * owed


@given(owed_cents, st.integers(0, 10**7), st.integers(-(10**9), 10**10), lots)
def test_it_never_grows_beyond_what_the_collateral_carries(owed: int, n: int, equity: int, lot: int) -> None:
    short = n * lot
    size = order_for(owed, short, Cents(equity), swap(lot), POLICY)
    assert size <= 0 or (short + size) * 100 <= equity * POLICY.leverage_high_pct
    assert size >= 0 or short + size >= 0  # and never turns round


@given(owed_cents, st.integers(0, 10**6))
def test_inside_of_the_band_nothing_is_done(owed: int, n: int) -> None:
    short = n * 1_000
    if owed >= 5_000 and 9_800 * owed <= short * 10_000 <= 10_200 * owed:
        assert order_for(owed, short, Cents(0), SWAP, POLICY) == 0


def test_the_edges_of_the_band() -> None:
    for short, size in ((98_000, 0), (102_000, 0), (97_000, 3_000), (103_000, -3_000), (0, 100_000), (-1_000, 101_000)):
        assert order_for(100_000, short, RICH, SWAP, POLICY) == size
    assert order_for(5_000, 0, RICH, SWAP, POLICY) == 5_000
    assert order_for(4_999, 0, RICH, SWAP, POLICY) == 0
    assert order_for(4_999, 4_000, RICH, SWAP, POLICY) == -4_000  # too little to hedge: what there is goes
    assert order_for(0, 3_000, RICH, swap(1_000, most=2_000), POLICY) == -2_000  # by and by
    assert order_for(100_000, 0, Cents(0), SWAP, POLICY) == 0
    assert order_for(100_000, 0, Cents(10_000), SWAP, POLICY) == 40_000
    assert order_for(100_000, 60_000, Cents(10_000), SWAP, POLICY) == 0  # carries less, and is not sold for that
    assert order_for(15_500, 0, RICH, swap(10_000), POLICY) == 20_000
    assert order_for(15_000, 0, RICH, swap(10_000), POLICY) == 10_000  # a half: down


# --- the collateral ---------------------------------------------------------------------------------


@given(owed_cents, st.integers(0, 10**6), sats, sats, prices)
def test_collateral_comes_to_rest_between_its_leverages(
    owed: int, n: int, equity: int, funding: int, price: int
) -> None:
    now = look(owed, n * 1_000, equity, funding, price)
    for _ in range(3):
        move = transfer_for(now, POLICY)
        if not move:
            break
        assert -equity <= move <= funding
        equity, funding = equity + move, funding - move
        now = look(owed, n * 1_000, equity, funding, price)
    assert transfer_for(now, POLICY) == 0 or funding == 0
    at_stake, has = exposure(now, POLICY), worth(now.trading.equity, now.price).n
    if at_stake and funding > sats_of(POLICY.transfer_cents_min, now.price):
        assert at_stake * 100 <= has * 360 + 1_000
    if at_stake * 100 < has * POLICY.leverage_low_pct:  # more than is needed, and too little to move
        surplus = equity - collateral(now, POLICY)
        assert worth(Msats.from_sats(surplus), now.price).n <= POLICY.transfer_cents_min + 1


def test_leverage_at_its_edges() -> None:
    """1,000,000 cents at 50,000 dollars are 20,000,000 sat of bitcoin."""
    for equity, move in (
        (10_000_000, 0),  # twice
        (10_000_020, -(10_000_020 - 6_666_667)),  # less
        (5_555_560, 0),  # 3.6 times: nine tenths of four
        (5_555_540, 6_666_667 - 5_555_540),  # more
        (0, 6_666_667),
    ):
        now = look(1_000_000, 1_000_000, equity, 10**9, 5_000_000)
        assert transfer_for(now, POLICY) == move, equity
    assert leverage_pct(look(1_000_000, 1_000_000, 10_000_000, 0, 5_000_000)) == 200
    assert transfer_for(look(0, 0, 1_000_000, 0, 5_000_000), POLICY) == -1_000_000  # nothing to carry
    assert transfer_for(look(0, 0, 199_999, 0, 5_000_000), POLICY) == 0  # less than 100 dollars stay
    assert transfer_for(look(10_000, 0, 0, 10**9, 5_000_000), POLICY) == 200_000  # never less than 100 dollars
    assert transfer_for(look(1_000_000, 1_000_000, 5_000_000, 300, 5_000_000), POLICY) == 300  # all that there is


@given(owed_cents, sats, sats, sats, prices)
def test_coins_between_bank_and_exchange_do_not_go_to_and_fro(
    owed: int, equity: int, funding: int, hot: int, price: int
) -> None:
    now = look(owed, 0, equity, funding, price)
    move = onchain_for(now, hot, LIMITS, POLICY)
    if move > 0:
        assert move <= hot - POLICY.hot_kept_sats
        after = onchain_for(look(owed, 0, equity, funding + move, price), hot - move, LIMITS, POLICY)
        assert after >= 0
        assert after == 0 or hot - move - POLICY.hot_kept_sats > 0
    if move < 0:
        assert -move + LIMITS.fee <= funding
        assert onchain_for(look(owed, 0, equity, funding + move - LIMITS.fee, price), hot - move, LIMITS, POLICY) <= 0


def test_what_lies_at_the_exchange() -> None:
    """Collateral for 10,000 dollars is 6,666,667 sat, and the reserve is no more than the liability: 20,000,000."""
    wanted = 26_666_667
    for there, move in ((0, wanted), (20_000_000, wanted - 20_000_000), (20_000_010, 0), (2 * wanted, 0)):
        assert onchain_for(look(1_000_000, 0, 0, there, 5_000_000), 10**9, LIMITS, POLICY) == move
    too_much = look(1_000_000, 0, 0, 2 * wanted + 1, 5_000_000)
    assert onchain_for(too_much, 0, LIMITS, POLICY) == -(wanted + 1)
    assert onchain_for(look(0, 0, 0, 5_000_000, 5_000_000), 0, LIMITS, POLICY) == -(5_000_000 - LIMITS.fee)
    assert onchain_for(look(1_000_000, 0, 0, 0, 5_000_000), 11_000_000, LIMITS, POLICY) == 1_000_000  # all that is free
    assert onchain_for(look(1_000_000, 0, 0, 0, 5_000_000), 10_500_000, LIMITS, POLICY) == 0
    large = look(10**9, 0, 0, 0, 5_000_000)  # 10 million dollars: the reserve is one bitcoin
    assert onchain_for(large, 10**12, LIMITS, POLICY) == collateral(large, POLICY) + 100_000_000


# --- lives and books --------------------------------------------------------------------------------


def test_the_drawing_is_the_table() -> None:
    assert (Path(__file__).parents[2] / "docs" / "hedge-lives.md").read_text() == flow.drawing()


def test_every_life_ends() -> None:
    for kind, life in flow.LIVES.items():
        assert kind in LANES
        for state in State:
            ways = {to for (at, _), to in life.items() if at is state}
            assert bool(ways) == (state.open and (state is not State.LOST or kind is Kind.DEPOSIT))


@given(st.sampled_from(list(BillKind)), st.integers(-(10**13), 10**13), st.integers(-(10**9), 0), st.integers(-9, 9))
def test_bills_are_booked_whole(kind: BillKind, amount: int, fee: int, short: int) -> None:
    """What the exchange's balance changes by is what its account in the books changes by."""
    bill = Bill("7", kind, NOW, Msats(amount), Msats(0 if kind is BillKind.FUNDING else fee), short)
    unit = postings.billed(bill, Price(5_000_000, "test", NOW))
    legs = () if unit is None or unit.txn is None else unit.txn.legs
    changed = sum(leg.amount * ((leg.src == BANK.EXCHANGE_BTC) - (leg.dst == BANK.EXCHANGE_BTC)) for leg in legs)
    assert changed == (0 if kind is BillKind.TRANSFER else amount)
    assert all(leg.amount > 0 for leg in legs)


def test_a_policy_can_be_tighter() -> None:
    tight = replace(POLICY, low_bp=9_990, high_bp=10_010)
    assert order_for(10_000_000, 9_980_000, RICH, SWAP, tight) == 20_000
