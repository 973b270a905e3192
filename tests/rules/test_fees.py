"""Fee strategies: each by examples, and what must be true of any schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.accounts import Account, Holder, Level, Status, Wallet
from hazina.kernel.money import Asset, Msats
from hazina.payments import Policy
from hazina.payments.fees import (
    DEFAULT,
    ExemptAccount,
    ExponentialDecay,
    Flat,
    Imbalance,
    Matter,
    Network,
    Percentage,
    PercentageAboveThreshold,
    Strategy,
    Tier,
    TieredFlat,
    Way,
    fee_of,
    share,
)
from hazina.payments.quotes import own_fee

SOMEBODY = UUID("11111111-1111-4111-8111-111111111111")
DECAY = ExponentialDecay(
    min_rate=Decimal("0.001"), max_rate=Decimal("0.01"), speed=Decimal(4), target_rate=Decimal("0.005"),
    terminal_divisor=Decimal(4_000), factor=Decimal(2), offset=Decimal("0.1"), rate_cap=Decimal("0.05"),
)  # fmt: skip
TIERS = TieredFlat((Tier(1_000, 5), Tier(10_000, 20), Tier(None, 50)))


@pytest.mark.parametrize(
    ("strategy", "matter", "fee"),
    [
        (Flat(7), Matter(0), 7),
        (Percentage(50), Matter(10_000), 50),
        (Percentage(50), Matter(1), 1),  # parts of a satoshi are rounded up
        (Percentage(0), Matter(10**15), 0),
        (TIERS, Matter(1_000), 5),
        (TIERS, Matter(1_001), 20),
        (TIERS, Matter(10**12), 50),
        (TieredFlat((Tier(1_000, 5),)), Matter(1_001), 0),
        (Imbalance(), Matter(5_000_000), 0),
        (Imbalance(), Matter(11_000_000), 2_000),  # a million above the threshold, at 0.2 %
        (Imbalance(), Matter(1_000_000, imbalance_sats=50_000_000), 2_000),  # never of more than the amount
        (Imbalance(), Matter(1_000_000, imbalance_sats=-50_000_000), 0),
        (Imbalance(min_sats=30), Matter(1), 30),
        (PercentageAboveThreshold(), Matter(100_000, cents=10_000), 0),
        (PercentageAboveThreshold(), Matter(100_000, cents=10_001), 300),
        (DECAY, Matter(0), 100),
        (DECAY, Matter(2_000), 100),  # at most 5 %, at least 100
        (DECAY, Matter(4_000_000), 4_000),
        (DECAY, Matter(400_000_000), 4_000),
        (DECAY, Matter(4_000_000, sats_per_vbyte=100), 20_000),
        (DECAY, Matter(4_000_000, miner_sats=500, sats_per_vbyte=1), 5_050),
    ],
)
def test_each_strategy(strategy: Strategy, matter: Matter, fee: int) -> None:
    assert strategy.fee(matter, 0) == fee


@pytest.mark.parametrize(
    ("exempt", "matter", "left"),
    [
        (ExemptAccount(roles=frozenset({"dealer"})), Matter(1_000, role="dealer"), 0),
        (ExemptAccount(roles=frozenset({"dealer"})), Matter(1_000, role="customer"), 10),
        (ExemptAccount(), Matter(1_000), 10),
        (ExemptAccount(account_ids=frozenset({SOMEBODY})), Matter(1_000, account_id=SOMEBODY), 0),
        (ExemptAccount(account_ids=frozenset({SOMEBODY})), Matter(1_000, account_id=uuid4()), 10),
        (ExemptAccount(validated_merchants=True), Matter(1_000, validated_merchant=True), 0),
        (ExemptAccount(), Matter(1_000, validated_merchant=True), 10),
    ],
)
def test_exemptions_take_back_what_came_before_them(exempt: ExemptAccount, matter: Matter, left: int) -> None:
    key = (Network.LIGHTNING, Way.SEND)
    assert fee_of({key: (Flat(7), Flat(3), exempt)}, *key, matter).bank_sats == left
    assert fee_of({key: (Flat(7), exempt, Flat(3))}, *key, matter).bank_sats == (3 if left == 0 else 10)


def test_the_defaults_are_blinks() -> None:
    def bank(network: Network, way: Way, amount: int, **more: bool | str) -> int:
        return fee_of(DEFAULT, network, way, Matter(amount, **more)).bank_sats  # type: ignore[arg-type]  # named fields

    for network in (Network.LIGHTNING, Network.INTRALEDGER):
        assert {bank(network, way, amount) for way in Way for amount in (1, 10**6, 10**13)} == {0}
    assert bank(Network.ONCHAIN, Way.RECEIVE, 1_000_000) == 2_500
    assert bank(Network.ONCHAIN, Way.RECEIVE, 1_000_001) == 0
    assert bank(Network.ONCHAIN, Way.RECEIVE, 1_000, validated_merchant=True) == 0
    assert bank(Network.ONCHAIN, Way.SEND, 1_000_000) == 5_000
    assert bank(Network.ONCHAIN, Way.SEND, 1_000_001) == 10_000
    assert bank(Network.ONCHAIN, Way.SEND, 20_000_000) == 10_000 + 20_000
    assert bank(Network.ONCHAIN, Way.SEND, 20_000_000, role="bankowner") == 0


AMOUNTS = st.integers(0, 21 * 10**14)
MATTERS = st.builds(
    Matter,
    amount_sats=AMOUNTS,
    cents=st.integers(0, 10**12),
    role=st.sampled_from([None, "dealer", "customer"]),
    validated_merchant=st.booleans(),
    imbalance_sats=st.integers(-(10**15), 10**15),
    miner_sats=st.integers(0, 10**8),
    sats_per_vbyte=st.integers(1, 5_000),
)
STRATEGIES: st.SearchStrategy[Strategy] = st.one_of(
    st.builds(Flat, st.integers(-(10**6), 10**6)),
    st.builds(Percentage, st.integers(0, 10_000)),
    st.just(TIERS),
    st.just(ExemptAccount(roles=frozenset({"dealer"}), validated_merchants=True)),
    st.builds(Imbalance, st.integers(0, 10**9), st.integers(0, 1_000), st.integers(0, 1_000)),
    st.builds(PercentageAboveThreshold, st.integers(0, 1_000), st.integers(0, 10**6)),
    st.just(DECAY),
)


@given(matter=MATTERS, strategies=st.lists(STRATEGIES, max_size=6))
def test_of_any_schedule(matter: Matter, strategies: list[Strategy]) -> None:
    key = (Network.ONCHAIN, Way.SEND)
    fee = fee_of({key: strategies}, *key, matter)
    assert fee.bank_sats == max(sum(fee.parts), 0)
    assert fee.total_sats == fee.bank_sats + matter.miner_sats
    assert len(fee.parts) == len(strategies)
    running = 0
    for strategy, part in zip(strategies, fee.parts, strict=True):
        assert part == strategy.fee(matter, running)
        running += part


@given(amount=AMOUNTS, other=AMOUNTS, basis_points=st.integers(0, 10_000))
def test_shares(amount: int, other: int, basis_points: int) -> None:
    fee = share(amount, basis_points)
    assert (fee - 1) * 10_000 < amount * basis_points <= fee * 10_000
    assert 0 <= fee <= amount
    assert share(amount, basis_points) + share(other, basis_points) >= share(amount + other, basis_points)


@given(matter=MATTERS)
def test_a_decaying_rate_stays_between_its_bounds(matter: Matter) -> None:
    fee = DECAY.fee(matter, 0)
    assert 100 <= fee <= max(100, matter.amount_sats * 5 // 100 + 1)


@given(matter=MATTERS, more=st.integers(0, 10**12))
def test_imbalance_never_asks_less_of_more(matter: Matter, more: int) -> None:
    larger = Matter(matter.amount_sats + more, imbalance_sats=matter.imbalance_sats)
    assert Imbalance().fee(larger, 0) >= Imbalance().fee(matter, 0)


def test_a_customer_on_the_map_is_a_merchant_to_the_fees() -> None:
    schedule = {(Network.LIGHTNING, Way.SEND): (Flat(30), ExemptAccount(validated_merchants=True))}
    asked = []
    for merchant in (False, True):
        account = Account(
            SOMEBODY, uuid4(), "duka", Level.ONE, Status.ACTIVE, uuid4(), "USD", datetime.now(UTC), merchant
        )
        payer = Holder(account, Wallet(uuid4(), SOMEBODY, Asset.BTC, 4711))
        asked.append(own_fee(Msats.from_sats(1_000), payer, None, Policy(fees=schedule)).sats_floor)
    assert asked == [30, 0]
