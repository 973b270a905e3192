"""The verbs: hand a unit to the books."""

from __future__ import annotations

from collections.abc import Iterable

from hazina.kernel.db import Database, outside_call
from hazina.kernel.units import ClaimKind, EffectKind
from hazina.ledger.model import Registry, Result, Unit
from hazina.ledger.writer import Figures, Limits, Writer


class Books:
    """One a process. ``claims`` and ``effects``: what units may carry, in order of locks."""

    def __init__(
        self,
        db: Database,
        *,
        claims: Iterable[ClaimKind] = (),
        effects: Iterable[EffectKind] = (),
        limits: Limits | None = None,
    ) -> None:
        self.registry = Registry.of(claims, effects)
        self._writer = Writer(db.url, self.registry, limits or Limits())

    async def open(self) -> None:
        """Connect the group writer. Raises psycopg.Error when the database is away."""
        await self._writer.open()

    async def close(self) -> None:
        """Finish what waits, then stop. Units that come later are refused with LedgerUnavailable."""
        await self._writer.close()

    async def commit(self, unit: Unit) -> Result:
        """Do the unit as a whole, or not at all; returns when it is on disk.

        What the books themselves refuse is a Result. Raises LedgerBusy and LedgerUnavailable (surely
        nothing was done), OutcomeUnknown (ask again with the same unit), ValueError for a kind that is
        not registered, and whatever a faulty claim or row raises. A caller that is cancelled leaves
        its unit behind: it may be committed.
        """
        outside_call("books.commit")
        self.registry.check(unit)
        return await self._writer.submit(unit)

    @property
    def queued(self) -> int:
        """Units that wait for their batch."""
        return self._writer.queued

    @property
    def figures(self) -> Figures:
        return self._writer.figures
