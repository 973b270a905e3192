"""The pay page, checkout and the paycode in a browser: with a script and without, on a phone and at a desk."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from .conftest import PHONE, Bank, Outside
from .test_access import check

DESK: ViewportSize = {"width": 1280, "height": 800}


@pytest.fixture
async def shop(bank: Bank, outside: Outside) -> str:
    """The name of a customer who sells in shillings."""
    phone, name = bank.new_phone(), f"duka_{next(bank.numbers)}"
    ask = outside.request

    async def post(path: str, body: dict[str, Any], token: str = "") -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await ask.post(f"{bank.url}{path}", data=body, headers=headers)
        assert answer.ok, await answer.text()
        return await answer.json()

    await post("/auth/phone/code", {"phone": phone})
    token = (await post("/auth/phone/login", {"phone": phone, "code": await outside.code_for(phone)}))["authToken"]
    for text in (
        f'mutation {{ userUpdateUsername(input: {{username: "{name}"}}) {{ errors {{ message }} }} }}',
        'mutation { accountUpdateDisplayCurrency(input: {currency: "KES"}) { errors { message } } }',
    ):
        done = await post("/graphql", {"query": text}, token)
        assert [one["errors"] for one in done["data"].values()] == [[]], done
    return name


async def opened(browser: Browser, size: ViewportSize, *, script: bool, theme: str = "light") -> Page:
    context = await browser.new_context(
        viewport=size,
        java_script_enabled=script,
        locale="en-GB",
        color_scheme=theme,  # type: ignore[arg-type]
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


async def invoice_on(page: Page) -> str:
    link = page.get_by_role("link", name="Open a wallet on this device")
    await expect(link).to_be_visible()
    return str(await link.get_attribute("href")).removeprefix("lightning:")


@pytest.mark.parametrize(("size", "script"), [(PHONE, False), (DESK, True)], ids=["phone, no script", "desk, script"])
async def test_a_sale(
    browser: Browser, bank: Bank, outside: Outside, shop: str, size: ViewportSize, script: bool
) -> None:
    """From the keypad to Paid, by itself."""
    page = await opened(browser, size, script=script)
    try:
        await page.goto(f"{bank.url}/{shop}")
        await expect(page.get_by_role("heading", name=f"Pay {shop}")).to_be_visible()
        for key in ("2", "5", "0", "Decimal point .", "5"):
            await page.get_by_role("button", name=key, exact=True).click()
        await expect(page.get_by_label("Amount in KES")).to_have_value("250.5")
        await page.get_by_label("What is it for?").fill("Mandazi, 20")
        await page.get_by_label("10 %").check()
        await page.get_by_role("button", name="Pay", exact=True).click()
        await expect(page).to_have_url(re.compile("/checkout/"))
        await expect(page).to_have_title(re.compile("Waiting"))
        await expect(page.get_by_text("Mandazi, 20 · tip 10 %")).to_be_visible()
        paid = await outside.pay(await invoice_on(page))
        assert paid["status"] == "SUCCEEDED", paid
        await expect(page).to_have_title(re.compile("Paid"))
        await expect(page.get_by_role("link", name="New payment")).to_be_visible()
    finally:
        await page.context.close()


async def test_the_enter_key_and_the_way_back(browser: Browser, bank: Bank, shop: str) -> None:
    """Enter pays, and presses no key of the keypad; a shop's way back is a link that says where it leads."""
    page = await opened(browser, PHONE, script=False)
    try:
        await page.goto(f"{bank.url}/{shop}?unit=SAT")
        await page.get_by_label("Amount in sats").fill("2100")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("/checkout/"))
        await expect(page.get_by_text("2\u202f100 sats", exact=True)).to_be_visible()
        payment_hash = page.url.split("/checkout/")[1][:64]
        await page.goto(f"{bank.url}/checkout/{payment_hash}?returnUrl=https://shop.example/order/7")
        back = page.get_by_role("link", name="Cancel, back to shop.example")
        await expect(back).to_have_attribute("href", "https://shop.example/order/7")
    finally:
        await page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_for_everybody(browser: Browser, bank: Bank, outside: Outside, shop: str, theme: str) -> None:
    """axe finds nothing, and 320 px are enough, on every page and in every state."""
    page = await opened(browser, PHONE, script=True, theme=theme)
    lang = "sw" if theme == "dark" else "en"
    try:
        for path in (
            f"/{shop}?lang={lang}",
            f"/{shop}?amount=28519.40&memo=Sukari&lang={lang}",
            f"/{shop}/print?lang={lang}",
            f"/nobody_like_this?lang={lang}",
        ):
            await page.goto(f"{bank.url}{path}")
            await check(page, path)
        await page.goto(f"{bank.url}/{shop}?lang={lang}")
        await page.locator("#typed").fill("0")
        await page.locator("form.till .first").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await check(page, "a wrong amount")
        await page.locator("#typed").fill("100")
        await page.locator("form.till .first").click()
        await expect(page.locator("[data-checkout]")).to_be_visible()
        await check(page, "waiting")
        await outside.pay(str(await page.locator(".code-link").get_attribute("href")).removeprefix("lightning:"))
        await expect(page.locator(".state.done")).to_be_visible()
        await check(page, "paid")
    finally:
        await page.context.close()
