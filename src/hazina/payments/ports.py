"""What payments needs from a Lightning node. LND and Electrum fit behind it.

Rules that every caller keeps, because no node can promise more:

1. "About to pay hash H on node N" is committed before ``pay`` is called.
2. ``NodeSilent`` (or any other exception) from ``pay`` means *unknown*: the money waits.
3. Only a change or ``outgoing`` says how a payment ended.
4. A customer is credited for an ``Incoming`` in state ``SETTLED``, with what arrived, once per hash.
5. A hash tried on one node goes to another only after the first says ``FAILED``.
6. Where the node is not ``fenced``, a failure counts only when no call can still be on its way: when every call
   was answered, or when the invoice has expired (nodes refuse those).

Payment hashes and preimages are 32 raw bytes; amounts are millisatoshi.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from hazina.kernel.money import Msats


class NodeSilent(Exception):
    """The node gave no answer that can be read: a timeout, a cut or empty reply, a text that is not
    the node's own. Whatever was asked may or may not have happened."""


class NodeRefused(Exception):
    """The node answered, and it was no. Nothing was done. The text is the node's, for operators."""


class Reason(Enum):
    """Why a payment was refused or failed, as far as the node says."""

    EXPIRED = "expired"
    NO_ROUTE = "no_route"
    NO_BALANCE = "no_balance"
    REJECTED = "rejected"  # the payee did not want it
    TIMEOUT = "timeout"
    FEE_LIMIT = "fee_limit"
    OWN_INVOICE = "own_invoice"
    BAD_INVOICE = "bad_invoice"  # unreadable, another network, an amount too many or missing
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice that the node stands behind. ``preimage`` None: whoever asked for a hold invoice has it."""

    payment_hash: bytes
    bolt11: str
    payment_secret: bytes
    preimage: bytes | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Surely nobody can pay it any more (also said for a hash that the node never knew)."""


@dataclass(frozen=True, slots=True)
class AlreadySettled:
    """Too late: it was paid."""


class IncomingState(Enum):
    OPEN = "open"
    HELD = "held"  # parts have arrived, nothing is ours yet
    SETTLED = "settled"
    CANCELLED = "cancelled"  # cancelled or expired: LND knows no difference


@dataclass(frozen=True, slots=True)
class Incoming:
    """One of our invoices as the node sees it. ``received`` is what arrived (payers may send more than
    was asked); zero unless ``SETTLED``. ``held``: what has arrived and may still go back; zero unless ``HELD``."""

    payment_hash: bytes
    state: IncomingState
    received: Msats
    preimage: bytes | None
    settled_at: datetime | None
    bolt11: str
    held: Msats = field(default=Msats(0))


class OutgoingState(Enum):
    UNKNOWN = "unknown"  # the node surely never started it
    IN_FLIGHT = "in_flight"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A payment of ours as the node sees it. ``fee`` and ``preimage`` are set when it succeeded, the
    preimage checked against the hash; ``amount`` is without the fee. Only ``state`` decides. ``parts``: how
    many parts (HTLCs) are on their way, where the node says so."""

    payment_hash: bytes
    state: OutgoingState
    amount: Msats | None = None
    fee: Msats | None = None
    preimage: bytes | None = None
    reason: Reason | None = None
    parts: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Paid:
    """What left the node after a place in its list. The next look begins at ``cursor``. Payments that had not
    ended keep it back: what stands behind them will be told ``again``."""

    items: tuple[Outgoing, ...]
    cursor: str
    again: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The node has the payment, now or from an earlier call; its end comes by ``changes`` or ``outgoing``."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Surely nothing left: the node answered no within the caller's time, and it has no record of the hash.
    ``text`` is for operators."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """News from the node, at least once, in order for one hash. Store ``cursor`` in the transaction
    that records ``item``; it is None until the first listing is complete."""

    item: Incoming | Outgoing
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What not every node can. ``repeatable``: an invoice asked for again with its preimage is the same (else each
    is new, with a preimage of the node's). ``hold``: hold invoices. ``msats``: invoices over parts of a satoshi.
    ``any_amount``: paying invoices without an amount. ``quote``: a route's fee beforehand. ``fenced``: the node
    itself refuses a ``pay`` that comes after its ``not_after``. ``failures``: the feed tells of payments that
    failed, whichever process sent them. ``description_hash``: invoices that bear the hash of a description."""

    repeatable: bool = True
    hold: bool = True
    msats: bool = True
    any_amount: bool = True
    quote: bool = True
    fenced: bool = True
    failures: bool = True
    description_hash: bool = True


