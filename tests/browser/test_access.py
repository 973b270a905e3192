"""Every page for everybody: axe finds nothing in either theme, and 320 px are enough."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.async_api import Page, ViewportSize, expect

from .conftest import Outside, People, Person

NARROW: ViewportSize = {"width": 320, "height": 568}
THEMES = ("light", "dark")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}}


async def audit(page: Page, where: str) -> None:
    # What the bar at the bottom covers is reached by scrolling on.
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    found = (await Axe().run(page, options=RULES)).response["violations"]
    told = [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
    assert told == [], where


async def check(page: Page, where: str) -> None:
    await audit(page, where)
    size = page.viewport_size
    await page.set_viewport_size(NARROW)
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{where} is {overflow} px too wide at 320"
    if size is not None:
        await page.set_viewport_size(size)


@pytest.mark.parametrize("theme", THEMES)
async def test_pages_of_the_wallet(theme: str, funded: Person, outside: Outside) -> None:
    page = funded.page
    await page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    language = "Kiswahili" if theme == "dark" else "English"
    await funded.open("/me")
    await page.get_by_role("button", name=language).click()
    await expect(page.locator(".setting").first).to_be_visible()
    await check(page, "me")
    for path, sign in {
        "": ".chest",
        "/activity": ".tx",
        "/activity/usd": ".empty",
        "/receive": ".qr",
        "/send": "#to",
        "/scan": ".empty",
        "/me/sessions": ".sessions",
        "/me/name": "#name",
        "/me/currency": ".opt",
        "/me/keys": ".empty",
        "/me/keys/new": "#key-name",
        "/me/learn": "ol a",
        "/me/learn/1": ".answer",
        "/me/chat": "#message",
        "/address": ".qr",
        "/contacts": ".empty",
        "/convert": ".exchange",
    }.items():
        await funded.open(path)
        await expect(page.locator(sign).first).to_be_visible()
        await check(page, path or "home")
    await funded.home()
    await page.locator(".tx").first.click()
    await expect(page.locator(".kv")).to_be_visible()
    await check(page, "receipt")
    await funded.open("/send")
    await page.locator("#to").fill(await outside.invoice())
    await page.locator("#to").press("Enter")
    await expect(page.locator(".amount-input")).to_be_visible()
    await check(page, "amount")
    await page.locator(".amount-input").fill("1")
    await page.locator(".amount-input").press("Enter")
    await expect(page.locator(".slide .knob")).to_be_enabled()
    await check(page, "confirm")
    await page.locator(".slide .knob").press("Enter")
    await expect(page.locator(".result .drawn")).to_be_visible()
    await check(page, "result")
    await funded.home()
    await page.locator(".chest .unit").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await check(page, "units")


@pytest.mark.parametrize("theme", THEMES)
async def test_pages_before_the_wallet(theme: str, people: People) -> None:
    person = await people(f"before_{theme}", color_scheme=theme)
    for path, sign in {"/": "h1", "/wallet": "#tel", "/sandbox": ".sms li"}.items():
        await person.page.goto(person.bank.url + path)
        if path == "/wallet":
            await person.ask_for_code()
            sign = "#code"
        await expect(person.page.locator(sign).first).to_be_visible()
        await check(person.page, path)


async def test_a_desktop_shows_the_list_beside_the_receipt(funded: Person) -> None:
    await funded.page.set_viewport_size({"width": 1280, "height": 800})
    await funded.open("/activity")
    await funded.page.get_by_role("main").get_by_role("link", name="Lightning payment").click()
    await expect(funded.page.get_by_role("heading", name="Receipt")).to_be_visible()
    await expect(funded.page.get_by_role("link", name="Lightning payment")).to_be_visible()
    await audit(funded.page, "two panes")


async def test_the_keyboard_reaches_everything(funded: Person) -> None:
    """Skip link first; Escape closes the sheet and gives the focus back."""
    page = funded.page
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    unit = page.get_by_role("button", name="change unit")
    await unit.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Show amounts in")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(unit).to_be_focused()
