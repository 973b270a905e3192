"""The whole bank behind its API: real PostgreSQL, and the sandbox as a process of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
import uvicorn
import websockets
from pydantic import SecretStr
from tests.api.telegram import Passport

from hazina import app
from hazina.api.asgi import asgi
from hazina.api.middleware import Guard
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.money import Cents
from hazina.ops import sandbox as ops_sandbox
from hazina.payments import Policy
from hazina.sandbox import captcha
from hazina.settings import GeeTest, Settings, Telegram

Json = dict[str, Any]
PUT_BACK: dict[str, tuple[str, Json]] = {
    "faults": ("DELETE", {}),
    "feeds": ("POST", {"state": "well"}),
    "price": ("POST", {"usdPerBtc": 64_000}),
    "lnurl/mode": ("POST", {"mode": "ok"}),
}
"""By path of the sandbox's control panel, which all tests of a worker share."""


class ShiftedClock(SystemClock):
    """The machine's time and a shift: the sandbox is another process, and keeps the machine's."""

    shift = timedelta(0)
    stopped: datetime | None = None

    def now(self) -> datetime:
        return (self.stopped or super().now()) + self.shift

    def stop(self) -> None:
        """From now on only ``shift`` moves it: for what must happen within a time, however busy the machine is."""
        self.stopped = super().now()


@pytest.fixture(scope="session")
def sandbox_settings() -> Iterator[Settings]:
    """Settings whose providers are a running sandbox."""
    with tempfile.TemporaryDirectory(prefix="hazina-api-") as folder:
        settings = Settings.model_validate({"data": Path(folder)})
        with ops_sandbox.beside(settings) as found:
            assert found is not None
            yield ops_sandbox.pointed_at(settings, found.url)


