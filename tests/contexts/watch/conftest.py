"""A bank with a little history, and looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.contexts.conftest import sandboxed
from tests.contexts.whole import Person, Whole

from hazina.kernel.bolt11 import decode
from hazina.kernel.money import Msats
from hazina.payments import Line, NewInvoice, State
from hazina.safety import Rail
from hazina.settings import Settings


@pytest.fixture(scope="module")
def outside() -> Iterator[Settings]:
    """A node of these tests alone: what others left in flight at theirs would be compared here, too."""
    with sandboxed() as settings:
        yield settings


SECRETS = {"amina": "bahari ya shaba", "baraka": "punda wa mchanga"}


@dataclass(frozen=True, slots=True)
class Town:
    whole: Whole
    one: Person
    two: Person
    owner_url: str

    async def look(self) -> dict[str, str]:
        """Check and invariant of what is broken now."""
        return {one.check: one.invariant for one in await self.whole.bank.watch.look()}

    async def night(self) -> dict[str, str]:
        return {one.check: one.invariant for one in await self.whole.bank.watch.night()}

    async def closed(self) -> dict[Rail, str]:
        return {closure.rail: closure.by for closure in await self.whole.bank.safety.closures()}

    async def state(self, name: str) -> str:
        report = await self.whole.bank.watch.report()
        return next(one.state.value for one in report.standings if one.invariant.name == name)

    async def lift(self, rail: Rail) -> None:
        for name, secret in SECRETS.items():
            await self.whole.bank.safety.lift(rail, name, secret)

    async def offending(self, check: str) -> list[dict[str, Any]]:
        report = await self.whole.bank.watch.report()
        return next(one.offending for one in report.breaches if one.check == check)

    async def place(self) -> dict[str, Any]:
        """How far the node was compared."""
        async with self.whole.bank.db.transaction() as tx:
            found: dict[str, Any] = await tx.value("select place::jsonb from cursor where reader = 'watch:nodes'")
        return found

    async def book(self, bolt11: str) -> None:
        """Let the bank see how a payment ended."""
        payment_hash = decode(bolt11).payment_hash
        async with asyncio.timeout(60):
            while True:
                async with self.whole.bank.db.transaction() as tx:
                    query = "select state from payment where payment_hash = %(hash)s"
                    if await tx.value(query, {"hash": payment_hash}) == State.PAID:
                        return
                self.whole.clock.shift += timedelta(seconds=30)
                await self.whole.bank.payments.reconcile()

    async def lines(self, person: Person, bolt11: str) -> list[Line]:
        payments = self.whole.bank.payments
        return await payments.lines_by_hash(person.caller, person.btc.id, decode(bolt11).payment_hash)

    def script(self, text: str) -> bytes:
        """``{one}`` and ``{two}`` are the bitcoin accounts of the two."""
        return text.format(one=self.one.btc.ledger_account, two=self.two.btc.ledger_account).encode()

    def plant(self, text: str) -> None:
        """Behind PostgreSQL's guards, as a superuser can."""
        with psycopg.connect(self.owner_url) as connection:
            connection.execute("set local session_replication_role = replica")
            connection.execute(self.script(text))


@pytest.fixture
async def town(whole: Whole, owner_url: str) -> Town:
    for name, secret in SECRETS.items():
        await whole.bank.safety.add_operator(name, secret, by="test")
    town = Town(whole, await whole.person(), await whole.person(), owner_url)
    assert await town.look() == {}
    await town.one.fund(50_000)
    assert (await town.one.give(town.two, 700)).status == "SUCCESS"
    assert (await town.one.pay(await whole.invoice(1_500))).status == "SUCCESS"
    wish = await whole.bank.payments.create_invoice(town.two.caller, _wish(town.two))
    assert (await town.one.pay(wish.payment_request)).status == "SUCCESS"
    lost = await whole.invoice(1_200)
    await whole.cancel(lost)
    assert (await town.one.pay(lost)).status == "FAILURE"
    return town


def _wish(person: Person) -> NewInvoice:
    return NewInvoice(person.btc.id, Msats.from_sats(250))
