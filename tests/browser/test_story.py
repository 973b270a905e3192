"""The whole story on real parts: in from outside, across, out again, and the books agree."""

from __future__ import annotations

from playwright.async_api import expect
from tests.ops.bank import hazina

from .conftest import Bank, Outside, People, Person


async def test_money_comes_in_goes_across_and_goes_out(people: People, outside: Outside, bank: Bank) -> None:
    amina = await (await people("amina")).start()
    juma = await (await people("juma")).start()

    # Amina asks for dollars' worth of bitcoin; a stranger's wallet pays, and her page says so at once.
    request = await amina.request(usd="32")
    paid = await outside.pay(request)
    assert paid["status"] == "SUCCEEDED"
    await expect(amina.page.get_by_text("Paid. The money is in your wallet.")).to_be_visible()
    await expect(amina.page).to_have_title("Paid · Receive – Hazina")
    await expect(amina.page.get_by_role("main")).to_contain_text("50000 sats")
    await amina.page.get_by_role("link", name="Done").click()
    await amina.has_sats(50_000)

    # She pays Juma by his name. His open page changes by itself.
    await juma.has_sats(0)
    await amina.choose("juma")
    await amina.page.get_by_label("Note for juma").fill("Asante sana")
    await amina.type_amount("12 000", unit="sats")
    await expect(amina.page.get_by_text("No fee")).to_be_visible()
    await amina.slide()
    await expect(amina.page.get_by_text("Paid to juma")).to_be_visible()
    await juma.has_sats(12_000)
    await expect(juma.page.get_by_role("link", name="amina").first).to_contain_text("Asante sana")
    await amina.page.get_by_role("link", name="Done").click()
    await amina.has_sats(38_000)

    # Juma pays a stranger's invoice, and knows beforehand what it can cost at most.
    invoice = await outside.invoice(7_000, "Maziwa")
    await juma.choose(f"lightning:{invoice.upper()}")
    await expect(juma.page.get_by_text("Fee, at most")).to_be_visible()
    await juma.slide()
    await expect(juma.page.get_by_text("Paid to Maziwa")).to_be_visible()
    assert await outside.invoice_state(invoice) == "SETTLED"
    await expect(juma.page).to_have_title("Paid · Send – Hazina")
    await juma.page.get_by_role("link", name="Receipt").click()
    await expect(juma.page.get_by_role("main")).to_contain_text("minus 7002 sats")
    await juma.page.get_by_text("Codes").click()
    await expect(juma.page.get_by_text("Proof of payment (preimage)")).to_be_visible()

    assert bank.verify() == 0


async def test_dollars_that_are_not_there_cannot_be_sent(people: People) -> None:
    """The dollar wallet is empty in this bank: the page says so before anything is sent."""
    neema = await (await people("neema")).start()
    other = await (await people("otieno")).start()
    await neema.choose(other.name)
    await neema.page.get_by_role("button", name="Dollars").click()
    await neema.page.get_by_label("Amount", exact=True).fill("5")
    await expect(neema.page.get_by_role("alert").filter(has_text="more than you have")).to_be_visible()
    await expect(neema.page.get_by_role("button", name="Next")).to_be_disabled()


async def test_an_invoice_of_this_bank_is_paid_in_the_house(people: People, funded: Person, bank: Bank) -> None:
    """And who was paid learns: a lesson earns a satoshi, which the payer gives; a program answers questions."""
    wanjiru = await (await people("wanjiru")).start()
    request = await wanjiru.request()
    await funded.choose(f"bitcoin:?lightning={request}")
    await funded.type_amount("1000", unit="sats")
    await funded.slide()
    await expect(funded.page.get_by_text("Paid to")).to_be_visible()
    await expect(wanjiru.page.get_by_text("Paid. The money is in your wallet.")).to_be_visible()
    await expect(wanjiru.page.get_by_role("main")).to_contain_text("1000 sats")

    assert hazina("funder", "set", funded.name, "--data", str(bank.data)).returncode == 0
    page = wanjiru.page
    await wanjiru.open("/me/learn")
    await page.get_by_role("link", name="Bitcoin: what is it?").click()
    await page.get_by_role("button", name="A bank in America").click()
    await expect(page.get_by_role("status").filter(has_text="Not quite.")).to_be_visible()
    await page.get_by_role("button", name="Money of the internet that nobody owns").click()
    await expect(page.get_by_role("status").filter(has_text="Earned: 1 sat.")).to_be_visible()
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_role("heading", name="What is a sat?")).to_be_visible()
    await wanjiru.open("/me/chat")
    await page.get_by_label("Your question").fill("Where are my dollars?")
    await page.get_by_role("button", name="Ask").click()
    await expect(page.get_by_role("log")).to_contain_text("You said: Where are my dollars?")
    await wanjiru.home()
    await wanjiru.has_sats(1001)
