"""API keys: made, shown once, checked on every request, capped, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hazina.access import store
from hazina.access.errors import InvalidKeyCap, InvalidKeyLife, InvalidKeyScopes, KeyMayNot, KeyUnknown, TooManyKeys
from hazina.access.model import (
    KEY_DAYS_MAX,
    KEYS_MAX,
    SATS_MAX,
    ApiKey,
    Caller,
    Cap,
    Scope,
    Window,
    key_hash,
    key_subject,
    new_key,
    parse_key_name,
    require_write,
)
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.gather import Gather
from hazina.kernel.ids import UUID, new_id
from hazina.kernel.money import Asset

TOUCH_S = 60
"""A key's last use is written at most this often."""


@dataclass(frozen=True, slots=True)
class ApiKeys:
    db: Database
    clock: Clock
    _found: Gather[bytes, ApiKey] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_found", Gather(self._look_up))

    async def _look_up(self, hashes: Sequence[bytes]) -> dict[bytes, ApiKey]:
        async with self.db.reading() as tx:
            return await store.keys_by_hash(tx, hashes)

    # -- making ---------------------------------------------------------------------------------

    async def make(
        self, tx: Tx, caller: Caller, name: str, scopes: Sequence[Scope], expire_in_days: int | None
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, shown once. A step, so that a second proof can be used up with it. A key or an
        app whose spending is capped makes none: the new one would spend without that cap. Raises WriteNotAllowed,
        KeyMayNot, InvalidKeyScopes, InvalidKeyName, InvalidKeyLife, TooManyKeys."""
        require_write(caller)
        if caller.caps or caller.client_id is not None or not set(scopes) <= caller.scopes:
            raise KeyMayNot
        if not scopes:
            raise InvalidKeyScopes
        if expire_in_days is not None and not 1 <= expire_in_days <= KEY_DAYS_MAX:
            raise InvalidKeyLife
        now, secret = self.clock.now(), new_key()
        ends = None if expire_in_days is None else now + timedelta(days=expire_in_days)
        named, given = parse_key_name(name), frozenset(scopes)
        key = ApiKey(new_id(), caller.user_id, caller.account_id, named, given, {}, now, ends, None, None)
        hashed = key_hash(secret)
        assert hashed is not None
        if await store.count_keys(tx, caller.user_id, now) >= KEYS_MAX:
            raise TooManyKeys
        await store.put_key(tx, key, hashed)
        return key, secret

    async def revoke(self, caller: Caller, key_id: UUID) -> ApiKey:
        """At once, in every process. Again: nothing changes. Raises KeyUnknown for a foreign one too."""
        async with self.db.transaction() as tx:
            key = await store.revoke_key(tx, caller.user_id, key_id, self.clock.now())
        if key is None:
            raise KeyUnknown
        return key

    async def cap(self, caller: Caller, key_id: UUID, window: Window, sats: int | None) -> ApiKey:
        """Set how many satoshi the key may spend in a rolling window; None lifts it. Raises WriteNotAllowed,
        KeyMayNot, InvalidKeyCap, KeyUnknown."""
        require_write(caller)
        if caller.caps or caller.client_id is not None:
            raise KeyMayNot
        if sats is not None and not 1 <= sats <= SATS_MAX:
            raise InvalidKeyCap
        async with self.db.transaction() as tx:
            key = await store.set_key_cap(tx, caller.user_id, key_id, window, sats)
        if key is None:
            raise KeyUnknown
        return key

    # -- looking --------------------------------------------------------------------------------

    async def of(self, user_id: UUID) -> list[ApiKey]:
        """All of a person's, revoked and expired ones too, newest first."""
        async with self.db.reading() as tx:
            return await store.keys_of(tx, user_id)

    async def spent(self, key_id: UUID) -> dict[Window, int]:
        """Satoshi in each window until now."""
        now = self.clock.now()
        windows = (Window.DAY, Window.WEEK, Window.MONTH, Window.YEAR)
        async with self.db.reading() as tx:
            subject = key_subject(key_id)
            return {window: await store.spent(tx, subject, now - timedelta(seconds=window)) for window in windows}

    async def find(self, secret: str) -> ApiKey | None:
        """The live key of a secret; None: there is none (any more)."""
        hashed = key_hash(secret)
        found = None if hashed is None else await self._found.get(hashed)
        now = self.clock.now()
        if found is None or not found.live_at(now):
            return None
        if found.last_used_at is None or found.last_used_at <= now - timedelta(seconds=TOUCH_S):
            await self._touch(found.id, now)
        return found

    async def _touch(self, key_id: UUID, now: datetime) -> None:
        async with self.db.transaction() as tx:
            await store.touch_key(tx, key_id, now)


def caps_of(key: ApiKey) -> tuple[Cap, ...]:
    """What a caller with this key is bound by."""
    return (Cap(key_subject(key.id), key.caps, Asset.BTC),) if key.caps else ()
