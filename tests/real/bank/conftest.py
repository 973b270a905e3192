"""A whole bank on real nodes (``hazina up --regtest``), shared by the tests of a run, and people with phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.browser.conftest import Bank, funded, outside, people
from tests.ops.bank import Running

from hazina.sandbox.real.network import Programs, prepare

__all__ = ["funded", "outside", "people"]


def variables(programs: Programs) -> dict[str, str]:
    found = {"HAZINA_BITCOIND": str(programs.bitcoind)}
    if programs.lnd is not None:
        return {**found, "HAZINA_LND_BINARY": str(programs.lnd)}
    return {**found, "HAZINA_ELECTRUM": str(programs.electrum)}


def real_nodes(programs: Programs) -> tuple[str, ...]:
    return ("--regtest", "--lightning", programs.kind)


async def started(folder: Path, programs: Programs, *arguments: str) -> Running:
    """``hazina up --regtest`` on ``folder``'s data."""
    await prepare(programs)
    command = ("up", "--data", str(folder / "data"), "--port", "0", *real_nodes(programs), *arguments)
    return await asyncio.to_thread(Running.start, folder / "log", *command, **variables(programs))


@pytest.fixture(scope="session")
async def bank(tmp_path_factory: pytest.TempPathFactory, programs: Programs) -> AsyncIterator[Bank]:
    folder = tmp_path_factory.mktemp("realbank")
    running = await started(folder, programs)
    try:
        yield Bank(running, folder / "data")
    finally:
        running.stop()
