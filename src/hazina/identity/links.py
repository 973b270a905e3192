"""Which ways to log in belong to whom. Every factor of every kind is a row here, and only here.

A subject (a phone, an address, a key) is one person's at most. Adding or removing one, but for the first, is told
to all others, is written to the audit log, and starts the hold on what leaves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hazina.identity import store
from hazina.identity.errors import FactorExists, FactorTaken, FactorUnknown, LastFactor, TooManyFactors
from hazina.identity.model import (
    FACTORS_MAX,
    Factor,
    FactorKind,
    Policy,
    User,
    change_message,
    clean_agent,
    clean_ip,
)
from hazina.kernel import rates
from hazina.kernel.audit import Audit
from hazina.kernel.clock import Clock
from hazina.kernel.crypto import PersonKey
from hazina.kernel.db import Tx
from hazina.kernel.errors import Refusal, TooManyRequests
from hazina.kernel.events import tell
from hazina.kernel.ids import UUID, new_id, public_id
from hazina.kernel.vault import Vault

ONE_EACH = frozenset({FactorKind.PHONE, FactorKind.EMAIL, FactorKind.TOTP})
RELEASED_S = 600
TOLD = frozenset({FactorKind.PHONE, FactorKind.EMAIL})
"""Kinds that a message can be sent to. The app tells its user by the fact."""


@dataclass(frozen=True, slots=True)
class Links:
    """Steps. ``vault``: whose keys seal what is kept."""

    vault: Vault
    audit: Audit
    clock: Clock
    policy: Policy

    def mark(self, kind: FactorKind, subject: str) -> bytes:
        return self.vault.keys.mark(kind.value, subject)

    # -- looking --------------------------------------------------------------------------------

    async def refused(
        self, tx: Tx, user_id: UUID, kind: FactorKind, why: type[Refusal], *, ip: str | None, agent: str | None
    ) -> None:
        """Somebody tried to come in as this person by a wrong code: for the person's own log. A try is counted before
        it is looked at, so that nobody fills the log."""
        await self.audit.record(
            tx, at=self.clock.now(), actor="stranger", user_id=user_id, verb="session.refused",
            ip=clean_ip(ip), agent=clean_agent(agent), result=why.code, detail={"kind": kind.value},
        )  # fmt: skip

    async def find(self, tx: Tx, kind: FactorKind, subject: str) -> Factor | None:
        """Whose it is."""
        row = await store.factor_by_mark(tx, kind, self.mark(kind, subject))
        if row is None:
            return None
        return _opened(await self._key(tx, row[1]), row)

    async def of(self, tx: Tx, user_id: UUID) -> list[Factor]:
        """All of somebody's, oldest first; none of somebody who is forgotten."""
        key = await self.vault.key_of(tx, user_id)
        return [] if key is None else [_opened(key, row) for row in await store.factors_of(tx, user_id)]

    async def user(self, tx: Tx, user_id: UUID) -> User | None:
        known = await store.person(tx, user_id)
        if known is None:
            return None
        factors = {factor.kind: factor.subject for factor in await self.of(tx, user_id)}
        language, at = known
        phone, email = factors.get(FactorKind.PHONE), factors.get(FactorKind.EMAIL)
        return User(user_id, phone, language, at, email, FactorKind.TOTP in factors)

    async def user_by(self, tx: Tx, kind: FactorKind, subject: str) -> User | None:
        found = await self.find(tx, kind, subject)
        return None if found is None else await self.user(tx, found.user_id)

    # -- changing -------------------------------------------------------------------------------

    async def begin(
        self, tx: Tx, kind: FactorKind, subject: str, *, name: str = "", data: Mapping[str, Any] | None = None
    ) -> UUID | None:
        """Somebody new with a first factor; their id. None: somebody else was quicker with it. Nobody is told,
        and nothing is held."""
        user_id, now = public_id(), self.clock.now()
        await store.put_person(tx, user_id, now)
        key = await self.vault.new(tx, user_id)
        put = await self._put(tx, key, kind, subject, name, data or {}, None)
        return None if put is None else user_id

    async def seal_first(self, tx: Tx, user_id: UUID, kind: FactorKind, subject: str) -> None:
        """What an older revision kept in clear."""
        put = await self._put(tx, await self._key(tx, user_id), kind, subject, "", {}, None)
        assert put is not None, "it was unique before"

    async def link(
        self, tx: Tx, user_id: UUID, kind: FactorKind, subject: str, *, name: str = "",
        data: Mapping[str, Any] | None = None, secret: str | None = None,
        ip: str | None = None, agent: str | None = None,
    ) -> Factor:  # fmt: skip
        """Add a factor that was proved a moment ago; the same again changes nothing. What is somebody else's
        moves only when they have released it. Raises FactorTaken, FactorExists, TooManyFactors,
        TooManyRequests."""
        found = await self.find(tx, kind, subject)
        owner = user_id if found is None else found.user_id
        for one in sorted({user_id, owner}):  # both, in one order
            await store.lock_person(tx, one)
        key, standing = await self._key(tx, user_id), await store.kinds_of(tx, user_id)
        if found is not None:
            found = await self.find(tx, kind, subject)  # as it is now that nobody can change it
        if found is not None and found.user_id == user_id:
            return found
        _room_for(kind, standing)
        if found is not None:
            await self._take(tx, found, owner, ip, agent)
        factor = await self._put(tx, key, kind, subject, name, data or {}, secret)
        if factor is None:
            raise FactorTaken
        await self._changed(tx, factor, added=True, ip=ip, agent=agent)
        return factor

    async def _take(self, tx: Tx, found: Factor, locked: UUID, ip: str | None, agent: str | None) -> None:
        """From its owner, who agreed. Raises FactorTaken."""
        released = await store.is_released(tx, found.id, self.clock.now())
        if found.user_id != locked or not released:
            raise FactorTaken
        try:
            await self.unlink(tx, found.user_id, found.id, ip=ip, agent=agent)
        except LastFactor:
            raise FactorTaken from None

    async def release(
        self, tx: Tx, user_id: UUID, factor_id: UUID, *, ip: str | None = None, agent: str | None = None
    ) -> datetime:
        """Its owner agrees that whoever proves it next, within ten minutes, takes it over; until when. Belongs
        behind a second proof (``stepup.FACTOR_RELEASE``). Raises FactorUnknown, LastFactor."""
        await store.lock_person(tx, user_id)
        standing, now = await self.of(tx, user_id), self.clock.now()
        factor = next((one for one in standing if one.id == factor_id), None)
        if factor is None:
            raise FactorUnknown
        _may_go(factor, standing)
        until = now + timedelta(seconds=RELEASED_S)
        await store.release_factor(tx, factor_id, until)
        await self.audit.record(
            tx, at=now, actor="user", user_id=user_id, verb="factor.released", object=str(factor_id), ip=ip,
            agent=agent, detail={"kind": factor.kind.value},
        )  # fmt: skip
        return until

    async def unlink(
        self, tx: Tx, user_id: UUID, factor_id: UUID, *, ip: str | None = None, agent: str | None = None
    ) -> Factor:
        """Remove one of somebody's own. Raises FactorUnknown for a foreign one too, LastFactor, TooManyRequests."""
        await store.lock_person(tx, user_id)
        standing = await self.of(tx, user_id)
        factor = next((one for one in standing if one.id == factor_id), None)
        if factor is None:
            raise FactorUnknown
        _may_go(factor, standing)
        await store.drop_factor(tx, factor_id)
        await self._changed(tx, factor, added=False, ip=ip, agent=agent)
        return factor

    async def used(self, tx: Tx, factor: Factor, data: Mapping[str, Any] | None = None) -> None:
        """Note that it was shown. ``data``: what the kind keeps from now on."""
        await store.use_factor(tx, factor.id, self.clock.now(), data)

    async def rename(self, tx: Tx, user_id: UUID, factor_id: UUID, name: str) -> None:
        """Raises FactorUnknown."""
        factor = next((one for one in await self.of(tx, user_id) if one.id == factor_id), None)
        if factor is None:
            raise FactorUnknown
        key = await self._key(tx, user_id)
        await store.seal_factor(tx, factor_id, _seal(key, factor.kind, factor.subject, name, factor.secret))

    # -- inside ---------------------------------------------------------------------------------

    async def _key(self, tx: Tx, user_id: UUID) -> PersonKey:
        key = await self.vault.key_of(tx, user_id)
        if key is None:  # forgotten a moment ago
            raise FactorUnknown
        return key

    async def _put(
        self, tx: Tx, key: PersonKey, kind: FactorKind, subject: str, name: str, data: Mapping[str, Any],
        secret: str | None,
    ) -> Factor | None:  # fmt: skip
        now = self.clock.now()
        factor = Factor(new_id(), key.person_id, kind, subject, name, data, now, now, secret)
        sealed = _seal(key, kind, subject, name, secret)
        put = await store.put_factor(tx, factor.id, key.person_id, kind, self.mark(kind, subject), sealed, data, now)
        return factor if put else None

    async def _changed(self, tx: Tx, factor: Factor, *, added: bool, ip: str | None, agent: str | None) -> None:
        """Audit, hold, and word to all others; to the one that was removed as well. Raises TooManyRequests."""
        now, user_id = self.clock.now(), factor.user_id
        if wait := await rates.take(tx, [(self.policy.factor_changes, str(user_id))], now):
            raise TooManyRequests(retry_after_s=wait)
        verb = "factor.added" if added else "factor.removed"
        await self.audit.record(
            tx, at=now, actor="user", user_id=user_id, verb=verb, object=str(factor.id), ip=ip, agent=agent,
            detail={"kind": factor.kind.value},
        )  # fmt: skip
        if self.policy.hold_s:
            until = now + timedelta(seconds=self.policy.hold_s)
            await store.start_hold(tx, user_id, now, until, self.policy.hold_cents)
        key, text = await self._key(tx, user_id), change_message(factor.kind, added)
        others = [one for one in await self.of(tx, user_id) if one.id != factor.id]
        for one in [*others, *([] if added else [factor])]:
            if one.kind in TOLD:
                id_ = new_id()
                sealed = key.seal(f"notice:{id_}", json.dumps({"to": one.subject, "text": text}))
                await store.put_notice(tx, user_id, one.kind, id_, sealed, now)
        await tell(tx, "factor_changed", [f"user:{user_id}"], kind=factor.kind.value, added=added, id=str(factor.id))


def _room_for(kind: FactorKind, standing: list[FactorKind]) -> None:
    if kind in ONE_EACH and kind in standing:
        raise FactorExists
    if len(standing) >= FACTORS_MAX:
        raise TooManyFactors


def _may_go(factor: Factor, standing: list[Factor]) -> None:
    """TOTP only confirms: it may always go, and it keeps nobody's account open."""
    ways = [one for one in standing if one.kind is not FactorKind.TOTP]
    if factor.kind is not FactorKind.TOTP and len(ways) == 1:
        raise LastFactor


def _seal(key: PersonKey, kind: FactorKind, subject: str, name: str, secret: str | None) -> bytes:
    known = {"subject": subject, "name": name, "secret": secret}
    return key.seal(f"factor:{kind.value}", json.dumps({field: value for field, value in known.items() if value}))


def _opened(key: PersonKey, row: store.SealedFactor) -> Factor:
    id_, user_id, kind, sealed, data, created_at, last_used_at = row
    known = json.loads(key.open(f"factor:{kind.value}", sealed))
    return Factor(
        id_, user_id, kind, known["subject"], known.get("name", ""), data, created_at, last_used_at,
        known.get("secret"),
    )  # fmt: skip
