"""Device accounts: an app makes two UUIDs and keeps them; the pair is its account, with the lowest limits, until a
phone is added (Blink's ``/auth/create/device-account``)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID as AnyUUID

from hazina.identity.factors.errors import DeviceRefused, InvalidDevice
from hazina.identity.factors.model import ip_rate
from hazina.identity.links import Links
from hazina.identity.model import DAY_S, FactorKind, Policy, Proved
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests

NEW_PER_IP = rates.Rate("device_per_ip", 20, DAY_S, DAY_S)
NEW_PER_ATTESTATION = rates.Rate("device_per_attestation", 2, DAY_S, DAY_S)
AMR = ("pwd",)


@dataclass(frozen=True, slots=True)
class Devices:
    db: Database
    clock: Clock
    links: Links
    policy: Policy

    async def prove(self, username: str, password: str, *, attested: str | None, ip: str | None) -> Proved:
        """The pair, counted when it is new. ``attested``: id of the proof that a real app asks, where the bank
        demands one. Raises InvalidDevice, DeviceRefused, TooManyRequests."""
        name, word = parse_pair(username, password)
        hashed = hashlib.sha256(f"{name}:{word}".encode()).hexdigest()
        async with self.db.transaction() as tx:
            found = await self.links.find(tx, FactorKind.DEVICE, name)
            wait = 0
            if found is None:
                counted = ip_rate(NEW_PER_IP, ip, self.policy)
                if attested is not None:
                    counted.append((NEW_PER_ATTESTATION, attested[:100]))
                wait = await rates.take(tx, counted, self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        if found is not None and not secrets.compare_digest(str(found.data.get("hash")), hashed):
            raise DeviceRefused
        return Proved(FactorKind.DEVICE, name, AMR, name="App", data={"hash": hashed})

    async def redeem(self, tx: Tx, proved: Proved) -> Proved:
        """The same, seen again where it is used: two with one name and different passwords, and one wins. Raises
        DeviceRefused."""
        found = await self.links.find(tx, FactorKind.DEVICE, proved.subject)
        if found is not None and found.data.get("hash") != proved.data.get("hash"):
            raise DeviceRefused
        return proved


def parse_pair(username: str, password: str) -> tuple[str, str]:
    """Two UUIDs of versions 1 to 5, in lower case. Raises InvalidDevice."""
    try:
        pair = [AnyUUID(text) if len(text) == 36 else None for text in (username, password)]
    except ValueError:
        raise InvalidDevice from None
    name, word = pair
    if name is None or word is None or name == word or {name.version, word.version} - {1, 2, 3, 4, 5}:
        raise InvalidDevice
    return str(name), str(word)
