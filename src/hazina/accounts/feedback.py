"""What customers write to the bank, for its operators to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hazina.access import Caller
from hazina.accounts import notice_store
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database
from hazina.kernel.errors import InvalidInput, TooManyRequests
from hazina.kernel.ids import UUID, new_id

FEEDBACK_RATE = rates.Rate("feedback", points=10, window_s=86_400, block_s=86_400)
"""Of one account."""


@dataclass(frozen=True, slots=True)
class Feedback:
    db: Database
    clock: Clock

    async def submit(self, caller: Caller, text: str) -> None:
        """Raises InvalidInput for nothing but blanks, TooManyRequests."""
        if not text.strip():
            raise InvalidInput("There is nothing in it.")
        now = self.clock.now()
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, [(FEEDBACK_RATE, str(caller.account_id))], now)
            if not wait:
                await notice_store.put_feedback(tx, new_id(), caller.account_id, text, now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)

    async def newest(self, limit: int) -> list[tuple[datetime, UUID, str]]:
        """For operators: when, whose account, what."""
        async with self.db.reading() as tx:
            return await notice_store.feedback(tx, limit)
