"""The bank's own fees, as an operator sets them."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from hazina.app import STRATEGIES, _fees
from hazina.payments.fees import DEFAULT, Matter, Network, Way, fee_of
from hazina.settings import BadSettings, load

FILE = """
[fees]
deposit = []

[[fees.withdrawal]]
strategy = "tiered_flat"
tiers = [{ up_to_sats = 100000, sats = 700 }, { sats = 900 }]

[[fees.withdrawal]]
strategy = "percentage"
basis_points = 10

[[fees.withdrawal]]
strategy = "exempt_account"
account_ids = ["11111111-1111-4111-8111-111111111111"]
"""


def test_what_is_not_set_is_blinks() -> None:
    assert _fees(load({}).settings.fees) == DEFAULT


def test_strategies_are_summed_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "hazina.toml").write_text(FILE)
    fees = _fees(load({"HAZINA_DATA": str(tmp_path)}).settings.fees)
    for sats, fee in ((100_000, 700 + 100), (100_001, 900 + 101)):
        assert fee_of(fees, Network.ONCHAIN, Way.SEND, Matter(sats)).bank_sats == fee
    somebody = Matter(1_000, account_id=UUID("11111111-1111-4111-8111-111111111111"))
    assert fee_of(fees, Network.ONCHAIN, Way.SEND, somebody).bank_sats == 0
    assert fee_of(fees, Network.ONCHAIN, Way.RECEIVE, Matter(50_000)).bank_sats == 0


@pytest.mark.parametrize("name", [*STRATEGIES, "tiered_flat", "exempt_account"])
def test_every_strategy_has_a_setting_of_its_name(name: str) -> None:
    names = ("min_rate", "max_rate", "speed", "target_rate", "terminal_divisor", "factor")
    rates: dict[str, object] = dict.fromkeys(names, "0.1")
    fields: dict[str, dict[str, object]] = {
        "flat": {"sats": 5},
        "percentage": {"basis_points": 50},
        "tiered_flat": {"tiers": [{"sats": 5}]},
        "exponential_decay": {**rates, "offset": "0", "rate_cap": "0.5"},
    }
    wished = json.dumps([{"strategy": name, **fields.get(name, {})}])
    fees = _fees(load({"HAZINA_FEES__LIGHTNING": wished}).settings.fees)
    (strategy,) = fees[(Network.LIGHTNING, Way.SEND)]
    assert strategy.fee(Matter(10_000), 0) >= 0


@pytest.mark.parametrize(
    "wished",
    [
        '[{"strategy": "flatt", "sats": 1}]',
        '[{"strategy": "flat"}]',
        '[{"strategy": "flat", "sats": -1}]',
        '[{"strategy": "percentage", "basis_points": 10001}]',
        '[{"strategy": "tiered_flat", "tiers": []}]',
        '[{"sats": 1}]',
    ],
)
def test_a_fee_that_cannot_be_is_an_error_with_its_place(wished: str) -> None:
    with pytest.raises(BadSettings, match=r"HAZINA_FEES__WITHDRAWAL: fees\.withdrawal"):
        load({"HAZINA_FEES__WITHDRAWAL": wished})
