"""The verbs of webhooks."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from hazina.access import Caller
from hazina.accounts import Account, Accounts, Level
from hazina.kernel.clock import Clock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database, Tx
from hazina.kernel.http import NoAnswer
from hazina.kernel.ids import public_id
from hazina.webhooks import store
from hazina.webhooks.errors import DeliveryUnknown, EndpointUnknown, EndpointUrlRefused, NoCallbacks, TooManyEndpoints
from hazina.webhooks.following import Following
from hazina.webhooks.model import Delivery, Endpoint, Policy, Try, new_secret
from hazina.webhooks.ports import Outward
from hazina.webhooks.sending import Sender

log = structlog.get_logger("hazina.webhooks")

LOG_PAGE = 50
LISTED_MAX = 1_000
RESEAL_BATCH = 200
LOOK_S = 0.5
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Office:
    """What operators do, who see no secret: the bank need not run for it."""

    db: Database
    clock: Clock
    keys: Keys
    policy: Policy = field(default_factory=Policy)

    async def all(self) -> list[Endpoint]:
        """The newest thousand."""
        async with self.db.reading() as tx:
            return await store.all_endpoints(tx, LISTED_MAX)

    async def log_of(self, endpoint_id: UUID) -> list[Delivery]:
        """The newest page. Raises EndpointUnknown."""
        async with self.db.reading() as tx:
            if await store.endpoint(tx, endpoint_id) is None:
                raise EndpointUnknown
            return await store.log(tx, endpoint_id, None, LOG_PAGE)

    async def replay_of(self, delivery_id: UUID) -> None:
        """Raises DeliveryUnknown."""
        async with self.db.transaction() as tx:
            found = await store.delivery(tx, delivery_id)
            if found is None:
                raise DeliveryUnknown
            await store.replay(tx, found.endpoint_id, delivery_id, self.clock.now())

    async def rotate_of(self, endpoint_id: UUID) -> None:
        """Its owner reads the new secret where they read the old one. Raises EndpointUnknown."""
        async with self.db.transaction() as tx:
            found = await store.endpoint(tx, endpoint_id)
            if found is None or found.account_id is None:
                raise EndpointUnknown
            await self.renew(tx, endpoint_id)

    async def reseal(self) -> int:
        """Bring every secret under the newest wrapping key; how many."""
        done, after = 0, NOBODY
        while True:
            async with self.db.transaction() as tx:
                some = await store.some_sealed(tx, after, RESEAL_BATCH)
                for id_, now, old in some:
                    await store.reseal(tx, id_, self._again(id_, now), None if old is None else self._again(id_, old))
            if not some:
                return done
            done, after = done + len(some), some[-1][0]

    async def secret(self, tx: Tx, endpoint_id: UUID) -> str:
        """Of an endpoint that an account has."""
        sealed = await store.sealed(tx, endpoint_id)
        assert sealed is not None, "an account's endpoint has a secret"
        return self.keys.open(_about(endpoint_id), sealed).decode()

    async def renew(self, tx: Tx, endpoint_id: UUID) -> str:
        """A new secret, which is shown; the one before signs too until the overlap is over."""
        fresh = new_secret()
        until = self.clock.now() + timedelta(seconds=self.policy.overlap_s)
        await store.rotate(tx, endpoint_id, self.keys.seal(_about(endpoint_id), fresh.encode()), until)
        return fresh

    def _again(self, endpoint_id: UUID, sealed: bytes) -> bytes:
        about = _about(endpoint_id)
        return self.keys.seal(about, self.keys.open(about, sealed))


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Endpoints of accounts, their log, and the work that brings events to them."""

    db: Database
    clock: Clock
    accounts: Accounts
    outward: Outward
    following: Following
    sender: Sender
    office: Office
    policy: Policy

    # --- for the owner ---

    async def endpoints(self, caller: Caller) -> list[Endpoint]:
        """The caller's own, oldest first; an account of level zero has none."""
        async with self.db.reading() as tx:
            return await store.endpoints(tx, caller.account_id)

    async def add(self, caller: Caller, url: str) -> Endpoint:
        """Raises NoCallbacks, EndpointUrlRefused, TooManyEndpoints."""
        if (await self.accounts.account(caller.account_id)).level is Level.ZERO:
            raise NoCallbacks
        self.check(url)
        endpoint_id, now = public_id(), self.clock.now()
        sealed = self.office.keys.seal(_about(endpoint_id), new_secret().encode())
        async with self.db.transaction() as tx:
            await store.lock_account(tx, caller.account_id)
            if len(await store.endpoints(tx, caller.account_id)) >= self.policy.endpoints_max:
                raise TooManyEndpoints
            await store.add(tx, endpoint_id, caller.account_id, url, sealed, now)
        return Endpoint(endpoint_id, caller.account_id, url, now, None, None, None, None, 0)

    def check(self, url: str) -> None:
        """Raises EndpointUrlRefused for an address that will not be called, as far as that shows before it is."""
        try:
            self.outward.check(url)
        except NoAnswer as why:
            raise EndpointUrlRefused(f"The address cannot be called: {why}.") from None

    async def delete(self, caller: Caller, endpoint_id: UUID) -> None:
        """With its log, and what waits. Raises EndpointUnknown."""
        async with self.db.transaction() as tx:
            if not await store.delete(tx, caller.account_id, endpoint_id):
                raise EndpointUnknown

    async def secret(self, caller: Caller, endpoint_id: UUID) -> str:
        """What its deliveries are signed with. Raises EndpointUnknown."""
        async with self.db.transaction() as tx:
            await _own(tx, caller.account_id, endpoint_id)
            return await self.office.secret(tx, endpoint_id)

    async def rotate(self, caller: Caller, endpoint_id: UUID) -> str:
        """A new secret. The one before signs too until the overlap is over. Raises EndpointUnknown."""
        async with self.db.transaction() as tx:
            await _own(tx, caller.account_id, endpoint_id)
            return await self.office.renew(tx, endpoint_id)

    async def enable(self, caller: Caller, endpoint_id: UUID) -> None:
        """Switch it on again: what waits there goes out. Raises EndpointUnknown."""
        async with self.db.transaction() as tx:
            await _own(tx, caller.account_id, endpoint_id)
            await store.enable(tx, endpoint_id, self.clock.now())

    async def log(self, caller: Caller, endpoint_id: UUID, before: UUID | None = None) -> list[Delivery]:
        """Newest first, a page of them behind ``before``. Raises EndpointUnknown."""
        async with self.db.reading() as tx:
            await _own(tx, caller.account_id, endpoint_id)
            return await store.log(tx, endpoint_id, before, LOG_PAGE)

    async def delivery(self, caller: Caller, endpoint_id: UUID, delivery_id: UUID) -> tuple[Delivery, list[Try]]:
        """With its tries, oldest first. Raises EndpointUnknown, DeliveryUnknown."""
        async with self.db.reading() as tx:
            await _own(tx, caller.account_id, endpoint_id)
            found = await _of(tx, endpoint_id, delivery_id)
            return found, await store.tries(tx, delivery_id)

    async def replay(self, caller: Caller, endpoint_id: UUID, delivery_id: UUID) -> None:
        """Send it once more, under the same id and before all that waits. Raises EndpointUnknown, DeliveryUnknown."""
        async with self.db.transaction() as tx:
            await _own(tx, caller.account_id, endpoint_id)
            await _of(tx, endpoint_id, delivery_id)
            await store.replay(tx, endpoint_id, delivery_id, self.clock.now())

    # --- work that goes on by itself ---

    async def follow(self) -> int:
        """Store what payments told as deliveries; how many."""
        return await self.following.follow()

    async def deliver(self) -> None:
        """For ever: call the endpoints that are due."""
        while True:
            try:
                await self.sender.begin()
            except Exception as error:  # the database is away: look again when it may be back
                log.warning("webhooks_not_claimed", error=type(error).__name__)
                await asyncio.sleep(LOOK_S)
            running = list(self.sender.under_way)
            if running:  # the end of a call makes room, and may let the next of its endpoint go
                await asyncio.wait(running, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(LOOK_S)

    async def totals(self) -> tuple[int, int, float]:
        """For the figures: deliveries that wait, endpoints that are switched off, age in seconds of the oldest that
        waits at one that is on."""
        async with self.db.reading() as tx:
            return await store.totals(tx)

    async def account_closed(self, tx: Tx, account: Account) -> None:
        """A step of leaving the bank (``AccountClosing.parts``): nobody is told of the account any more."""
        await store.delete_of(tx, account.id)

    async def sweep(self) -> None:
        """Forget old deliveries."""
        before = self.clock.now() - timedelta(days=self.policy.kept_days)
        async with self.db.transaction() as tx:
            await store.sweep(tx, before)

    async def stop(self) -> None:
        """What is under way is let go: its lease ends, and another sends it again."""
        running = list(self.sender.under_way)
        for task in running:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*running, return_exceptions=True)
        await self.outward.close()


def _about(endpoint_id: UUID) -> str:
    return f"webhook {endpoint_id}"


async def _own(tx: Tx, account_id: UUID, endpoint_id: UUID) -> Endpoint:
    """Another's looks exactly like none."""
    found = await store.endpoint(tx, endpoint_id)
    if found is None or found.account_id != account_id:
        raise EndpointUnknown
    return found


async def _of(tx: Tx, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    found = await store.delivery(tx, delivery_id)
    if found is None or found.endpoint_id != endpoint_id:
        raise DeliveryUnknown
    return found
