"""Contacts: whom an account has paid or was paid by, and whom its owner has written down.

Payments inside the bank make them, both ways, and payments to Lightning Addresses elsewhere one way, by a row of their
unit (``effects``).
"""

from __future__ import annotations

from dataclasses import dataclass

from hazina.access import Caller
from hazina.accounts import contact_store, store
from hazina.accounts.errors import ContactUnknown, InvalidContact, RecipientUnknown, TooManyContacts
from hazina.accounts.model import Contact, ContactKind, Status
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database
from hazina.kernel.errors import TooManyRequests

SHOWN_MAX = 1_000
"""Those paid most often."""
WRITTEN_MAX = 5_000
"""No more are written down by hand; payments go on making them."""
CREATE_RATE = rates.Rate("contact", points=60, window_s=60, block_s=60)


@dataclass(frozen=True, slots=True)
class Contacts:
    db: Database
    clock: Clock

    async def of(self, caller: Caller) -> list[Contact]:
        async with self.db.reading() as tx:
            return await contact_store.contacts(tx, caller.account_id, SHOWN_MAX)

    async def named(self, caller: Caller, handle: str) -> Contact:
        """Raises ContactUnknown."""
        async with self.db.reading() as tx:
            found = await contact_store.contact(tx, caller.account_id, handle.lower())
        if found is None:
            raise ContactUnknown
        return found

    async def create(self, caller: Caller, kind: ContactKind, handle: str, alias: str | None) -> Contact:
        """Write somebody down; again: they were met once more. Raises InvalidContact, RecipientUnknown,
        TooManyContacts, TooManyRequests."""
        handle, now = handle.lower(), self.clock.now()
        if ("@" in handle) is not (kind is ContactKind.LNADDRESS):
            raise InvalidContact
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, [(CREATE_RATE, str(caller.account_id))], now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        async with self.db.transaction() as tx:
            if kind is ContactKind.INTRALEDGER:
                account = await store.account_by_username(tx, handle)
                if account is None or account.status is Status.CLOSED:
                    raise RecipientUnknown
                if account.id == caller.account_id:
                    raise InvalidContact
            if await contact_store.count(tx, caller.account_id) >= WRITTEN_MAX:
                raise TooManyContacts
            return await contact_store.keep(tx, caller.account_id, kind, handle, alias, now)

    async def rename(self, caller: Caller, handle: str, alias: str) -> Contact:
        """Raises ContactUnknown."""
        async with self.db.transaction() as tx:
            found = await contact_store.rename(tx, caller.account_id, handle.lower(), alias)
        if found is None:
            raise ContactUnknown
        return found
