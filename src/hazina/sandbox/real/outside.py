"""The wallets outside, on real nodes: they make and pay invoices, and remember both in the sandbox's file."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

import structlog

from hazina.kernel.http import NoAnswer
from hazina.sandbox.real.bitcoind import until
from hazina.sandbox.real.jsonrpc import RpcError
from hazina.sandbox.real.network import END, ROUTER, Network
from hazina.sandbox.real.node import Node, Paid
from hazina.sandbox.store import Store

log = structlog.get_logger("hazina.sandbox.real")

WALLETS = (END, ROUTER)
SETTLE_S = 10.0
NODE_AWAY_S = 1.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS real_invoices (
    hash TEXT PRIMARY KEY, wallet TEXT NOT NULL, bolt11 TEXT NOT NULL, preimage TEXT, amount_msat INTEGER,
    memo TEXT NOT NULL, created_at INTEGER NOT NULL, expiry_s INTEGER NOT NULL, state TEXT NOT NULL,
    received_msat INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS real_payments (
    id INTEGER PRIMARY KEY, hash TEXT NOT NULL, wallet TEXT NOT NULL, bolt11 TEXT NOT NULL,
    amount_msat INTEGER NOT NULL, status TEXT NOT NULL, error TEXT, preimage TEXT, fee_msat INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
"""


class Refused(Exception):
    """What was asked cannot be, with the reason."""


@dataclass(frozen=True, slots=True)
class Invoice:
    hash: str
    wallet: str
    bolt11: str
    preimage: str | None
    """Of a hold invoice; other invoices' are the node's."""
    amount_msat: int | None
    memo: str
    created_at: int
    expiry_s: int
    state: str
    received_msat: int

    @property
    def hold(self) -> bool:
        return self.preimage is not None

    @property
    def ended(self) -> bool:
        return self.state in ("SETTLED", "CANCELED")


@dataclass(frozen=True, slots=True)
class Payment:
    id: int
    hash: str
    wallet: str
    bolt11: str
    amount_msat: int
    status: str
    error: str | None
    preimage: str | None
    fee_msat: int | None
    created_at: int

    @property
    def ended(self) -> bool:
        return self.status != "IN_FLIGHT"


