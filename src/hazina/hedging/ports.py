"""What the hedge needs of an exchange with inverse perpetual swaps.

Whatever is asked by client id can be asked for by it. A call that raises ``VenueSilent`` may have acted; one that
raises ``VenueRefused`` surely has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from hazina.hedging.model import Bill, BillKind, Instrument, Limits, Position, Trading
from hazina.kernel.money import Msats, Price

__all__ = [
    "Bill", "BillKind", "Coins", "Instrument", "Limits", "Position", "Progress", "Refused", "Stage", "Trading",
    "Venue", "VenueRefused", "VenueSilent",
]  # fmt: skip


class Refused(Enum):
    """What a refusal means for us."""

    LATER = "later"  # busy, under maintenance, rate limit: not done
    SHORT = "short"  # not enough collateral or balance
    KNOWN = "known"  # this client id is there already: ask for it
    WRONG = "wrong"  # it will not be taken like this: size, address, limit
    LOCKED = "locked"  # keys, signature, clock, permissions: people must look


class VenueSilent(Exception):
    """No answer, or none that can be read: whether it was done is unknown."""


class VenueRefused(Exception):
    """The exchange said no; nothing was done."""

    def __init__(self, why: Refused, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.why = why
        self.code = code


class Stage(Enum):
    PENDING = "pending"
    DONE = "done"  # of an order: filled, whole or in part, and nothing more will be
    FAILED = "failed"  # nothing of it was done, and nothing will be


@dataclass(frozen=True, slots=True)
class Progress:
    """What the exchange says of a client id. ``cents``: filled of an order, in US cents of face value."""

    stage: Stage
    cents: int = 0
    txid: str | None = None
    fee_sats: int = 0
    said: str = ""


@dataclass(frozen=True, slots=True)
class Coins:
    """Coins that came to the exchange or left it on-chain. ``credited``: they are in the balance (of a withdrawal:
    they are gone from it). ``client_id``: of a withdrawal that was asked for by us."""

    id: str
    at: datetime
    sats: int
    credited: bool
    txid: str | None = None
    fee_sats: int = 0
    client_id: str | None = None


class Venue(Protocol):
    """An exchange. Every method raises ``VenueSilent`` and ``VenueRefused``."""

    async def fit(self) -> str | None:
        """Why the account there cannot be used for this, or None."""
        ...

    async def instrument(self) -> Instrument: ...

    async def mark(self) -> Price:
        """What the exchange values the position at."""
        ...

    async def position(self) -> Position: ...

    async def trading(self) -> Trading: ...

    async def funding(self) -> Msats:
        """What lies beside the trading account."""
        ...

    async def bills(self, after: str | None) -> Sequence[Bill]:
        """Changes of the trading account's balance since that bill, oldest first; None: only the newest one."""
        ...

    async def place(self, client_id: str, cents: int, expires_at: datetime) -> None:
        """A market order that lets the short grow by ``cents`` (below zero: shrink, and never more than to nothing).
        Refused by the exchange when it arrives after ``expires_at``."""
        ...

    async def order(self, client_id: str) -> Progress | None:
        """None: the exchange does not know it."""
        ...

    async def cancel(self, client_id: str) -> None: ...

    async def transfer(self, client_id: str, sats: int) -> None:
        """Into the trading account (below zero: out of it). The same client id again is not done again."""
        ...

    async def transferred(self, client_id: str) -> Progress | None: ...

    async def limits(self) -> Limits: ...

    async def address(self) -> str:
        """Where coins for the funding account are sent to."""
        ...

    async def withdraw(self, client_id: str, sats: int, address: str, fee_sats: int) -> None:
        """From the funding account. The same client id again is not done again."""
        ...

    async def withdrawn(self, client_id: str) -> Progress | None: ...

    async def deposits(self) -> Sequence[Coins]:
        """The newest that came in."""
        ...

    async def withdrawals(self) -> Sequence[Coins]:
        """The newest that left."""
        ...

    async def close(self) -> None: ...
