"""What the books are told and what they answer: legs, transactions, units, results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from hazina.kernel.money import Amount, Asset, Price
from hazina.kernel.units import Claim, ClaimKind, EffectKind, Row

LEGS_MAX = 20
"""Most legs of one transaction."""


class BANK(IntEnum):
    """The bank's own accounts, made by migrations. They have no floor: what the outside paid in stands as a
    negative balance of LIGHTNING_BTC, ONCHAIN_BTC (hot coins), COLD_BTC or ISSUED_USD. REVERSED_BTC: what
    customers owe who spent a deposit that a reorganisation undid. CHAIN_FEES_BTC: miners' fees, as charged
    against as paid. OWN_BTC: coins of the bank itself. DEALER_BTC and DEALER_USD: every exchange is a leg into one and
    a leg out of the other, so dollars that customers have for bitcoin stand as a negative balance of DEALER_USD.
    EXCHANGE_BTC: coins at the exchange where the dollars are hedged, negative like all that lies outside; TRANSIT_BTC:
    between it and the hot wallet; HEDGE_BTC, HEDGE_FUNDING_BTC and HEDGE_FEES_BTC: what the hedge earned or cost."""

    LIGHTNING_BTC = 1
    ROUNDING_BTC = 2
    FEES_BTC = 3
    ISSUED_USD = 4
    ROUNDING_USD = 5
    ONCHAIN_BTC = 6
    COLD_BTC = 7
    REVERSED_BTC = 8
    CHAIN_FEES_BTC = 9
    OWN_BTC = 10
    DEALER_BTC = 11
    DEALER_USD = 12
    FEES_USD = 13
    EXCHANGE_BTC = 20
    TRANSIT_BTC = 21
    HEDGE_BTC = 22
    HEDGE_FUNDING_BTC = 23
    HEDGE_FEES_BTC = 24


class Op(IntEnum):
    TRANSFER = 1
    HOLD = 2
    POST = 3
    VOID = 4


@dataclass(frozen=True, slots=True)
class Leg:
    """One movement within one asset; made by the four functions below. ``amount``: minor units."""

    op: Op
    src: int
    dst: int
    amount: int
    ref: UUID | None


def transfer(src: int, dst: int, amount: Amount) -> Leg:
    """Money moves from ``src`` to ``dst``."""
    return Leg(Op.TRANSFER, src, dst, amount.n, None)


def hold(src: int, dst: int, amount: Amount, ref: UUID) -> Leg:
    """Money of ``src`` is set aside for ``dst``, under the hold's own id. It stays in the balance but
    cannot be spent."""
    return Leg(Op.HOLD, src, dst, amount.n, ref)


def post_hold(src: int, dst: int, amount: Amount, ref: UUID) -> Leg:
    """The hold ends and ``amount`` of it, whole or part, moves; the rest is free again."""
    return Leg(Op.POST, src, dst, amount.n, ref)


def void_hold(src: int, dst: int, ref: UUID) -> Leg:
    """The hold ends and all of it is free again."""
    return Leg(Op.VOID, src, dst, 0, ref)


@dataclass(frozen=True, slots=True)
class Txn:
    """Ordered legs of which all happen or none does. The floor holds leg by leg: let money come in
    before it goes out. ``kind`` is the asker's number for what this is. The same id again with the same
    kind and legs answers EXISTS, with others OTHER_BODY; ``price`` and ``meta`` are not compared.

    ``price`` must be given when a leg moves or holds bitcoin. ``payer_seq``: refuse (MOVED) when the first
    leg's payer has had an entry since that one.
    """

    id: UUID
    kind: int
    legs: tuple[Leg, ...]
    price: Price | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    payer_seq: int | None = None

    def __post_init__(self) -> None:
        assert 0 <= self.kind < 2**15, "kind is a small number"
        assert self.price is None or self.price.at.tzinfo is not None, "a price's time has a zone"


@dataclass(frozen=True, slots=True)
class Unit:
    """All of one step of a payment, in one commit: its claims, at most one transaction, its rows.

    Handed in again (after a crash, by a retry) it must not act twice. Its transaction's id sees to that;
    without a transaction there must be a claim that is lost the second time, such as a state transition.
    """

    id: UUID
    txn: Txn | None = None
    claims: tuple[Claim, ...] = ()
    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        assert self.txn is not None or self.claims, "a unit needs a transaction or a claim"

    @property
    def legs_n(self) -> int:
        return len(self.txn.legs) if self.txn is not None else 0


class Code(IntEnum):
    POSTED = 0
    EXISTS = 1  # the same id, the same body: it was done before, and its rows stand
    OTHER_BODY = 2
    SKIPPED = 3  # a claim was lost
    MOVED = 4
    FUNDS = 10
    NO_ACCOUNT = 11
    CLOSED = 12
    ASSETS = 13
    BAD_AMOUNT = 14
    SAME_ACCOUNT = 15
    NO_PRICE = 16
    NO_HOLD = 20
    ALREADY_POSTED = 21
    ALREADY_VOIDED = 22
    HOLD_TAKEN = 23
    OVER_HOLD = 24
    HOLD_ACCOUNTS = 25
    BAD_SHAPE = 30


@dataclass(frozen=True, slots=True)
class Result:
    """``leg``: number of the leg that failed, from 1. ``claim``, ``claim_code``, ``detail``: which kind of
    claim was lost, with that kind's own code and detail (with code SKIPPED only)."""

    code: Code
    leg: int = 0
    claim: str | None = None
    claim_code: int = 0
    detail: Any = None

    @property
    def ok(self) -> bool:
        """The unit stands in the books."""
        return self.code in (Code.POSTED, Code.EXISTS)


@dataclass(frozen=True, slots=True)
class Registry:
    """The kinds of claims and of rows that units may carry, in order: of running, and of locks."""

    claims: tuple[ClaimKind, ...] = ()
    effects: tuple[EffectKind, ...] = ()

    @classmethod
    def of(cls, claims: Iterable[ClaimKind] = (), effects: Iterable[EffectKind] = ()) -> Registry:
        """Raises ValueError for a name given twice."""
        made = cls(tuple(claims), tuple(effects))
        for names in ([kind.name for kind in made.claims], [kind.name for kind in made.effects]):
            if len(set(names)) != len(names):
                raise ValueError(f"a kind is registered twice: {sorted(names)}")
        return made

    def check(self, unit: Unit) -> None:
        """Raises ValueError when the unit carries a kind that nobody registered."""
        known_claims = {kind.name for kind in self.claims}
        known_rows = {kind.name for kind in self.effects}
        strange = {c.kind for c in unit.claims} - known_claims | {r.kind for r in unit.rows} - known_rows
        if strange:
            raise ValueError(f"kinds that are not registered: {sorted(strange)}")


@dataclass(frozen=True, slots=True)
class Balance:
    """Of an account, in its asset's minor units. ``seq``: number of its last entry."""

    asset: Asset
    balance: int
    held: int
    seq: int

    @property
    def available(self) -> int:
        """What is not held."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of an account: of its balance (``amount``), of what is held of it (``held``), or both."""

    account: int
    seq: int
    amount: int
    balance_after: int
    held: int
    held_after: int
    at: datetime
    txn: UUID
    leg: int
