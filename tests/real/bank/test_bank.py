"""A whole bank with a real Lightning network and a real chain under it (``hazina up --regtest``): what customers see in
the browser, what operators do by the command line, and that all of it outlives a kill. All in one file, for one bank
serves it; the last test ends it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from playwright.async_api import expect
from tests.browser.conftest import Bank, Outside, People, Person
from tests.ops.bank import Running, environment, hazina, left_over, wait_until_nothing_is_left
from tests.real.bank.conftest import started
from tests.real.signer import Signer

from hazina.adapters.lnd import Lnd
from hazina.kernel.bolt11 import decode
from hazina.kernel.embedded import OWNER_ROLE, Cluster
from hazina.kernel.http import HttpClient
from hazina.kernel.money import Msats
from hazina.payments.ports import Accepted, OutgoingState
from hazina.sandbox.real.jsonrpc import JsonRpc
from hazina.sandbox.real.network import Programs

DEPOSIT = 300_000_000
SECONDS_MAX = 180
SETTLED = 3
"""A batch's last state."""


async def test_money_comes_in_goes_across_and_goes_out(people: People, outside: Outside, bank: Bank) -> None:
    """Over Lightning and over the chain; at the end the nodes have what the books say."""
    amina = await (await people("amina")).start()
    juma = await (await people("juma")).start()
    await by_lightning(amina, juma, outside)
    await by_the_chain(amina, outside)
    assert bank.verify("--nodes") == 0


async def by_lightning(amina: Person, juma: Person, outside: Outside) -> None:
    # A stranger's wallet pays Amina through a router; her page says so at once.
    paid = await outside.pay(await amina.request(usd="32"))
    assert paid["status"] == "SUCCEEDED", paid
    await expect(amina.page.get_by_text("Paid. The money is in your wallet.")).to_be_visible()
    await amina.page.get_by_role("link", name="Done").click()
    await amina.has_sats(50_000)

    # She pays Juma by his name, inside the bank.
    await amina.choose("juma")
    await amina.type_amount("12 000", unit="sats")
    await amina.slide()
    await expect(amina.page.get_by_text("Paid to juma")).to_be_visible()
    await juma.has_sats(12_000)

    # Juma pays a stranger's invoice over the network, and it costs him what the route took.
    invoice = await outside.invoice(7_000, "Maziwa")
    await juma.choose(f"lightning:{invoice.upper()}")
    await juma.slide()
    await expect(juma.page.get_by_text("Paid to Maziwa")).to_be_visible()
    assert await outside.invoice_state(invoice) == "SETTLED"


async def address_of(person: Person) -> str:
    """Open Receive and read the address."""
    await person.open("/receive")
    link = person.page.get_by_role("link", name="Bitcoin address")
    await expect(link).to_be_visible()
    return str(await link.get_attribute("href")).removeprefix("bitcoin:").partition("?")[0]


async def by_the_chain(amina: Person, outside: Outside) -> None:
    """She has 38,000 sats. A deposit from a stranger, and a withdrawal to one."""
    address = await address_of(amina)
    await amina.page.get_by_role("button", name="On-chain").click()
    await outside._call("POST", "onchain/send", address=address, sats=1_500_000)
    await expect(amina.page.get_by_text("On its way")).to_be_visible()
    await expect(amina.page.get_by_text("0/3 blocks")).to_be_visible()
    await outside._call("POST", "onchain/mine", blocks=1)
    await amina.home()
    await expect(amina.page.get_by_text(re.compile(r"[01]/3 blocks"))).to_be_visible()
    await amina.has_sats(38_000)
    await amina.page.get_by_role("link", name="Received on-chain").click()
    await expect(amina.page.get_by_text("blocks confirm it")).to_be_visible()
    await outside._call("POST", "onchain/mine", blocks=3)
    await expect(amina.page.locator("#main").get_by_text("Paid", exact=True)).to_be_visible()
    await amina.home()
    await amina.has_sats(1_538_000)

    # She sends a part of it to a stranger's address, and chooses how soon.
    stranger = (await outside._call("POST", "onchain/address"))["address"]
    await amina.choose(f"bitcoin:{stranger.upper()}?label=Maziwa")
    await amina.type_amount("300 000", unit="sats")
    await expect(amina.page.get_by_role("button", name="10 min")).to_be_visible()
    await amina.page.get_by_role("button", name="10 min").click()
    await amina.slide()
    await expect(amina.page.get_by_text("It is on its way.")).to_be_visible()
    await amina.page.get_by_role("link", name="Receipt").click()
    await expect(amina.page.get_by_text("Bitcoin blockchain")).to_be_visible()
    await expect(amina.page.locator("#main").get_by_text("Pending", exact=True)).to_be_visible()
    paid = amina.page.locator("#main").get_by_text("Paid", exact=True)
    async with asyncio.timeout(180):  # nothing of hers is on its way when others look at the same chain
        while not await paid.is_visible():
            await outside._call("POST", "onchain/mine", blocks=1)
            await asyncio.sleep(0.5)


