"""[identity] in the settings is the policy that the bank is built with."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from hazina import app
from hazina.identity import Policy
from hazina.kernel.crypto import Keys
from hazina.settings import Lnd, Settings, Twilio

OUTSIDE = {
    "database_url": SecretStr("postgresql://nobody@127.0.0.1:1/nowhere"),
    "keys": SecretStr(Keys.fresh().as_text()),
    "lnd": Lnd(base_url="http://127.0.0.1:1", macaroon=SecretStr("00")),
    "twilio": Twilio(account_sid="AC", auth_token=SecretStr("x"), sender="Hazina"),
    "smtp": {"host": "127.0.0.1", "sender": "bank@hazina.example"},
}


async def policy(**identity: object) -> Policy:
    bank = app.build(Settings.model_validate({**OUTSIDE, "identity": identity}))
    for close in bank.closing:
        await close()
    return bank.identity.policy


async def test_the_defaults_are_those_of_the_context() -> None:
    assert await policy() == Policy()


async def test_what_is_set_counts() -> None:
    said = await policy(
        session_days=10, session_days_max=20, hold_hours=72, hold_usd=0, payment_over_usd=[0, -1, 7, 8],
        wary_over_usd=-1, keys=[False, True, False, True], factors=[False] * 4,
    )  # fmt: skip
    assert (said.session_idle_s, said.session_max_s) == (864_000, 1_728_000)
    assert (said.hold_s, said.hold_cents) == (259_200, 0)
    assert said.step_up.payment_over_cents == (0, None, 700, 800) and said.step_up.wary_over_cents is None
    assert said.step_up.keys == (False, True, False, True) and not any(said.step_up.factors)
    needs = said.step_up.payment_needs
    assert needs(0, 1, False) and not needs(0, 0, False) and not needs(1, 10**9, True) and not needs(2, 700, False)


@pytest.mark.parametrize("wrong", [{"hold_hours": 721}, {"payment_over_usd": [1, 2, 3]}, {"session_days": 0}, {"x": 1}])
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**OUTSIDE, "identity": wrong})
