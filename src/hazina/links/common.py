"""What the journeys of links work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hazina.accounts import Accounts
from hazina.dealer import Prices
from hazina.kernel import nostr, rates
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import Clock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.rates import Rate
from hazina.links import store
from hazina.links.model import Places
from hazina.links.ports import Relays, Services
from hazina.payments import Payments

SIGNER = "nostr"


@dataclass(frozen=True, slots=True)
class Parts:
    db: Database
    clock: Clock
    accounts: Accounts
    payments: Payments
    prices: Prices
    services: Services
    relays: Relays
    keys: Keys
    places: Places
    network: Network
    _signer: list[bytes] = field(default_factory=list, repr=False)

    async def signer(self) -> bytes:
        """The secret key that signs receipts of zaps; made when it is first asked for."""
        if not self._signer:
            async with self.db.transaction() as tx:
                if (sealed := await store.secret(tx, SIGNER)) is None:
                    made = self.keys.seal(SIGNER, nostr.new_secret())
                    await store.put_secret(tx, SIGNER, made, self.clock.now())
                    sealed = await store.secret(tx, SIGNER)
            assert sealed is not None
            self._signer.append(self.keys.open(SIGNER, sealed))
        return self._signer[0]

    async def within(self, *wanted: tuple[Rate, str]) -> datetime:
        """The time it is. Raises TooManyRequests."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, wanted, now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        return now


async def reseal(tx: Tx, keys: Keys) -> None:
    """Bring what an older key of the bank seals under the active one."""
    if (sealed := await store.secret(tx, SIGNER)) is not None:
        await store.change_secret(tx, SIGNER, keys.seal(SIGNER, keys.open(SIGNER, sealed)))
