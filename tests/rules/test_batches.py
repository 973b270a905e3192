"""Rules of payouts and of cold wallets: shares of fees, what is held against what was asked for, descriptors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.chain import Policy, Speed
from hazina.chain.batch import (
    Payout,
    PayoutPolicy,
    PayoutState,
    WrongTransaction,
    affordable,
    carrying,
    checked,
    due,
    fee,
    raised,
    rate_of,
    rate_wanted,
    shares,
    together,
)
from hazina.chain.cold import ColdPolicy, fee_in_bounds, psbt_text, public_descriptor, swept
from hazina.chain.errors import BadDescriptor, BadPsbt
from hazina.chain.ports import Coin, Made, Signed, To
from hazina.kernel.ids import new_id

SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=500)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@given(st.integers(0, 10**9), SIZES)
def test_shares_sum_to_the_fee_and_follow_the_size(fee_sats: int, sizes: list[int]) -> None:
    parts = shares(fee_sats, sizes)
    assert sum(parts) == fee_sats and min(parts) >= 0
    for part, size in zip(parts, sizes, strict=True):
        assert abs(part - fee_sats * size / sum(sizes)) < 1
    order = sorted(range(len(sizes)), key=lambda n: sizes[n])
    for small, large in pairwise(order):
        assert parts[small] <= parts[large] + (sizes[small] == sizes[large]), "who takes more room pays no less"


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_fee_pays_at_least_its_rate_and_not_a_satoshi_more(vbytes: int, rate: int) -> None:
    paid = fee(vbytes, rate)
    assert paid * 1_000 >= vbytes * rate > (paid - 1) * 1_000
    assert rate_of(paid, vbytes) >= rate


@given(st.one_of(st.none(), st.integers(1, 10**7)), st.integers(0, 10**7))
def test_onc_09_every_rate_is_between_floor_and_cap(stored: int | None, least: int) -> None:
    policy = Policy()
    rate = rate_wanted(stored, least, policy)
    assert policy.rate_floor <= rate <= policy.rate_cap
    assert rate == policy.rate_cap or rate >= least


def test_a_replacement_pays_more_and_never_beyond_the_cap() -> None:
    assert raised(2_000, 10_000, 1_000, 500_000) == 10_000
    assert raised(2_000, 1_000, 1_000, 500_000) == 3_000
    assert raised(499_500, 1_000, 1_000, 500_000) is None


@given(st.integers(100, 10**5), st.integers(0, 10**6), st.integers(100, 10**4), st.integers(1_000, 500_000))
def test_a_child_that_carries_its_parent_pays_for_both(parent: int, parent_fee: int, own: int, wanted: int) -> None:
    rate = carrying(parent, parent_fee, own, wanted)
    assert rate >= wanted, "not less than it would pay alone"
    both = parent_fee + fee(own, rate)
    assert both >= fee(parent + own, wanted)
    assert rate == wanted or both <= fee(parent + own, wanted) + 1 + own // 1_000, "and no more than that"


def payout(sats: int = 10_000, address: str = "a", age: timedelta = timedelta(0)) -> Payout:
    return Payout(new_id(), address, sats, Speed.FAST, 1_000, PayoutState.QUEUED, NOW - age)


def test_a_queue_is_due_by_time_or_by_number() -> None:
    policy = PayoutPolicy(batch_max=3)
    assert not due(NOW - timedelta(seconds=59), 2, Speed.FAST, NOW, policy)
    assert due(NOW - timedelta(seconds=60), 1, Speed.FAST, NOW, policy)
    assert due(NOW, 3, Speed.FAST, NOW, policy)
    assert not due(NOW - timedelta(minutes=59), 1, Speed.SLOW, NOW, policy)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 100)), max_size=30), st.integers(0, 500))
def test_what_goes_together_is_payable_and_has_each_address_once(wish: list[tuple[str, int]], purse: int) -> None:
    queued = [payout(sats, address) for address, sats in wish]
    chosen = affordable(together(queued, 4), purse)
    assert len(chosen) <= 4 and sum(one.sats for one in chosen) <= purse
    assert len({one.address for one in chosen}) == len(chosen)
    assert [queued.index(one) for one in chosen] == sorted(queued.index(one) for one in chosen)


def signed(outputs: list[tuple[str | None, int]], coins: list[Coin], vsize: int = 200) -> Signed:
    made = tuple(Made(address, sats, 22) for address, sats in outputs)
    paid = sum(coin.sats for coin in coins) - sum(sats for _, sats in outputs)
    return Signed("00" * 32, b"", vsize, paid, tuple(coins), made)


COIN = Coin("aa" * 32, 0, 100_000)
WANTED = [To("a", 10_000), To("b", 20_000)]


def test_a_transaction_as_asked_for_passes() -> None:
    assert checked(signed([("a", 10_000), ("b", 20_000), ("change", 69_000)], [COIN]), WANTED, fee_max=1_000) == 2
    assert (
        checked(signed([("a", 10_000), ("b", 89_500)], [COIN]), [To("a", 10_000), To("b", 89_500)], fee_max=500) is None
    )
    assert checked(signed([("a", 99_000)], [COIN]), [To("a", 100_000)], fee_max=1_000, whole=True) is None


@pytest.mark.parametrize(
    ("built", "more"),
    [
        (signed([("a", 10_001), ("b", 20_000), ("c", 69_000)], [COIN]), {}),
        (signed([("b", 20_000), ("a", 10_000), ("c", 69_000)], [COIN]), {}),
        (signed([("a", 10_000), ("x", 20_000), ("c", 69_000)], [COIN]), {}),
        (signed([("a", 10_000), ("c", 89_000)], [COIN]), {}),
        (signed([("a", 10_000), ("b", 20_000), ("c", 60_000), ("d", 9_000)], [COIN]), {}),
        (signed([("a", 10_000), ("b", 20_000), ("c", 68_999)], [COIN]), {}),
        (signed([("a", 10_000), ("b", 20_000), ("c", 80_000)], [COIN]), {}),
        (signed([("a", 10_000), ("b", 20_000), ("c", 169_000)], [COIN, COIN]), {}),
        (signed([("a", 10_000), ("b", 20_000), ("c", 69_000)], [COIN]), {"must_spend": [Coin("bb" * 32, 0, 5)]}),
    ],
)
def test_a_transaction_that_differs_is_thrown_away(built: Signed, more: dict[str, Any]) -> None:
    with pytest.raises(WrongTransaction):
        checked(built, WANTED, fee_max=1_000, **more)


# -- cold ---------------------------------------------------------------------------------------------


def test_what_is_swept() -> None:
    policy = ColdPolicy()
    assert swept(200_000_000, 0, policy) == 0
    assert swept(200_000_001, 0, policy) == 199_000_001
    assert swept(250_000_000, 50_000_000, policy) == 0, "queued payouts need it"
    assert swept(300_000_000, 50_000_000, policy) == 249_000_000
    assert swept(210_000_000, 0, ColdPolicy(kept=201_000_000)) == 0, "less than is worth a transaction"
    assert fee_in_bounds(50, 1_000, policy) and not fee_in_bounds(51, 1_000, policy)
    assert not fee_in_bounds(-1, 1_000, policy)


KEY = "[d34db33f/84h/1h/0h]tpub" + "A" * 107 + "/<0;1>/*"
OTHER = "[d34db33f/84h/1h/0h]tpub" + "B" * 107 + "/<0;1>/*"
SUM = "#qqqqqqqq"


@pytest.mark.parametrize(
    "text",
    [
        f"wpkh({KEY}){SUM}",
        f"tr({KEY}){SUM}",
        f"wsh(sortedmulti(2,{KEY},{OTHER})){SUM}",
        f"  wpkh({KEY}){SUM}\n",
        f"wpkh({KEY[KEY.index(']') + 1 :]}){SUM}",
    ],
)
def test_descriptors_that_are_taken(text: str) -> None:
    assert public_descriptor(text) == text.strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"wpkh({KEY})", "checksum"),
        (f"wpkh({KEY})#QQQQQQQQ", "checksum"),
        (f"wpkh({KEY.replace('tpub', 'tprv')}){SUM}", "private key"),
        (f"wpkh({'c' + 'K' * 51}){SUM}", "private key"),
        (f"wpkh({KEY.replace('/<0;1>/*', '/0/*')}){SUM}", "branches"),
        (f"wpkh({KEY.replace('/<0;1>/*', '/<0;1>/*h')}){SUM}", "branches"),
        (f"wpkh({KEY.replace('/<0;1>/*', '/<0;1;2>/*')}){SUM}", "branches"),
        (f"wpkh({KEY.replace('/<0;1>/*', '')}){SUM}", "branches"),
        (f"pkh({KEY}){SUM}", "branches"),
        (f"sh(wpkh({KEY})){SUM}", "branches"),
        (f"wsh(multi(2,{KEY},{OTHER})){SUM}", "branches"),
        (f"wsh(sortedmulti(3,{KEY},{OTHER})){SUM}", "more signatures"),
        (f"wsh(sortedmulti(0,{KEY},{OTHER})){SUM}", "branches"),
        (f"wsh(sortedmulti(2,{KEY},{KEY})){SUM}", "same key"),
        (f"tr({KEY},pk({OTHER})){SUM}", "branches"),
        (f"addr(bcrt1qvszk90t0qccmv7xvd4vzxjp9lhz890qhw55vsr){SUM}", "branches"),
        (f"raw(51){SUM}", "branches"),
        ("", "checksum"),
        ("wsh(" * 2_000, "longer"),
        (f"wsh(sortedmulti(2{(',' + KEY) * 16})){SUM}", "branches"),
        (f"wpkh({KEY})\x00{SUM}", "branches"),
    ],
)
def test_hostile_descriptors_are_refused(text: str, said: str) -> None:
    with pytest.raises(BadDescriptor, match=said) as refused:
        public_descriptor(text)
    assert "tprv" not in str(refused.value) and "KKKK" not in str(refused.value), "a private key is not repeated"


@pytest.mark.parametrize(
    "text", ["", "psbt", "cHNidP8", "cHNidP8=A", "70736274ff", "cHNidP8" + "A" * 1_500_001, "cHNidP/;rm"]
)
def test_what_is_no_psbt(text: str) -> None:
    if text == "cHNidP8":
        assert psbt_text(text) == text
        return
    with pytest.raises(BadPsbt):
        psbt_text(text)
