"""What a client of the public API gets, beside pgbench on the same PostgreSQL in the same run.

    python -m bench api [--seconds 2] [--rounds 3]

The bank runs as a process of its own (``hazina up`` on a fresh folder, sandbox included); load generator,
bank and PostgreSQL share this machine's cores in every figure.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench.load import Ask, Measured, run
from hazina.kernel.embedded import OWNER_ROLE, Cluster, binaries

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = (1, 16, 64)
CUSTOMERS = 8
PORT = 4479

BALANCE = "{ me { defaultAccount { wallets { id balance walletCurrency } } } }"
INVOICE = """mutation I($input: LnInvoiceCreateInput!) { lnInvoiceCreate(input: $input) {
    errors { message } invoice { paymentRequest paymentHash } } }"""
PAY = """mutation P($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) {
    errors { message } status } }"""
HOME = """query home { me { id language username phone email { address verified } defaultAccount { id level
    defaultWalletId wallets { id balance walletCurrency } transactions(first: 20) {
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node { id status direction memo createdAt settlementAmount settlementFee settlementDisplayFee
            settlementCurrency settlementDisplayAmount settlementDisplayCurrency settlementPrice { base offset }
            initiationVia { __typename ... on InitiationViaIntraLedger { counterPartyWalletId counterPartyUsername }
                ... on InitiationViaLn { paymentHash paymentRequest } ... on InitiationViaOnChain { address } }
            settlementVia { __typename ... on SettlementViaIntraLedger { counterPartyWalletId counterPartyUsername
                preImage } ... on SettlementViaLn { preImage }
                ... on SettlementViaOnChain { transactionHash } } } } } } } }"""
"""A phone's first screen."""
LINES = 20


@dataclass(frozen=True, slots=True)
class Customer:
    token: str
    wallet: str


@dataclass(slots=True)
class Started:
    """How long it took until the bank was ready, in seconds; its memory once it is, in MB."""

    cold_s: float
    warm_s: float
    memory_mb: float


def call(path: str, body: Any = None, token: str = "") -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    asked = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, headers)
    with urllib.request.urlopen(asked, timeout=30) as said:  # noqa: S310
        return json.load(said)


def start(folder: Path, *arguments: str, **environ: str) -> tuple[subprocess.Popen[bytes], float]:
    """The bank on ``folder``, and the seconds until it said that it was ready."""
    log = (folder / "up.out").open("ab")
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "hazina.cli", "up", "--data", str(folder), "--port", str(PORT), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={**os.environ, "HAZINA_LOG_LEVEL": "warning", "PYTHONUNBUFFERED": "1", **environ},
    )
    log.close()
    while True:
        try:
            if call("/readyz")["ready"]:
                return process, time.perf_counter() - began
        except (OSError, ValueError):
            pass
        if process.poll() is not None or time.perf_counter() - began > 180:
            raise SystemExit("the bank did not start:\n" + (folder / "up.out").read_text()[-2000:])
        time.sleep(0.02)