async def test_a_stranger_pays_what_the_payer_chooses(people: People, outside: Outside) -> None:
    baraka = await (await people("baraka")).start()
    paid = await outside.pay(await baraka.request(), 2_345)
    assert paid["status"] == "SUCCEEDED", paid
    await baraka.home()
    await baraka.has_sats(2_345)


async def test_the_page_drives_the_chain(people: People, outside: Outside, bank: Bank) -> None:
    person = await people("miner", viewport={"width": 1280, "height": 800})
    page = person.page
    await page.goto(f"{bank.url}/sandbox")
    card = page.get_by_role("region", name="Bitcoin chain")

    await card.get_by_role("button", name="An address of the stranger").click()
    address = await card.locator("[data-address]").get_attribute("data-address")
    assert address is not None
    await card.get_by_label("Address from the wallet").fill(address)
    await card.get_by_label("Sats to send").fill("12 345")
    await card.get_by_role("button", name="Send", exact=True).click()
    await expect(card.get_by_role("status")).to_contain_text("Sent. It waits for a block.")
    await expect(card.get_by_role("heading", name="Waiting for a block")).to_be_visible()

    await card.get_by_label("How many to mine").fill("2")
    await card.get_by_role("button", name="Mine").click()
    await expect(card.get_by_role("status")).to_contain_text("Mined. The chain is at block")
    mined, nothing = 2, card.get_by_role("heading", name="Nothing waits for a block")
    async with asyncio.timeout(60):
        while not await nothing.is_visible():  # the bank, too, may send something at any time
            await outside._call("POST", "onchain/mine", blocks=1)
            mined += 1
            await asyncio.sleep(1)

    await card.get_by_label("Blocks that never were").fill(str(mined))
    await card.get_by_role("button", name="Reorganise").click()
    await expect(card.get_by_role("status")).to_contain_text("Other blocks took their place.")
    await expect(card.get_by_role("heading", name="Waiting for a block")).to_be_visible()
    await card.get_by_role("button", name="Mine").click()

    await card.get_by_label("Address from the wallet").fill("bcrt1qnonsense")
    await card.get_by_label("Sats to send").fill("1")
    await card.get_by_role("button", name="Send", exact=True).click()
    await expect(card.get_by_role("status")).to_contain_text("The node says")
    person.excuse("400")


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


# --- by the command line ---


