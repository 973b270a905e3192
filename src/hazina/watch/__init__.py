"""The watch: does what the bank says of itself hold, and does the world outside agree?

Owns the tables ``invariant`` and ``breach``. Every minute one worker looks at what is new, at night at
everything. A breach is kept with its rows; where money is in doubt, the rail or the bank is closed in the
same commit. Composes the checks that the other contexts offer at their doors; no context imports it.
"""

from hazina.watch.model import INVARIANTS, Breach, Invariant, Money, Report, Standing, State, drawing
from hazina.watch.service import Watch, report

__all__ = ["INVARIANTS", "Breach", "Invariant", "Money", "Report", "Standing", "State", "Watch", "drawing", "report"]
