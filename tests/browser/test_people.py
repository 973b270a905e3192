"""Logging in, languages, devices, and a wallet without network."""

from __future__ import annotations

from playwright.async_api import expect

from .conftest import Bank, People, Person


async def test_a_wrong_code_says_how_many_tries_are_left(people: People) -> None:
    person = await people("wrong")
    await person.open()
    await person.page.get_by_label("Phone number").fill("0712")
    await person.page.get_by_role("button", name="Send code").click()
    await expect(person.page.get_by_role("alert").filter(has_text="not a whole phone number")).to_be_visible()
    await person.ask_for_code()
    right = await person.outside.code_for(person.phone)
    wrong = "000000" if right != "000000" else "111111"
    field = person.page.get_by_label("Code from the SMS")
    for left in (4, 3):
        await field.fill(wrong)
        await expect(person.page.get_by_role("alert").filter(has_text=f"Tries left: {left}.")).to_be_visible()
        await expect(field).to_have_value("")
    await field.fill(right)
    await expect(person.page.get_by_role("heading", name="Choose your name")).to_be_visible()
    person.excuse("401")


async def test_a_name_is_taken_only_once(people: People) -> None:
    first = await (await people("fatuma")).start()
    second = await people("fatuma_2")
    await second.log_in()
    await second.page.get_by_label("Name", exact=True).fill(first.name)
    await second.page.get_by_label("Name", exact=True).blur()
    await expect(second.page.get_by_role("alert").filter(has_text="is taken")).to_be_visible()
    await second.page.locator(".chip").first.click()
    await second.page.get_by_role("button", name="Take this name").click()
    await expect(second.chest).to_be_visible()


async def test_a_device_that_is_ended_must_log_in_again(people: People) -> None:
    here = await (await people("two_devices")).start()
    other = await people("two_devices", phone=here.phone)
    await other.log_in()
    await expect(other.chest).to_be_visible()
    await here.open("/me/sessions")
    devices = here.page.get_by_role("main").get_by_role("listitem")
    await expect(devices).to_have_count(2)
    await expect(devices.first).to_contain_text("This device")
    await devices.nth(1).get_by_role("button", name="End").click()
    await expect(devices).to_have_count(1)
    await other.page.reload()
    await expect(other.page.get_by_text("You were logged out on this device.")).to_be_visible()
    other.excuse("401")


async def test_choices_hold_everywhere_and_logging_out_leaves_nothing_behind(funded: Person) -> None:
    page = funded.page
    await page.get_by_role("button", name="Hide amounts").click()
    await expect(funded.chest).not_to_contain_text("50000")
    await funded.open("/activity")
    await expect(page.get_by_role("main")).to_contain_text("•••")
    await expect(page.get_by_role("main")).not_to_contain_text("50000")

    await funded.open("/me")
    await page.get_by_role("button", name="Kiswahili").click()
    await expect(page.get_by_role("heading", name="Mimi")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "sw")
    await funded.home()
    await expect(page.get_by_role("heading", name="Jumla ya salio")).to_be_visible()
    await expect(page).to_have_title("Nyumbani – Hazina")
    await funded.open("/me")
    await page.get_by_role("button", name="English").click()

    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Phone number")).to_be_visible()
    assert await page.evaluate("Object.keys(localStorage).filter(k => /token|shell/.test(k))") == []


async def test_without_network_the_last_balance_is_there_with_its_time(funded: Person) -> None:
    await funded.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await funded.page.context.set_offline(True)
    await funded.page.reload()
    await funded.has_sats(50_000)
    await expect(funded.page.locator(".offline")).to_contain_text("No network. Balance from")
    await funded.page.get_by_role("link", name="Activity").first.click()
    await expect(funded.page.get_by_role("link", name="Lightning payment")).to_be_visible()
    await funded.page.context.set_offline(False)
    await funded.page.reload()
    await expect(funded.page.locator(".offline")).to_have_count(0)
    funded.excuse("net::ERR_INTERNET_DISCONNECTED")


async def test_the_page_admits_nothing_foreign(bank: Bank, people: People) -> None:
    """The security policy is sent with every page, and nothing on it is inline."""
    person = await people("policy")
    for path in ("/", "/wallet", "/wallet/send", "/sandbox"):
        answer = await person.page.goto(bank.url + path)
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy and "unsafe" not in policy
        html = await answer.text()
        assert "<style" not in html and " style=" not in html and " onclick" not in html
        assert all("src=" in tag for tag in html.split("<script")[1:])
