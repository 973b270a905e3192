"""An app in front of a customer: log in by passkey and by Lightning wallet, consent with a cap, pay within it, be
refused beyond it, be stopped. The app is ``examples/shop``, a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Page, expect
from tests.contexts.identity.signers import Wallet

from faults.process import free_port
from hazina.kernel import child

from .conftest import Outside, People, Person
from .test_access import check
from .test_security import authenticator, people_at_home, scan

__all__ = ["people_at_home"]

START_S = 60
SHOP = Path("examples/shop/app.py")


@asynccontextmanager
async def shop(bank: str, port: int, app: tuple[str, str], payee: str, log: Path) -> AsyncIterator[str]:
    """The shop's address."""
    id_, secret = app
    command = [
        sys.executable, str(SHOP), "--bank", bank, "--port", str(port), "--payee", payee,
        "--client-id", id_, "--client-secret", secret,
    ]  # fmt: skip
    with log.open("wb") as output:
        process = child.spawn(
            command, on_parent_death=signal.SIGKILL, output=output, errors=output, cwd=Path.cwd(), env=dict(os.environ)
        )
    try:
        async with asyncio.timeout(START_S):
            while not _listens(port):
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def registered(keeper: Person, back: str) -> tuple[str, str]:
    """The shop among the keeper's apps, by the pages: its id and its secret."""
    page = keeper.page
    await page.goto(f"{keeper.bank.url}/apps/mine/new")
    await page.get_by_label("Phone number").fill(keeper.phone)
    await page.get_by_role("button", name="Send code").click()
    await page.get_by_label("Code", exact=True).fill(await keeper.outside.code_for(keeper.phone))
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_label("Name", exact=True).fill("Corner shop")
    await page.get_by_label("Where to come back to").fill(back)
    await page.get_by_label("Send money for you").check()
    await check(page, "register an app")
    await page.get_by_role("button", name="Register").click()
    id_ = await page.get_by_label("client_id").input_value()
    secret = await page.get_by_label("client_secret").input_value()
    await check(page, "an app's secret")
    return id_, secret


async def test_a_shop_is_let_in_pays_within_its_cap_and_is_stopped(
    people_at_home: People, outside: Outside, tmp_path: Path
) -> None:
    keeper = await people_at_home("corner_keeper")
    await keeper.start()
    amina = await people_at_home("amina_shops")
    page = amina.page
    session, device = await authenticator(page)
    await amina.open()
    await page.get_by_role("button", name="Start with a passkey").click()
    await page.get_by_label("Name", exact=True).fill(amina.name)
    await page.get_by_role("button", name="Take this name").click()
    await expect(amina.chest).to_be_visible()
    await _link_wallet(amina.page, f"{amina.bank.url}/wallet/me/security")
    assert (await outside.pay(await amina.request(), 5_000))["status"] == "SUCCEEDED"

    port = free_port()
    app = await registered(keeper, f"http://localhost:{port}/callback")
    async with shop(amina.bank.url, port, app, keeper.name, tmp_path / "shop.log") as address:
        # The browser would offer the passkey in the phone's field, and this authenticator takes every offer.
        await session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": device, "enabled": False})
        await page.goto(address)
        await page.get_by_role("button", name="Log in with Hazina").click()
        await _by_wallet(page)
        await expect(page.get_by_role("heading", name="Corner shop wants to use your account")).to_be_visible()
        await check(page, "consent")
        await page.get_by_label("Send money for you").check()
        await page.get_by_label("Most a day, in US dollars").fill("0.20")
        await page.get_by_role("button", name="Allow").click()
        buy = page.get_by_role("button", name="Buy coffee")
        await buy.click()
        await expect(page.get_by_role("status")).to_have_text("Paid. Enjoy.")
        await buy.click()
        await expect(page.get_by_role("status")).to_contain_text("Not paid")
        await expect(page.get_by_text("You have bought 1.")).to_be_visible()

        await page.goto(f"{amina.bank.url}/apps")
        await expect(page.get_by_role("heading", name="Corner shop")).to_be_visible()
        await check(page, "connected apps")
        await page.get_by_role("button", name="Stop: Corner shop").click()
        await expect(page.get_by_text("No app is connected")).to_be_visible()
        await page.goto(address)
        await buy.click()
        await expect(page.get_by_role("alert")).to_have_text("You have stopped this app.")
    amina.excuse("403")  # what asks for a second proof first
    assert amina.bank.verify() == 0


WALLET = Wallet()


async def _link_wallet(page: Page, security: str) -> None:
    await page.goto(security)
    await page.get_by_role("button", name="Another way").click()
    await page.get_by_role("button", name="Link a Lightning wallet").click()
    await page.get_by_role("dialog").get_by_role("button", name="Confirm with a passkey").click()
    await expect(page.get_by_role("img", name="QR code to link a wallet")).to_be_visible()
    await scan(page, WALLET)
    await expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(2)


async def _by_wallet(page: Page) -> None:
    """On the bank's log-in page."""
    await expect(page.get_by_role("heading", name="Karibu. Log in or start.")).to_be_visible()
    await check(page, "log in")
    await page.get_by_role("link", name="Lightning wallet").click()
    code = str(await page.get_by_role("link", name="Open a wallet on this device").get_attribute("href"))
    parts = urlsplit(WALLET.answer(code))
    answer = await page.request.get(f"http://localhost:{parts.port}{parts.path}?{parts.query}")
    assert await answer.json() == {"status": "OK"}
