"""Coins of customers in the browser, on a real chain: a deposit from a stranger, and a withdrawal to one."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import expect
from tests.browser.conftest import Bank, Outside, People, Person


async def address_of(person: Person) -> str:
    """Open Receive and read the address."""
    await person.open("/receive")
    link = person.page.get_by_role("link", name="Bitcoin address")
    await expect(link).to_be_visible()
    return str(await link.get_attribute("href")).removeprefix("bitcoin:").partition("?")[0]


async def test_a_deposit_comes_in_and_a_withdrawal_goes_out(people: People, outside: Outside, bank: Bank) -> None:
    amina = await (await people("amina_coins")).start()
    address = await address_of(amina)
    await amina.page.get_by_role("button", name="On-chain").click()
    await outside._call("POST", "onchain/send", address=address, sats=1_500_000)
    await expect(amina.page.get_by_text("On its way")).to_be_visible()
    await expect(amina.page.get_by_text("0/3 blocks")).to_be_visible()
    await outside._call("POST", "onchain/mine", blocks=1)
    await amina.home()
    await expect(amina.page.get_by_text(re.compile(r"[01]/3 blocks"))).to_be_visible()
    await amina.has_sats(0)
    await amina.page.get_by_role("link", name="Received on-chain").click()
    await expect(amina.page.get_by_text("blocks confirm it")).to_be_visible()
    await outside._call("POST", "onchain/mine", blocks=3)
    await expect(amina.page.locator("#main").get_by_text("Paid", exact=True)).to_be_visible()
    await amina.home()
    await amina.has_sats(1_500_000)

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
