"""The door of chain: addresses, fees, events, and the loops that keep them true."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import UUID

from hazina.chain import addresses, rates, store, watcher
from hazina.chain.batch import PayoutPolicy
from hazina.chain.common import Parts
from hazina.chain.model import Address, ChainEvent, FeeQuote, FeeRate, Output, Policy, Speed, Standing
from hazina.chain.payouts import Payouts
from hazina.chain.ports import Bitcoin, NodeRefused, NodeSilent, Wallets
from hazina.chain.treasury import Treasury
from hazina.chain.watcher import Watcher
from hazina.kernel.addresses import Destination, read
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.safety import Safety

START_S = 10.0
"""A node that takes longer to answer does not keep the bank from starting."""


class Chain:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        bitcoin: Bitcoin,
        wallets: Wallets,
        network: Network,
        policy: Policy | None = None,
        payouts: Payouts | None = None,
    ) -> None:
        policy = policy or Policy.of(network)
        self.parts = Parts(db, clock, bitcoin, network, policy)
        self.payouts = payouts or Payouts(db, clock, wallets, PayoutPolicy.of(network), policy)
        self.treasury = Treasury(db, clock, wallets, self.payouts, Safety(db, clock))

    # --- addresses

    async def current_address(self, owner: UUID) -> Address:
        """The owner's newest address; a fresh one once that has received something.

        :raises OnchainUnavailable: a new one is needed, and the node is away.
        """
        return await addresses.current_address(self.parts, owner)

    async def new_address(self, owner: UUID, request: UUID | None = None) -> Address:
        """One more address. The same ``request`` again: the same address.

        :raises OnchainUnavailable:
        """
        return await addresses.new_address(self.parts, owner, request)

    def check_address(self, text: str) -> Destination:
        """The address that ``text`` is; the node is not asked.

        :raises AddressUnreadable, AddressForeignNetwork, AddressWrongChecksum, AddressFutureVersion:
        """
        return read(text, self.parts.network)

    # --- fees

    async def estimate(self, sats: int | None, speed: Speed, address: str | None) -> FeeQuote:
        """What a payout costs at most, by the stored rates: the node is not asked. (``sats`` plays no part: which
        coins will be spent is not known before a batch is built.)

        :raises OnchainUnavailable: the rates are too old.
        """
        return await rates.estimate(self.parts, speed, address)

    async def rate(self, speed: Speed) -> FeeRate:
        """:raises OnchainUnavailable: the rates are too old."""
        return await rates.rate(self.parts, speed)

    async def refresh_rates(self) -> None:
        """Ask the node for its rates: a loop of any worker. Raises NodeSilent, NodeRefused."""
        await rates.refresh(self.parts)

    # --- what happened

    async def events(self, after: int, limit: int) -> list[ChainEvent]:
        """What happened after ``after``, in order."""
        async with self.parts.db.reading() as tx:
            return await store.events_after(tx, after, limit)

    async def outputs(self, owners: Sequence[UUID]) -> list[Output]:
        """Payments on their way to these owners, newest first: seen, not settled. At most 100."""
        async with self.parts.db.reading() as tx:
            return await store.pending_outputs(tx, owners)

    async def standing(self) -> Standing | None:
        """How the node was when it last answered, and how far the watch is; None before the first time."""
        async with self.parts.db.reading() as tx:
            return await store.standing(tx)

    async def tip(self) -> tuple[int, str] | None:
        """Height and hash of the newest block that was taken in; None before the first."""
        async with self.parts.db.reading() as tx:
            found = await store.cursor(tx)
        return None if found is None else (found.height, found.hash)

    async def trouble(self) -> str | None:
        """What keeps deposits from being seen, for operators; None when all is well."""
        found = await self.standing()
        if found is None:
            return "the watch over the chain has not begun: is a worker running, and does the Bitcoin node answer?"
        return found.trouble(self.parts.clock.now(), self.parts.policy)

    async def pending_count(self) -> int:
        """How many deposits are seen and not settled."""
        async with self.parts.db.reading() as tx:
            return await store.waiting_count(tx)

    async def examine(self) -> str:
        """Ask the node itself, for operators; what it is.

        :raises NodeUnfit, NodeSilent, NodeRefused:
        """
        info = await self.parts.bitcoin.info()
        async with self.parts.db.reading() as tx:
            watcher.must_fit(info, self.parts.network, await store.cursor(tx))
        return f"version {info.version:,} at block {info.height:,}"

    # --- what runs beside the requests

    async def start(self) -> None:
        """At start-up: refuse a node that cannot serve this bank. One that is away now is waited for by the watch.

        :raises NodeUnfit:
        """
        with contextlib.suppress(NodeSilent, NodeRefused, TimeoutError):
            async with asyncio.timeout(START_S):
                await watcher.begin(self.parts, await self.parts.bitcoin.info())

    async def watch(self) -> None:
        """Follow the chain, for ever; one worker at a time."""
        await Watcher(self.parts).run()


async def owner_of(tx: Tx, address: str) -> Address | None:
    """The bank's own address of this text, whoever it belongs to (``owner`` None: the bank itself). ``address`` as
    ``check_address`` writes it."""
    return await store.address(tx, address)
