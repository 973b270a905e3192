"""What must hold after every fault, once all is quiet: nothing lost, nothing twice, nothing open."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.bank import Bank
from faults.load import Kind, Load, Op, Told
from faults.outside import Truth

QUIET_S = 180.0
INTERNAL, INSIDE, OUT, IN = 1, 2, 3, 4  # payment.kind
PAID, FAILED = 2, 3  # payment.state
PAYMENTS = """
select id::text, kind, state, amount, fee, coalesce(memo, ''), coalesce(encode(payment_hash, 'hex'), ''),
    extract(epoch from created_at), extract(epoch from concluded_at) from payment
"""
STATEMENTS = """
select count(*) from wallet w join ledger.account a on a.id = w.ledger_account
where a.held <> 0
    or a.balance <> coalesce((select sum(l.amount) from line l where l.wallet_id = w.id and l.status = 1), 0)
"""
CLOSED = "select string_agg(rail || ' by ' || closed_by || ': ' || reason, '; ') from closure"


@dataclass(frozen=True, slots=True)
class Row:
    """A payment in the books. Amounts in minor units, times in unix seconds."""

    id: str
    kind: int
    state: int
    amount: int
    fee: int | None
    memo: str
    hash: str
    created_at: float
    concluded_at: float | None

    @property
    def took_s(self) -> float:
        return float(self.concluded_at) - float(self.created_at) if self.concluded_at is not None else 0.0


@dataclass
class Settled:
    """All after a fault. ``wrong`` are sentences; none of them is good."""

    lost_msat: int = 0
    doubles: int = 0
    open: int = 0
    paid: int = 0
    acknowledged: int = 0
    quiet_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    truth: Truth | None = None

    @property
    def summary(self) -> str:
        return (
            f"lost {self.lost_msat} msat, duplicates {self.doubles}, open {self.open}; "
            f"{self.acknowledged} acknowledged of {self.paid} paid"
        )


def settle(bank: Bank, ops: Sequence[Op], *, since: float) -> Settled:
    """Wait until all is quiet, then compare. ``ops``: what was asked since ``since`` (unix seconds)."""
    found = Settled()
    found.quiet_s = wait_quiet(bank)
    found.open = unfinished(bank)
    found.truth = bank.outside.truth()
    rows = payments(bank)
    found.rows = [row for row in rows if row.created_at >= since]
    if found.open:
        found.wrong.append(f"{found.open} payments are not final after {QUIET_S:.0f} s")
    _node(bank, rows, found)
    _answers(ops, rows, found)
    if broken := bank.value(STATEMENTS):
        found.wrong.append(f"{broken} wallets are not the sum of their statement")
    if closed := bank.value(CLOSED):
        found.wrong.append(f"a rail was closed, and nothing was wrong: {closed}")
    try:
        bank.hazina("verify")
    except AssertionError as error:
        found.wrong.append(str(error)[:2000])
    return found


def wait_quiet(bank: Bank) -> float:
    """Until nothing is open, but not for ever; how many seconds it took."""
    began = time.monotonic()
    while unfinished(bank) and time.monotonic() - began < QUIET_S:
        time.sleep(0.5)
    return time.monotonic() - began


def unfinished(bank: Bank) -> int:
    """Payments that are not final, and receipts that the node has and the books do not."""
    waiting = int(bank.value("select count(*) from payment where state < 2"))
    truth = bank.outside.truth()
    booked = int(bank.value("select count(*) from payment where kind = 4 and state = 2"))
    return waiting + truth.in_flight + max(0, len(truth.received) - booked)


def payments(bank: Bank) -> list[Row]:
    with bank.as_owner() as connection:
        return [Row(*row) for row in connection.execute(PAYMENTS).fetchall()]


def _node(bank: Bank, rows: Sequence[Row], found: Settled) -> None:
    """The books against the node: hash by hash, and in sum to the millisatoshi."""
    truth = found.truth
    assert truth is not None
    lightning = int(bank.value("select balance from ledger.account where id = 1"))
    found.lost_msat = abs(truth.total_msat + lightning)  # what came in was booked as taken from this account
    if found.lost_msat:
        found.wrong.append(f"the node says {truth.total_msat} msat, the books say {-lightning}")
    if truth.moved_msat != truth.total_msat or truth.in_flight_msat:
        found.wrong.append(f"channels moved {truth.moved_msat}, {truth.in_flight_msat} msat are in flight")
    for name, kind, known in (("sent", OUT, truth.sent), ("received", IN, truth.received)):
        booked = Counter(row.hash for row in rows if row.kind == kind and row.state == PAID)
        again = [hash_ for hash_, times in booked.items() if times > 1]
        found.doubles += len(again)
        if again:
            found.wrong.append(f"{len(again)} payments {name} are booked more than once")
        if missing := set(known) - set(booked):
            found.wrong.append(f"{len(missing)} payments {name} are known to the node and not to the books: {missing}")
        if invented := set(booked) - set(known):
            found.wrong.append(f"{len(invented)} payments {name} are in the books and unknown to the node: {invented}")


def _answers(ops: Sequence[Op], rows: Sequence[Row], found: Settled) -> None:
    """What the customers were told, against the books."""
    by_memo = Counter(row.memo for row in rows if row.kind == INTERNAL and row.state == PAID)
    by_hash = Counter((row.kind, row.hash) for row in rows if row.state == PAID)
    kinds = {Kind.INSIDE: (INSIDE,), Kind.OUT: (OUT,), Kind.IN: (IN, INSIDE)}
    for op in ops:
        if op.kind is Kind.READ:
            continue
        if op.kind is Kind.INTERNAL:
            times = by_memo[op.memo]
        else:
            times = sum(by_hash[kind, op.hash] for kind in kinds[op.kind]) if op.hash else 0
        found.paid += times > 0
        if times > 1:
            found.doubles += 1
            found.wrong.append(f"{op.kind.value} {op.number} is booked {times} times")
        if op.told is Told.SUCCESS:
            found.acknowledged += 1
            if not times:
                found.wrong.append(f"{op.kind.value} {op.number} was acknowledged and is not in the books")
        if times and op.told in (Told.REFUSED, Told.NOT_SENT) and op.kind is not Kind.IN:
            found.wrong.append(f"{op.kind.value} {op.number} was refused ({op.said}) and is in the books")


# --- figures ----------------------------------------------------------------------------------------


def percentile(values: Sequence[float], hundredth: int) -> float:
    """0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * hundredth // 100)]


def p99_ms(load: Load, phase: str, *kinds: Kind) -> float:
    return percentile(waits(load, phase, *kinds), 99)


def p50_ms(load: Load, phase: str, *kinds: Kind) -> float:
    found = waits(load, phase, *kinds)
    return statistics.median(found) if found else 0.0


def waits(load: Load, phase: str, *kinds: Kind) -> list[float]:
    """Milliseconds from asking to an answer that says something certain."""
    good = (Told.SUCCESS, Told.PENDING, Told.REFUSED)
    return [op.ms for op in load.ops if op.phase == phase and op.told in good and (not kinds or op.kind in kinds)]


def told(ops: Sequence[Op], **also: Any) -> dict[str, int]:
    """How many were told what."""
    return dict(Counter(op.told.value for op in ops))


def slowest_s(rows: Sequence[Row]) -> float:
    """The 99th percentile from made to final, of payments that had a life."""
    return percentile([row.took_s for row in rows if row.concluded_at is not None], 99)
