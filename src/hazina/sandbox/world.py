"""Everything the sandbox's servers share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from hazina.sandbox.faults import Faults
from hazina.sandbox.invoices import Invoices
from hazina.sandbox.macaroons import ADMIN, BANK, Macaroons, Permission, permissions
from hazina.sandbox.network import BANK as BANK_NODE
from hazina.sandbox.network import Network
from hazina.sandbox.payments import Payments
from hazina.sandbox.store import Store

ADMIN_MACAROON = "admin.macaroon"
BANK_MACAROON = "bank.macaroon"  # least power: what the bank's adapter calls
STORE_FILE = "sandbox.sqlite"


@dataclass(slots=True)
class World:
    store: Store
    network: Network
    invoices: Invoices
    payments: Payments
    macaroons: Macaroons
    faults: Faults
    restarted_until: float = field(default=0.0)  # steady time; until then the bank's node is starting up

    @classmethod
    def open(cls, data: Path) -> World:
        """The world as it was left in ``data``, or a new one. The node's macaroons lie there, too."""
        store = Store(data / STORE_FILE)
        network = Network(store)
        invoices = Invoices(store, network)
        world = cls(store, network, invoices, Payments(store, network, invoices), Macaroons(store), Faults(store))
        if store.setting("created_at") is None:
            store.set("created_at", int(time.time()))
        for file, wanted in ((ADMIN_MACAROON, ADMIN), (BANK_MACAROON, BANK)):
            if not world.macaroons.root_key_ids() or not _allows(data / file, wanted):
                write_private(data / file, world.macaroons.bake(wanted))
        world.payments.resume()
        return world

    def restart_node(self, seconds: float) -> None:
        """The bank's node stops and starts: streams break, and calls are refused for a while."""
        self.restarted_until = time.monotonic() + seconds
        self.invoices.events.stop(BANK_NODE)
        self.payments.events.stop(BANK_NODE)
        self.payments.restarted(BANK_NODE)

    @property
    def node_starting(self) -> bool:
        return time.monotonic() < self.restarted_until


def _allows(file: Path, wanted: frozenset[Permission]) -> bool:
    """An older sandbox may have left one for fewer calls."""
    return file.exists() and permissions(file.read_bytes()) == wanted


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner reads, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    fresh.replace(path)
