"""A whole bank as a process, and people with phones in front of it.

Nothing stands in for anything: the pages are the built ones, the bank is ``hazina up``, the outside
world is the sandbox behind its control API.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import APIRequestContext, Browser, BrowserContext, Locator, Page, ViewportSize, expect
from tests.ops.bank import Running, hazina

from hazina.api.web import bundle

PHONE: ViewportSize = {"width": 360, "height": 740}
ANSWER_MS = 30_000
"""Enough for a busy machine; nothing waits longer than the page needs."""

expect.set_options(timeout=ANSWER_MS)


@dataclass
class Bank:
    """A running bank, its data folder, and its outside world."""

    running: Running
    data: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        return self.running.url

    def new_phone(self) -> str:
        return f"+2547120{next(self.numbers):05}"

    def verify(self, *more: str) -> int:
        """Exit code of ``hazina verify`` on the live books."""
        done = hazina("verify", "--data", str(self.data), *more)
        print(done.stdout, done.stderr)
        return done.returncode


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    if not (bundle() / "wallet.html").is_file():
        pytest.fail("the web app is not built: run `npm ci --ignore-scripts && npx vite build` in web/")
    folder = tmp_path_factory.mktemp("bank")
    running = Running.start(folder / "log", "up", "--data", str(folder / "data"), "--port", "0")
    try:
        yield Bank(running, folder / "data")
    finally:
        running.stop()


@dataclass
class Outside:
    """The world outside the bank, by the sandbox's control API."""

    request: APIRequestContext
    url: str

    async def _call(self, method: str, path: str, **body: Any) -> Any:
        answer = await self.request.fetch(f"{self.url}/sandbox/api/{path}", method=method, data=body or None)
        assert answer.ok, await answer.text()
        return await answer.json()

    async def code_for(self, phone: str) -> str:
        messages = await self._call("GET", f"sms?to={phone.replace('+', '%2B')}")
        found = re.search(r"\b\d{6}\b", messages[0]["body"])
        assert found is not None, messages[0]
        return found[0]

    async def mailed(self, address: str, count: int) -> str:
        """The code in the newest of ``count`` e-mails to an address, when so many have come."""
        for _ in range(ANSWER_MS // 250):
            came = [one for one in (await self._call("GET", "state"))["mail"] if one["to"] == address]
            if len(came) >= count:
                found = re.search(r"\b\d{6}\b", came[0]["body"])
                assert found is not None, came[0]
                return found[0]
            await asyncio.sleep(0.25)
        raise AssertionError(f"fewer than {count} e-mails came to {address}")

    async def invoice(self, sats: int | None = None, memo: str = "", *, hold: bool = False) -> str:
        """``hold``: what is paid stays in flight until ``end``."""
        amount = {} if sats is None else {"amountMsat": sats * 1000}
        made = await self._call("POST", "lightning/invoices", memo=memo, hold=hold, **amount)
        return str(made["paymentRequest"])

    async def end(self, payment_request: str, how: str) -> None:
        """``how``: settle or cancel a held invoice."""
        known = await self._call("GET", "lightning/invoices")
        found = next(i for i in known if i["paymentRequest"] == payment_request)
        await self._call("POST", f"lightning/invoices/{found['paymentHash']}/{how}")

    async def pay(self, payment_request: str, sats: int | None = None) -> Any:
        amount = {} if sats is None else {"amountMsat": sats * 1000}
        return await self._call("POST", "lightning/payments", paymentRequest=payment_request, **amount)

    async def mend(self) -> None:
        """No fault is on, and all feeds are well."""
        await self._call("DELETE", "faults")
        await self._call("POST", "feeds", state="well")

    async def price(self, usd: str) -> None:
        """The price of a bitcoin; returns when the bank goes by it."""
        await self._call("POST", "price", usdPerBtc=usd)
        moved = time.time()
        query = "{ realtimePrice { timestamp btcSatPrice { base offset } } }"
        async with asyncio.timeout(120):
            while True:
                answer = await self.request.post(f"{self.url}/graphql", data={"query": query})
                told = (await answer.json())["data"]["realtimePrice"]
                sat = told["btcSatPrice"]["base"] / 10 ** told["btcSatPrice"]["offset"]
                if told["timestamp"] > moved and abs(sat * 10**6 - float(usd)) < 1:  # cents for a satoshi
                    return
                await asyncio.sleep(0.2)

    async def invoice_state(self, payment_request: str) -> str:
        known = await self._call("GET", "lightning/invoices")
        return str(next(i["state"] for i in known if i["paymentRequest"] == payment_request))


@pytest.fixture(scope="session")
async def outside(bank: Bank, browser: Browser) -> AsyncIterator[Outside]:
    # A context of its own: the program's requests must look like the sandbox page's.
    context = await browser.new_context()
    yield Outside(context.request, bank.url)
    await context.close()


@dataclass
class Person:
    """Somebody with a wallet open in a browser of their own."""

    page: Page
    bank: Bank
    outside: Outside
    phone: str
    name: str
    complaints: list[str]

    async def open(self, path: str = "") -> None:
        await self.page.goto(f"{self.bank.url}/wallet{path}")

    async def log_in(self) -> None:
        await self.open()
        await self.ask_for_code()
        await self.page.get_by_label("Code from the SMS").fill(await self.outside.code_for(self.phone))

    async def ask_for_code(self) -> None:
        await self.page.get_by_label("Phone number").fill(self.phone)
        await self.page.get_by_role("button", name="Send code").click()
        await expect(self.page.get_by_label("Code from the SMS")).to_be_visible()

    async def start(self) -> Person:
        """Log in for the first time, and take a name."""
        await self.log_in()
        await self.page.get_by_label("Name", exact=True).fill(self.name)
        await self.page.get_by_role("button", name="Take this name").click()
        await expect(self.chest).to_be_visible()
        return self

    @property
    def chest(self) -> Locator:
        return self.page.locator(".chest")

    @property
    def sats(self) -> Locator:
        """The bitcoin wallet's balance, as a screen reader says it."""
        return self.chest.get_by_role("link", name="Bitcoin")

    async def has_sats(self, sats: int) -> None:
        await expect(self.sats).to_contain_text(f"{sats} sats")

    async def wallet(self, asset: str) -> str:
        """The id of a wallet, from what the page keeps for a visit without network."""
        script = f"JSON.parse(localStorage.getItem('hazina.shell')).wallets.find(w => w.asset === '{asset}').id"
        return str(await self.page.evaluate(script))

    async def request(self, usd: str | None = None) -> str:
        """Open Receive and read the payment request."""
        await self.open("/receive")
        link = self.page.get_by_role("link", name="Works with every Lightning wallet")
        await expect(link).to_be_visible()
        if usd is not None:
            before = str(await link.get_attribute("href"))
            await self.page.get_by_role("button", name="Amount", exact=True).click()
            await self.page.get_by_label("Amount, or leave it empty").fill(usd)
            await self.page.get_by_role("button", name="Make the request").click()
            await expect(link).not_to_have_attribute("href", before)
        return str(await link.get_attribute("href")).removeprefix("lightning:")

    async def choose(self, to: str) -> None:
        """Open Send and name the receiver."""
        await self.open("/send")
        await self.page.get_by_label("To", exact=True).fill(to)
        await self.page.get_by_role("button", name="Next").click()

    async def type_amount(self, amount: str, *, unit: str | None = None) -> None:
        if unit is not None:
            await self.page.get_by_role("button", name=re.compile(f"^{unit}\\s?, change unit")).click()
        await self.page.get_by_label("Amount", exact=True).fill(amount)
        await self.page.get_by_role("button", name="Next").click()

    async def slide(self) -> None:
        """Send, by keyboard."""
        knob = self.page.get_by_role("button", name=re.compile("Slide to send"))
        await expect(knob).to_be_enabled()
        await knob.press("Enter")

    def excuse(self, text: str) -> None:
        """The browser itself reports each failed request; those that this test made fail are expected."""
        self.complaints[:] = [said for said in self.complaints if text not in said]

    async def home(self) -> None:
        await self.open()
        await expect(self.chest).to_be_visible()


People = Callable[..., Awaitable[Person]]


@pytest.fixture
async def people(browser: Browser, bank: Bank, outside: Outside) -> AsyncIterator[People]:
    """Makes people. What any of their pages says as an error fails the test."""
    contexts: list[BrowserContext] = []
    met: list[Person] = []

    async def make(name: str, *, phone: str | None = None, **options: Any) -> Person:
        options = {"viewport": PHONE, "locale": "en-GB", "timezone_id": "Africa/Nairobi", **options}
        context = await browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(ANSWER_MS)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        person = Person(page, bank, outside, phone or bank.new_phone(), name, complaints)
        met.append(person)
        return person

    yield make
    for context in contexts:
        await context.close()
    for person in met:
        assert not person.complaints, f"{person.name}'s page complained: {person.complaints}"


@pytest.fixture
async def funded(people: People, outside: Outside, bank: Bank) -> Person:
    """Somebody with a name and 50 000 sats that came by Lightning."""
    person = await (await people(f"funded_{next(bank.numbers)}")).start()
    paid = await outside.pay(await person.request(), 50_000)
    assert paid["status"] == "SUCCEEDED", paid
    await person.home()
    await person.has_sats(50_000)
    return person
