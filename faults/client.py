"""Customers, and one request over a connection of its own: what was surely not sent is told apart from what
was sent and not answered."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from faults.bank import Bank

INVOICE = """mutation($input: LnInvoiceCreateInput!) { lnInvoiceCreate(input: $input) {
    errors { message code } invoice { paymentRequest paymentHash } } }"""
PAY = """mutation($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) {
    status errors { message code } transaction { id } } }"""
SEND = """mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) {
    status errors { message code } transaction { id } } }"""
BALANCE = "{ me { defaultAccount { wallets { walletCurrency balance } } } }"
HISTORY = "{ me { defaultAccount { transactions(first: 20) { edges { node { id status } } } } } }"
ANSWER_S = 25.0


class NotSent(Exception):
    """Nobody took the connection: surely nothing happened."""


class Unanswered(Exception):
    """The request was sent. What became of it, only the history knows."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


def written(port: int, path: str, body: Any, headers: dict[str, str] | None = None) -> bytes:
    """A POST request, byte for byte."""
    payload = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "connection: close"]
    lines += ["content-type: application/json", f"content-length: {len(payload)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + payload


async def post(
    port: int, path: str, body: Any, *, headers: dict[str, str] | None = None, within_s: float = ANSWER_S
) -> Answer:
    """One request on a new connection. Raises NotSent, Unanswered."""
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError) as error:
        raise NotSent from error
    try:
        async with asyncio.timeout(within_s):
            writer.write(written(port, path, body, headers))
            await writer.drain()
            return parse(await reader.read())
    except (OSError, TimeoutError, ValueError) as error:
        raise Unanswered(type(error).__name__) from error
    finally:
        writer.close()


def parse(raw: bytes) -> Answer:
    """Raises ValueError for half an answer."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("no whole head")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, json.loads(body))


@dataclass(slots=True)
class Customer:
    phone: str
    token: str = ""
    wallet: str = ""
    account: str = ""

    async def ask(
        self, port: int, query: str, *, within_s: float = ANSWER_S, key: str | None = None, **variables: Any
    ) -> Answer:
        """A GraphQL request. Raises NotSent, Unanswered."""
        headers = {"authorization": f"Bearer {self.token}"} | ({"x-idempotency-key": key} if key else {})
        body = {"query": query, "variables": variables}
        return await post(port, "/graphql", body, headers=headers, within_s=within_s)

    async def log_in(self, bank: Bank, port: int) -> Customer:
        answer = await post(port, "/auth/phone/code", {"phone": self.phone})
        assert answer.status == 200, answer
        text = await asyncio.to_thread(bank.outside.text_to, self.phone)
        code = re.findall(r"\b\d{6}\b", text)[0]
        answer = await post(port, "/auth/phone/login", {"phone": self.phone, "code": code})
        assert answer.status == 200, answer
        self.token = answer.body["authToken"]
        query = "{ me { defaultAccount { id wallets { id walletCurrency } } } }"
        account = (await self.ask(port, query)).body["data"]["me"]["defaultAccount"]
        self.account = account["id"]
        self.wallet = next(w["id"] for w in account["wallets"] if w["walletCurrency"] == "BTC")
        return self

    async def balance(self, port: int) -> int:
        """What may be spent, in sats."""
        me = (await self.ask(port, BALANCE)).body["data"]["me"]
        return next(int(w["balance"]) for w in me["defaultAccount"]["wallets"] if w["walletCurrency"] == "BTC")

    async def invoice(self, port: int, sats: int, memo: str = "") -> dict[str, str]:
        """Raises Unanswered also for an answer that is a refusal: no invoice came of it."""
        order = {"walletId": self.wallet, "amount": sats, "memo": memo}
        answer = await self.ask(port, INVOICE, input=order)
        made = ((answer.body.get("data") or {}).get("lnInvoiceCreate") or {}).get("invoice")
        if made is None:
            raise Unanswered(str(answer.body)[:200])
        return dict(made)

    async def pay(self, port: int, payment_request: str, memo: str, **more: Any) -> Answer:
        order = {"walletId": self.wallet, "paymentRequest": payment_request, "memo": memo}
        return await self.ask(port, PAY, input=order, **more)

    async def send(self, port: int, to: Customer, sats: int, memo: str, **more: Any) -> Answer:
        order = {"walletId": self.wallet, "recipientWalletId": to.wallet, "amount": sats, "memo": memo}
        return await self.ask(port, SEND, input=order, **more)


@dataclass(slots=True)
class Crowd:
    """Customers with money from outside."""

    members: list[Customer] = field(default_factory=list)

    async def come(self, bank: Bank, many: int, sats: int, first: int = 0) -> None:
        port = bank.apis[0].port
        for n in range(first, first + many):
            customer = await Customer(f"+2547123457{n:02d}").log_in(bank, port)
            invoice = await customer.invoice(port, sats)
            paid = await asyncio.to_thread(bank.outside.pays, invoice["paymentRequest"])
            assert paid["status"] == "SUCCEEDED", paid
            self.members.append(customer)
        for customer in self.members[-many:]:
            for _ in range(200):
                if await customer.balance(port) == sats:
                    break
                await asyncio.sleep(0.1)
            else:
                raise AssertionError("a first deposit was not credited")
