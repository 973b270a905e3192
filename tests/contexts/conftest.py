"""The outside of the contexts' tests: the sandbox as a process of its own, reached by the real adapters."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr
from tests.contexts.phones import Phones
from tests.contexts.whole import ShiftedClock, Whole

from hazina import app, payments
from hazina.adapters.twilio import Twilio
from hazina.kernel.db import Database
from hazina.ops import sandbox as ops_sandbox
from hazina.settings import Settings

USUAL_PRICE = 64_000


@pytest.fixture(scope="session")
def outside() -> Iterator[Settings]:
    """Settings whose providers are a running sandbox."""
    with sandboxed() as settings:
        yield settings


@contextlib.contextmanager
def sandboxed() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="hazina-contexts-") as folder:
        settings = Settings.model_validate({"data": Path(folder)})
        with ops_sandbox.beside(settings) as found:
            assert found is not None
            yield ops_sandbox.pointed_at(settings, found.url)


@pytest.fixture
async def sandbox(outside: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The sandbox's control panel; the price is the usual one, and faults end with the test."""
    assert outside.sandbox_url is not None
    async with httpx2.AsyncClient(base_url=outside.sandbox_url, trust_env=False, timeout=60) as client:
        (await client.post("/sandbox/api/price", json={"usdPerBtc": USUAL_PRICE})).raise_for_status()
        yield client
        (await client.delete("/sandbox/api/faults")).raise_for_status()


@pytest.fixture
async def phones(outside: Settings, sandbox: httpx2.AsyncClient) -> AsyncIterator[Phones]:
    assert outside.twilio is not None
    sms = Twilio.of(outside.twilio)
    yield Phones(sms, sandbox)
    await sms.close()


@pytest.fixture
async def whole(
    db: Database, program_url: str, outside: Settings, phones: Phones, sandbox: httpx2.AsyncClient
) -> AsyncIterator[Whole]:
    """The bank as ``app`` builds it, with prices; nothing runs beside the test."""
    clock = ShiftedClock()
    settings = outside.model_copy(update={"database_url": SecretStr(program_url)})
    bank = app.build(settings, clock=clock, policy=payments.Policy(inline_wait_s=3, closed_look_s=0.2))
    await bank.start()
    await bank.prices.refresh()
    yield Whole(bank, phones, sandbox, clock)
    for task in list(bank.payments.parts.under_way):
        task.cancel()
    await asyncio.gather(*bank.payments.parts.under_way, return_exceptions=True)
    await bank.stop()
