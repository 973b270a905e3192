"""The verbs of safety."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.safety import store
from hazina.safety.errors import NotClosed, OperatorRefused, OperatorTaken
from hazina.safety.model import (
    LIFT_LIFE,
    REASON_MAX,
    Closure,
    Lift,
    LogLine,
    Operator,
    Rail,
    lifts,
    nobody,
    opens,
    operator_name,
    sealed,
)


async def close(tx: Tx, rail: Rail, *, by: str, reason: str, at: datetime) -> int:
    """Close a rail, or the bank; the closure's id. Harmless when it is closed already. A step, so that what
    makes it necessary is told in the same commit."""
    closure_id, new = await store.put_closure(tx, rail, by, reason[:REASON_MAX], at)
    await store.log(tx, at, "closed" if new else "closed again", by, reason[:REASON_MAX], rail)
    return closure_id


@dataclass(frozen=True, slots=True)
class Safety:
    db: Database
    clock: Clock

    async def closures(self) -> list[Closure]:
        async with self.db.transaction() as tx:
            return await store.closures(tx)

    async def log(self, limit: int = 20) -> list[LogLine]:
        async with self.db.transaction() as tx:
            return await store.log_lines(tx, limit)

    async def close(self, rail: Rail, *, by: str, reason: str) -> None:
        """At once, for every process: the next unit that would leave is refused."""
        async with self.db.transaction() as tx:
            await close(tx, rail, by=by, reason=reason, at=self.clock.now())

    async def lift(self, rail: Rail, operator: str, passphrase: str) -> Lift:
        """The first operator's wish is a request, another one's lifts. Raises OperatorRefused, NotClosed,
        LiftNeedsAnother."""
        await self.prove(operator, passphrase)
        now = self.clock.now()
        async with self.db.transaction() as tx:
            closure = await store.closure_for_change(tx, rail)
            if closure is None:
                raise NotClosed()
            if lifts(closure, operator, now):
                await store.lift(tx, closure.id, operator, now)
                await store.log(tx, now, "lifted", operator, f"asked for by {closure.lift_asked_by}", rail)
                return Lift(True)
            until = now + LIFT_LIFE
            await store.ask_to_lift(tx, closure.id, operator, until)
            await store.log(tx, now, "lift asked for", operator, f"until {until:%Y-%m-%d %H:%M:%S} UTC", rail)
            return Lift(False, until)

    async def prove(self, operator: str, passphrase: str) -> None:
        """That it is this operator. Raises OperatorRefused."""
        async with self.db.transaction() as tx:
            stored = await store.passphrase_of(tx, operator)
        right = opens(passphrase, stored or nobody())
        if stored is None or not right:
            async with self.db.transaction() as tx:
                await store.log(tx, self.clock.now(), "operator refused", operator[:40])
            raise OperatorRefused()

    # -- operators ------------------------------------------------------------------------------

    async def operators(self) -> list[Operator]:
        async with self.db.transaction() as tx:
            return await store.operators(tx)

    async def add_operator(self, name: str, passphrase: str, *, by: str) -> None:
        """Raises InvalidOperatorName, PassphraseTooShort, OperatorTaken."""
        name, secret, now = operator_name(name), sealed(passphrase), self.clock.now()
        async with self.db.transaction() as tx:
            if not await store.add_operator(tx, name, secret, now):
                raise OperatorTaken()
            await store.log(tx, now, "operator added", by, name)

    async def remove_operator(self, name: str, *, by: str) -> None:
        """A name is never given again. Raises OperatorRefused for one that is not in office."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            if not await store.remove_operator(tx, name, now):
                raise OperatorRefused("There is no such operator.")
            await store.log(tx, now, "operator removed", by, name)
