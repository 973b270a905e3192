"""The dealer's four amounts: Blink's spreads and rounding, and that no way round brings more than went in."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.app import _price_policy
from hazina.dealer import Policy, Rate, Side, Term, both, cents_of, may_deal, msats_of, rate
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.payments import Kind, Payment, State
from hazina.payments.errors import AmountTooSmall
from hazina.payments.exchanging import give, route_reserve, sale
from hazina.payments.model import Direction, Party
from hazina.payments.model import Policy as Payments
from hazina.payments.postings import set_aside, settle_out, statement_line
from hazina.settings import BadSettings, load

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = Policy()
MSAT_PER_BTC = 100_000_000_000
LOOPS = 10_000

prices = st.integers(100_00, 100_000_000_00).map(lambda n: Price(n, "test", NOW))
rates = st.builds(rate, prices, st.sampled_from(Term), st.just(POLICY))
msats = st.integers(0, 10**16).map(Msats)
cents = st.integers(0, 10**13).map(Cents)


def worth(price: Price, msats: int, cents: int) -> Fraction:
    """Of both together at the middle, in cents, exactly."""
    return cents + Fraction(msats * price.cents_per_btc, MSAT_PER_BTC)


@pytest.mark.parametrize(
    ("term", "bought", "cost", "sold", "brings"),
    [  # at 50,000 dollars, one dollar is 2,000 satoshi
        (Term.IMMEDIATE, 99_900, 2_002_000, 100_100, 1_998_000),
        (Term.DELAYED, 99_880, 2_002_400, 100_120, 1_997_600),
    ],
)
def test_the_four_amounts_at_once_and_delayed(term: Term, bought: int, cost: int, sold: int, brings: int) -> None:
    """Ten basis points away from the middle at once, twelve by a quote that stands."""
    at = rate(Price(50_000_00, "test", NOW), term, POLICY)
    assert at.cents_bought(Msats.from_sats(2_000_000)) == Cents(bought)
    assert at.cost_of_buying(Cents(100_000)) == Msats.from_sats(cost)
    assert at.cents_to_sell(Msats.from_sats(2_000_000)) == Cents(sold)
    assert at.msats_for_selling(Cents(100_000)) == Msats.from_sats(brings)


def test_trap_28_every_rounding_is_the_banks() -> None:
    """One satoshi is a twentieth of a cent here: bought it is nothing, sold for it costs a whole one."""
    at = rate(Price(50_000_00, "test", NOW), Term.IMMEDIATE, POLICY)
    assert (at.cents_bought(Msats.from_sats(20)), at.cents_bought(Msats.from_sats(21))) == (Cents(0), Cents(1))
    assert at.cost_of_buying(Cents(1)) == Msats.from_sats(21)
    assert (at.cents_to_sell(Msats(1)), at.cents_to_sell(Msats.from_sats(20))) == (Cents(1), Cents(2))
    assert at.msats_for_selling(Cents(1)) == Msats.from_sats(19)
    dear = rate(Price(100_000_000_00, "test", NOW), Term.IMMEDIATE, POLICY)
    assert dear.msats_for_selling(Cents(50)) == Msats(0)


@given(rates, msats)
def test_satoshi_never_bring_more_than_they_are_worth(at: Rate, amount: Msats) -> None:
    bought, asked = at.cents_bought(amount), at.cents_to_sell(amount)
    assert worth(at.price, 0, bought.n) <= worth(at.price, amount.n, 0) <= worth(at.price, 0, asked.n)
    spread = Fraction(at.spread_bp, 10_000)
    exact = worth(at.price, amount.n, 0)
    assert 0 <= exact * (1 - spread) - bought.n < 1 and 0 <= asked.n - exact * (1 + spread) < 1


@given(rates, cents)
def test_cents_never_bring_more_than_they_are_worth(at: Rate, amount: Cents) -> None:
    brings, cost = at.msats_for_selling(amount), at.cost_of_buying(amount)
    assert worth(at.price, brings.n, 0) <= amount.n <= worth(at.price, cost.n, 0)
    assert brings.n % 1_000 == 0 and cost.n % 1_000 == 0
    exact, spread = Fraction(amount.n * MSAT_PER_BTC, at.price.cents_per_btc), Fraction(at.spread_bp, 10_000)
    assert 0 <= exact * (1 - spread) - brings.n < 1_000 and 0 <= cost.n - exact * (1 + spread) < 1_000


@given(rates, st.sampled_from(Side), st.one_of(msats, cents), st.integers(1, 50))
def test_in_pieces_it_is_never_better(at: Rate, side: Side, amount: Msats | Cents, pieces: int) -> None:
    part = type(amount)(amount.n // pieces)
    all_msats, all_cents = both(at, side, type(part)(part.n * pieces))
    one_msats, one_cents = both(at, side, part)
    paid = (all_msats.n, one_msats.n * pieces) if side is Side.BUY else (all_cents.n, one_cents.n * pieces)
    got = (all_cents.n, one_cents.n * pieces) if side is Side.BUY else (all_msats.n, one_msats.n * pieces)
    assert paid[1] >= paid[0] and got[1] <= got[0]


@given(prices, st.one_of(msats, cents))
def test_trap_30_limits_count_at_the_middle(price: Price, amount: Msats | Cents) -> None:
    """Neither what buying costs nor what selling brings: the nearest, never nothing for something."""
    counted = cents_of(amount if isinstance(amount, Msats) else msats_of(amount, price), price)
    exact = worth(price, amount.n, 0) if isinstance(amount, Msats) else Fraction(amount.n)
    assert abs(counted.n - exact) <= 1 and (counted.n > 0) is (amount.n > 0)


def test_a_price_is_dealt_at_for_thirty_seconds() -> None:
    price = Price(50_000_00, "test", NOW)
    assert may_deal(price, NOW + timedelta(seconds=30), POLICY)
    assert not may_deal(price, NOW + timedelta(seconds=30, microseconds=1), POLICY)


# --- attacks by rounding ------------------------------------------------------------------------------


@dataclass
class Attacker:
    """Has both currencies, here and in a wallet outside, and tries every way between them."""

    at: Rate
    quoted: Rate
    dice: random.Random
    msats: int = 10**12
    cents: int = 10**7

    @property
    def worth(self) -> Fraction:
        return worth(self.at.price, self.msats, self.cents)

    def amount(self, most: int) -> int:
        """Small ones mostly: roundings are largest there."""
        return self.dice.randint(1, self.dice.choice((1, 2, 21, 100, 5_000, most)))

    def buy(self) -> None:
        """Inside, or an invoice without an amount: so many satoshi for what they buy."""
        sats = Msats.from_sats(self.amount(10**6))
        got = give(self.at, sats)
        if got.n:  # else it stays bitcoin
            self.msats, self.cents = self.msats - sats.n, self.cents + got.n

    def buy_by_invoice(self) -> None:
        """Exactly so many cents, by the quote in an invoice."""
        wanted = Cents(self.amount(10**5))
        self.msats, self.cents = self.msats - self.quoted.cost_of_buying(wanted).n, self.cents + wanted.n

    def buy_by_bitcoin_invoice(self) -> None:
        sats = Msats.from_sats(self.amount(10**6))
        got = self.quoted.cents_bought(sats)
        if got:
            self.msats, self.cents = self.msats - sats.n, self.cents + got.n

    def sell(self) -> None:
        given = Cents(self.amount(10**5))
        got = give(self.at, given)
        if got.n:
            self.msats, self.cents = self.msats + got.n, self.cents - given.n

    def pay_outside(self) -> None:
        """One's own invoice at another node, over a route that costs what it likes; by a probe's quote or without."""
        at = self.dice.choice((self.at, self.quoted))
        asked: Msats | Cents = Msats(self.amount(10**9))
        if fixed := self.dice.random() < 0.5:
            asked = Cents(self.amount(10**5))
        try:
            sold = sale(at, asked)
        except AmountTooSmall:
            return
        probed = Msats.from_sats(self.dice.randint(0, 30)) if self.dice.random() < 0.5 else None
        reserve, route = route_reserve(sold, not fixed, probed, Payments())
        fee = Msats(self.dice.randint(0, route.n)) if self.dice.random() < 0.8 else route
        paid = Payment(
            new_id(), Kind.LN_OUT, State.SENT, Asset.USD, sold.cents.n, reserve.n, 101, 1,
            new_id(), new_id(), to_asset=Asset.BTC, to_amount=sold.msats.n, route_max=route.n, price=at.price,
        )  # fmt: skip
        unit = settle_out(paid, fee, bytes(32), NOW)
        assert unit.txn is not None
        charged = sum(leg.amount for leg in unit.txn.legs if leg.src == 101)
        assert charged <= sold.cents.n + reserve.n
        mine = sold.msats.n + (fee.n if self.dice.random() < 0.5 else 0)  # the route may be the attacker's too
        self.msats, self.cents = self.msats + mine, self.cents - charged

    def fail_late(self) -> None:
        """A payment that was held and then refused comes back as bitcoin."""
        sold = sale(self.at, Msats(self.amount(10**9)))
        whole = Msats.from_sats(sold.msats.sats_floor)
        if whole:
            self.msats, self.cents = self.msats + whole.n, self.cents - sold.cents.n


WAYS = [
    Attacker.buy, Attacker.buy_by_invoice, Attacker.buy_by_bitcoin_invoice, Attacker.sell, Attacker.pay_outside,
    Attacker.fail_late,
]  # fmt: skip


@pytest.mark.parametrize("cents_per_btc", [1_000_00, 49_999_99, 100_000_00, 1_234_567_89, 99_999_999_00])
def test_usd_05_ten_thousand_steps_over_every_way_never_gain(cents_per_btc: int) -> None:
    """Not in one step either, at any price, to oneself or through a node and a route of one's own."""
    price = Price(cents_per_btc, "test", NOW)
    at, quoted = rate(price, Term.IMMEDIATE, POLICY), rate(price, Term.DELAYED, POLICY)
    attacker = Attacker(at, quoted, random.Random(cents_per_btc))
    for _ in range(LOOPS):
        before = attacker.worth
        attacker.dice.choice(WAYS)(attacker)
        assert attacker.worth <= before
        attacker.msats, attacker.cents = max(attacker.msats, 10**12), max(attacker.cents, 10**7)