@dataclass
class Person:
    """A customer who is logged in."""

    world: World
    phone: str
    token: str
    user_id: str
    wallets: dict[str, str] = field(default_factory=dict)

    async def ask(self, query: str, **variables: Any) -> Json:
        """The answer's ``data``; errors fail the test."""
        return await self.world.ask(query, token=self.token, **variables)

    async def post(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> httpx2.Response:
        return await self.world.post(query, token=self.token, headers=headers, **variables)

    async def balances(self) -> dict[str, int]:
        found = await self.ask("{ me { defaultAccount { wallets { walletCurrency balance } } } }")
        return {one["walletCurrency"]: one["balance"] for one in found["me"]["defaultAccount"]["wallets"]}

    async def invoice(self, sats: int, memo: str | None = None) -> Json:
        made = await self.ask(
            """mutation($input: LnInvoiceCreateInput!) { lnInvoiceCreate(input: $input) {
                errors { message code } invoice { paymentRequest paymentHash satoshis paymentStatus externalId
                paymentSecret createdAt } } }""",
            input={"walletId": self.wallets["BTC"], "amount": sats, "memo": memo},
        )
        assert made["lnInvoiceCreate"]["errors"] == []
        invoice: Json = made["lnInvoiceCreate"]["invoice"]
        return invoice

    async def fund(self, sats: int) -> None:
        """The outside world pays this customer."""
        before = (await self.balances())["BTC"]
        invoice = await self.invoice(sats)
        paid = await self.world.outside("lightning/payments", {"paymentRequest": invoice["paymentRequest"]})
        assert paid["status"].upper().startswith("SUCCE"), paid
        await self.world.until(lambda: self._has(before + sats))

    async def _has(self, sats: int) -> bool:
        return (await self.balances())["BTC"] == sats


@dataclass
class World:
    """The bank, a client of it, and the outside."""

    bank: app.Bank
    served: Guard
    http: httpx2.AsyncClient
    clock: ShiftedClock
    numbers: Iterator[int]
    disturbed: set[str] = field(default_factory=set)
    """What tests after this one would find changed at the sandbox."""

    async def post(
        self, query: str, token: str | None = None, headers: dict[str, str] | None = None, **variables: Any
    ) -> httpx2.Response:
        credential = {} if token is None else {"authorization": f"Bearer {token}"}
        body = {"query": query, "variables": variables}
        return await self.http.post("/graphql", json=body, headers={**credential, **(headers or {})})

    async def ask(self, query: str, token: str | None = None, **variables: Any) -> Json:
        answer = await self.post(query, token, **variables)
        body = answer.json()
        assert answer.status_code == 200 and "errors" not in body, body
        data: Json = body["data"]
        return data

    async def outside(self, path: str, body: Json | None) -> Any:
        """The sandbox's control panel: a question without a body, else an act."""
        if body is not None:
            self.disturbed |= {path} & PUT_BACK.keys()
        address = f"/sandbox/api/{path}"
        answer = await (self.http.get(address) if body is None else self.http.post(address, json=body))
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def code_of(self, phone: str) -> str:
        """The code in the newest message to a phone."""
        answer = await self.http.get("/sandbox/api/sms", params={"to": phone})
        words = answer.json()[0]["body"].replace(".", " ").split()
        return str(next(word for word in words if word.isdigit() and len(word) == 6))

    async def person(self) -> Person:
        phone = f"+2547{next(self.numbers):08d}"
        asked = await self.http.post("/auth/phone/code", json={"phone": phone})
        assert asked.json() == {"success": True}, asked.text
        entered = await self.http.post("/auth/phone/login", json={"phone": phone, "code": await self.code_of(phone)})
        body = entered.json()
        person = Person(self, phone, body["authToken"], body["id"])
        found = await person.ask("{ me { defaultAccount { wallets { id walletCurrency } } } }")
        person.wallets = {one["walletCurrency"]: one["id"] for one in found["me"]["defaultAccount"]["wallets"]}
        return person

    async def rich(self, sats: int = 0, cents: int = 0) -> Person:
        person = await self.person()
        if sats:
            await person.fund(sats)
        if cents:
            await self.bank.payments.issue_dollars(UUID(person.wallets["USD"]), Cents(cents), None)
        return person

    async def until(self, holds: Any, seconds: float = 60) -> None:
        """Wait until ``holds`` answers true."""
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def served_at(self, port: int = 0) -> AsyncIterator[int]:
        """The same application on a port of loopback, for what needs a real socket."""
        listening = socket.create_server(("127.0.0.1", port))
        config = uvicorn.Config(
            self.served, ws="websockets-sansio", log_config=None, access_log=False, lifespan="off", ws_max_size=65_536
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await self.until(lambda: asyncio.sleep(0, server.started))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task

    @asynccontextmanager
    async def live(self, payload: Json | None = None, path: str = "/graphql") -> AsyncIterator[Live]:
        """An initialised socket."""
        async with self.served_at() as port:
            url = f"ws://127.0.0.1:{port}{path}"
            async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as wire:
                live = Live(wire)
                await live.send(type="connection_init", payload=payload or {})
                assert await live.hear() == {"type": "connection_ack"}
                yield live


@dataclass
class Live:
    """The client's end of a socket."""

    wire: websockets.ClientConnection

    async def send(self, **message: Any) -> None:
        await self.wire.send(json.dumps(message))

    async def hear(self, seconds: float = 60) -> Json:
        async with asyncio.timeout(seconds):
            message: Json = json.loads(await self.wire.recv())
            return message

    async def subscribe(self, query: str, id_: str = "1", **variables: Any) -> None:
        await self.send(type="subscribe", id=id_, payload={"query": query, "variables": variables})


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Phone numbers that nobody has used in this sandbox."""
    return iter(range(100_001, 999_999))


@asynccontextmanager
async def opened(program_url: str, settings: Settings, numbers: Iterator[int], **more: Any) -> AsyncIterator[World]:
    """The bank that ``settings`` and ``more`` describe."""
    clock = ShiftedClock()
    settings = settings.model_copy(update={"database_url": SecretStr(program_url), **more})
    bank = app.build(settings, clock=clock, policy=Policy(inline_wait_s=2))
    await bank.start()
    watching = [asyncio.create_task(bank.payments.watch(node), name="watch") for node in bank.nodes.all()]
    background = [asyncio.create_task(bank.hub.run(), name="hub"), *watching]
    try:
        await bank.prices.refresh()
        application = asgi(bank)
        served = Guard(application)
        transport = httpx2.ASGITransport(app=served, raise_app_exceptions=False)
        async with (
            application.router.lifespan_context(application),
            httpx2.AsyncClient(transport=transport, base_url="http://bank.test") as http,
        ):
            world = World(bank, served, http, clock, numbers)
            try:
                yield world
            finally:
                for path in world.disturbed:
                    method, body = PUT_BACK[path]
                    (await http.request(method, f"/sandbox/api/{path}", json=body)).raise_for_status()
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await bank.stop()


@pytest.fixture
async def world(
    db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int]
) -> AsyncIterator[World]:
    async with opened(program_url, sandbox_settings, numbers) as found:
        yield found


@pytest.fixture(scope="session")
def passport() -> Passport:
    return Passport()


@pytest.fixture
async def telegram_world(
    db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int], passport: Passport
) -> AsyncIterator[World]:
    """A bank with a bot of its own."""
    bot = Telegram(token=SecretStr(passport.token), private_key=SecretStr(passport.pem))
    async with opened(program_url, sandbox_settings, numbers, telegram=bot) as found:
        yield found


@pytest.fixture
async def captcha_world(
    db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int]
) -> AsyncIterator[World]:
    """A bank that asks for a captcha before a code."""
    url = f"{sandbox_settings.sandbox_url}/geetest"
    geetest = GeeTest(base_url=url, status_url=url, id=captcha.GEETEST_ID, key=SecretStr(captcha.GEETEST_KEY))
    async with opened(program_url, sandbox_settings, numbers, geetest=geetest) as found:
        yield found
