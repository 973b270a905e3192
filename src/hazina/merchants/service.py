"""The verbs of merchants."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from hazina.accounts import (
    Account,
    RecipientUnknown,
    Status,
    account_by_id,
    account_by_username,
    set_merchant,
    tell_in_app,
)
from hazina.identity import ip_keys
from hazina.kernel import rates
from hazina.kernel.audit import Audit
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.ids import new_id
from hazina.merchants import store
from hazina.merchants.errors import MerchantUnknown, TooManySuggested
from hazina.merchants.model import INACTIVE, Merchant, parse_place, parse_title
from hazina.payments import accounts_moved_since

log = structlog.get_logger("hazina.merchants")

SHOWN_MAX = 5_000
"""Anyone may ask for all of them: a tenth of a second."""
PENDING_MAX = 1_000
"""Suggested and not looked at, in the whole bank."""
PER_ACCOUNT_MAX = 20
SUGGEST_RATE = rates.Rate("merchant_suggest", points=10, window_s=3_600, block_s=3_600)
"""From one address: nobody need log in."""
SWEEP_BATCH = 500
SWEEPER = "sweep"


@dataclass(frozen=True, slots=True)
class Merchants:
    db: Database
    clock: Clock
    audit: Audit

    async def markers(self) -> list[Merchant]:
        """What is on the map."""
        async with self.db.reading() as tx:
            return await store.on_map(tx, SHOWN_MAX)

    async def suggest(self, username: str, title: str, latitude: float, longitude: float, ip: str | None) -> Merchant:
        """Anyone may: it waits until an operator has looked. Raises InvalidTitle, InvalidCoordinates,
        RecipientUnknown, TooManyRequests, TooManySuggested."""
        named, place, now = parse_title(title), parse_place(latitude, longitude), self.clock.now()
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, [(SUGGEST_RATE, ip_keys(ip)[0])], now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        async with self.db.transaction() as tx:
            account = await account_by_username(tx, username)
            if account is None or account.status is not Status.ACTIVE:
                raise RecipientUnknown
            if await store.count_pending(tx) >= PENDING_MAX or await store.count_of(tx, account.id) >= PER_ACCOUNT_MAX:
                raise TooManySuggested
            merchant = Merchant(new_id(), account.id, username, named, place, now)
            await store.put(tx, merchant)
        return merchant

    # -- operators ------------------------------------------------------------------------------

    async def pending(self) -> list[Merchant]:
        """Oldest first."""
        async with self.db.reading() as tx:
            return await store.pending(tx, PENDING_MAX)

    async def approve(self, merchant_id: UUID, operator: str) -> Merchant:
        """Put it on the map, and tell its owner. Again: nothing changes. Raises MerchantUnknown."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            found = await store.one(tx, merchant_id)
            if found is None:
                raise MerchantUnknown
            if found.validated_at is None:
                await store.validate(tx, merchant_id, now)
                await set_merchant(tx, found.account_id, True)
                await self._tell_owner(tx, found)
                await self._record(tx, operator, "merchant.approved", merchant_id)
        return found

    async def delete(self, merchant_id: UUID, operator: str) -> Merchant:
        """Off the map; the row stays. Raises MerchantUnknown."""
        async with self.db.transaction() as tx:
            found = await store.one(tx, merchant_id)
            if found is None:
                raise MerchantUnknown
            await self._remove(tx, found, operator)
        return found

    async def inactive(self) -> list[Merchant]:
        """On the map for half a year, with no transaction in half a year."""
        since = self.clock.now() - INACTIVE
        found: list[Merchant] = []
        after: UUID | None = None
        while True:
            async with self.db.reading() as tx:
                batch = await store.validated_before(tx, since, after, SWEEP_BATCH)
                moved = await accounts_moved_since(tx, [one.account_id for one in batch], since)
            found += [one for one in batch if one.account_id not in moved]
            if len(batch) < SWEEP_BATCH:
                return found
            after = batch[-1].id

    async def sweep(self) -> int:
        """Take what is inactive off the map; how many."""
        found = await self.inactive()
        for merchant in found:
            async with self.db.transaction() as tx:
                still = await store.one(tx, merchant.id)
                if still is not None:
                    await self._remove(tx, still, SWEEPER)
        if found:
            log.info("merchants_swept", count=len(found))
        return len(found)

    async def account_closed(self, tx: Tx, account: Account) -> None:
        """A step of leaving the bank (``AccountClosing.parts``)."""
        await store.delete_of(tx, account.id, self.clock.now(), "owner")
        await set_merchant(tx, account.id, False)

    async def _remove(self, tx: Tx, merchant: Merchant, by: str) -> None:
        await store.delete(tx, merchant.id, self.clock.now(), by)
        await set_merchant(tx, merchant.account_id, await store.is_on_map(tx, merchant.account_id))
        await self._record(tx, by, "merchant.deleted", merchant.id)

    async def _tell_owner(self, tx: Tx, merchant: Merchant) -> None:
        account = await account_by_id(tx, merchant.account_id)
        assert account is not None
        body = f"{merchant.title} is where people look for places that take bitcoin."
        now = self.clock.now()
        await tell_in_app(tx, account.user_id, "Your shop is on the map", body, now, deep_link="/map", icon="MAP")

    async def _record(self, tx: Tx, by: str, verb: str, merchant_id: UUID) -> None:
        actor = "bank" if by == SWEEPER else f"operator:{by}"
        await self.audit.record(tx, at=self.clock.now(), actor=actor, user_id=None, verb=verb, object=str(merchant_id))
