"""Keys of programs: made in the wallet, held to what they may spend, ended."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Route, expect

from .conftest import Bank, People, Person
from .test_access import check

ME = "{ me { username } }"
SEND = """mutation($wallet: WalletId!, $to: WalletId!, $amount: SatAmount!) {
  intraLedgerPaymentSend(input: { walletId: $wallet, recipientWalletId: $to, amount: $amount }) {
    status errors { code } } }"""
WALLET = "query($name: Username!) { accountDefaultWallet(username: $name, walletCurrency: BTC) { id } }"


async def a_key_whose_answer_is_lost_is_not_made_unseen(funded: Person) -> None:
    """Nobody has its secret: the page says so, and the list shows the key."""
    page = funded.page
    await funded.open("/me/keys/new")
    await page.get_by_label("Name", exact=True).fill("Lost")

    async def cut(route: Route) -> None:
        if "mutation ApiKeyCreate" in (route.request.post_data or ""):
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/graphql", cut)
    await page.get_by_role("button", name="Make the key").click()
    await expect(page.get_by_role("alert").filter(has_text="The bank’s answer did not arrive")).to_be_visible()
    await funded.open("/me/keys")
    await expect(page.get_by_role("link", name="Lost")).to_be_visible()
    funded.excuse("net::ERR_FAILED")


async def test_a_key_is_made_held_to_its_limit_and_ended(funded: Person, people: People, bank: Bank) -> None:
    page, shop = funded.page, await (await people("key_shop")).start()
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")

    async def by_key(secret: str, query: str, **variables: object) -> tuple[int, Any]:
        headers = {"X-API-KEY": secret, "content-type": "application/json"}
        body = {"query": query, "variables": variables}
        answer = await page.request.post(f"{bank.url}/graphql", headers=headers, data=body)
        return answer.status, await answer.json()

    await funded.open("/me")
    await page.get_by_role("link", name="API keys").click()
    await expect(page.get_by_text("No keys yet")).to_be_visible()
    await page.get_by_role("link", name="New key").click()
    await page.get_by_role("button", name="Make the key").click()
    await expect(page.get_by_role("alert").filter(has_text="Give the key a name")).to_be_visible()
    await page.get_by_label("Name", exact=True).fill("Shop till")
    await page.get_by_label("Send money").check()
    await expect(page.get_by_text("whoever has this key can send all the money")).to_be_visible()
    await page.get_by_role("button", name=re.compile("At most in a day")).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="sats , change unit").click()
    await dialog.get_by_label("Most that it may send").fill("1000")
    await check(page, "limit of a key")
    await dialog.get_by_role("button", name="Keep this limit").click()
    await check(page, "new key")
    await page.get_by_role("button", name="Make the key").click()
    shown = page.locator("[data-secret]")
    await expect(shown).to_be_visible()
    await check(page, "secret of a key")
    secret = await shown.inner_text()
    assert re.fullmatch("hazina_[0-9A-Za-z]{64}", secret)
    await page.get_by_role("link", name="I have copied it").click()

    # It opens what it may, as far as its limit goes; the secret is nowhere any more.
    key = page.get_by_role("link", name="Shop till")
    await expect(key).to_contain_text("See · send and receive · never used")
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await funded.open("/me/keys")
    await expect(key).to_be_visible()
    await check(page, "keys")
    assert secret not in await page.content()
    assert (await by_key(secret, ME))[1] == {"data": {"me": {"username": funded.name}}}
    to = (await by_key(secret, WALLET, name=shop.name))[1]["data"]["accountDefaultWallet"]["id"]
    own = await funded.wallet("BTC")
    for amount, status, codes in ((900, "SUCCESS", []), (101, "FAILURE", ["TRANSACTION_RESTRICTED"])):
        _, sent = await by_key(secret, SEND, wallet=own, to=to, amount=amount)
        sent = sent["data"]["intraLedgerPaymentSend"]
        assert (sent["status"], [error["code"] for error in sent["errors"]]) == (status, codes)
    await shop.has_sats(900)
    await page.reload()
    await key.click()
    day = page.get_by_role("button", name=re.compile("In a day"))
    await expect(page.get_by_role("button", name="In a day 900 sats of 1000 sats")).to_be_visible()
    await check(page, "one key")

    await day.click()
    await dialog.get_by_role("button", name="Take the limit away").click()
    await expect(day).to_contain_text("No limit")
    await page.get_by_role("button", name="End this key").click()
    await dialog.get_by_role("button", name="End it").click()
    await expect(page.get_by_text("You ended this key.")).to_be_visible()
    assert (await by_key(secret, ME))[0] == 401
    await page.get_by_role("button", name="Back").click()
    await page.get_by_text("Ended keys (1)").click()
    await expect(key).to_contain_text("Ended")
    await a_key_whose_answer_is_lost_is_not_made_unseen(funded)
