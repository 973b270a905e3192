"""The bank's adapter for the sandbox's node."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.sandbox.conftest import sandbox, sandbox_process
from tests.sandbox.process import SandboxProcess

from hazina.adapters.lnd import Lnd

__all__ = ["lnd", "sandbox", "sandbox_process"]


@pytest.fixture
async def lnd(sandbox: SandboxProcess) -> AsyncIterator[Lnd]:
    """With the macaroon of least power."""
    node = sandbox.lnd()
    yield node
    await node.close()