def test_usd_05_one_satoshi_and_one_cent_to_and_fro() -> None:
    """The smallest of each, over and over: what is left only shrinks, and what is too little is not moved."""
    for cents_per_btc in (50_000_00, 100_000_000_00):
        at = rate(Price(cents_per_btc, "test", NOW), Term.IMMEDIATE, POLICY)
        msats_left, cents_left = 10**9, 10**6
        start = worth(at.price, msats_left, cents_left)
        for _ in range(LOOPS):
            for smallest in (Msats.from_sats(1), Cents(1)):
                got = give(at, smallest)
                if got.n and isinstance(smallest, Msats):
                    msats_left, cents_left = msats_left - smallest.n, cents_left + got.n
                elif got.n:
                    msats_left, cents_left = msats_left + got.n, cents_left - smallest.n
        assert worth(at.price, msats_left, cents_left) <= start


# --- postings -----------------------------------------------------------------------------------------


@given(rates, st.integers(1, 10**12), st.integers(0, 10**9), st.integers(0, 500))
def test_a_payment_in_dollars_costs_its_amount_a_share_of_the_reserve_and_the_banks_fee(
    at: Rate, msat: int, fee_msat: int, bank_fee: int
) -> None:
    """AMT-08: its parts sum to what it costs, never more than was set aside, whatever the route took; and each asset's
    legs take and give the same."""
    sold = sale(at, Msats(msat))
    reserve, route = route_reserve(sold, True, None, Payments())
    me = Party(new_id(), new_id(), 101, None, "USD")
    paid = Payment(
        new_id(), Kind.LN_OUT, State.SENT, Asset.USD, sold.cents.n, reserve.n + bank_fee, 101, 1, me.account_id,
        me.wallet_id, to_asset=Asset.BTC, to_amount=msat, route_max=route.n, price=at.price, bank_fee=bank_fee,
    )  # fmt: skip
    line = statement_line(paid, me, None, Direction.SEND, NOW, fee=paid.fee_max)
    held = set_aside(paid, line, (), NOW, NOW).txn
    ended = settle_out(paid, Msats(fee_msat), bytes(32), NOW).txn
    assert held is not None and ended is not None
    charged = sum(leg.amount for leg in ended.legs if leg.src == 101)
    assert sold.cents.n + bank_fee <= charged <= held.legs[0].amount
    on_the_wire = sum(leg.amount for leg in ended.legs if leg.dst == 1)
    assert on_the_wire == msat + fee_msat
    dealt = [leg for leg in ended.legs if leg.src == 11]
    assert [leg.amount for leg in dealt] == [msat + min(fee_msat, route.n)]


def test_spreads_are_settings() -> None:
    """Basis points from the middle; Blink's where nothing is said."""
    assert _price_policy(load({}).settings) == replace(_price_policy(load({}).settings), base_bp=5, immediate_bp=5)
    said = load({"HAZINA_DEALER__BASE_BASIS_POINTS": "20", "HAZINA_DEALER__DELAYED_BASIS_POINTS": "0"}).settings
    price = Price(50_000_00, "test", NOW)
    spreads = [rate(price, term, _price_policy(said)).spread_bp for term in (Term.IMMEDIATE, Term.DELAYED)]
    assert spreads == [25, 20]
    with pytest.raises(BadSettings):
        load({"HAZINA_DEALER__IMMEDIATE_BASIS_POINTS": "501"})
