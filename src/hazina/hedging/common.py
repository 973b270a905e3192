"""What the journeys of the hedge share."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from hazina.chain import Chain
from hazina.dealer import Prices
from hazina.hedging.model import Policy
from hazina.hedging.ports import Venue
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.ledger import Books, Code, Unit, apply_units

OWNER = UUID("9b0d7c1f-4f0e-4c57-8f3c-3a1d5e6b7a20")
"""Of the addresses to which coins come back from the exchange; and the request by which the one is made. It is always
the same address: exchanges send only to addresses that people have confirmed there."""
PAYER = "hedging"
"""Whose payouts the deposits are."""


@dataclass(frozen=True, slots=True)
class Parts:
    """``chain`` None: this bank has no Bitcoin node, and no coins go between it and the exchange by themselves."""

    db: Database
    clock: Clock
    books: Books
    prices: Prices
    venue: Venue
    chain: Chain | None
    policy: Policy = field(default_factory=Policy)


class NotBooked(Exception):
    """The books refused a unit: its whole transaction is rolled back, and somebody must look."""


async def book(tx: Tx, parts: Parts, units: list[Unit | None]) -> None:
    """The last step of a transaction."""
    wanted = [one for one in units if one is not None]
    if not wanted:
        return
    for unit, result in zip(wanted, await apply_units(tx, parts.books.registry, wanted), strict=True):
        if result.code is not Code.POSTED:
            raise NotBooked(f"{unit.id}: {result}")