def said(bank: Bank, *arguments: str, secret: str = "", code: int = 0) -> str:
    command = [sys.executable, "-m", "hazina.cli", *arguments, "--data", str(bank.data)]
    done = subprocess.run(
        command,
        env=environment(),
        input=f"{secret}\n",
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def sweeps(bank: Bank) -> list[int]:
    """States of the sweeps that there were, the newest last."""
    with closing(psycopg.connect(Cluster(bank.data / "postgres").url(OWNER_ROLE), autocommit=True)) as connection:
        found = connection.execute("select state from chain_batch where purpose = 2 order by created_at").fetchall()
    return [state for (state,) in found]


async def swept(bank: Bank, outside: Outside) -> None:
    """By our command or by a worker's round, whichever was quicker; blocks are mined meanwhile."""
    async with asyncio.timeout(SECONDS_MAX):
        while (states := await asyncio.to_thread(sweeps, bank))[-1:] != [SETTLED]:
            if not states:
                await asyncio.to_thread(said, bank, "treasury", "sweep")
            await outside._call("POST", "onchain/mine", blocks=1)
            await asyncio.sleep(0.5)


def sat(name: str, sats: int) -> str:
    return f"{name:15}{sats:>18,} sat"


async def test_coins_go_to_cold_and_come_back_and_the_books_agree(
    people: People, outside: Outside, bank: Bank, tmp_path: Path
) -> None:
    before = said(bank, "treasury", "show")
    hot = int(before.split(" sat")[0].split()[-1].replace(",", ""))
    for name in ("halima", "jelani"):
        said(bank, "operator", "add", name, secret=f"{name}, a long passphrase")
    signer, file = Signer.of("wpkh"), tmp_path / "descriptor.txt"
    file.write_text(signer.descriptor)
    propose = ("treasury", "cold", "propose", "vault", str(file), "--operator", "halima")
    assert "passphrase is wrong" in said(bank, *propose, secret="guessed", code=1)
    said(bank, *propose, secret="halima, a long passphrase")
    confirm = ("treasury", "cold", "confirm", "vault", "--operator", "jelani")
    said(bank, *confirm, secret="jelani, a long passphrase")

    person = await (await people("halima_treasury")).start()
    await outside._call("POST", "onchain/send", address=await address_of(person), sats=DEPOSIT)
    await outside._call("POST", "onchain/mine", blocks=6)
    await swept(bank, outside)
    assert sat("cold", hot + DEPOSIT - 1_000_000) in said(bank, "treasury", "show")

    draft_file, signed_file = tmp_path / "refill.psbt", tmp_path / "signed.psbt"
    draft = ("treasury", "psbt", "draft", "150000000", "--operator", "halima", "--out", str(draft_file))
    draft_id = said(bank, *draft, secret="halima, a long passphrase").split()[0]
    psbt = signer.sign(base64.b64encode(draft_file.read_bytes()).decode())
    signed_file.write_bytes(base64.b64decode(psbt))
    release = ("treasury", "psbt", "release", draft_id, str(signed_file), "--operator", "jelani")
    said(bank, *release, secret="jelani, a long passphrase")
    assert "refill" in said(bank, "treasury", "show")
    await outside._call("POST", "onchain/mine", blocks=2)
    await asyncio.to_thread(said, bank, "verify", "--nodes")


# --- the end ---


@pytest.fixture
def shared(request: pytest.FixtureRequest, each_kind: Programs) -> Bank | None:
    """The bank of all tests here; on LND a bank of the test's own."""
    found: Bank | None = request.getfixturevalue("bank") if each_kind.kind == "electrum" else None
    return found


@pytest.fixture
def folder(tmp_path: Path, shared: Bank | None) -> Iterator[Path]:
    """Of a bank. Whatever happens, no process of it stays."""
    found = tmp_path if shared is None else shared.data.parent
    yield found
    for line in left_over(found):
        os.kill(int(line.split()[0]), signal.SIGKILL)
    wait_until_nothing_is_left(found)


async def ask(bank: Running, method: str, path: str, body: Any = None) -> Any:
    client = HttpClient("sandbox", bank.url, timeout_s=60)
    try:
        answer = await client.call(method, f"/sandbox/api/{path}", body=body)
        assert answer.status == 200, answer.body
        return answer.json()
    finally:
        await client.close()


async def pays_by_itself(providers: dict[str, Any], text: str) -> None:
    """The bank's node pays, and the bank has not asked it to."""
    if (found := providers.get("lnd")) is None:
        found = providers["electrum"]
        electrum = JsonRpc("bank", int(found["base_url"].rpartition(":")[2]), found["user"], found["password"])
        assert (await electrum.call("lnpay", {"invoice": text}))["success"]
        await electrum.close()
        return
    lnd = Lnd("lnd-1", found["base_url"], found["macaroon"], tls_pem=found["tls_cert"])
    until = datetime.now(UTC) + timedelta(minutes=1)
    assert await lnd.pay(text, amount=None, fee_max=Msats(10_000), timeout_s=30, not_after=until) == Accepted()
    async with asyncio.timeout(60):
        while (await lnd.outgoing(decode(text).payment_hash)).state is not OutgoingState.SUCCEEDED:
            await asyncio.sleep(0.1)
    await lnd.close()


async def differs_when_the_node_pays_by_itself(folder: Path, bank: Running) -> None:
    """``verify --nodes`` sees what the books alone cannot: somebody else used the bank's node."""
    data = folder / "data"
    arguments = ("verify", "--nodes", "--data", str(data))
    made = await ask(bank, "POST", "lightning/invoices", {"amountMsat": 5_000_000})
    await pays_by_itself(json.loads((data / "sandbox" / "providers.json").read_text()), made["paymentRequest"])
    differs = await asyncio.to_thread(hazina, *arguments)
    assert differs.returncode == 1
    assert "the bank knows nothing of this hash" in differs.stdout
    assert (await asyncio.to_thread(hazina, "verify", "--data", str(data))).returncode == 0


async def test_the_chain_and_the_channels_outlive_the_bank_and_nothing_is_left_running(
    folder: Path, shared: Bank | None, each_kind: Programs
) -> None:
    bank = await started(folder, each_kind) if shared is None else shared.running
    mined = await ask(bank, "POST", "onchain/mine", {"blocks": 1})
    await differs_when_the_node_pays_by_itself(folder, bank)
    mined = await ask(bank, "POST", "onchain/mine", {"blocks": 3})
    bank.kill()
    await asyncio.to_thread(wait_until_nothing_is_left, folder)

    again = await started(folder, each_kind)
    state = await ask(again, "GET", "state")
    assert state["onchain"]["height"] >= mined["height"]
    assert [channel["capacityMsat"] for channel in state["channels"]] == [100_000_000_000] * 2
    assert await asyncio.to_thread(again.stop) == 0
    wait_until_nothing_is_left(folder)

    # Its books belong to this network: another start would find another node.
    refused = await asyncio.to_thread(hazina, "up", "--data", str(folder / "data"), "--port", "0")
    assert refused.returncode == 1
    assert f"was begun with --regtest --lightning {each_kind.kind}" in refused.stderr
