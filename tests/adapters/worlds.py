"""What stands around a Lightning node under test: wallets outside that pay it and are paid. The same verbs for the
sandbox's LND and for real nodes, so that one suite tries every adapter."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Protocol

from tests.sandbox.process import SandboxProcess

from hazina.adapters.electrum import Electrum
from hazina.adapters.lnd import Lnd
from hazina.kernel import bolt11 as bolt
from hazina.payments.ports import Lightning, Listing
from hazina.sandbox.real.network import END, ROUTER, Network

SAT = 1_000


class Node(Lightning, Listing, Protocol):
    """All that the bank asks of a node."""


class World(Protocol):
    """``node`` is under test; the others belong to the wallet outside. Amounts are millisatoshi."""

    @property
    def node(self) -> Node: ...
    @property
    def rich_msat(self) -> int:
        """More than the node can send."""
        ...

    async def invoice(
        self, msat: int | None, *, expiry_s: int = 600, hold: bool = False, far: bool = False
    ) -> tuple[str, bytes]:
        """``far``: surely of a wallet that is only reached through a node that charges."""
        ...

    async def pays(self, bolt11: str, msat: int | None = None) -> str:
        """SUCCEEDED, FAILED, or IN_FLIGHT when the node holds it."""
        ...

    async def settles(self, payment_hash: bytes) -> None: ...
    async def cancels(self, payment_hash: bytes) -> None: ...
    async def received(self, payment_hash: bytes) -> tuple[str, int]:
        """State of an invoice outside (OPEN, ACCEPTED, SETTLED, CANCELED), and what came."""
        ...

    async def is_over(self, bolt11: str) -> str:
        """How a payment that was IN_FLIGHT ended."""
        ...


@dataclass(slots=True)
class Played:
    """The sandbox's LND, and its outside wallet behind a router that charges."""

    node: Node
    sandbox: SandboxProcess
    rich_msat: int = 9_999_999_000_000

    async def invoice(
        self, msat: int | None, *, expiry_s: int = 600, hold: bool = False, far: bool = False
    ) -> tuple[str, bytes]:
        body = {"expirySeconds": expiry_s, "hold": hold, **({"amountMsat": msat} if msat else {})}
        made = await self.sandbox.control("POST", "/lightning/invoices", body)
        return made["paymentRequest"], bytes.fromhex(made["paymentHash"])

    async def pays(self, bolt11: str, msat: int | None = None) -> str:
        body = {"paymentRequest": bolt11, **({"amountMsat": msat} if msat else {})}
        return str((await self.sandbox.control("POST", "/lightning/payments", body))["status"])

    async def settles(self, payment_hash: bytes) -> None:
        await self.sandbox.control("POST", f"/lightning/invoices/{payment_hash.hex()}/settle")

    async def cancels(self, payment_hash: bytes) -> None:
        await self.sandbox.control("POST", f"/lightning/invoices/{payment_hash.hex()}/cancel")

    async def received(self, payment_hash: bytes) -> tuple[str, int]:
        seen = await self.sandbox.control("GET", f"/lightning/invoices/{payment_hash.hex()}")
        return seen["state"], seen["receivedMsat"]

    async def is_over(self, bolt11: str) -> str:
        async with asyncio.timeout(60):
            while (status := await self.pays(bolt11)) == "IN_FLIGHT":
                await asyncio.sleep(0.05)
        return status


@dataclass(slots=True)
class Real:
    """A real node, and the real node at the other end of its channel."""

    node: Electrum | Lnd
    network: Network
    rich_msat: int = 20 * 10**8 * SAT
    secrets: dict[bytes, bytes] = field(default_factory=dict)
    held: dict[str, asyncio.Task[str]] = field(default_factory=dict)

    async def invoice(
        self, msat: int | None, *, expiry_s: int = 600, hold: bool = False, far: bool = False
    ) -> tuple[str, bytes]:
        outside = self.network.nodes[END if far else ROUTER]
        if not hold:
            name, text = await outside.issue(msat, "outside", expiry_s)
            return text, bytes.fromhex(name)
        secret = secrets.token_bytes(32)
        payment_hash = hashlib.sha256(secret).digest()
        self.secrets[payment_hash] = secret
        _, text = await outside.issue(msat, "held", expiry_s, payment_hash.hex())
        return text, payment_hash

    async def pays(self, bolt11: str, msat: int | None = None) -> str:
        async def paying() -> str:
            return (await self.network.nodes[ROUTER].pay(bolt11, msat)).status

        task = asyncio.create_task(paying())
        payment_hash = bolt.decode(bolt11).payment_hash
        while not (await asyncio.wait({task}, timeout=0.1))[0]:
            if payment_hash in await self.node.held():
                self.held[bolt11] = task
                return "IN_FLIGHT"
        return task.result()

    async def settles(self, payment_hash: bytes) -> None:
        await self.network.nodes[ROUTER].settle(self.secrets[payment_hash].hex())

    async def cancels(self, payment_hash: bytes) -> None:
        await self.network.nodes[ROUTER].cancel(payment_hash.hex(), hold=payment_hash in self.secrets)

    async def received(self, payment_hash: bytes) -> tuple[str, int]:
        hold = payment_hash in self.secrets
        return await self.network.nodes[ROUTER].invoice_state(payment_hash.hex(), hold=hold)

    async def is_over(self, bolt11: str) -> str:
        async with asyncio.timeout(60):
            return await self.held.pop(bolt11)
