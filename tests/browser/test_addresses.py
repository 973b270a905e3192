"""Lightning Addresses, one's own and others', and the people behind them."""

from __future__ import annotations

import re

from playwright.async_api import expect

from hazina.kernel import lnurl

from .conftest import Bank, People, Person
from .test_access import check


def outside_host(bank: Bank) -> str:
    """Where the services of the outside world are reached."""
    found = re.search(r"sandbox +http://(\S+:\d+)\s", bank.running.out.read_text())
    assert found is not None
    return found[1]


async def ones_own_address_is_shown_and_copied(person: Person, bank: Bank) -> None:
    """Of somebody who has no name yet."""
    await person.log_in()
    await person.page.get_by_role("button", name="Later").click()
    await person.open("/address")
    await expect(person.page.get_by_text("Your address begins with your name")).to_be_visible()
    await person.page.get_by_role("link", name="Choose a name").click()
    await person.page.get_by_label("Name", exact=True).fill(person.name)
    await person.page.get_by_role("button", name="Take this name").click()
    await expect(person.chest).to_be_visible()
    await person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await person.open("/receive")
    await person.page.get_by_role("link", name="Your Lightning Address").click()
    await expect(person.page.get_by_role("img", name="QR code of your Lightning Address")).to_be_visible()
    await person.page.get_by_role("button", name="Copy").click()
    copied = await person.page.evaluate("navigator.clipboard.readText()")
    assert copied == await person.page.locator("[data-address]").inner_text() and copied.startswith("contact_friend@")
    asked = await person.page.request.get(f"{bank.url}/.well-known/lnurlp/contact_friend")
    assert (await asked.json())["tag"] == "payRequest"


async def addresses_elsewhere_are_paid(funded: Person, bank: Bank) -> None:
    page, host = funded.page, outside_host(bank)
    mode = f"http://{host}/sandbox/api/lnurl/mode"
    await page.request.post(mode, data={"mode": "secret"})
    try:
        await funded.choose(f"Bob@{host}")
        await funded.type_amount("1500", unit="sats")
        await expect(page.get_by_text("at another service, by Lightning")).to_be_visible()
        await check(page, "to an address")
        await funded.slide()
        await expect(page.get_by_text(f"Paid to bob@{host}")).to_be_visible()
        await expect(page.get_by_text("Gate code for bob: 4711")).to_be_visible()
        await check(page, "what the recipient says")
    finally:
        await page.request.post(mode, data={"mode": "ok"})
    await funded.choose(lnurl.encode(f"http://{host}/.well-known/lnurlp/bob").upper())
    await funded.type_amount("500", unit="sats")
    await funded.slide()
    await expect(page.get_by_text(re.compile("Paid to lnurl1"))).to_be_visible()
    await funded.choose(f"nobody@{host}")
    await funded.type_amount("500", unit="sats")
    await funded.slide()
    await expect(page.get_by_text("Nothing was taken from your wallet.")).to_be_visible()
    await page.get_by_role("link", name="Close").click()
    await expect(page.get_by_role("link", name=re.compile("Lightning payment Paid"))).to_have_count(2)


async def contacts_are_written_down_named_and_paid_again(funded: Person, friend: Person) -> None:
    page = funded.page
    await funded.open("/send")
    await page.get_by_role("link", name="Contacts").click()
    await expect(page.get_by_role("button", name=re.compile("bob@"))).to_have_count(2)  # who was paid by address
    dialog = page.get_by_role("dialog")
    for handle, alias, said in (
        ("not a name", "", "neither a name at this bank nor"),
        ("nobody_by_this_name", "", "Nobody at this bank"),
        ("bob@pay.example", "Bob", "at least four letters"),
    ):
        await page.get_by_role("button", name="Add somebody").click()
        await dialog.get_by_label("Name or Lightning Address").fill(handle)
        await dialog.get_by_label(re.compile("What do you call them")).fill(alias)
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog.get_by_role("alert").filter(has_text=said)).to_be_visible()
        if alias == "":
            await page.keyboard.press("Escape")
    await check(page, "wrong name of a contact")
    await dialog.get_by_label(re.compile("What do you call them")).fill("Bob the builder")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("button", name="Bob the builder bob@pay.example")).to_be_visible()

    # Whoever is paid comes by themselves, is given a name, and paid again by it.
    await funded.choose(friend.name)
    await funded.type_amount("700", unit="sats")
    await funded.slide()
    await expect(page.get_by_text("Paid to contact_friend")).to_be_visible()
    await funded.open("/contacts")
    await page.get_by_role("button", name="Change the name of contact_friend").click()
    await dialog.get_by_label("Name that you see").fill("Mama Friend")
    await dialog.get_by_role("button", name="Save").click()
    await check(page, "contacts")
    await page.get_by_role("button", name=re.compile("Mama Friend contact_friend")).click()
    await funded.type_amount("300", unit="sats")
    await funded.slide()
    await friend.has_sats(1_000)


async def test_addresses_and_contacts(funded: Person, people: People, bank: Bank) -> None:
    friend = await people("contact_friend")
    await ones_own_address_is_shown_and_copied(friend, bank)
    await addresses_elsewhere_are_paid(funded, bank)
    await friend.home()
    await contacts_are_written_down_named_and_paid_again(funded, friend)
