"""The outside world on one page, used by hand."""

from __future__ import annotations

import re

from playwright.async_api import expect

from .conftest import Outside, People, Person


async def test_the_page_is_the_outside_world(people: People, funded: Person, outside: Outside) -> None:
    person = await people("bench", viewport={"width": 1280, "height": 800})
    page = person.page
    await page.goto(f"{person.bank.url}/sandbox")

    # The code of a log-in comes in by itself.
    await expect(page.get_by_role("heading", name="Messages")).to_be_visible()
    new = await people("coded")
    await new.open()
    await new.ask_for_code()
    message = page.get_by_role("log").get_by_role("listitem").filter(has_text=new.phone)
    await expect(message.locator("code")).to_have_text(re.compile(r"^\d{6}$"))

    # A webhook that came, from whomever.
    state = await (await page.request.get(f"{person.bank.url}/sandbox/api/state")).json()
    await page.request.post(f"{state['hooks']['url']}/the-bench", data={"eventType": "receive.lightning"})
    hooks = page.get_by_role("region", name="Webhooks that came")
    await expect(hooks.get_by_role("listitem").filter(has_text="the-bench")).to_contain_text("receive.lightning")

    # A request of the stranger, paid from the wallet.
    await page.get_by_label("Amount in sats", exact=True).fill("1500")
    await page.get_by_label("Note").fill("Karanga 1500")
    await page.get_by_role("button", name="Make", exact=True).click()
    request = await page.locator("[data-request]").get_attribute("data-request")
    assert request is not None
    await funded.choose(request)
    await funded.slide()
    await expect(funded.page.get_by_text("Paid to Karanga 1500")).to_be_visible()
    await expect(page.get_by_role("listitem").filter(has_text="Karanga 1500")).to_contain_text("paid")

    # The stranger pays a request of the wallet.
    await page.get_by_label("Request from the wallet").fill(await funded.request())
    await page.get_by_label("Amount in sats, if the request has none").fill("777")
    await page.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="Paid.")).to_be_visible()
    await expect(funded.page.get_by_role("main")).to_contain_text("777 sats")

    # A fault is switched on, seen, and mended.
    await page.get_by_role("button", name="Until changed").click()  # else the bank's next look at the price mends it
    switch = page.get_by_label("Price feed: Break something")
    try:
        await switch.select_option("error")
        await expect(page.get_by_text("1 on", exact=True)).to_be_visible()
        await switch.select_option("")
        await expect(page.get_by_text("1 on", exact=True)).to_have_count(0)
    finally:
        await outside.mend()


async def test_the_price_moves(people: People, outside: Outside) -> None:
    person = await people("trader", viewport={"width": 1280, "height": 800})
    page = person.page
    await page.goto(f"{person.bank.url}/sandbox")
    field = page.get_by_role("textbox", name="BTC in USD")
    await expect(field).not_to_have_value("")
    before = await field.input_value()
    try:
        await field.fill("71,000")
        await page.get_by_role("button", name="Set", exact=True).click()
        await expect(page.get_by_text("USD 71,000")).to_be_visible()
        await field.fill(before)
        await page.get_by_role("button", name="Set", exact=True).click()
        await expect(field).to_have_value(before)
    finally:  # what the next test asks for is worth what it was
        await outside.price(before.replace(",", ""))


async def test_a_feed_of_the_price_goes_wrong(people: People, outside: Outside) -> None:
    person = await people("gloomy", viewport={"width": 1280, "height": 800})
    page = person.page
    await page.goto(f"{person.bank.url}/sandbox")
    feeds = page.get_by_text("Feeds of the price and of currencies")
    await feeds.click()
    switch = page.get_by_label("okx: Feeds of the price and of currencies")
    try:
        await switch.select_option(label="A thousand times too much")
        await expect(page.get_by_text("1 on", exact=True)).to_be_visible()
        await switch.select_option(label="Works")
        await expect(page.get_by_text("1 on", exact=True)).to_have_count(0)
    finally:
        await outside.mend()
