"""Ways to log in, in a browser: passkeys of a virtual authenticator, Lightning wallets that scan what they are shown.

Passkeys are bound to the bank's own address, which on this machine is ``localhost``.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import CDPSession, Page, Route, expect
from tests.contexts.identity.signers import BitcoinKey, NostrKey, Wallet

from .conftest import Bank, Outside, People, Person
from .test_access import check

OPTIONS = "**/auth/passkey/options"


class AtHome(Bank):
    """The bank by its own name."""

    @property
    def url(self) -> str:
        return super().url.replace("127.0.0.1", "localhost")


@pytest.fixture
async def people_at_home(people: People, bank: Bank) -> People:
    """People whose browser shows the bank's own address."""

    async def make(name: str, **options: Any) -> Person:
        person = await people(name, **options)
        person.bank = AtHome(bank.running, bank.data, bank.numbers)
        return person

    return make


async def authenticator(page: Page, *, verified: bool = True) -> tuple[CDPSession, str]:
    """A phone's own authenticator (CDP); its passkeys stay with this page."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verified,
        "automaticPresenceSimulation": True,
    }
    added = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, added["authenticatorId"]


async def scan(page: Page, wallet: Wallet) -> None:
    """What somebody does with a wallet on another device: it reads the code, and calls."""
    link = page.get_by_role("link", name="Open the wallet on this device")
    code = str(await link.get_attribute("href"))
    parts = urlsplit(wallet.answer(code))
    answer = await page.request.get(f"http://localhost:{parts.port}{parts.path}?{parts.query}")
    assert await answer.json() == {"status": "OK"}


async def test_a_passkey_starts_an_account_and_opens_it_again(people_at_home: People) -> None:
    """By its button, and where the browser offers it in the phone's field (this authenticator takes every offer)."""
    person = await people_at_home("passkey_only")
    session, device = await authenticator(person.page)
    await person.open()
    await person.page.get_by_role("button", name="Start with a passkey").click()
    await person.page.get_by_label("Name", exact=True).fill(person.name)
    await person.page.get_by_role("button", name="Take this name").click()
    await expect(person.chest).to_be_visible()
    await person.open("/me/security")
    ways = person.page.get_by_role("main").get_by_role("listitem")
    await expect(ways).to_have_count(1)
    await expect(ways.first).to_contain_text("Passkey")
    await ways.first.get_by_role("button", name="Change").click()
    await expect(person.page.get_by_role("dialog")).to_contain_text("This is your only way in.")
    await expect(person.page.get_by_role("button", name="Remove")).to_have_count(0)

    for offered in (True, False):
        simulated = {"authenticatorId": device, "enabled": offered}
        await session.send("WebAuthn.setAutomaticPresenceSimulation", simulated)
        await person.open("/me")
        await person.page.get_by_role("button", name="Log out").click()
        async with person.page.expect_response(OPTIONS):
            await person.page.get_by_role("dialog").get_by_role("button", name="Log out").click()
        if not offered:
            await _by_button(person.page, session, simulated)
        await expect(person.chest).to_be_visible()


async def _by_button(page: Page, session: CDPSession, simulated: dict[str, Any]) -> None:
    """The person is there from after the click on, and before the device is asked: an authenticator of the
    browser's looks only once."""
    there = asyncio.Event()

    async def hold(route: Route) -> None:
        await there.wait()
        await route.continue_()

    await page.route(OPTIONS, hold)
    await page.get_by_role("button", name="Log in with a passkey").click()
    await session.send("WebAuthn.setAutomaticPresenceSimulation", {**simulated, "enabled": True})
    there.set()


async def test_a_lightning_wallet_is_linked_and_logs_in(people_at_home: People) -> None:
    wallet = Wallet()
    person = await (await people_at_home("wallet_linker")).start()
    await person.open("/me/security")
    await person.page.get_by_role("button", name="Another way").click()
    await person.page.get_by_role("button", name="Link a Lightning wallet").click()
    await expect(person.page.get_by_role("img", name="QR code to link a wallet")).to_be_visible()
    await scan(person.page, wallet)
    ways = person.page.get_by_role("main").get_by_role("listitem")
    await expect(ways).to_have_count(2)
    await expect(ways.nth(1)).to_contain_text("Lightning wallet")
    await expect(person.page.get_by_role("dialog")).to_have_count(0)

    other = await people_at_home("wallet_linker_2")
    await other.open()
    await other.page.get_by_role("button", name="Log in with a Lightning wallet").click()
    await expect(other.page.get_by_role("img", name="QR code to log in with a wallet")).to_be_visible()
    await scan(other.page, wallet)
    await expect(other.chest).to_be_visible()
    await other.open("/me")
    await expect(other.page.get_by_role("main")).to_contain_text("wallet_linker")


