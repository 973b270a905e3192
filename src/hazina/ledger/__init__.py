"""The ledger owns the books: accounts of one asset each, and every movement of money between them.

Double entry in integer minor units. Money moves by units (claims, one transaction of ordered legs,
rows), which ``Books.commit`` takes to the group writer, or ``apply_units`` does as the last step of a
transaction of one's own. The same id again is the same movement. PostgreSQL itself holds that entries
are only added, that each transaction sums to zero in each asset, and that no floor is passed.
"""

from hazina.kernel.checks import Check
from hazina.ledger.apply import apply_units
from hazina.ledger.checks import Recent, checks_since, recent
from hazina.ledger.errors import LedgerBusy, LedgerUnavailable, OutcomeUnknown
from hazina.ledger.model import (
    BANK,
    Balance,
    Code,
    Entry,
    Leg,
    Op,
    Registry,
    Result,
    Txn,
    Unit,
    hold,
    post_hold,
    transfer,
    void_hold,
)
from hazina.ledger.service import Books
from hazina.ledger.store import balance_at, balances, close_account, entries, entries_after, open_account
from hazina.ledger.verify import verify
from hazina.ledger.writer import Figures, Limits

__all__ = [
    "BANK",
    "Balance",
    "Books",
    "Check",
    "Code",
    "Entry",
    "Figures",
    "LedgerBusy",
    "LedgerUnavailable",
    "Leg",
    "Limits",
    "Op",
    "OutcomeUnknown",
    "Recent",
    "Registry",
    "Result",
    "Txn",
    "Unit",
    "apply_units",
    "balance_at",
    "balances",
    "checks_since",
    "close_account",
    "entries",
    "entries_after",
    "hold",
    "open_account",
    "post_hold",
    "recent",
    "transfer",
    "verify",
    "void_hold",
]
