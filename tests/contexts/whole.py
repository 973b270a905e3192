"""The whole bank on a test's database, the sandbox outside, without its background: a test calls what it wants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import httpx2
from tests.contexts.phones import Phones

from hazina import app
from hazina.access import Caller
from hazina.accounts import Wallet
from hazina.kernel.bolt11 import decode
from hazina.kernel.clock import SystemClock
from hazina.kernel.money import Asset, Msats
from hazina.ledger import balances
from hazina.payments import NewInvoice, SendInternal, SendInvoice, Sent

NUMBERS = count(700_000_001)


class ShiftedClock(SystemClock):
    """The machine's time and a shift: the sandbox is another process, and keeps the machine's."""

    shift = timedelta(0)

    def now(self) -> Any:
        return super().now() + self.shift


@dataclass(frozen=True, slots=True)
class Person:
    whole: Whole
    caller: Caller
    btc: Wallet
    usd: Wallet

    async def sats(self) -> tuple[int, int]:
        """Balance and held of the bitcoin wallet, in satoshi."""
        async with self.whole.bank.db.transaction() as tx:
            found = (await balances(tx, [self.btc.ledger_account]))[self.btc.ledger_account]
        assert found.asset is Asset.BTC
        return Msats(found.balance).sats_floor, Msats(found.held).sats_ceil

    async def pay(self, bolt11: str, key: str | None = None) -> Sent:
        return await self.whole.bank.payments.send_invoice(self.caller, SendInvoice(self.btc.id, bolt11, key=key))

    async def give(self, other: Person, sats: int) -> Sent:
        order = SendInternal(self.btc.id, other.btc.id, Msats.from_sats(sats))
        return await self.whole.bank.payments.send_internal(self.caller, order)

    async def fund(self, sats: int, *, book: bool = True) -> bytes:
        """The outside world pays this customer; the payment hash. ``book`` False: the bank has not looked yet."""
        wish = NewInvoice(self.btc.id, Msats.from_sats(sats))
        invoice = await self.whole.bank.payments.create_invoice(self.caller, wish)
        await self.whole.outside_pays(invoice.payment_request)
        if book:
            await self.whole.bank.payments.sweep()
        return invoice.payment_hash


@dataclass(frozen=True, slots=True)
class Whole:
    bank: app.Bank
    phones: Phones
    sandbox: httpx2.AsyncClient
    clock: ShiftedClock

    async def person(self, phone: str | None = None) -> Person:
        """Somebody new, or whoever has ``phone``."""
        phone = phone or f"+254{next(NUMBERS)}"
        await self.bank.identity.request_code(phone, "SMS", None)
        entered = await self.bank.accounts.log_in(phone, await self.phones.code(phone), ip=None, agent="test")
        caller = await self.bank.accounts.caller(entered.token, None)
        assert caller is not None
        return Person(self, caller, *await self.bank.accounts.wallets(caller.account_id))

    async def invoice(self, sats: int, **more: Any) -> str:
        """An invoice of a wallet outside."""
        body = {"amountMsat": sats * 1_000, "memo": "outside", **more}
        answer = await self.sandbox.post("/sandbox/api/lightning/invoices", json=body)
        return str(answer.raise_for_status().json()["paymentRequest"])

    async def cancel(self, bolt11: str) -> None:
        """The wallet outside does not want the money any more."""
        payment_hash = decode(bolt11).payment_hash.hex()
        (await self.sandbox.post(f"/sandbox/api/lightning/invoices/{payment_hash}/cancel")).raise_for_status()

    async def settle(self, bolt11: str) -> None:
        """The wallet outside takes the money of an invoice that it held."""
        payment_hash = decode(bolt11).payment_hash.hex()
        (await self.sandbox.post(f"/sandbox/api/lightning/invoices/{payment_hash}/settle")).raise_for_status()

    async def outside_pays(self, bolt11: str) -> None:
        body = {"paymentRequest": bolt11}
        (await self.sandbox.post("/sandbox/api/lightning/payments", json=body)).raise_for_status()

    async def fault(self, call: str, action: str, **more: Any) -> None:
        body = {"provider": "lnd", "call": call, "action": action, **more}
        (await self.sandbox.post("/sandbox/api/faults", json=body)).raise_for_status()

    async def heal(self) -> None:
        (await self.sandbox.delete("/sandbox/api/faults")).raise_for_status()
