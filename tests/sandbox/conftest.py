"""The sandbox's own process, once for a worker; faults, sick feeds and a price of a test end with it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.sandbox.process import SandboxProcess

USUAL_PRICE = 64_000


@pytest.fixture(scope="session")
async def sandbox_process() -> AsyncIterator[SandboxProcess]:
    folder = Path(tempfile.mkdtemp(prefix="hazina-sandbox-"))
    process = SandboxProcess(folder)
    await process.start()
    yield process
    await process.kill()
    log = process.log
    shutil.rmtree(folder, ignore_errors=True)
    assert log == ""


@pytest.fixture
async def sandbox(sandbox_process: SandboxProcess) -> AsyncIterator[SandboxProcess]:
    yield sandbox_process
    await sandbox_process.control("DELETE", "/faults", {})
    await sandbox_process.control("POST", "/feeds", {"state": "well"})
    await sandbox_process.control("POST", "/price", {"usdPerBtc": USUAL_PRICE})
