"""Real processes for tests: a bank that can be killed, the sandbox that outlives it, a customer's client."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from faults.process import START_S, Process, wait_for
from hazina.kernel.embedded import OWNER_ROLE, Cluster

__all__ = ["Bank", "Customer", "Process", "wait_for"]

ANSWER_S = 60


class Bank:
    """The whole bank as a process on a data folder, with the sandbox beside it in its own process."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.world = Process(["sandbox", "--data", str(folder), "--port", "0"], folder / "sandbox.out")
        self.bank = Process(["up", "--data", str(folder), "--port", str(port)], folder / "up.out")
        self.world_url = ""

    def start_world(self) -> None:
        self.world.start()
        self.world_url = self.world.address("sandbox")

    def start(self) -> None:
        self.bank.start()
        wait_for(self.is_ready, START_S, f"the bank starts:\n{self.said()}")

    def said(self) -> str:
        return self.bank.log.read_text(errors="replace")[-3000:] if self.bank.log.exists() else ""

    def is_ready(self) -> bool:
        assert self.bank.running is not None and self.bank.running.poll() is None, self.said()
        with contextlib.suppress(httpx2.HTTPError):
            answer = httpx2.get(f"{self.url}/readyz", timeout=ANSWER_S)
            return answer.status_code == 200 and not answer.json()["degraded"]
        return False

    def kill(self) -> None:
        self.bank.kill()

    def end(self) -> None:
        self.bank.kill()
        self.world.kill()

    def verify(self) -> str:
        """``hazina verify``: what it printed. Fails when the books do not agree."""
        done = subprocess.run(
            [sys.executable, "-m", "hazina.cli", "verify", "--data", str(self.folder)],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def as_owner(self) -> Iterator[psycopg.Connection[Any]]:
        """The bank's database as its superuser."""
        url = Cluster(self.folder / "postgres").url(OWNER_ROLE)
        connection = psycopg.connect(url, autocommit=True)
        try:
            yield connection
        finally:
            with contextlib.suppress(psycopg.Error):  # the server may have been killed in between
                connection.close()

    # --- the outside world ---

    def control(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        answer = httpx2.request(
            method, f"{self.world_url}/sandbox/api/{path}", json=body, params=query or None, timeout=ANSWER_S
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def fault(self, call: str, action: str, **more: Any) -> None:
        self.control("POST", "faults", {"provider": "lnd", "call": call, "action": action, **more})

    def heal(self) -> None:
        self.control("DELETE", "faults")

    def outside_invoice(self, sats: int, **more: Any) -> Any:
        return self.control("POST", "lightning/invoices", {"amountMsat": sats * 1000, **more})

    def outside_pays(self, payment_request: str) -> Any:
        return self.control("POST", "lightning/payments", {"paymentRequest": payment_request})


class Customer:
    """A client of the public API."""

    def __init__(self, bank: Bank, phone: str) -> None:
        self.bank = bank
        self.phone = phone
        self.token = ""
        self.wallets: dict[str, str] = {}

    def log_in(self) -> Customer:
        url = self.bank.url
        assert httpx2.post(f"{url}/auth/phone/code", json={"phone": self.phone}, timeout=ANSWER_S).status_code == 200
        body = self.bank.control("GET", "sms", to=self.phone)[0]["body"]
        code = re.findall(r"\b\d{6}\b", body)[0]
        answer = httpx2.post(f"{url}/auth/phone/login", json={"phone": self.phone, "code": code}, timeout=ANSWER_S)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["authToken"]
        me = self.ask("{ me { defaultAccount { wallets { id walletCurrency } } } }")["me"]
        self.wallets = {w["walletCurrency"]: w["id"] for w in me["defaultAccount"]["wallets"]}
        return self

    def post(self, query: str, timeout_s: float = ANSWER_S, **variables: Any) -> httpx2.Response:
        return httpx2.post(
            f"{self.bank.url}/graphql",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {self.token}"},
            timeout=timeout_s,
        )

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self.post(query, **variables).json()
        assert not answer.get("errors"), answer
        return answer["data"]

    def balance(self, currency: str = "BTC") -> int:
        """What the customer may spend, in sats or cents."""
        wallets = self.ask("{ me { defaultAccount { wallets { walletCurrency balance } } } }")["me"]
        found = {w["walletCurrency"]: w["balance"] for w in wallets["defaultAccount"]["wallets"]}
        return int(found[currency])

    def invoice(self, sats: int, memo: str = "test") -> Any:
        query = """mutation($input: LnInvoiceCreateInput!) { lnInvoiceCreate(input: $input) {
            errors { message code } invoice { paymentRequest paymentHash } } }"""
        order = {"walletId": self.wallets["BTC"], "amount": sats, "memo": memo}
        payload = self.ask(query, input=order)["lnInvoiceCreate"]
        assert not payload["errors"], payload
        return payload["invoice"]

    PAY = """mutation($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) {
        status errors { message code } transaction { id status settlementAmount settlementFee } } }"""

    def pay(self, payment_request: str, **more: Any) -> Any:
        order = {"walletId": self.wallets["BTC"], "paymentRequest": payment_request}
        return self.ask(self.PAY, input=order, **more)["lnInvoicePaymentSend"]

    def pay_once_it_can(self, payment_request: str) -> Any:
        """Asked again while the bank says that its node is away and nothing was moved, as a busy machine seems to."""

        def answered() -> Any:
            answer = self.pay(payment_request)
            return None if any(one["code"] == "LND_OFFLINE" for one in answer["errors"]) else answer

        return wait_for(answered, ANSWER_S, "the node is there", pause_s=0.3)

    def pay_and_lose_the_answer(self, payment_request: str) -> None:
        """Ask, and go away before the answer (the bank is about to be killed)."""
        order = {"walletId": self.wallets["BTC"], "paymentRequest": payment_request}
        with contextlib.suppress(httpx2.HTTPError):
            self.post(self.PAY, timeout_s=1.0, input=order)

    def history(self, payment_hash: str | None = None) -> list[Any]:
        """Statement rows of the BTC wallet, newest first; only those of one payment hash if it is given."""
        query = """{ me { defaultAccount { transactions(first: 50) { edges { node {
            id status direction settlementAmount settlementFee memo
            initiationVia { ... on InitiationViaLn { paymentHash } } } } } } } }"""
        edges = self.ask(query)["me"]["defaultAccount"]["transactions"]["edges"]
        rows = [edge["node"] for edge in edges]
        return [r for r in rows if payment_hash in (None, r["initiationVia"].get("paymentHash"))]