@contextmanager
def bank() -> Iterator[tuple[Path, Started]]:
    """A bank on a folder of its own, started twice: empty, then on what is there."""
    with tempfile.TemporaryDirectory(prefix="hazina-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        process, cold = start(folder)
        process.terminate()
        process.wait(30)
        process, warm = start(folder)
        try:
            yield folder, Started(cold, warm, memory_mb(process.pid))
        finally:
            process.terminate()
            process.wait(30)


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def enter(n: int) -> Customer:
    """A customer with money: a code by text message, an invoice paid from outside."""
    phone = f"+2547123480{n:02d}"
    call("/auth/phone/code", {"phone": phone})
    body = call(f"/sandbox/api/sms?to=%2B{phone[1:]}")[0]["body"]
    code = re.findall(r"\b\d{6}\b", body)[0]
    token = call("/auth/phone/login", {"phone": phone, "code": code})["authToken"]
    wallets = ask(token, BALANCE)["me"]["defaultAccount"]["wallets"]
    wallet = next(w["id"] for w in wallets if w["walletCurrency"] == "BTC")
    order = {"walletId": wallet, "amount": 1_000_000}
    invoice = ask(token, INVOICE, input=order)["lnInvoiceCreate"]["invoice"]["paymentRequest"]
    call("/sandbox/api/lightning/payments", {"paymentRequest": invoice})
    end = time.monotonic() + 20
    while not ask(token, BALANCE)["me"]["defaultAccount"]["wallets"][0]["balance"]:
        if time.monotonic() > end:
            raise SystemExit("the first deposit was not credited")
        time.sleep(0.05)
    return Customer(token, wallet)


def ask(token: str, query: str, **variables: Any) -> Any:
    said = call("/graphql", {"query": query, "variables": variables}, token)
    if said.get("errors"):
        raise SystemExit(str(said["errors"]))
    return said["data"]


def workloads(customers: list[Customer]) -> dict[str, Ask]:
    def balance(n: int) -> tuple[str, dict[str, Any]]:
        return customers[n % CUSTOMERS].token, {"query": BALANCE}

    def invoice(n: int) -> tuple[str, dict[str, Any]]:
        one = customers[n % CUSTOMERS]
        return one.token, {"query": INVOICE, "variables": {"input": {"walletId": one.wallet, "amount": 100}}}

    def pay(n: int) -> tuple[str, dict[str, Any]]:
        payer, payee = customers[n % CUSTOMERS], customers[(n + 1) % CUSTOMERS]
        order = {"walletId": payer.wallet, "recipientWalletId": payee.wallet, "amount": 1}
        return payer.token, {"query": PAY, "variables": {"input": order}}

    def home(n: int) -> tuple[str, dict[str, Any]]:
        return customers[n % CUSTOMERS].token, {"query": HOME}

    once = itertools.count()

    def unseen(n: int) -> tuple[str, dict[str, Any]]:
        """The same in words that were never sent before: read, checked and planned anew."""
        return customers[n % CUSTOMERS].token, {"query": f"{HOME} # {next(once)}"}

    return {"balance": balance, "invoice": invoice, "pay": pay, "home": home, "unseen": unseen}


def busy(customers: list[Customer]) -> None:
    """Gives everybody a page of transactions."""
    for n, payer in enumerate(customers):
        order = {"walletId": payer.wallet, "recipientWalletId": customers[(n + 1) % CUSTOMERS].wallet, "amount": 1}
        for _ in range(LINES):
            ask(payer.token, PAY, input=order)


@contextmanager
def pgbench(folder: Path) -> Iterator[list[str]]:
    """TPC-B's tables in a database of their own on the bank's PostgreSQL; pgbench's arguments for it."""
    cluster = Cluster(folder / "postgres")
    cluster.start()
    program = binaries() / "pgbench"
    url = cluster.url(OWNER_ROLE).replace("/hazina?", "/pgbench?")
    environment = {**os.environ, "LC_ALL": "C"}
    with psycopg.connect(cluster.url(OWNER_ROLE), autocommit=True) as connection:
        connection.execute("create database pgbench")
    subprocess.run([program, "-i", "-q", "-s", "10", url], check=True, capture_output=True, env=environment)  # noqa: S603
    yield [str(program), "-n", url]


def tpcb(arguments: list[str], clients: int, seconds: float) -> float:
    """TPC-B transactions a second."""
    command = [*arguments, "-c", str(clients), "-j", "2", "-T", str(max(1, round(seconds)))]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    found = re.search(r"tps = ([\d.]+)", said)
    assert found is not None, said
    return float(found[1])


@contextmanager
def without_limits(folder: Path) -> Iterator[None]:
    """The customers of a measurement are a business whose day has no limit that it reaches, and how many
    invoices they made in the last minute is forgotten all the time."""
    done = threading.Event()

    def forget() -> None:
        with psycopg.connect(Cluster(folder / "postgres").start().url(OWNER_ROLE), autocommit=True) as connection:
            connection.execute("update account set level = 3")
            while not done.wait(0.2):
                connection.execute("delete from rate_use")

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    try:
        yield
    finally:
        done.set()
        forgetting.join()


def measure(seconds: float, rounds: int) -> dict[str, float]:
    """Measure, print the table, return the ratios."""
    with bank() as (folder, started), pgbench(folder) as arguments:
        customers = [enter(n) for n in range(CUSTOMERS)]
        busy(customers)
        asks = workloads(customers)
        with without_limits(folder):
            found, beside = compare(asks, arguments, seconds, rounds)
        return report(started, found, {n: sorted(rates)[len(rates) // 2] for n, rates in beside.items()})


def compare(
    asks: dict[str, Ask], arguments: list[str], seconds: float, rounds: int
) -> tuple[dict[tuple[str, int], Measured], dict[int, list[float]]]:
    """Every request at every number of connections, and TPC-B beside it, in turn."""
    found = {(name, n): Measured() for name in asks for n in CONNECTIONS}
    beside: dict[int, list[float]] = {n: [] for n in CONNECTIONS}
    for each in asks.values():  # documents, plans and caches
        uvloop.run(run("127.0.0.1", PORT, 4, 0.5, each, Measured()))
    for _ in range(rounds):
        for n in CONNECTIONS:
            beside[n].append(tpcb(arguments, n, seconds))
            for name, each in asks.items():
                uvloop.run(run("127.0.0.1", PORT, n, seconds, each, found[name, n]))
    return found, beside


def report(started: Started, found: dict[tuple[str, int], Measured], beside: dict[int, float]) -> dict[str, float]:
    table = Table(title="Public API (GraphQL over HTTP), median of rounds", box=None)
    for heading in ("request", "connections", "per second", "p50 ms", "p99 ms", "over TPC-B", "refused"):
        table.add_column(heading, justify="left" if heading == "request" else "right")
    ratios = {
        "start_cold_s": round(started.cold_s, 2),
        "start_warm_s": round(started.warm_s, 2),
        "memory_mb": round(started.memory_mb, 1),
    }
    for (name, n), one in found.items():
        over = one.rate / beside[n]
        row = (f"{one.rate:,.0f}", f"{one.percentile(50):.1f}", f"{one.percentile(99):.1f}", f"{over:.2f}")
        table.add_row(name, str(n), *row, str(len(one.wrong)))
        ratios[f"{name}{n}_over_tpcb{n}"] = round(over, 3)
    for n in CONNECTIONS:
        ratios[f"cached{n}_over_uncached{n}"] = round(found["home", n].rate / found["unseen", n].rate, 2)
    for n, rate in beside.items():
        table.add_row("pgbench TPC-B", str(n), f"{rate:,.0f}", "", "", "1", "")
    console = Console(width=110)
    console.print(table)
    console.print(
        f"start on an empty folder {started.cold_s:.1f} s, on one that is there {started.warm_s:.1f} s; "
        f"memory of the bank's process {started.memory_mb:.0f} MB (PostgreSQL and sandbox not counted)"
    )
    wrong = [text for one in found.values() for text in one.wrong]
    if wrong:
        console.print(f"{len(wrong)} answers were refusals, such as: {wrong[0]}")
    return ratios


def installed() -> dict[str, float]:
    """Seconds that ``./dev`` needs to make a fresh checkout ready, with this machine's package caches."""
    with tempfile.TemporaryDirectory(prefix="hazina-bench-") as name:
        copy = Path(name) / "hazina"
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607
        for file in listed.stdout.splitlines():
            if (ROOT / file).is_file():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, copy / file)
        began = time.perf_counter()
        subprocess.run([copy / "dev", "web"], cwd=copy, check=True, capture_output=True)  # noqa: S603
        return {"install_s": round(time.perf_counter() - began, 1)}
