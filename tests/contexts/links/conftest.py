"""Two people, links between them and the world outside, and processes that may be killed."""

from __future__ import annotations

from subprocess import Popen

import pytest
from pydantic import SecretStr
from tests.contexts.payments.conftest import workers
from tests.contexts.payments.machine import Machine
from tests.contexts.whole import Person, Whole

from hazina.settings import Settings

__all__ = ["workers"]


@pytest.fixture
def machine(workers: Popen[bytes], outside: Settings, program_url: str, owner_url: str) -> Machine:
    return Machine(workers, outside.model_copy(update={"database_url": SecretStr(program_url)}), owner_url)


@pytest.fixture
async def giver(whole: Whole) -> Person:
    person = await whole.person()
    await person.fund(20_000)
    return person
