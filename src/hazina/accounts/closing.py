"""Leaving the bank. An account is closed, and its owner forgotten, in one commit.

What the books say stays: payments, statement rows, balances, under the ids of an account that nobody can log in to
any more. What is personal ends with its key. The username stays taken, so that nobody else is paid under it. The phone
is free again at once; a keyed hash of it is kept, to count by.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hazina.access import Caller
from hazina.accounts import contact_store, notice_store, store
from hazina.accounts.errors import DeletionRefused
from hazina.accounts.model import Account, Status
from hazina.accounts.service import Accounts
from hazina.identity import ACCOUNT_DELETE, FactorKind
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx

DELETIONS_MAX = 2
"""Of accounts with one phone number; Blink's quota."""


@dataclass(frozen=True, slots=True)
class AccountClosing:
    """``parts``: steps of other contexts that belong to it, filled where the bank is built."""

    db: Database
    clock: Clock
    accounts: Accounts
    parts: list[Callable[[Tx, Account], Awaitable[None]]] = field(default_factory=list)

    async def delete(self, caller: Caller) -> None:
        """The caller's own account, for good. As with Blink its wallets need not be empty: what is in them stays
        owed, to nobody who could ask for it. Raises NotAuthorized for a key or an app, DeletionRefused,
        StepUpRequired, StepUpRefused."""
        said = "Delete your account for good, with the money that is in it"
        spend = await self.accounts.second_proof(caller, ACCOUNT_DELETE, {"account": str(caller.account_id)}, said)

        async def close(tx: Tx) -> None:
            await spend(tx)
            account = await store.account_by_id(tx, caller.account_id)
            user = await self.accounts.identity.user(tx, caller.user_id)
            assert account is not None and user is not None, "a caller has an account"
            if user.phone is not None:
                mark = self.accounts.identity.links.mark(FactorKind.PHONE, user.phone)
                if await store.deletions_of(tx, mark) >= DELETIONS_MAX:
                    raise DeletionRefused
                await store.remember_phone(tx, account.id, mark, self.clock.now())
            await store.set_status(tx, account.id, account.status, Status.CLOSED)
            await contact_store.forget(tx, account.id)
            await notice_store.forget(tx, account.user_id)
            await notice_store.forget_feedback(tx, account.id)
            for part in self.parts:
                await part(tx, account)
            await self.accounts.identity.erase(tx, account.user_id)

        await self.db.again(close)