async def test_bitcoin_and_nostr_keys_and_addresses_are_added_named_moved_and_log_in(
    people_at_home: People, outside: Outside
) -> None:
    """One person adds both keys and lets go of the Nostr key; another, who came by a Bitcoin key, takes it over, and
    comes back by e-mail."""
    coins, nostr = BitcoinKey(), NostrKey()
    person = await (await people_at_home("signing_one")).start()
    page, ways = person.page, person.page.get_by_role("main").get_by_role("listitem")
    await person.open("/me/security")
    await page.get_by_role("button", name="Another way").click()
    await page.get_by_role("button", name="Add a Bitcoin key").click()
    await page.get_by_label("Your Bitcoin address").fill(coins.address())
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("Signature").fill("no signature")
    await page.get_by_role("button", name="Add it").click()
    await expect(page.get_by_role("alert").filter(has_text="This is no signature.")).to_be_visible()
    await check(page, "a text to sign")
    await page.get_by_label("Signature").fill(coins.sign(await page.locator(".to-sign p").inner_text()))
    await page.get_by_role("button", name="Add it").click()
    await expect(ways).to_have_count(2)
    await ways.nth(1).get_by_role("button", name="Change Bitcoin key").click()
    await page.get_by_label("What do you call it?").fill("Cold wallet")
    await page.get_by_role("button", name="Save the name").click()
    await expect(ways.nth(1)).to_contain_text("Cold wallet")

    await _extension(page, nostr)
    await page.get_by_role("button", name="Another way").click()
    await page.get_by_role("button", name="Add a Nostr key").click()
    await ways.nth(2).get_by_role("button", name="Change Nostr key").click()
    await page.get_by_role("button", name="Let another account have it").click()
    await page.get_by_role("button", name="Allow it").click()
    sheet = page.get_by_role("dialog", name="Confirm that it is you")
    await sheet.get_by_role("button", name="Sign with my Bitcoin key").click()
    await sheet.get_by_label("Signature").fill(coins.sign(await sheet.locator(".to-sign p").inner_text()))
    await sheet.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text("It can be taken over until")

    other = await people_at_home("signing_two")
    await other.open()
    await other.page.get_by_role("button", name="Other ways").click()
    await other.page.get_by_role("button", name="Log in with a Bitcoin key").click()
    theirs = BitcoinKey()
    await other.page.get_by_label("Your Bitcoin address").fill(theirs.address())
    await other.page.get_by_role("button", name="Next").click()
    asked = await other.page.locator(".to-sign p").inner_text()
    await other.page.get_by_label("Signature").fill(theirs.sign_legacy(asked))
    await other.page.get_by_role("dialog").get_by_role("button", name="Log in").click()
    await other.page.get_by_role("button", name="Later").click()
    await other.open("/me/security")
    await other.page.get_by_role("button", name="Another way").click()
    await other.page.get_by_role("button", name="Add a Nostr key").click()
    await other.page.get_by_label("Signed event").fill("{}")
    await other.page.get_by_role("button", name="Add it").click()
    await expect(other.page.get_by_role("alert").filter(has_text="This is no signed event.")).to_be_visible()
    event = json.loads(await other.page.locator(".to-sign p").inner_text())
    await other.page.get_by_label("Signed event").fill(json.dumps(nostr.sign(event)))
    await other.page.get_by_role("button", name="Add it").click()
    await expect(other.page.get_by_role("main").get_by_role("listitem").nth(1)).to_contain_text("Nostr key")
    await page.reload()
    await expect(ways).to_have_count(2)
    await _by_mail(other, outside)
    for one in (person, other):
        one.excuse("40")  # what was refused above


async def _by_mail(person: Person, outside: Outside) -> None:
    """Adds an address, logs out, and is in again by it."""
    page, address = person.page, f"{person.name}@mail.example"
    await page.get_by_role("button", name="Another way").click()
    await page.get_by_role("button", name="Add an e-mail address").click()
    await page.get_by_role("textbox", name="E-mail address").fill(address)
    await page.get_by_role("button", name="Send code").click()
    await page.get_by_role("textbox", name="Code").fill(await outside.mailed(address, 1))
    await page.get_by_role("button", name="Add it").click()
    await expect(page.get_by_role("main").get_by_role("listitem").nth(2)).to_contain_text(address)
    await person.open("/me")
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    await page.get_by_role("button", name="Other ways").click()
    await page.get_by_role("button", name="Log in with e-mail").click()
    await page.get_by_role("textbox", name="E-mail address").fill(address)
    await page.get_by_role("dialog").get_by_role("button", name="Send code").click()
    await page.get_by_role("textbox", name="Code").fill(await outside.mailed(address, 2))
    await page.get_by_role("dialog").get_by_role("button", name="Log in").click()
    await expect(person.page.get_by_role("button", name="Later").or_(person.chest).first).to_be_visible()


