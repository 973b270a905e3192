"""The bank's invariants by name: what each means, where it is held, and what closes when it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from hazina.safety import Closure, Rail


class State(Enum):
    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"  # the last look learned nothing: a part did not answer
    NEVER = "never looked at"
    ABSENT = "not applicable"  # there is nothing yet that it could be true of


@dataclass(frozen=True, slots=True)
class Invariant:
    """``held``: what keeps it from breaking; ``checks``: what would notice, every minute and at night.
    ``closes``: what no money leaves by while it is broken; None: somebody is only told. ``absent``: when there is
    nothing that it could be true of."""

    name: str
    title: str
    meaning: str
    held: str
    checks: tuple[str, ...]
    closes: Rail | None = None
    absent: str = ""


INVARIANTS = (
    Invariant(
        "I1", "Zero sum",
        "The entries of each transaction, and all balances of an asset, sum to zero.",
        "statement trigger on ledger.entry; every minute for new entries; all balances at night",
        ("zero-sum", "bank-sum"), Rail.BANK,
    ),
    Invariant(
        "I2", "No debt",
        "No customer's balance is under zero, with what is set aside counted as gone.",
        "check constraint on ledger.account; every minute for new entries and a slice of accounts; all at night",
        ("floor", "account-floor"), Rail.BANK,
    ),
    Invariant(
        "I3", "Balances follow from entries",
        "Each account says what its chain of entries says, and each entry what its transaction's leg says.",
        "trigger on ledger.account; every minute for new entries and a slice of accounts; all at night",
        (
            "balance-chain", "held-chain", "sequence", "account-known", "account-row", "held-is-open-holds",
            "transaction-known", "entry-is-leg", "leg-has-entries", "price",
        ), Rail.BANK,
    ),
    Invariant(
        "I4", "Payments end once",
        "Each payment is in the books, and paid or given back once, for no more than its payer allowed; what is"
        " set aside is the sum of open payments.",
        "constraints on ledger.hold and payment, claims of the units; every minute for what moved, what is open and a"
        " slice of accounts; all at night",
        (
            "payment-posted", "payment-ended-once", "payment-exchanged", "payment-charged", "fee-limit",
            "payment-price", "line-agrees", "payment-has-lines", "posting-has-payment", "suspense", "hold-opened",
            "hold-ended", "hold-kept",
        ), Rail.BANK,
    ),
    Invariant(
        "I5", "Node truth",
        "What the node says that it received and paid is what the books say, but for what is under way.",
        "every minute, from the node's own lists",
        ("node-total",), Rail.LIGHTNING,
    ),
    Invariant(
        "I6", "Nothing is missing on either side",
        "Each payment and each settled invoice of the node has one posting, and each posting one of them.",
        "every minute, item by item; preimages and receipts at night",
        ("node-items", "payment-preimage", "invoice-preimage", "invoice-credited"), Rail.LIGHTNING,
    ),
    Invariant(
        "I7", "Used once",
        "A hash, a key, a transaction's id, a hold and a username are used once.",
        "primary keys and unique indexes; every minute that they stand; each hash's payment every minute and at night",
        ("unique", "hash-once"),
    ),
    Invariant(
        "I8", "History only grows",
        "Entries and transactions are only added to, and their number never falls; lines of the audit log neither"
        " change nor go.",
        "triggers, and a role that cannot write the tables; every minute that the triggers are on; the number, and the"
        " audit log's chain, at night",
        ("guards", "history-grows", "audit-chain", "audit-linked"),
    ),
    Invariant(
        "I9", "Nothing hangs",
        "No payment waits for more than ten minutes without money on its way; what the chain tells is booked, and"
        " each withdrawal is sent or given back.",
        "every minute, by asking the node, and by the age of what waits for the chain",
        ("no-orphan-pending", "events-booked", "payout-waits"),
    ),
    Invariant(
        "I10", "Dollars are hedged",
        "The position at the exchange is within its band of the dollars owed for bitcoin, and what lies there is what"
        " the books say.",
        "the hedge's round, every five seconds; every minute as that left it, five minutes after it left the band",
        ("hedge-band", "hedge-agrees"),
        absent="the hedge is off: the risk of dollars owed for bitcoin is the bank's",
    ),
    Invariant(
        "I11", "Limits count what was paid",
        "What counts against an account's limits is the value of its payments that did not fail.",
        "claims of the units; every minute for new payments of the last day; all of the last day at night",
        ("limit-used", "limit-has-payment"),
    ),
    Invariant(
        "I12", "Everybody hears",
        "Facts reach their listeners.",
        "every minute, as the wait of the oldest fact that may not be read yet; no listener keeps a place of its own"
        " yet",
        ("facts-flow",),
    ),
    Invariant(
        "I13", "Coins are booked once",
        "Each output that settled is in the books once, each reversed one not at all; each posting of coins has its"
        " output, payout or transfer.",
        "the place in the chain's log moves in the commit that books; every minute for what was booked; all at night",
        (
            "deposit-booked", "deposit-shared", "deposit-told", "output-credited", "posting-has-output",
            "withdrawal-booked",
        ), Rail.ONCHAIN,
    ),
)  # fmt: skip
BY_CHECK = {check: one for one in INVARIANTS for check in one.checks}


def drawing() -> str:
    """The invariants as a page of Markdown."""
    parts = ["# What must always hold", "", "Drawn from `watch/model.py`; do not edit.", ""]
    for one in INVARIANTS:
        ends = f"closes **{one.closes.value}**" if one.closes else "an alarm"
        parts += [f"## {one.name} {one.title}", "", one.meaning, "", f"- Held by: {one.held}."]
        parts += [f"- When it breaks: {ends}."] if one.checks else []
        parts += [f"- Not applicable while {one.absent}."] if one.absent else []
        if one.checks:
            parts.append(f"- Checks: {', '.join(f'`{name}`' for name in one.checks)}.")
        parts.append("")
    return "\n".join(parts)


PLAIN = {
    Rail.BANK: "An automatic check found that the books do not agree. Nothing is sent until people have looked.",
    Rail.ONCHAIN: "The Bitcoin node and the books differ. Nothing is sent on-chain until people have looked.",
    Rail.LIGHTNING: "The Lightning node and the books differ. Nothing is sent over Lightning until people have looked.",
}
"""What customers read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An invariant as it was last seen. ``checked_at``: when that was known."""

    invariant: Invariant
    state: State
    checked_at: datetime | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """A check that failed and is not over. ``broken``: rows that break it, ``offending``: the first of them."""

    id: int
    invariant: str
    check: str
    description: str
    at: datetime
    broken: int
    offending: list[dict[str, Any]]
    closure_id: int | None


@dataclass(frozen=True, slots=True)
class Money:
    """In minor units. ``customers``: what is owed to them; ``elsewhere``: by name of the bank's own accounts."""

    asset: str
    customers: int
    own: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    standings: tuple[Standing, ...]
    breaches: tuple[Breach, ...]
    closures: tuple[Closure, ...]
    at: datetime
