"""What operators and customers are told of the chain by a bank that runs."""

from __future__ import annotations

import asyncio
import re
import time

import httpx2
from tests.browser.conftest import Bank
from tests.ops.bank import hazina


async def test_f12_the_chain_is_told_in_status_health_and_metrics(bank: Bank) -> None:
    async with httpx2.AsyncClient(base_url=bank.url, trust_env=False, timeout=60) as http:
        end = time.monotonic() + 180
        while True:
            services = (await http.get("/status.json")).json()["services"]
            parts = (await http.get("/readyz")).json()["parts"]
            figures = dict(re.findall(r"^(hazina_chain_\w+) ([\d.e+]+)$", (await http.get("/metrics")).text, re.M))
            if (
                float(figures.get("hazina_chain_ok", 0)) == 1
                and float(figures["hazina_chain_behind_blocks"]) == 0  # another test may have mined just now
                and services["deposits"] == "working"
            ):
                break
            assert time.monotonic() < end, (services, parts, figures)
            await asyncio.sleep(0.5)
    assert parts["bitcoin"] == "ok" and services["payouts"] == "working"
    assert float(figures["hazina_chain_height"]) > 100
    assert {"hazina_chain_node_silent_seconds", "hazina_chain_tip_age_seconds", "hazina_chain_deposits_pending"} <= set(
        figures
    )


async def test_the_doctor_looks_at_the_bitcoin_node_and_the_watch(bank: Bank) -> None:
    done = await asyncio.to_thread(
        hazina, "doctor", "--data", str(bank.data), HAZINA_REAL_NODES="electrum", COLUMNS="200"
    )
    found = {line.split()[0]: line for line in done.stdout.splitlines() if line.split()}
    assert "at block" in found["bitcoin"] and "well" in found["bitcoin"], done.stdout + done.stderr
    assert "are seen as they come" in found["deposits"], done.stdout
