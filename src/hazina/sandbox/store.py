"""The sandbox's own file: SQLite in WAL mode, so that ``kill -9`` loses nothing that was answered.

One connection, used from one event loop; every change is inside ``change()``, which commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value ANY) STRICT;
CREATE TABLE IF NOT EXISTS nodes (
    name TEXT PRIMARY KEY, alias TEXT NOT NULL, private_key BLOB NOT NULL, public_key BLOB NOT NULL UNIQUE
) STRICT;
-- msat on each side; an amount in flight is on neither
CREATE TABLE IF NOT EXISTS channels (
    id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, capacity_msat INTEGER NOT NULL,
    a_msat INTEGER NOT NULL CHECK (a_msat >= 0), b_msat INTEGER NOT NULL CHECK (b_msat >= 0),
    fee_base_msat INTEGER NOT NULL, fee_ppm INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS invoices (
    node TEXT NOT NULL, hash BLOB NOT NULL, add_index INTEGER NOT NULL, preimage BLOB, secret BLOB NOT NULL,
    amount_msat INTEGER, memo TEXT NOT NULL, description_hash BLOB, created_at INTEGER NOT NULL,
    expiry_s INTEGER NOT NULL, cltv_expiry INTEGER NOT NULL, bolt11 TEXT NOT NULL, hold INTEGER NOT NULL,
    state TEXT NOT NULL, paid_msat INTEGER NOT NULL DEFAULT 0, settle_index INTEGER NOT NULL DEFAULT 0,
    settled_at INTEGER NOT NULL DEFAULT 0, accepted_at INTEGER NOT NULL DEFAULT 0,
    accept_height INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (node, hash), UNIQUE (node, add_index)
) STRICT;
CREATE INDEX IF NOT EXISTS invoices_settled ON invoices (node, settle_index) WHERE settle_index > 0;
CREATE INDEX IF NOT EXISTS invoices_open ON invoices (state) WHERE state = 'OPEN';
-- route: JSON [[channel, from, to, msat], …], null before an HTLC is out
CREATE TABLE IF NOT EXISTS payments (
    node TEXT NOT NULL, id INTEGER NOT NULL, hash BLOB NOT NULL, bolt11 TEXT NOT NULL, payee BLOB NOT NULL,
    secret BLOB NOT NULL, amount_msat INTEGER NOT NULL, fee_limit_msat INTEGER NOT NULL,
    fee_msat INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, failure_reason TEXT NOT NULL, preimage BLOB,
    created_ns INTEGER NOT NULL, resolved_ns INTEGER NOT NULL DEFAULT 0, route TEXT,
    PRIMARY KEY (node, id), UNIQUE (node, hash)
) STRICT;
CREATE INDEX IF NOT EXISTS payments_open ON payments (status) WHERE status = 'IN_FLIGHT';
CREATE TABLE IF NOT EXISTS root_keys (id INTEGER PRIMARY KEY, key BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sms (
    id INTEGER PRIMARY KEY, sid TEXT NOT NULL, recipient TEXT NOT NULL, sender TEXT NOT NULL, body TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sms_recipient ON sms (recipient, id);
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY, message_id TEXT NOT NULL, recipient TEXT NOT NULL, sender TEXT NOT NULL,
    subject TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS mail_recipient ON mail (recipient, id);
CREATE TABLE IF NOT EXISTS hooks (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
-- what the exchange keeps: orders, bills, transfers, deposits, withdrawals; one row of numbers for all
CREATE TABLE IF NOT EXISTS okx (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS okx_name ON okx (kind, name);
CREATE TABLE IF NOT EXISTS captchas (token TEXT PRIMARY KEY, used_at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, provider TEXT NOT NULL, call TEXT NOT NULL, action TEXT NOT NULL, seconds REAL,
    times INTEGER, until REAL
) STRICT;
"""


class Store:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + SCHEMA)
        if "accept_height" not in {row["name"] for row in self.rows("PRAGMA table_info(invoices)")}:  # an older file
            self.run("ALTER TABLE invoices ADD COLUMN accept_height INTEGER NOT NULL DEFAULT 0")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """All or nothing. Blocks may be nested; the outermost commits."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        return self._db.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(query, values).fetchone()
        return row

    def value(self, query: str, *values: Any) -> Any:
        row = self.one(query, *values)
        return None if row is None else row[0]

    def run(self, query: str, *values: Any) -> int:
        """How many rows it touched."""
        return self._db.execute(query, values).rowcount

    def setting(self, key: str, default: Any = None) -> Any:
        found = self.value("SELECT value FROM settings WHERE key = ?", key)
        return default if found is None else found

    def set(self, key: str, value: Any) -> None:
        self.run(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value
        )
