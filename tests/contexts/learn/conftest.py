from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contexts.links.conftest import machine
from tests.contexts.payments.conftest import workers
from tests.contexts.whole import Person, Whole

__all__ = ["machine", "workers"]
IP = "192.0.2.7"


async def pupil(whole: Whole, ip: str | None = IP, *, phone: str | None = None) -> Person:
    found = await whole.person(phone)
    return replace(found, caller=replace(found.caller, ip=ip))


@pytest.fixture
async def funder(whole: Whole) -> Person:
    """Pays the rewards."""
    found = await whole.person()
    await found.fund(1_000)
    await whole.bank.learn.funding.set(found.caller.account_id)
    return found
