"""The chain on the sandbox page, used by hand."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect
from tests.browser.conftest import Bank, Outside, People


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
