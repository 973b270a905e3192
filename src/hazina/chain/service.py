"""The door of chain: addresses, fees, events."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from hazina.chain import store
from hazina.chain.common import Parts
from hazina.chain.model import Address, ChainEvent, FeeQuote, Output, Policy, Speed
from hazina.chain.ports import Bitcoin
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx


class Chain:
    def __init__(self, db: Database, clock: Clock, bitcoin: Bitcoin, policy: Policy | None = None) -> None:
        self.parts = Parts(db, clock, bitcoin, policy or Policy())

    async def current_address(self, owner: UUID) -> Address:
        """The owner's newest address; a fresh one once that has received something."""
        raise NotImplementedError

    async def new_address(self, owner: UUID, request: UUID | None = None) -> Address:
        """One more address. The same ``request`` again: the same address."""
        raise NotImplementedError

    async def estimate(self, sats: int | None, speed: Speed, address: str | None) -> FeeQuote:
        """What the network would take for one payout, by the stored rates: the node is not asked."""
        raise NotImplementedError

    async def events(self, after: int, limit: int) -> list[ChainEvent]:
        """What happened after ``after``, in order."""
        async with self.parts.db.reading() as tx:
            return await store.events_after(tx, after, limit)

    async def outputs(self, owners: Sequence[UUID]) -> list[Output]:
        """Payments on their way to these owners, newest first: seen, not settled."""
        async with self.parts.db.reading() as tx:
            return await store.pending_outputs(tx, owners)

    async def watch(self) -> None:
        """Follow the chain, for ever; one worker at a time."""
        raise NotImplementedError

    async def payouts(self) -> None:
        """Build, broadcast, bump, for ever; one worker at a time."""
        raise NotImplementedError


async def owner_of(tx: Tx, address: str) -> Address | None:
    """The bank's own address of this text, whoever it belongs to (``owner`` None: the bank itself)."""
    return await store.address(tx, address)
