"""The whole story of the bank with a real Lightning network and a real chain under it."""

from __future__ import annotations

from playwright.async_api import expect
from tests.browser.conftest import Bank, Outside, People


async def test_money_comes_in_goes_across_and_goes_out(people: People, outside: Outside, bank: Bank) -> None:
    amina = await (await people("amina")).start()
    juma = await (await people("juma")).start()

    # A stranger's wallet pays Amina through a router; her page says so at once.
    paid = await outside.pay(await amina.request(usd="32"))
    assert paid["status"] == "SUCCEEDED", paid
    await expect(amina.page.get_by_text("Paid. The money is in your wallet.")).to_be_visible()
    await amina.page.get_by_role("link", name="Done").click()
    await amina.has_sats(50_000)

    # She pays Juma by his name, inside the bank.
    await amina.choose("juma")
    await amina.type_amount("12 000", unit="sats")
    await amina.slide()
    await expect(amina.page.get_by_text("Paid to juma")).to_be_visible()
    await juma.has_sats(12_000)

    # Juma pays a stranger's invoice over the network, and it costs him what the route took.
    invoice = await outside.invoice(7_000, "Maziwa")
    await juma.choose(f"lightning:{invoice.upper()}")
    await juma.slide()
    await expect(juma.page.get_by_text("Paid to Maziwa")).to_be_visible()
    assert await outside.invoice_state(invoice) == "SETTLED"
    assert bank.verify("--nodes") == 0


async def test_a_stranger_pays_what_the_payer_chooses(people: People, outside: Outside) -> None:
    baraka = await (await people("baraka")).start()
    paid = await outside.pay(await baraka.request(), 2_345)
    assert paid["status"] == "SUCCEEDED", paid
    await baraka.home()
    await baraka.has_sats(2_345)
