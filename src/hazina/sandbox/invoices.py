"""Invoices of every node of the sandbox: real BOLT11, signed with the node's key, and the states an
LND invoice goes through: OPEN, ACCEPTED (hold invoices), SETTLED, CANCELED (also by expiry)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from hazina.kernel import bolt11
from hazina.sandbox.events import Events
from hazina.sandbox.network import CHAIN, Network, new_secret
from hazina.sandbox.store import Store

CLTV_EXPIRY = 80
HOLD_EXPIRY_DELTA = 18
FEATURES = frozenset({8, 14, 17})


class Refused(Exception):
    """What the node says instead of doing it."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """A row of ``invoices``, in the order of its columns. Times are unix seconds."""

    node: str
    hash: bytes
    add_index: int
    preimage: bytes | None
    secret: bytes
    amount_msat: int | None
    memo: str
    description_hash: bytes | None
    created_at: int
    expiry_s: int
    cltv_expiry: int
    bolt11: str
    hold: int
    state: str
    paid_msat: int
    settle_index: int
    settled_at: int
    accepted_at: int
    accept_height: int

    @property
    def expiry_height(self) -> int:
        """Of the HTLC that it holds or held."""
        return self.accept_height + self.cltv_expiry + 3 if self.accept_height else self.cltv_expiry + 3


class Invoices:
    def __init__(self, store: Store, network: Network) -> None:
        self.store = store
        self.network = network
        self.events: Events[Invoice] = Events()

    def find(self, node: str, payment_hash: bytes) -> Invoice | None:
        row = self.store.one("SELECT * FROM invoices WHERE node = ? AND hash = ?", node, payment_hash)
        return None if row is None else Invoice(*row)

    def get(self, node: str, payment_hash: bytes) -> Invoice:
        found = self.find(node, payment_hash)
        if found is None:
            raise Refused("unable to locate invoice")
        return found

    def add(
        self,
        node: str,
        *,
        payment_hash: bytes | None = None,
        preimage: bytes | None = None,
        amount_msat: int | None,
        memo: str = "",
        description_hash: bytes | None = None,
        expiry_s: int,
        cltv_expiry: int = CLTV_EXPIRY,
    ) -> Invoice:
        """A new invoice. With ``payment_hash`` it is a hold invoice (a preimage given as well is kept for
        settling); otherwise it settles at once, with ``preimage`` or a fresh one."""
        hold = payment_hash is not None
        if payment_hash is None:
            preimage = preimage or new_secret()
            payment_hash = hashlib.sha256(preimage).digest()
        if self.find(node, payment_hash) is not None:
            raise Refused("invoice with payment hash already exists")
        secret, created_at = new_secret(), int(time.time())
        text = bolt11.encode(
            bolt11.Invoice11(
                network=CHAIN,
                timestamp=created_at,
                payment_hash=payment_hash,
                payment_secret=secret,
                payee=self.network.keys[node],
                amount_msat=amount_msat,
                description=None if description_hash is not None else memo,
                description_hash=description_hash,
                expiry_s=expiry_s,
                min_final_cltv=cltv_expiry,
                features=FEATURES,
            ),
            self.network.private_key(node),
        )
        with self.store.change():
            add_index = self.store.value("SELECT max(add_index) FROM invoices WHERE node = ?", node) or 0
            self.store.run(
                "INSERT INTO invoices (node, hash, add_index, preimage, secret, amount_msat, memo, description_hash,"
                " created_at, expiry_s, cltv_expiry, bolt11, hold, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'OPEN')",
                node, payment_hash, add_index + 1, preimage, secret, amount_msat, memo, description_hash,
                created_at, expiry_s, cltv_expiry, text, hold,
            )  # fmt: skip
        return self._told(node, payment_hash)

    def accept(self, invoice: Invoice, msat: int, height: int) -> None:
        self.store.run(
            "UPDATE invoices SET state = 'ACCEPTED', paid_msat = ?, accepted_at = ?, accept_height = ?"
            " WHERE node = ? AND hash = ?",
            msat, int(time.time()), height, invoice.node, invoice.hash,
        )  # fmt: skip

    def held_too_long(self, height: int) -> list[tuple[str, bytes]]:
        """Hold invoices whose HTLC is so near its end that LND gives it back by itself."""
        rows = self.store.rows(
            "SELECT node, hash FROM invoices WHERE state = 'ACCEPTED' AND accept_height + cltv_expiry + 3 - ? <= ?",
            HOLD_EXPIRY_DELTA, height,
        )  # fmt: skip
        return [(row["node"], row["hash"]) for row in rows]

    def settle(self, invoice: Invoice, msat: int, preimage: bytes) -> None:
        settle_index = self.store.value("SELECT max(settle_index) FROM invoices WHERE node = ?", invoice.node) or 0
        self.store.run(
            "UPDATE invoices SET state = 'SETTLED', paid_msat = ?, preimage = ?, settle_index = ?, settled_at = ?"
            " WHERE node = ? AND hash = ?",
            msat, preimage, settle_index + 1, int(time.time()), invoice.node, invoice.hash,
        )  # fmt: skip

    def cancel(self, invoice: Invoice) -> None:
        self.store.run("UPDATE invoices SET state = 'CANCELED' WHERE node = ? AND hash = ?", invoice.node, invoice.hash)

    def sweep(self) -> None:
        """An open invoice past its expiry is cancelled; one that holds an HTLC is not."""
        expired = self.store.rows(
            "SELECT node, hash FROM invoices WHERE state = 'OPEN' AND created_at + expiry_s < ?", int(time.time())
        )
        if expired:
            with self.store.change():
                for row in expired:
                    self.cancel(self.get(row["node"], row["hash"]))
            for row in expired:
                self._told(row["node"], row["hash"])

    def _told(self, node: str, payment_hash: bytes) -> Invoice:
        invoice = self.get(node, payment_hash)
        self.events.publish(node, invoice)
        return invoice

    def tell(self, invoice: Invoice) -> None:
        """To the streams, after the change is committed."""
        self._told(invoice.node, invoice.hash)