@dataclass(frozen=True, slots=True)
class Balance:
    """What its usable channels can move now, reserves left out; ``pending``: what is in flight. ``own``: all that is
    ours in its channels, usable or not, with what is on its way out and without what is on its way in: so it is only
    changed by what has ended; None: the node does not say. ``blur``: so much ``own`` may be off, by the node's own
    rounding."""

    can_send: Msats
    can_receive: Msats
    pending_out: Msats
    pending_in: Msats
    own: Msats | None = None
    blur: Msats = field(default_factory=lambda: Msats(0))


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a node must not be used. ``code``: NETWORK, VERSION, SUBSERVER, TOO_MUCH_POWER, TOO_LITTLE_POWER,
    WALLET. ``text`` is for operators."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """``network`` is the HRP part of its invoices: bc, tb, tbs or bcrt."""

    pubkey: bytes
    network: str
    alias: str
    height: int
    synced: bool
    version: str


class Lightning(Protocol):
    """Every call may raise ``NodeSilent``; calls that ask the node to do or show something may raise
    ``NodeRefused``, except ``pay``, whose refusal is a value. None may be called in a transaction."""

    @property
    def name(self) -> str:
        """The node's name in our books, such as ``lnd-1``."""
        ...

    @property
    def can(self) -> Capabilities: ...

    async def issue(
        self, *, preimage: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        """An invoice for a preimage that the caller chose, so that asking again gives the same invoice; a node
        that is not ``repeatable`` takes one of its own, and ``Issued`` has it. At most 639 bytes of description.
        Without an amount the payer chooses it. ``description_hash``: stands in the invoice instead (BOLT 11, tag
        ``h``); for nodes that ``can`` only."""
        ...

    async def issue_hold(
        self, *, payment_hash: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        """An invoice whose money is held until ``settle`` or ``cancel``: what is paid stays in flight, and
        the node gives it back by itself when its blocks run out. Asking again is refused or gives the same."""
        ...

    async def settle(self, payment_hash: bytes, preimage: bytes) -> None:
        """Take what a hold invoice holds. May be repeated. ``NodeRefused``: it holds nothing (any more). That it
        was taken is only true when ``incoming`` says so."""
        ...

    async def cancel(self, payment_hash: bytes) -> Cancelled | AlreadySettled:
        """Make an invoice unpayable. May be repeated."""
        ...

    async def held(self) -> list[bytes]:
        """The hashes of the hold invoices that hold money now. Cheap when none does."""
        ...

    async def incoming(self, payment_hash: bytes) -> Incoming | None:
        """One invoice; None when the node does not know the hash (some forget what was cancelled)."""
        ...

    async def pay(
        self, bolt11: str, *, amount: Msats | None, fee_max: Msats, timeout_s: int, not_after: datetime
    ) -> Accepted | Refused:
        """Hand a payment to the node; returns as soon as the node has it. ``amount`` only for an invoice
        without one. ``timeout_s`` bounds new attempts, not the payment. The node itself refuses the call
        when it arrives after ``not_after``. The same hash again: ``Accepted``, never paid twice."""
        ...

    async def outgoing(self, payment_hash: bytes) -> Outgoing:
        """How a payment stands now. ``UNKNOWN`` is only final once ``not_after`` of the last ``pay`` is past."""
        ...

    async def quote(self, bolt11: str, amount: Msats | None, timeout_s: int) -> Msats | None:
        """What the route would cost, a lower bound; None when the node finds none or cannot say."""
        ...

    def changes(self, cursor: str | None) -> AsyncGenerator[Change, None]:
        """Settled invoices after ``cursor`` and then, as they happen, settled invoices and every payment
        that ends. What ended while nobody listened is told for invoices only: look up each payment still
        in flight after a (re)start. Ends by itself now and then; ends with ``NodeSilent`` when the node
        goes away. Call again with the last stored cursor."""
        ...

    async def settled_since(self, cursor: str | None) -> list[Change]:
        """For reconciliation: every invoice settled after ``cursor``, by listing. May be slow."""
        ...

    async def info(self) -> NodeInfo:
        """The node's state; answers within a few seconds or raises. Do not send while it fails."""
        ...

    async def balance(self) -> Balance: ...

    async def unfit(self, network: str) -> list[Unfit]:
        """Why this node must not be used by a bank on ``network`` (as ``NodeInfo.network``): none, when all is
        well. Asked when the bank starts."""
        ...


class Listing(Protocol):
    """What a node says of its own past: for whoever compares it with the books. Calls raise as those of
    ``Lightning``."""

    @property
    def name(self) -> str: ...

    async def settled_since(self, cursor: str | None) -> list[Change]:
        """Every invoice settled after ``cursor``, oldest first; None: from the beginning."""
        ...

    async def paid_since(self, cursor: str | None) -> Paid:
        """Every payment that succeeded after ``cursor``; None: from the beginning."""
        ...

    async def incoming(self, payment_hash: bytes) -> Incoming | None: ...

    async def outgoing(self, payment_hash: bytes) -> Outgoing: ...

    async def balance(self) -> Balance: ...