class Outside:
    def __init__(self, network: Network, store: Store) -> None:
        self.network = network
        self.store = store
        self._tasks: set[asyncio.Task[None]] = set()
        for statement in SCHEMA.split(";"):
            store.run(statement)

    def node(self, wallet: str) -> Node:
        return self.network.nodes[wallet]

    def resume(self) -> None:
        """Go on watching the payments that were under way when the sandbox stopped."""
        for row in self.store.rows("SELECT * FROM real_payments WHERE status = 'IN_FLIGHT'"):
            self._start(self._follow(Payment(*row)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, what: Any) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of the sandbox failed", error=repr(error))

    # -- invoices ---------------------------------------------------------------------------------

    async def add_invoice(
        self, wallet: str, amount_msat: int | None, memo: str, expiry_s: int, *, hold: bool
    ) -> Invoice:
        """:raises Refused:"""
        preimage = secrets.token_bytes(32) if hold else None
        try:
            hash_, bolt11 = await self.node(wallet).issue(
                amount_msat, memo, expiry_s, hashlib.sha256(preimage).hexdigest() if preimage else None
            )
        except (RpcError, ValueError) as error:
            raise Refused(f"The node says: {error}") from None
        now, secret = int(time.time()), preimage.hex() if preimage else None
        invoice = Invoice(hash_, wallet, bolt11, secret, amount_msat, memo, now, expiry_s, "OPEN", 0)
        values = (getattr(invoice, name) for name in Invoice.__slots__)
        self.store.run("INSERT INTO real_invoices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *values)
        return invoice

    async def invoices(self, count: int) -> list[Invoice]:
        """The newest, as they stand now."""
        rows = self.store.rows("SELECT * FROM real_invoices ORDER BY created_at DESC, rowid DESC LIMIT ?", count)
        return [await self.fresh(Invoice(*row)) for row in rows]

    async def find(self, hash_: str) -> Invoice | None:
        row = self.store.one("SELECT * FROM real_invoices WHERE hash = ?", hash_)
        return None if row is None else await self.fresh(Invoice(*row))

    async def fresh(self, invoice: Invoice) -> Invoice:
        """As its node has it; as it was known when the node is away."""
        if invoice.ended:
            return invoice
        try:
            state, received_msat = await self.node(invoice.wallet).invoice_state(invoice.hash, hold=invoice.hold)
        except (NoAnswer, RpcError):
            return invoice
        if state == "OPEN" and invoice.created_at + invoice.expiry_s < time.time():
            state = "CANCELED"
        self.store.run(
            "UPDATE real_invoices SET state = ?, received_msat = ? WHERE hash = ?", state, received_msat, invoice.hash
        )
        return dataclasses.replace(invoice, state=state, received_msat=received_msat)

    async def settle(self, invoice: Invoice) -> Invoice:
        """:raises Refused: nothing is held."""
        if invoice.preimage is None:
            raise Refused("This is not a hold invoice: it settles by itself")
        if invoice.state == "SETTLED":
            return invoice
        if invoice.state != "ACCEPTED":
            raise Refused("Nothing is held for this invoice")
        await self.node(invoice.wallet).settle(invoice.preimage)

        async def settled() -> bool:
            return (await self.fresh(invoice)).ended

        with contextlib.suppress(TimeoutError):
            await until(settled, "it settles", SETTLE_S)
        return await self.fresh(invoice)

    async def cancel(self, invoice: Invoice) -> Invoice:
        """:raises Refused: it is settled."""
        if invoice.state == "SETTLED":
            raise Refused("The invoice is settled already")
        if not invoice.ended:
            await self.node(invoice.wallet).cancel(invoice.hash, hold=invoice.hold)
            self.store.run("UPDATE real_invoices SET state = 'CANCELED' WHERE hash = ?", invoice.hash)
        return dataclasses.replace(invoice, state="CANCELED", received_msat=0)

    # -- payments ---------------------------------------------------------------------------------

    def pay(self, wallet: str, bolt11: str, hash_: str, amount_msat: int, *, given: bool) -> int:
        """Begin to pay; the payment's number. ``given``: the invoice itself has no amount."""
        self.store.run(
            "INSERT INTO real_payments (hash, wallet, bolt11, amount_msat, status, created_at)"
            " VALUES (?, ?, ?, ?, 'IN_FLIGHT', ?)",
            hash_, wallet, bolt11, amount_msat, int(time.time()),
        )  # fmt: skip
        number = int(self.store.value("SELECT last_insert_rowid()"))
        self._start(self._pay(self.payment(number), given))
        return number

    async def _pay(self, payment: Payment, given: bool) -> None:
        try:
            paid = await self.node(payment.wallet).pay(payment.bolt11, payment.amount_msat if given else None)
        except RpcError as error:
            return self._conclude(payment, Paid("FAILED", error=error.message))
        except NoAnswer:  # the node went away; it knows when it is back
            return await self._follow(payment)
        self._conclude(payment, paid)

    async def _follow(self, payment: Payment) -> None:
        while True:
            try:
                paid = await self.node(payment.wallet).paid(payment.hash)
            except NoAnswer:
                paid = Paid("IN_FLIGHT")
            if paid.status != "IN_FLIGHT":
                return self._conclude(payment, paid)
            await asyncio.sleep(NODE_AWAY_S)

    def _conclude(self, payment: Payment, paid: Paid) -> None:
        self.store.run(
            "UPDATE real_payments SET status = ?, error = ?, preimage = ?, fee_msat = ? WHERE id = ?",
            paid.status, paid.error, paid.preimage, paid.fee_msat, payment.id,
        )  # fmt: skip

    def payment(self, number: int) -> Payment:
        row = self.store.one("SELECT * FROM real_payments WHERE id = ?", number)
        assert row is not None
        return Payment(*row)

    def earlier(self, wallet: str, hash_: str) -> Payment | None:
        """This wallet's payment of this hash that has not failed."""
        row = self.store.one(
            "SELECT * FROM real_payments WHERE wallet = ? AND hash = ? AND status <> 'FAILED'", wallet, hash_
        )
        return None if row is None else Payment(*row)

    def payments(self, count: int) -> list[Payment]:
        return [Payment(*row) for row in self.store.rows("SELECT * FROM real_payments ORDER BY id DESC LIMIT ?", count)]

    # -- nodes that go away -----------------------------------------------------------------------

    def restart_bank_node(self, seconds: float, *, kill: bool = False) -> None:
        """The bank's Lightning node stops, and after that long it starts again."""
        bank = self.network.bank

        async def restart() -> None:
            await (bank.kill() if kill else bank.stop())
            await asyncio.sleep(seconds)
            await bank.start()
            await bank.connect(self.network.nodes[ROUTER])

        self._start(restart())

    def restart_chain(self, seconds: float, *, kill: bool = False) -> None:
        """bitcoind stops, and after that long it starts again."""
        node = self.network.bitcoind

        async def restart() -> None:
            await (node.kill() if kill else node.stop())
            await asyncio.sleep(seconds)
            await node.start()

        self._start(restart())
