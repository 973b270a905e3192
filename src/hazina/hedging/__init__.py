"""Synthetic dollars: a short of perpetual swaps against the dollars that the bank owes and holds bitcoin for.

Owns the tables ``hedge``, ``hedge_move``, ``hedge_bill`` and ``hedge_coins``, and the ledger's accounts of the
exchange. Reads the liability from the ledger; knows no customer. Off until an operator switches it on.
"""

from hazina.hedging.errors import HedgeNotSet
from hazina.hedging.model import Kind, Mode, Move, Policy, State
from hazina.hedging.reading import Liability
from hazina.hedging.service import Hedge, Status, status
from hazina.hedging.store import Day

__all__ = [
    "Day",
    "Hedge",
    "HedgeNotSet",
    "Kind",
    "Liability",
    "Mode",
    "Move",
    "Policy",
    "State",
    "Status",
    "status",
]
