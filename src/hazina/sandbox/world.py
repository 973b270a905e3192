"""Everything the sandbox's servers share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from hazina.sandbox.faults import Faults
from hazina.sandbox.invoices import Invoices
from hazina.sandbox.macaroons import ADMIN, BANK, Macaroons, Permission, permissions
from hazina.sandbox.network import BANK as BANK_NODE
from hazina.sandbox.network import BANKS, Network
from hazina.sandbox.payments import Payments
from hazina.sandbox.store import Store

ADMIN_MACAROON = "admin.macaroon"
BANK_MACAROON = "bank.macaroon"  # least power: what the bank's adapter calls
STORE_FILE = "sandbox.sqlite"
FIRST_HEIGHT = 207
BLOCK_S = 600


@dataclass(slots=True)
class World:
    store: Store
    network: Network
    invoices: Invoices
    payments: Payments
    macaroons: dict[str, Macaroons]
    faults: Faults
    restarted_until: dict[str, float] = field(default_factory=dict)  # steady time; until then a node is starting up

    @classmethod
    def open(cls, data: Path) -> World:
        """The world as it was left in ``data``, or a new one. The node's macaroons lie there, too."""
        store = Store(data / STORE_FILE)
        network = Network(store)
        invoices = Invoices(store, network)
        world = cls(
            store,
            network,
            invoices,
            Payments(store, network, invoices, lambda: world.height),
            {node: Macaroons(store, place) for place, node in enumerate(BANKS)},
            Faults(store),
        )
        if store.setting("created_at") is None:
            store.set("created_at", int(time.time()))
        for node, macaroons in world.macaroons.items():
            for file, wanted in ((ADMIN_MACAROON, ADMIN), (BANK_MACAROON, BANK)):
                path = data / file if node == BANK_NODE else data / node / file
                if not macaroons.root_key_ids() or not _allows(path, wanted):
                    path.parent.mkdir(mode=0o700, exist_ok=True)
                    write_private(path, macaroons.bake(wanted))
        world.payments.resume()
        return world

    def restart_node(self, seconds: float, node: str = BANK_NODE) -> None:
        """A node of the bank's stops and starts: streams break, and calls are refused for a while."""
        self.restarted_until[node] = time.monotonic() + seconds
        self.invoices.events.stop(node)
        self.payments.events.stop(node)
        self.payments.restarted(node)

    def starting(self, node: str) -> bool:
        return time.monotonic() < self.restarted_until.get(node, 0.0)

    @property
    def height(self) -> int:
        """A block every ten minutes since the sandbox was made, and those that were asked for."""
        passed = int(time.time() - self.store.setting("created_at")) // BLOCK_S
        return FIRST_HEIGHT + passed + int(self.store.setting("blocks", 0))

    def sweep(self) -> None:
        """Invoices whose time or whose blocks are over are cancelled; what they hold goes back."""
        self.invoices.sweep()
        for node, payment_hash in self.invoices.held_too_long(self.height):
            self.payments.cancel(node, payment_hash)


def _allows(file: Path, wanted: frozenset[Permission]) -> bool:
    """An older sandbox may have left one for fewer calls."""
    return file.exists() and permissions(file.read_bytes()) == wanted


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner reads, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    fresh.replace(path)