async def _extension(page: Page, key: NostrKey) -> None:
    """A browser's extension that holds a Nostr key (NIP-07)."""
    await page.expose_function("signByExtension", key.sign)
    await page.evaluate("window.nostr = { signEvent: (event) => window.signByExtension(event) }")


async def test_a_passkey_is_added_used_as_second_proof_and_the_phone_removed(people_at_home: People) -> None:
    """A device that does not confirm changes nothing."""
    person = await (await people_at_home("two_ways")).start()
    session, device = await authenticator(person.page, verified=False)
    await person.open("/me/security")
    await person.page.get_by_role("button", name="Add a passkey").click()
    await expect(person.page.get_by_role("alert").filter(has_text="Nothing was changed")).to_be_visible()
    ways = person.page.get_by_role("main").get_by_role("listitem")
    await expect(ways).to_have_count(1)
    await session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    await person.page.get_by_role("button", name="Add a passkey").click()
    await expect(ways).to_have_count(2)
    await expect(ways.nth(1)).to_contain_text("Passkey")
    await person.page.get_by_role("button", name="Add a passkey").click()
    await person.page.get_by_role("dialog").get_by_role("button", name="Confirm with a passkey").click()
    await expect(
        person.page.get_by_role("alert").filter(has_text="has a passkey for your account already")
    ).to_be_visible()

    await ways.first.get_by_role("button", name="Change").click()
    await person.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await person.page.get_by_role("dialog", name="Remove").get_by_role("button", name="Remove").click()
    await person.page.get_by_role("dialog").get_by_role("button", name="Confirm with a passkey").click()
    await expect(ways).to_have_count(1)
    await expect(ways.first).to_contain_text("Passkey")
    person.excuse("403")


async def test_what_a_wallet_opened_pays_much_only_when_it_confirms(people_at_home: People, outside: Outside) -> None:
    """A QR code can be relayed, so such a session sends little by itself (USD 50)."""
    wallet, payee = Wallet(), await (await people_at_home("payee_of_much")).start()
    payer = await people_at_home("payer_of_much")
    await payer.open()
    await payer.page.get_by_role("button", name="Log in with a Lightning wallet").click()
    await expect(payer.page.get_by_role("img", name="QR code to log in with a wallet")).to_be_visible()
    await scan(payer.page, wallet)
    await payer.page.get_by_role("button", name="Later").click()
    assert (await outside.pay(await payer.request(), 300_000))["status"] == "SUCCEEDED"
    await payer.open("/receive")
    await payer.choose(payee.name)
    await payer.type_amount("60")
    await payer.slide()
    sheet = payer.page.get_by_role("dialog", name="Confirm that it is you")
    await sheet.get_by_role("button", name="Confirm with my Lightning wallet").click()
    await expect(sheet.get_by_role("img", name="QR code to confirm with a wallet")).to_be_visible()
    await payee.home()
    await payee.has_sats(0)
    await scan(payer.page, wallet)
    await expect(payer.page.get_by_text(f"Paid to {payee.name}")).to_be_visible()
    await expect(sheet).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_security_is_for_everybody(theme: str, people_at_home: People, outside: Outside) -> None:
    language = "sw-KE" if theme == "dark" else "en-GB"
    person = await people_at_home(f"everybody_{theme}", locale=language, color_scheme=theme, reduced_motion="reduce")
    await person.open()
    await expect(person.page.get_by_role("button", name=re.compile("passkey", re.I)).first).to_be_visible()
    await check(person.page, "log in")
    await authenticator(person.page)
    await person.page.get_by_role("button", name=re.compile("^(Start with|Anza kwa)")).click()
    await person.page.get_by_role("button", name=re.compile("^(Later|Baadaye)")).click()
    await person.open("/me/security")
    await expect(person.page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    await check(person.page, "ways to log in")
    await person.page.get_by_role("button", name=re.compile("^(Another way|Njia nyingine)")).click()
    await person.page.get_by_role("button", name=re.compile("^(Link|Unganisha)")).click()
    what = "Ongeza pochi ya Lightning" if theme == "dark" else "Add a Lightning wallet"
    await expect(person.page.get_by_role("dialog")).to_contain_text(what)
    await person.page.get_by_role("dialog").get_by_role("button", name=re.compile("passkey")).click()
    await expect(person.page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    await check(person.page, "link a wallet")
    person.excuse("403")
