"""A Lightning network small enough to read: nodes with real keys, channels with balances, a routing
node that charges, and routes over them.

    bank ── router ── outside          bank ── neighbour          bank-2 ── router

The outside wallet is reached through the router, which takes a fee; the neighbour has a channel with
the bank and costs nothing. The bank's second node is for banks that have two.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from coincurve import PrivateKey

from hazina.kernel.bolt11 import Network as Chain
from hazina.sandbox.store import Store

BANK, ROUTER, OUTSIDE, NEIGHBOUR, BANK_2 = "bank", "router", "outside", "neighbour", "bank-2"
BANKS = (BANK, BANK_2)
WALLETS = (OUTSIDE, NEIGHBOUR)
CHAIN = Chain.REGTEST
ALIASES = {
    BANK: "hazina-sandbox", ROUTER: "sandbox-router", OUTSIDE: "sandbox-outside", NEIGHBOUR: "sandbox-neighbour",
    BANK_2: "hazina-sandbox-2",
}  # fmt: skip
MSAT_PER_BTC = 100_000_000_000
CAPACITY_MSAT = 100 * MSAT_PER_BTC
FEE_BASE_MSAT = 1_000
FEE_PPM = 100
RESERVE_SHARE = 100  # one hundredth of a channel is never spendable
CHANNELS = ((BANK, ROUTER), (ROUTER, OUTSIDE), (BANK, NEIGHBOUR), (BANK_2, ROUTER))

NO_ROUTE = "FAILURE_REASON_NO_ROUTE"
INSUFFICIENT_BALANCE = "FAILURE_REASON_INSUFFICIENT_BALANCE"


@dataclass(frozen=True, slots=True)
class Step:
    """An HTLC over one channel; ``msat`` includes what later nodes will charge."""

    channel: int
    source: str
    target: str
    msat: int


@dataclass(frozen=True, slots=True)
class Route:
    steps: tuple[Step, ...]

    @property
    def fee_msat(self) -> int:
        return self.steps[0].msat - self.steps[-1].msat

    def dump(self) -> str:
        return json.dumps([[step.channel, step.source, step.target, step.msat] for step in self.steps])

    @classmethod
    def load(cls, text: str) -> Route:
        return cls(tuple(Step(*step) for step in json.loads(text)))


@dataclass(frozen=True, slots=True)
class Channel:
    id: int
    a: str
    b: str
    capacity_msat: int
    a_msat: int
    b_msat: int
    fee_base_msat: int
    fee_ppm: int

    def local_msat(self, node: str) -> int:
        return self.a_msat if node == self.a else self.b_msat

    def spendable_msat(self, node: str) -> int:
        return max(0, self.local_msat(node) - self.capacity_msat // RESERVE_SHARE)

    def peer(self, node: str) -> str:
        return self.b if node == self.a else self.a


class Network:
    def __init__(self, store: Store) -> None:
        self.store = store
        with store.change():
            for name, alias in ALIASES.items():
                key = PrivateKey()
                store.run(
                    "INSERT OR IGNORE INTO nodes VALUES (?, ?, ?, ?)",
                    name, alias, key.secret, key.public_key.format(),
                )  # fmt: skip
            for place, (a, b) in enumerate(CHANNELS):
                short_id = (118 + place) << 40 | 1 << 16  # block, first transaction, first output
                store.run(
                    "INSERT OR IGNORE INTO channels VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    short_id, a, b, CAPACITY_MSAT, CAPACITY_MSAT // 2, CAPACITY_MSAT // 2, FEE_BASE_MSAT, FEE_PPM,
                )  # fmt: skip
        self.keys: dict[str, bytes] = {row["name"]: row["public_key"] for row in store.rows("SELECT * FROM nodes")}
        self._secrets: dict[str, bytes] = {row["name"]: row["private_key"] for row in store.rows("SELECT * FROM nodes")}
        self._names = {key: name for name, key in self.keys.items()}

    def private_key(self, node: str) -> bytes:
        return self._secrets[node]

    def name_of(self, public_key: bytes) -> str | None:
        return self._names.get(public_key)

    def channels(self, node: str | None = None) -> list[Channel]:
        return [
            Channel(*row)
            for row in self.store.rows("SELECT * FROM channels ORDER BY id")
            if node is None or node in (row["a"], row["b"])
        ]

    def route(self, source: str, target: str | None, msat: int, fee_limit_msat: int | None = None) -> Route | str:
        """The cheapest way that can carry it now, or the reason why there is none."""
        if sum(channel.spendable_msat(source) for channel in self.channels(source)) < msat:
            return INSUFFICIENT_BALANCE
        routes = [] if target is None or target == source else self._routes(source, target, msat)
        if fee_limit_msat is not None:
            routes = [route for route in routes if route.fee_msat <= fee_limit_msat]
        return min(routes, key=lambda route: (route.fee_msat, len(route.steps)), default=NO_ROUTE)

    def _routes(self, source: str, target: str, msat: int) -> list[Route]:
        """Direct, or through the router. Amounts are worked out from the payee backwards."""
        found = []
        for first in self.channels(source):
            middle = first.peer(source)
            if middle == target:
                found.append(Route((Step(first.id, source, target, msat),)))
            elif middle == ROUTER:
                for second in self.channels(ROUTER):
                    if second.peer(ROUTER) == target:
                        carried = msat + second.fee_base_msat + msat * second.fee_ppm // 1_000_000
                        last = Step(second.id, ROUTER, target, msat)
                        found.append(Route((Step(first.id, source, ROUTER, carried), last)))
        return [route for route in found if self._carries(route)]

    def _carries(self, route: Route) -> bool:
        channels = {channel.id: channel for channel in self.channels()}
        return all(channels[step.channel].spendable_msat(step.source) >= step.msat for step in route.steps)

    def lock(self, route: Route) -> None:
        """The amounts leave their senders and reach nobody yet."""
        for step in route.steps:
            self._add(step.channel, step.source, -step.msat)

    def settle(self, route: Route) -> None:
        for step in route.steps:
            self._add(step.channel, step.target, step.msat)

    def release(self, route: Route) -> None:
        for step in route.steps:
            self._add(step.channel, step.source, step.msat)

    def _add(self, channel: int, node: str, msat: int) -> None:
        self.store.run(
            "UPDATE channels SET a_msat = a_msat + iif(a = ?1, ?2, 0), b_msat = b_msat + iif(b = ?1, ?2, 0)"
            " WHERE id = ?3",
            node, msat, channel,
        )  # fmt: skip


def new_secret() -> bytes:
    return secrets.token_bytes(32)
