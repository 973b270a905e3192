"""The bank with a hedge at the sandbox's exchange: what it owes and has is set by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest
from tests.contexts.whole import Whole

from hazina import ledger
from hazina.adapters.okx import Okx
from hazina.hedging import Hedge, Mode, Move, Policy, Status
from hazina.kernel.clock import SystemClock
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats
from hazina.ledger import BANK, Leg, Txn, Unit, open_account, transfer

PRICE = 50_000
BTC = 100_000_000
QUICK = Policy(gone_after=timedelta(0), order_lives=timedelta(seconds=20), differs_after=timedelta(0))
"""What waits for half a minute in a bank waits for nothing here; an order lives longer, for machines that are busy."""
SET = 60
"""Kind of the transactions by which a test sets balances."""


@dataclass(slots=True)
class Hedging:
    whole: Whole
    hedge: Hedge
    customer: int
    """Ledger account of somebody with dollars."""

    async def there(self) -> dict[str, Any]:
        """The exchange, as its control panel shows it."""
        return dict((await self.whole.sandbox.get("/sandbox/api/okx")).raise_for_status().json())

    async def post(self, path: str, **body: Any) -> None:
        (await self.whole.sandbox.post(f"/sandbox/api{path}", json=body)).raise_for_status()

    async def moods(self, **moods: Any) -> None:
        await self.post("/okx/moods", **moods)

    async def fault(self, call: str, action: str, **more: Any) -> None:
        await self.post("/faults", provider="okx", call=call, action=action, **more)

    async def price(self, usd: int) -> None:
        await self.post("/price", usdPerBtc=usd)
        await self.whole.bank.prices.refresh()

    async def book(self, *legs: Leg) -> None:
        price = await self.whole.bank.prices.latest()
        assert (await self.whole.bank.books.commit(Unit(new_id(), Txn(new_id(), SET, legs, price)))).ok

    async def owe(self, dollars: int) -> None:
        """The customer has so many dollars for bitcoin."""
        more = dollars * 100 - await self.balance(self.customer)
        payer, payee = (BANK.DEALER_USD, self.customer) if more > 0 else (self.customer, BANK.DEALER_USD)
        if more:
            await self.book(transfer(payer, payee, Cents(abs(more))))

    async def hot(self, sats: int) -> None:
        await self.book(transfer(BANK.ONCHAIN_BTC, BANK.OWN_BTC, Msats.from_sats(sats)))

    async def balance(self, account: int) -> int:
        async with self.whole.bank.db.reading() as tx:
            return (await ledger.balances(tx, [account]))[account].balance

    async def rounds(self, n: int = 1) -> None:
        for _ in range(n):
            await self.fresh()
            await self.hedge.round()

    async def fresh(self) -> None:
        """A busy machine takes longer than a price is good for."""
        price = await self.whole.bank.prices.latest()
        if price is None or SystemClock().now() - price.at > timedelta(seconds=15):
            await self.whole.bank.prices.refresh()

    async def rest(self) -> Status:
        """Round after round, until nothing is asked for any more."""
        for _ in range(20):
            before = len((await self.status()).moves)
            await self.rounds()
            status = await self.status()
            if len(status.moves) == before and not status.under_way:
                return status
        raise AssertionError("the hedge does not come to rest")

    async def status(self) -> Status:
        return await self.hedge.status()

    async def moves(self) -> list[Move]:
        """Oldest first."""
        return list(reversed((await self.status()).moves))

    async def agree(self) -> None:
        """The books say what the exchange says, to the last digit that they have, and hold."""
        there = await self.there()
        cash = int((Decimal(there["cash"]) * BTC * 1_000).to_integral_value(rounding=ROUND_FLOOR))
        assert -await self.balance(BANK.EXCHANGE_BTC) == there["fundingSats"] * 1_000 + cash
        async with self.whole.bank.db.transaction() as tx:
            assert [(one.name, one.offending) for one in await ledger.verify(tx) if not one.ok] == []


@pytest.fixture
async def hedging(whole: Whole) -> AsyncIterator[Hedging]:
    async with hedge_of(whole) as made:
        yield made


@asynccontextmanager
async def hedge_of(whole: Whole) -> AsyncIterator[Hedging]:
    """Off; 2 BTC lie at the exchange; nobody has dollars."""
    async with whole.bank.db.transaction() as tx:
        customer = await open_account(tx, Asset.USD)
    account = whole.bank.settings.hedging
    assert account is not None
    venue = Okx.of(account, SystemClock())  # signs with the exchange's time, however far the test has moved the bank's
    made = Hedging(whole, replace(whole.bank.hedge, venue=venue, policy=QUICK), customer)
    await made.post("/okx/balance", fundingSats=2 * BTC)
    await made.price(PRICE)
    yield made
    await venue.close()
    await made.post("/price", usdPerBtc=64_000)


@pytest.fixture
async def hedged(hedging: Hedging) -> Hedging:
    """On, 10,000 dollars owed, and at rest."""
    await hedging.hedge.switch(Mode.ON, "test")
    await hedging.owe(10_000)
    await hedging.rest()
    return hedging
