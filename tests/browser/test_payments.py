"""What the wallet says when a payment does not simply succeed: it never says more than it knows."""

from __future__ import annotations

from dataclasses import replace

from playwright.async_api import Route, expect

from .conftest import Bank, Outside, People, Person


async def test_a_payment_in_flight_is_pending_until_it_is_paid_or_back(
    funded: Person, outside: Outside, bank: Bank
) -> None:
    """Two payments in flight, each in a page of its own: one is settled in the end, the other comes back."""
    other = replace(funded, page=await funded.page.context.new_page())
    settled, returned = await outside.invoice(5_000, "Held", hold=True), await outside.invoice(4_000, hold=True)
    for person, invoice in ((funded, settled), (other, returned)):
        await person.choose(invoice)
        await person.slide()
    for person in (funded, other):
        await expect(person.page.get_by_text("Set aside in your wallet")).to_be_visible()
        await expect(person.page).to_have_title("Pending · Send – Hazina")
        await expect(person.page.get_by_text("Your money is safe. Do not pay again.")).to_be_visible()
    await outside.end(settled, "settle")
    await outside.end(returned, "cancel")
    await expect(funded.page.get_by_text("Paid to Held")).to_be_visible()
    await expect(other.page.get_by_text("All of it is back in your wallet.")).to_be_visible()
    await other.page.get_by_role("link", name="Close").click()
    await expect(other.page.get_by_role("link", name="Lightning payment").first).to_contain_text("Not sent, returned")
    assert bank.verify() == 0


async def test_a_lost_answer_is_looked_for_and_not_paid_twice(funded: Person, people: People) -> None:
    """Without network nothing can be sent. Then the network goes after the bank has taken the payment: the wallet says
    what it knows, and finds the payment in the history once it is back."""
    receiver, browser = await (await people("halima")).start(), funded.page.context

    async def cut(route: Route) -> None:
        if "mutation PayUser" in (route.request.post_data or ""):
            await route.fetch()
            await browser.set_offline(True)
            await route.abort()
        else:
            await route.continue_()

    await funded.choose(receiver.name)
    await funded.type_amount("3000", unit="sats")
    knob = funded.page.get_by_role("button", name="Slide to send")
    await expect(knob).to_be_enabled()
    await browser.set_offline(True)
    await expect(funded.page.get_by_text("There is no network.")).to_be_visible()
    await expect(knob).to_be_disabled()
    await browser.set_offline(False)
    await funded.page.route("**/graphql", cut)
    await funded.slide()
    await expect(funded.page.get_by_text("Checking", exact=True)).to_be_visible()
    await expect(funded.page.get_by_text("Whether it was sent is not known yet.")).to_be_visible()
    await browser.set_offline(False)
    await expect(funded.page.get_by_text("Paid to halima")).to_be_visible()
    await receiver.has_sats(3_000)
    funded.excuse("net::ERR_")


async def test_a_request_that_never_arrived_can_be_sent_again(funded: Person, people: People) -> None:
    receiver = await (await people("baraka")).start()
    lost = 0

    async def lose_once(route: Route) -> None:
        nonlocal lost
        if "mutation PayUser" in (route.request.post_data or "") and not lost:
            lost += 1
            await route.abort()
        else:
            await route.continue_()

    await funded.page.route("**/graphql", lose_once)
    await funded.choose(receiver.name)
    await funded.type_amount("2000", unit="sats")
    await funded.slide()
    await expect(funded.page.get_by_text("The bank never got this payment.")).to_be_visible(timeout=60_000)
    await funded.page.get_by_role("button", name="Try again").click()
    await expect(funded.page.get_by_text("Paid to baraka")).to_be_visible()
    await receiver.has_sats(2_000)
    funded.excuse("net::ERR_FAILED")


async def test_a_request_that_arrived_after_all_is_not_paid_twice(funded: Person, people: People) -> None:
    """The network holds the request back until the wallet has said that nothing was paid; then both arrive."""
    receiver = await (await people("juhudi")).start()
    held: list[Route] = []

    async def hold_once(route: Route) -> None:
        if "mutation PayUser" not in (route.request.post_data or ""):
            await route.continue_()
        elif not held:
            held.append(route)
            await route.abort()
        else:
            await funded.page.context.request.fetch(held[0].request)
            await route.continue_()

    await funded.page.route("**/graphql", hold_once)
    await funded.choose(receiver.name)
    await funded.type_amount("1500", unit="sats")
    await funded.slide()
    await expect(funded.page.get_by_text("The bank never got this payment.")).to_be_visible(timeout=60_000)
    await funded.page.get_by_role("button", name="Try again").click()
    await expect(funded.page.get_by_text("Paid to juhudi")).to_be_visible()
    await receiver.has_sats(1_500)
    await funded.home()
    await funded.has_sats(48_500)
    funded.excuse("net::ERR_FAILED")
    funded.excuse("409")


async def test_paying_the_same_invoice_again_takes_nothing(funded: Person, outside: Outside) -> None:
    invoice = await outside.invoice(1_000, "Once")
    await funded.choose(invoice)
    await funded.slide()
    await expect(funded.page.get_by_text("Paid to Once")).to_be_visible()
    await funded.choose(invoice)
    await funded.slide()
    await expect(funded.page.get_by_text("Already paid", exact=True)).to_be_visible()
    await expect(funded.page.get_by_text("Nothing was taken again.")).to_be_visible()


async def test_what_cannot_be_paid_is_refused_at_the_field(funded: Person, outside: Outside) -> None:
    field = funded.page.get_by_label("To", exact=True)
    alert = funded.page.get_by_role("alert").filter(has_text=" ")
    await funded.open("/send")
    invoice = await outside.invoice(1_000)
    wrong = {
        "nobody_has_this": "Nobody at this bank has this name.",
        invoice[:-1] + ("q" if invoice[-1] != "q" else "p"): "cut or mistyped",
        invoice[:60]: "cut or mistyped",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq": "another Bitcoin network",
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080": "address on the Bitcoin chain",
        "lnurl1dp68gurn8ghj7ampd3kx2ar0veekzar0wd5xjtnrdakj7": "cut or mistyped",
        "amina@elsewhere": "address is not complete",
        "https://elsewhere.example": "not for paying",
        "+254 712 345 678": "cannot pay a phone number",
        funded.name: "your own name",
        "??": "do not understand",
    }
    for text, said in wrong.items():
        await field.fill(text)
        await funded.page.get_by_role("button", name="Next").click()
        await expect(alert).to_contain_text(said)
    await expect(funded.page).to_have_url(f"{funded.bank.url}/wallet/send")


async def test_the_amount_is_never_guessed(funded: Person, people: People) -> None:
    await (await people("salma")).start()
    await funded.choose("salma")
    amount = funded.page.get_by_label("Amount", exact=True)
    alert = funded.page.get_by_role("alert").filter(has_text=" ")
    wrong = {"1.500": "two amounts", "1e3": "digits only", "-5": "digits only", "0.001": "too fine"}
    for text, said in wrong.items():
        await amount.fill(text)
        await expect(alert).to_contain_text(said)
    await amount.fill("1,234.50")
    await expect(funded.page.get_by_role("alert").filter(has_text="more than you have")).to_be_visible()
    await amount.fill("1.5")
    await expect(alert).to_have_count(0)
    await funded.page.get_by_role("button", name="Next").click()
    await expect(funded.page.get_by_text("You have not paid salma before.")).to_be_visible()
    await expect(funded.page.get_by_role("main")).to_contain_text("USD 1.50")
