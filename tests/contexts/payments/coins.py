"""A bank whose chain tells what the test writes into the chain's own log: for what the books do with it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID

from tests.contexts.whole import Person, Whole

from hazina import ledger, payments
from hazina.chain import EventKind, FeeRate, Output, PayoutNews, Speed, TransferNews
from hazina.chain.store import emit, keep_rates
from hazina.kernel.addresses import segwit
from hazina.kernel.bolt11 import Network
from hazina.kernel.checks import Check
from hazina.kernel.paging import Page
from hazina.ledger import BANK
from hazina.payments import Line, Payments

FEE = 2_500  # Blink's for a deposit, up to a million satoshi


@dataclass
class Coins:
    """The bank with a chain whose log the test writes."""

    whole: Whole
    payments: Payments
    places: count[int] = field(default_factory=count)

    def output(self, person: Person | None, sats: int, *, txid: str | None = None, vout: int = 0) -> Output:
        owner = person.btc.id if person is not None else None
        return Output(txid or secrets.token_hex(32), vout, f"bcrt1qtest{next(self.places)}", owner, sats, None, 2)

    async def tell(self, kind: EventKind, told: Output | PayoutNews | TransferNews) -> None:
        async with self.whole.bank.db.transaction() as tx:
            await emit(
                tx, kind, self.whole.clock.now(),
                output=told if isinstance(told, Output) else None,
                payout=told if isinstance(told, PayoutNews) else None,
                transfer=told if isinstance(told, TransferNews) else None,
            )  # fmt: skip

    async def book(self, kind: EventKind, told: Output | PayoutNews | TransferNews) -> None:
        await self.tell(kind, told)
        await self.payments.follow_chain()

    async def settle(self, output: Output) -> None:
        await self.book(EventKind.OUTPUT_SETTLED, replace(output, height=100))

    async def rates(self, sats_per_vbyte: int) -> None:
        """What the miners ask for, at every speed."""
        now = self.whole.clock.now()
        async with self.whole.bank.db.transaction() as tx:
            await keep_rates(tx, [FeeRate(speed, sats_per_vbyte * 1_000, True, now) for speed in Speed])

    async def address(self, person: Person | None) -> str:
        """An address of a customer, or of the bank."""
        text = segwit(0, secrets.token_bytes(20), Network.REGTEST)
        async with self.whole.bank.db.transaction() as tx:
            await tx.execute(
                """insert into chain_address (address, script, place, owner, created_at)
                values (%(address)s, %(script)s, %(place)s, %(owner)s, now())""",
                {
                    "address": text, "script": text.encode(), "place": 1_000 + next(self.places),
                    "owner": person.btc.id if person else None,
                },
            )  # fmt: skip
        return text

    async def payouts(self) -> list[tuple[UUID, str, int, int]]:
        """What is queued: id, address, satoshi, fee quoted."""
        async with self.whole.bank.db.reading() as tx:
            return await tx.rows(
                lambda *row: row, "select id, address, sats, fee_quoted from chain_payout order by created_at"
            )

    async def own(self, account: BANK) -> int:
        """What one of the bank's accounts says, in satoshi."""
        async with self.whole.bank.db.reading() as tx:
            return (await ledger.balances(tx, [account]))[account].balance // 1_000

    async def statement(self, person: Person) -> list[Line]:
        return list((await self.payments.lines(person.caller, [person.btc.id], Page(first=100))).items)

    async def pending(self, person: Person) -> list[Line]:
        return await self.payments.pending_deposits(person.caller, None)

    async def checks(self) -> list[Check]:
        async with self.whole.bank.db.transaction() as tx:
            return [*await ledger.verify(tx), *await payments.verify(tx, self.whole.clock.now())]

    async def proven(self) -> None:
        """Everything that must hold, does."""
        assert [(one.name, one.offending) for one in await self.checks() if not one.ok] == []


def rows(lines: list[Line]) -> list[tuple[str, int, int, str]]:
    """Direction, amount and fee in satoshi, status."""
    return [(one.direction.name, one.amount // 1_000, one.fee // 1_000, one.status.name) for one in lines]
