"""What payments told, stored as deliveries: in the commit that moves the place that was reached, so that a process
that dies anywhere, or two that follow at once, store each of them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog

from hazina.dealer import FiatRate, currency
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.events import Cursor, Fact, facts_after, now_cursor
from hazina.kernel.ids import new_id
from hazina.payments import Direction, Line, LineStatus, Payments, State, take_invoice_hooks
from hazina.webhooks import store
from hazina.webhooks.events import event_type, invoice_payload, payload
from hazina.webhooks.model import Policy, Why

log = structlog.get_logger("hazina.webhooks")

BATCH = 500
HOOKS_BATCH = 100
TOPICS = ("line", "payment", "deposit")


@dataclass(frozen=True, slots=True)
class Told:
    """An event for each of some endpoints."""

    endpoints: Sequence[UUID]
    event_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Following:
    db: Database
    clock: Clock
    payments: Payments
    policy: Policy

    async def follow(self) -> int:
        """Take in all that was told since; how many deliveries were stored."""
        stored = await self._invoices()
        while True:
            async with self.db.transaction() as tx:
                place = await store.place(tx)
                if place is None:
                    await store.begin(tx, await now_cursor(tx))
                    return stored
                facts = await facts_after(tx, place, BATCH)
                accounts = {account for one in facts if (account := _account(one)) is not None}
                listening = await store.listening(tx, list(accounts)) if accounts else {}
            if not facts:
                return stored
            told = [one for fact in facts if (one := await self._read(fact, listening)) is not None]
            async with self.db.transaction() as tx:
                moved = await self._keep(tx, place, facts[-1].cursor, told)
            if moved is None:
                return stored  # somebody else follows too
            stored += moved
            if len(facts) < BATCH:
                return stored

    async def _read(self, fact: Fact, listening: dict[UUID, list[UUID]]) -> Told | None:
        """One that cannot be told must not keep all others from being told: it is left out, loudly."""
        try:
            return await self._told(fact, listening)
        except psycopg.Error:
            raise  # the database is away: all of it again, later
        except Exception:
            log.exception("webhook_not_told", fact=fact.id, topic=fact.topic)
            return None

    async def _told(self, fact: Fact, listening: dict[UUID, list[UUID]]) -> Told | None:
        account = _account(fact)
        if account is None or account not in listening:
            return None
        line = await self._line(account, fact)
        if line is None:
            return None
        prices = self.payments.parts.prices
        rate = await prices.rates.last(line.display_currency)
        if line.display_rate is not None:
            rate = FiatRate(currency(line.display_currency), line.display_rate, "", line.created_at)
        body = payload(line, line.price or await prices.latest(), rate)
        return Told(listening[account], event_type(line), body)

    async def _line(self, account: UUID, fact: Fact) -> Line | None:
        """What this fact is the news of: money received or on its way, money sent for good; else None."""
        match fact.topic, fact.body:
            case "line", {"direction": Direction.RECEIVE.name, "line_id": id_}:
                return await self.payments.line_of(account, UUID(id_))
            case "line", {"direction": Direction.SEND.name, "status": LineStatus.SUCCESS.name, "line_id": id_}:
                return await self.payments.line_of(account, UUID(id_))
            case "deposit", {"deposit_id": id_, "state": "PENDING"}:
                return await self.payments.pending_deposit(account, UUID(id_))
            case "payment", {"state": State.PAID.name, "payment_id": id_}:
                return await self.payments.line_sent(account, UUID(id_))
        return None

    async def _keep(self, tx: Tx, was: Cursor, to: Cursor, told: Sequence[Told]) -> int | None:
        """How many were stored; None: the place is another's by now."""
        if not await store.move(tx, was, to):
            return None
        now, stored = self.clock.now(), 0
        waiting = await store.waiting(tx, sorted({id_ for one in told for id_ in one.endpoints}))
        for one in told:
            for endpoint in one.endpoints:
                if endpoint not in waiting:
                    continue
                if waiting[endpoint] >= self.policy.waiting_max:
                    await store.disable(tx, endpoint, Why.FULL.name.lower(), now)
                    del waiting[endpoint]
                    continue
                await store.put(tx, new_id(), endpoint, one.event_type, one.body, now)
                waiting[endpoint] += 1
                stored += 1
        return stored

    async def _invoices(self) -> int:
        """Ends of invoices that somebody asked to be told of."""
        stored = 0
        while True:
            taken = await self.db.again(self._take_invoices)
            stored += taken
            if taken < HOOKS_BATCH:
                return stored

    async def _take_invoices(self, tx: Tx) -> int:
        now = self.clock.now()
        hooks = await take_invoice_hooks(tx, now, HOOKS_BATCH)
        for hook in hooks:
            endpoint = new_id()
            await store.add(tx, endpoint, None, hook.url, None, now)
            await store.put(tx, new_id(), endpoint, hook.event, invoice_payload(hook), now)
        return len(hooks)


def _account(fact: Fact) -> UUID | None:
    if fact.topic not in TOPICS:
        return None
    found = next((key for key in fact.keys if key.startswith("account:")), None)
    return None if found is None else UUID(found.removeprefix("account:"))
