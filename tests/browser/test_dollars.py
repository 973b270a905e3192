"""Dollars in the wallet: converted by a quote, received, paid with; amounts in the currency that a person chose."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from typing import Any

from playwright.async_api import Page, Route, expect

from .conftest import Bank, Outside, People, Person
from .test_access import check


async def has_dollars(person: Person, dollars: str) -> None:
    await expect(person.chest.get_by_role("link", name=f"Dollars USD {dollars}")).to_be_visible()


async def quoted(page: Page) -> str:
    """Dollars that the quote on the page gives."""
    said = await page.get_by_text(re.compile("You get exactly")).inner_text()
    found = re.search(r"USD\s(\d+\.\d\d)", said)
    assert found is not None, said
    return found[1]


async def bought_received_and_spent(funded: Person, other: Person, outside: Outside) -> None:
    page = funded.page
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await page.get_by_role("link", name="Convert").click()
    await page.get_by_role("button", name="sats , change unit").click()
    await page.get_by_label("Amount of Bitcoin").fill("60 000")
    await expect(page.get_by_role("alert").filter(has_text="more than you have")).to_be_visible()
    await page.get_by_label("Amount of Bitcoin").fill("20 000")
    await check(page, "convert")
    await page.get_by_role("button", name="See what you get").click()
    gets = await quoted(page)
    await check(page, "quote")
    await page.get_by_role("button", name=re.compile("Slide to convert 20000 sats into USD")).press("Enter")
    await expect(page).to_have_title("Paid · Convert – Hazina")
    await page.get_by_role("link", name="Done").click()
    await funded.has_sats(30_000)
    await has_dollars(funded, gets)
    await expect(page.get_by_role("link", name=re.compile("^Bitcoin to dollars Converted")).first).to_be_visible()

    # Exactly five dollars come, for what they cost the payer now.
    await funded.open("/receive")
    await page.get_by_role("button", name="Dollars").click()
    await page.get_by_role("button", name="Amount", exact=True).click()
    await page.get_by_label("Amount, or leave it empty").fill("5")
    await page.get_by_role("button", name="Make the request").click()
    await expect(page.get_by_text(re.compile(r"Waiting for payment · (5:0|4:)"))).to_be_visible()
    await check(page, "dollars asked for")
    link = await page.get_by_role("link", name="Works with every Lightning wallet").get_attribute("href")
    await outside.pay(str(link).removeprefix("lightning:"))
    await expect(page.get_by_text("Paid. The money is in your wallet.")).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("+USD 5.00")
    total = Decimal(gets) + 5
    await page.get_by_role("link", name="Done").click()
    await has_dollars(funded, f"{total}")

    # A stranger's invoice and a friend are paid out of them.
    await funded.choose(await outside.invoice(2_000, "Kahawa"))
    await page.get_by_role("button", name="Dollars").click()
    await expect(page.get_by_text("You pay, about")).to_be_visible()
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await check(page, "paid with dollars")
    await funded.slide()
    await expect(page.get_by_text("Paid to Kahawa")).to_be_visible()
    await funded.choose(other.name)
    await page.get_by_role("button", name="Dollars").click()
    await funded.type_amount("3")
    await funded.slide()
    await expect(page.get_by_text("Paid to dollar_friend")).to_be_visible()
    await has_dollars(other, "3.00")


async def a_quote_that_is_too_old_and_an_answer_that_is_lost(funded: Person) -> None:
    """The old quote moves nothing and is asked for again; of the lost one the history knows."""
    page = funded.page
    await funded.open("/convert")
    await page.get_by_label("Amount of Bitcoin").fill("6")

    async def old(route: Route) -> None:
        if "mutation ExchangeQuote" not in (route.request.post_data or ""):
            await route.continue_()
            return
        answer = await route.fetch()
        body: Any = await answer.json()
        body["data"]["quote"]["quote"]["expiresAt"] -= 3_600
        await route.fulfill(json=body)

    await page.route("**/graphql", old)
    await page.get_by_role("button", name="See what you get").click()
    await expect(page.get_by_text("This price is too old").first).to_be_visible()
    await page.unroute("**/graphql", old)
    await page.get_by_role("button", name="New price").click()
    gets = await quoted(page)

    async def cut(route: Route) -> None:
        if "mutation Exchange(" in (route.request.post_data or ""):
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/graphql", cut)
    await page.get_by_role("button", name=re.compile("Slide to convert")).press("Enter")
    await expect(page.get_by_text("Checking", exact=True)).to_be_visible()
    await expect(page).to_have_title("Paid · Convert – Hazina")
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_role("link", name=re.compile(f"to dollars Converted.*USD {gets}"))).to_be_visible()
    await page.unroute("**/graphql", cut)
    funded.excuse("net::ERR_FAILED")


async def amounts_in_ones_own_currency_and_the_statement(funded: Person) -> None:
    page = funded.page
    await funded.open("/me/currency")
    await page.get_by_label("Search").fill("kenya")
    await page.get_by_role("radio", name="KES").click()
    await expect(page.get_by_text("Amounts are now shown in: Kenyan Shilling")).to_be_visible()
    await funded.home()
    await expect(funded.chest.get_by_role("status")).to_contain_text("KES")
    await page.reload()
    await expect(funded.chest.get_by_role("status")).to_contain_text("KES")
    paid = await funded.outside.pay(await funded.request(usd="650"))
    assert paid["status"] in ("SUCCEEDED", "IN_FLIGHT")
    await expect(page.get_by_role("main")).to_contain_text("+KES 6")
    await funded.open("/activity")
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Save as a table (CSV)").click()
    download = await begun.value
    assert re.fullmatch(r"hazina-\d{4}-\d\d-\d\d\.csv", download.suggested_filename)
    rows = list(csv.DictReader((await download.path()).read_text().splitlines()))
    assert rows[-1]["credit"] == "50000"
    assert {row["displayCurrency"] for row in rows} == {"KES", "USD"}


async def test_dollars_and_the_persons_own_currency(
    funded: Person, people: People, outside: Outside, bank: Bank
) -> None:
    """One person's afternoon, so that one account serves for all of it."""
    other = await (await people("dollar_friend")).start()
    await bought_received_and_spent(funded, other, outside)
    await a_quote_that_is_too_old_and_an_answer_that_is_lost(funded)
    await amounts_in_ones_own_currency_and_the_statement(funded)
    assert bank.verify() == 0
