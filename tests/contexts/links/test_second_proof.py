"""An order that waits for a second proof keeps the invoice that the proof is for."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from tests.contexts.identity.test_step_up import proof, sats_over
from tests.contexts.whole import Person, Whole

from hazina.identity import StepUpRequired
from hazina.kernel.money import Msats
from hazina.links import PayTo


async def test_a_proof_is_good_for_the_address_that_was_asked_for(whole: Whole, giver: Person) -> None:
    much = await sats_over(whole, 5_000)
    await giver.fund(2 * much)
    before = (await giver.sats())[0]
    careful = replace(giver.caller, wary=True)
    domain = urlsplit(whole.bank.settings.sandbox_url or "").netloc
    order = PayTo(giver.btc.id, f"bob@{domain}", Msats.from_sats(much), key="first")
    with pytest.raises(StepUpRequired) as refused:
        await whole.bank.links.pay(careful, order)
    for key in (None, "second"):  # clients come back under another key
        with pytest.raises(StepUpRequired) as again:
            await whole.bank.links.pay(careful, replace(order, key=key))
        assert again.value.facts["challenge"] == refused.value.facts["challenge"]
    token = await proof(giver, refused.value)
    sent = await whole.bank.links.pay(replace(careful, step_up=token), replace(order, key="third"))
    assert sent.status == "SUCCESS"
    with pytest.raises(StepUpRequired) as another:  # a new payment is a new question
        await whole.bank.links.pay(careful, replace(order, key=None))
    assert another.value.facts["challenge"] != refused.value.facts["challenge"]
    assert before - much - 500 < (await giver.sats())[0] <= before - much
