"""The invariants of limits know every kind of limit that a payment counts under."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from tests.contexts.whole import Person, Whole

from hazina import payments
from hazina.access import Cap, Window
from hazina.identity import FactorKind
from hazina.kernel.money import Asset


async def broken(whole: Whole) -> list[str]:
    async with whole.bank.db.transaction() as tx:
        return [check.name for check in await payments.verify(tx, datetime.now(UTC)) if check.broken]


async def limited(person: Person) -> Person:
    """Under a hold, by a key with caps in satoshi and for an app with caps in cents."""
    bank = person.whole.bank
    async with bank.db.transaction() as tx:
        await bank.identity.links.link(tx, person.caller.user_id, FactorKind.NOSTR, "ab" * 32)
    caps = (
        Cap("api_key:7", {Window.DAY: 1_000_000}, Asset.BTC),
        Cap("grant:7", {Window.DAY: 1_000_000, Window.MONTH: 2_000_000}),
    )
    return replace(person, caller=replace(person.caller, caps=caps))


async def test_all_limits_at_once(whole: Whole) -> None:
    amina, juma = await whole.person(), await whole.person()
    await amina.fund(40_000)
    amina = await limited(amina)
    assert (await amina.give(juma, 1_234)).status == "SUCCESS"
    assert (await amina.pay(await whole.invoice(2_345))).status == "SUCCESS"
    invoice = await whole.invoice(3_456)
    await whole.cancel(invoice)
    assert (await amina.pay(invoice)).status == "FAILURE"
    async with whole.bank.db.transaction() as tx:
        rows = await tx.value("select count(*) from limit_use where subject like any ('{hold:%,api_key:%,grant:%}')")
    assert rows == 9, "every payment counted under each"
    assert await broken(whole) == []
