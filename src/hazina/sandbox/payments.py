"""Payments between the sandbox's nodes. Each goes through three commits, as on a real node: taken,
HTLCs out, ended. Killed in between, it is picked up as LND would: nothing new is tried, and HTLCs
that are out still decide.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hazina.kernel.bolt11 import Invoice11
from hazina.sandbox.events import Events
from hazina.sandbox.invoices import Invoice, Invoices, Refused
from hazina.sandbox.network import NO_ROUTE, Network, Route
from hazina.sandbox.store import Store

NONE = "FAILURE_REASON_NONE"
WRONG_DETAILS = "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS"
STEP_S = 0.005
STUCK_NS = 1_000_000_000
INDEX_JUMP = 1_000  # what a restart of LND does to its payment index


class Duplicate(Exception):
    """The hash is in flight or paid; the text says which."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A row of ``payments``, in the order of its columns."""

    node: str
    id: int
    hash: bytes
    bolt11: str
    payee: bytes
    secret: bytes
    amount_msat: int
    fee_limit_msat: int
    fee_msat: int
    status: str
    failure_reason: str
    preimage: bytes | None
    created_ns: int
    resolved_ns: int
    route: str | None

    @property
    def ended(self) -> bool:
        return self.status != "IN_FLIGHT"


class Payments:
    def __init__(self, store: Store, network: Network, invoices: Invoices, height: Callable[[], int]) -> None:
        self.store = store
        self.network = network
        self.invoices = invoices
        self.height = height
        self.events: Events[Payment] = Events()
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, node: str, payment_hash: bytes) -> Payment | None:
        row = self.store.one("SELECT * FROM payments WHERE node = ? AND hash = ?", node, payment_hash)
        return None if row is None else Payment(*row)

    # --- the three commits

    def start(
        self, node: str, invoice: Invoice11, text: str, amount_msat: int, fee_limit_msat: int, *, stuck: bool = False
    ) -> Payment:
        """Take a payment. Raises ``Duplicate`` for a hash in flight or paid; a failed one is tried anew
        under a new index. ``stuck``: it is stored, and nothing more happens until the node restarts."""
        with self.store.change():
            index = self._next_index(node)  # a refused duplicate uses one up, too
            earlier = self.find(node, invoice.payment_hash)
            if earlier is None or earlier.status == "FAILED":
                self.store.run("DELETE FROM payments WHERE node = ? AND hash = ?", node, invoice.payment_hash)
                self._insert(node, index, invoice, text, amount_msat, fee_limit_msat)
        if earlier is not None and earlier.status != "FAILED":
            if earlier.status == "SUCCEEDED":
                raise Duplicate("invoice is already paid")
            idle = earlier.route is None and time.time_ns() - earlier.created_ns > STUCK_NS
            raise Duplicate("payment already exists" if idle else "payment is in transition")
        payment = self.find(node, invoice.payment_hash)
        assert payment is not None, "just written"
        if stuck:
            return payment
        self.events.publish(node, payment)
        task = asyncio.get_running_loop().create_task(self._drive(payment))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return payment

    async def _drive(self, payment: Payment) -> None:
        await asyncio.sleep(STEP_S)
        if self.send_htlcs(payment):
            await asyncio.sleep(STEP_S)
            self.deliver(payment)

    def send_htlcs(self, payment: Payment) -> bool:
        """Find a route and lock it; otherwise the payment fails."""
        if self._in_flight(payment) is None:
            return False
        payee = self.network.name_of(payment.payee)
        route = self.network.route(payment.node, payee, payment.amount_msat, payment.fee_limit_msat)
        if isinstance(route, str):
            self.fail(payment, route)
            return False
        with self.store.change():
            self.network.lock(route)
            self.store.run(
                "UPDATE payments SET route = ?, fee_msat = ? WHERE node = ? AND hash = ?",
                route.dump(), route.fee_msat, payment.node, payment.hash,
            )  # fmt: skip
        self._tell(payment)
        return True

    def deliver(self, payment: Payment) -> None:
        """What the payee does with the HTLC."""
        if self._in_flight(payment) is None:
            return
        self.invoices.sweep()
        invoice = self.invoices.find(self.network.name_of(payment.payee) or "", payment.hash)
        if (
            invoice is None
            or invoice.state != "OPEN"
            or invoice.secret != payment.secret
            or payment.amount_msat < (invoice.amount_msat or 0)
        ):
            self.fail(payment, WRONG_DETAILS)
        elif invoice.hold:
            with self.store.change():
                self.invoices.accept(invoice, payment.amount_msat, self.height())
            self.invoices.tell(invoice)
        else:
            assert invoice.preimage is not None, "an ordinary invoice knows its preimage"
            self.settle(payment, invoice, invoice.preimage)

    def settle(self, payment: Payment, invoice: Invoice, preimage: bytes) -> None:
        present = self._in_flight(payment)
        assert present is not None and present.route is not None, "settled once, with its HTLCs out"
        with self.store.change():
            self.invoices.settle(invoice, payment.amount_msat, preimage)
            self.network.settle(Route.load(present.route))
            self._end(payment, "SUCCEEDED", NONE, preimage)
        self.invoices.tell(invoice)
        self._tell(payment)

    def fail(self, payment: Payment, reason: str) -> None:
        present = self._in_flight(payment)
        if present is None:
            return
        with self.store.change():
            if present.route is not None:
                self.network.release(Route.load(present.route))
            self._end(payment, "FAILED", reason, None)
        # LND shows the reason once beside IN_FLIGHT before it says FAILED
        self.events.publish(payment.node, replace(present, failure_reason=reason))
        self._tell(payment)

    def forget(self, node: str, payment_hash: bytes) -> None:
        self.store.run("DELETE FROM payments WHERE node = ? AND hash = ?", node, payment_hash)

    # --- hold invoices

    def settle_held(self, node: str, preimage: bytes) -> None:
        """May be repeated. Raises ``Refused`` with LND's texts."""
        invoice = self.invoices.get(node, hashlib.sha256(preimage).digest())
        if invoice.state == "OPEN":
            raise Refused("invoice still open")
        if invoice.state == "CANCELED":
            raise Refused("invoice already canceled")
        if invoice.state == "ACCEPTED":
            self.settle(self._held(invoice), invoice, preimage)

    def cancel(self, node: str, payment_hash: bytes) -> None:
        """May be repeated; held HTLCs go back."""
        self.invoices.sweep()
        invoice = self.invoices.get(node, payment_hash)
        if invoice.state == "SETTLED":
            raise Refused("invoice already settled")
        if invoice.state == "CANCELED":
            return
        held = self._held(invoice) if invoice.state == "ACCEPTED" else None
        with self.store.change():
            self.invoices.cancel(invoice)
        self.invoices.tell(invoice)
        if held is not None:
            self.fail(held, WRONG_DETAILS)

    def _held(self, invoice: Invoice) -> Payment:
        row = self.store.one(
            "SELECT * FROM payments WHERE hash = ? AND payee = ? AND status = 'IN_FLIGHT'",
            invoice.hash, self.network.keys[invoice.node],
        )  # fmt: skip
        assert row is not None, "an accepted invoice has a payment in flight"
        return Payment(*row)

    # --- restart, probes

    def resume(self) -> None:
        """After a start of the process."""
        for name in self.network.keys:
            self.restarted(name)
        for row in self.store.rows("SELECT * FROM payments WHERE status = 'IN_FLIGHT'"):
            payment = Payment(*row)
            invoice = self.invoices.find(self.network.name_of(payment.payee) or "", payment.hash)
            if invoice is None or invoice.state != "ACCEPTED":
                self.deliver(payment)

    def restarted(self, node: str) -> None:
        """Payments of ``node`` without an HTLC are not tried again; its payment index jumps."""
        for row in self.store.rows(
            "SELECT * FROM payments WHERE status = 'IN_FLIGHT' AND route IS NULL AND node = ?", node
        ):
            self.fail(Payment(*row), NO_ROUTE)
        index = self.store.setting(f"payment_index:{node}", 0)
        self.store.set(f"payment_index:{node}", index + INDEX_JUMP - index % INDEX_JUMP if index else 0)

    def probe(self, node: str, payee: bytes, amount_msat: int) -> Route | str:
        """A probe leaves a failed payment of a hash that nobody knows, as LND's do."""
        route = self.network.route(node, self.network.name_of(payee), amount_msat)
        with self.store.change():
            self.store.run(
                "INSERT INTO payments (node, id, hash, bolt11, payee, secret, amount_msat, fee_limit_msat, status,"
                " failure_reason, created_ns, resolved_ns) VALUES (?, ?, ?, '', ?, x'', ?, 0, 'FAILED', ?, ?, ?)",
                node, self._next_index(node), secrets.token_bytes(32), payee, amount_msat,
                route if isinstance(route, str) else WRONG_DETAILS, time.time_ns(), time.time_ns(),
            )  # fmt: skip
        return route

    # --- rows

    def _next_index(self, node: str) -> int:
        index = int(self.store.setting(f"payment_index:{node}", 0)) + 1
        self.store.set(f"payment_index:{node}", index)
        return index

    def _insert(
        self, node: str, index: int, invoice: Invoice11, text: str, amount_msat: int, fee_limit_msat: int
    ) -> None:
        self.store.run(
            "INSERT INTO payments (node, id, hash, bolt11, payee, secret, amount_msat, fee_limit_msat, status,"
            " failure_reason, created_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'IN_FLIGHT', ?, ?)",
            node, index, invoice.payment_hash, text, invoice.payee, invoice.payment_secret, amount_msat,
            fee_limit_msat, NONE, time.time_ns(),
        )  # fmt: skip

    def _end(self, payment: Payment, status: str, reason: str, preimage: bytes | None) -> None:
        self.store.run(
            "UPDATE payments SET status = ?, failure_reason = ?, preimage = ?, resolved_ns = ?,"
            " fee_msat = iif(?1 = 'FAILED', 0, fee_msat) WHERE node = ? AND hash = ?",
            status, reason, preimage, time.time_ns(), payment.node, payment.hash,
        )  # fmt: skip

    def _in_flight(self, payment: Payment) -> Payment | None:
        """The same attempt as it stands now, unless it has ended."""
        row = self.store.one(
            "SELECT * FROM payments WHERE node = ? AND id = ? AND status = 'IN_FLIGHT'", payment.node, payment.id
        )
        return None if row is None else Payment(*row)

    def _tell(self, payment: Payment) -> None:
        present = self.find(payment.node, payment.hash)
        assert present is not None, "payments are never deleted, only replaced"
        self.events.publish(payment.node, present)
