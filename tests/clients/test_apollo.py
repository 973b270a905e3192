"""Apollo's client and the graphql-ws library, unmodified, send what the phone apps made for Blink send: over HTTP by
hashes of documents, and over a socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.api.conftest import Person, World, numbers, sandbox_settings, world

from tools import web

__all__ = ["numbers", "sandbox_settings", "world"]

SECONDS_MAX = 120


@pytest.fixture(scope="session")
def node() -> dict[str, str]:
    """The environment in which node runs, with the locked packages in place."""
    return web.packages_in(web.RELYING, "the relying parties' packages")


async def played(node: dict[str, str], scenario: str, **given: Any) -> dict[str, Any]:
    """What the script found at the end."""
    pipe = asyncio.subprocess.PIPE
    command = ("node", str(web.RELYING / "apollo.mjs"), scenario, json.dumps(given))
    process = await asyncio.create_subprocess_exec(*command, env=node, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            said, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()[-3_000:]
    found: dict[str, Any] = json.loads(said.splitlines()[-1])["done"]
    return found


def seen_by(person: Person) -> dict[str, str]:
    return {"token": person.token, **person.wallets}


async def test_a_day_of_two_phones(world: World, node: dict[str, str]) -> None:
    await world.bank.prices.rates.refresh()
    await world.bank.prices.history.backfill()
    amina, juma = await world.rich(sats=10_000, cents=1_000), await world.rich(sats=10_000)
    fixed = await world.outside("lightning/invoices", {"amountMsat": 1_000_000, "memo": "Flour"})
    free = await world.outside("lightning/invoices", {})
    outside = {"fixed": fixed["paymentRequest"], "open": free["paymentRequest"]}
    async with world.served_at() as port:
        found = await played(node, "day", port=port, amina=seen_by(amina), juma=seen_by(juma), outside=outside)
    assert found["lines"] >= 8
    assert (await juma.balances())["BTC"] < 10_000 - 1_000 - 300 + 77
