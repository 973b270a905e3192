import re
from .test_pay_page import *


async def test_shots(browser, bank, outside, shop):
    for size, label in ((PHONE, "phone"), (DESK, "desk")):
        for theme in ("light", "dark"):
            page = await opened(browser, size, script=True, theme=theme)
            for n, path in (
                ("till", f"/{shop}?typed=250.5"),
                ("fixed", f"/{shop}?amount=28519.40&memo=Sukari kilo 2&lang=sw"),
                ("print", f"/{shop}/print"),
            ):
                await page.goto(bank.url + path)
                await page.screenshot(path=f"/tmp/shot-{label}-{theme}-{n}.png", full_page=True)
            await page.goto(f"{bank.url}/{shop}")
            await page.locator("#typed").fill("100")
            await page.locator("form.till .first").click()
            await page.wait_for_selector("[data-checkout]")
            await page.screenshot(path=f"/tmp/shot-{label}-{theme}-wait.png", full_page=True)
            await outside.pay(str(await page.locator(".code-link").get_attribute("href")).removeprefix("lightning:"))
            await page.wait_for_selector(".state.done")
            await page.screenshot(path=f"/tmp/shot-{label}-{theme}-paid.png", full_page=True)
            await page.context.close()
