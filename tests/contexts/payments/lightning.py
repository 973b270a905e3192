"""Banks with one Lightning node or two, for tests, and what they ask of them. The sandbox plays LND."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from tests.contexts.phones import Phones
from tests.contexts.whole import Person, ShiftedClock, Whole

from hazina import app, payments
from hazina.kernel.bolt11 import decode
from hazina.kernel.db import Database
from hazina.kernel.money import Msats
from hazina.ledger import verify as verify_books
from hazina.payments import (
    Invoice,
    NewInvoice,
    Policy,
)
from hazina.settings import Lnd, Settings

FAST = {"inline_wait_s": 2, "closed_look_s": 0.2, "lease_s": 6, "lease_margin_s": 1, "look_first_s": 0.2}


@asynccontextmanager
async def bank_of(settings: Settings, url: str, phones: Phones, sandbox: httpx2.AsyncClient, **policy: Any) -> Any:
    """The whole bank on ``settings``, with rules of its own."""
    clock = ShiftedClock()
    settings = settings.model_copy(update={"database_url": SecretStr(url)})
    bank = app.build(settings, clock=clock, policy=Policy(**{**FAST, **policy}))
    try:
        await bank.start()
        await bank.prices.refresh()
        yield Whole(bank, phones, sandbox, clock)
    finally:
        for task in list(bank.payments.parts.under_way):
            task.cancel()
        await asyncio.gather(*bank.payments.parts.under_way, return_exceptions=True)
        await bank.stop()


@pytest.fixture
async def quick(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> AsyncIterator[Whole]:
    """A bank whose leases are over soon."""
    async with bank_of(outside, program_url, phones, sandbox) as whole:
        yield whole


def second(settings: Settings, **more: Any) -> Settings:
    """The same with the sandbox's second node."""
    macaroon = (settings.data / "sandbox" / "bank-2" / "bank.macaroon").read_bytes().hex()
    node = Lnd(name="lnd-2", base_url=f"{settings.sandbox_url}/lnd-2", macaroon=SecretStr(macaroon), **more)
    return settings.model_copy(update={"nodes": {"lnd-2": node}})


@pytest.fixture
async def pair(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> AsyncIterator[Whole]:
    """A bank with two nodes."""
    async with bank_of(second(outside), program_url, phones, sandbox) as whole:
        yield whole


async def settled(whole: Whole, bolt11: str, seconds: float = 60) -> None:
    """Until the payment of ``bolt11`` has ended, by looking as the background would."""
    payment_hash = decode(bolt11).payment_hash
    async with asyncio.timeout(seconds):
        while True:
            whole.clock.shift += timedelta(seconds=5)
            await whole.bank.payments.reconcile()
            async with whole.bank.db.reading() as tx:
                open_ = await tx.value(
                    "select count(*) from payment where payment_hash = %(hash)s and state < 2", {"hash": payment_hash}
                )
            if not open_:
                return
            await asyncio.sleep(0.1)


async def row(whole: Whole, bolt11: str, column: str = "state") -> Any:
    """A column of the newest payment of an invoice."""
    async with whole.bank.db.reading() as tx:
        found = await tx.rows(
            lambda state, node, id_, reason: {"state": state, "node": node, "id": id_, "reason": reason},
            "select state, node, id, reason from payment where payment_hash = %(hash)s order by id desc limit 1",
            {"hash": decode(bolt11).payment_hash},
        )
    return found[0][column]


async def proven(whole: Whole) -> None:
    """The books agree with themselves and with the payments."""
    async with whole.bank.db.transaction() as tx:
        await tx.execute("set transaction isolation level repeatable read, read only")
        checks = [*await verify_books(tx), *await payments.verify(tx, whole.clock.now())]
    assert [check for check in checks if not check.ok] == []


async def create(person: Person, sats: int | None, **more: Any) -> Invoice:
    amount = None if sats is None else Msats.from_sats(sats)
    return await person.whole.bank.payments.create_invoice(person.caller, NewInvoice(person.btc.id, amount, **more))


async def control(whole: Whole, path: str, body: dict[str, Any]) -> Any:
    answer = await whole.sandbox.post(f"/sandbox/api/{path}", json=body)
    return answer.raise_for_status().json()


async def delete_at_node(whole: Whole, outside: Settings, bolt11: str) -> None:
    """The node forgets a payment, as one does whose database was replaced."""
    macaroon = (outside.data / "sandbox" / "admin.macaroon").read_bytes().hex()
    query = {"payment_hash": b64url(decode(bolt11).payment_hash)}
    headers = {"Grpc-Metadata-macaroon": macaroon}
    answer = await whole.sandbox.delete("/lnd/v1/payment", params=query, headers=headers)
    assert answer.status_code == 200, answer.text


def b64url(octets: bytes) -> str:
    import base64

    return base64.urlsafe_b64encode(octets).decode()
