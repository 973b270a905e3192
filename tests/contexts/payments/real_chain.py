"""The whole bank on a real bitcoind: the test is its background, look by look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx2
from pydantic import SecretStr
from tests.contexts.phones import Phones
from tests.contexts.whole import Person, ShiftedClock, Whole

from hazina import app, ledger, payments
from hazina.chain import Chain
from hazina.chain.watcher import Watcher
from hazina.kernel.db import Database
from hazina.kernel.money import Msats
from hazina.ledger import BANK
from hazina.payments import Payments, SendOnchain, Sent
from hazina.sandbox.real.bitcoind import Bitcoind, sats, until
from hazina.settings import Bitcoind as BitcoindSettings
from hazina.settings import Settings


@dataclass
class Town:
    whole: Whole
    node: Bitcoind
    chain: Chain
    watcher: Watcher
    wallet: str

    @property
    def payments(self) -> Payments:
        return self.whole.bank.payments

    @property
    def clock(self) -> ShiftedClock:
        return self.whole.clock

    @property
    def db(self) -> Database:
        return self.whole.bank.db

    async def look(self) -> None:
        """What the bank's loops would do now."""
        await self.watcher.look()
        await self.payments.follow_chain()

    async def mine(self, blocks: int = 1) -> None:
        await self.node.mine(blocks)
        await self.look()

    async def seen(self, person: Person, count: int = 1) -> None:
        """The node's wallet learns of its mempool a moment later."""

        async def there() -> bool:
            await self.look()
            return len(await self.payments.pending_deposits(person.caller, None)) == count

        await until(there, f"{count} deposits are seen", 60)

    async def fund(self, person: Person, amount: int) -> str:
        """A deposit, credited; its transaction."""
        txid = await self.node.send(await self.payments.address(person.caller, person.btc.id), amount)
        await self.seen(person)
        await self.mine(6)
        return txid

    async def withdraw(self, person: Person, address: str, amount: int | None, **more: object) -> Sent:
        wanted = None if amount is None else Msats.from_sats(amount)
        order = SendOnchain(person.btc.id, address, wanted, **more)  # type: ignore[arg-type]  # fields by name
        return await self.payments.send_onchain(person.caller, order)

    async def round(self, later: timedelta = timedelta(minutes=2)) -> None:
        """Payouts are batched, broadcast, followed, bumped."""
        self.clock.shift += later
        await self.chain.refresh_rates()
        await self.chain.payouts.round()
        await self.payments.follow_chain()

    async def settle(self) -> None:
        """Blocks until everything that is on its way has arrived."""
        await self.mine(6)
        await self.round(timedelta(0))

    async def received(self, address: str) -> int:
        return sats(await self.node.rpc("getreceivedbyaddress", address, 1, wallet="outside"))

    async def outside(self) -> str:
        return str(await self.node.rpc("getnewaddress", wallet="outside"))

    async def own(self, account: BANK) -> int:
        async with self.db.reading() as tx:
            return (await ledger.balances(tx, [account]))[account].balance // 1_000

    async def equal(self) -> None:
        """The books are whole, and the node's wallet has what they say, to the satoshi. Dust is in no books."""
        async with self.db.transaction() as tx:
            checks = [*await ledger.verify(tx), *await payments.verify(tx, self.clock.now())]
            leaving = await tx.value(
                "select coalesce(sum(coalesce(to_amount + route_max, amount + fee_max - bank_fee)), 0)::bigint / 1000 "
                "from payment where kind = 6 and state = 1"
            )
            dust = await tx.value("select coalesce(sum(sats), 0)::bigint from chain_output where state = 3")
        assert [(one.name, one.offending) for one in checks if not one.ok] == []
        has = (await self.node.rpc("getbalances", wallet=self.wallet))["mine"]
        assert (
            sats(has["trusted"]) + sats(has["untrusted_pending"]) == -await self.own(BANK.ONCHAIN_BTC) - leaving + dust
        )


@asynccontextmanager
async def town_on(
    node: Bitcoind, db_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> AsyncIterator[Town]:
    """A bank with a wallet of its own on the node."""
    wallet, clock = f"hazina-{uuid4().hex[:12]}", ShiftedClock()
    where = BitcoindSettings(url=node.url, user=node.user, password=SecretStr(node.password), wallet=wallet)
    settings = outside.model_copy(update={"database_url": SecretStr(db_url), "bitcoind": where})
    bank = app.build(settings, clock=clock, policy=payments.Policy(inline_wait_s=3))
    await bank.start()
    try:
        await bank.prices.refresh()
        assert bank.chain is not None
        await bank.chain.refresh_rates()
        made = Town(Whole(bank, phones, sandbox, clock), node, bank.chain, Watcher(bank.chain.parts), wallet)
        await made.look()
        yield made
    finally:
        await bank.stop()
