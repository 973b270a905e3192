"""Keys that sign tokens: one of each algorithm signs, its successor is published days before it does, and what
came before stays published until nothing that it signed is asked about any more.

Every process reads them anew each minute. So one that is behind signs with the older key, which everybody still
knows, and never meets a token whose key it has not had time to learn.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import structlog
from joserfc.jwk import ECKey, KeySet, RSAKey

from hazina.kernel.clock import Clock
from hazina.kernel.crypto import BadKeys, Keys
from hazina.oauth import rows
from hazina.oauth.model import ALGORITHMS, ES256, Policy
from hazina.oauth.threads import SyncTx, Threads

log = structlog.get_logger("hazina.oauth")

READ_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=30)
"""After its successor has taken over. ID tokens are shown again long after they ended: as a hint at log-out."""
RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Signing:
    kid: str
    alg: str
    key: ECKey | RSAKey
    active_at: datetime

    @property
    def public(self) -> dict[str, Any]:
        return {**self.key.as_dict(private=False), "kid": self.kid, "alg": self.alg, "use": "sig"}


class KeyRing:
    """Used in threads; reads and writes in transactions of its own: a key that was used once is never rolled back."""

    def __init__(self, threads: Threads, keys: Keys, clock: Clock, policy: Policy) -> None:
        self._threads, self._keys, self._clock, self._policy = threads, keys, clock, policy
        self._known: tuple[Signing, ...] = ()
        self._read_at: datetime | None = None
        self._lock = threading.Lock()

    def signing(self, alg: str) -> KeySet:
        """The key that signs now, alone in a set: so its ``kid`` is written, and no other key is taken."""
        known, now = self._fresh(), self._clock.now()
        for one in reversed(known):
            if one.alg == alg and one.active_at <= now:
                return KeySet([one.key])
        raise AssertionError("there is a key of each algorithm")

    def published(self) -> KeySet:
        """Every key by which somebody may check something, public parts only."""
        return KeySet.import_key_set({"keys": [one.public for one in self._fresh()]})

    def document(self) -> dict[str, Any]:
        """The JWK Set (RFC 7517 §5)."""
        return {"keys": [one.public for one in self._fresh()]}

    def _fresh(self) -> tuple[Signing, ...]:
        with self._lock:
            now = self._clock.now()
            if self._read_at is None or not timedelta(0) <= now - self._read_at < READ_EVERY:
                self._known = self._threads.alone(self._read)
                self._read_at = now
            return self._known

    def _read(self, tx: SyncTx) -> tuple[Signing, ...]:
        found = self._opened(tx)
        if not self._due(found):
            return found
        rows.lock_keys(tx)
        self._rotate(tx, self._opened(tx))
        return self._opened(tx)

    def _opened(self, tx: SyncTx) -> tuple[Signing, ...]:
        """Those that open. What was sealed under a key of the bank that is gone is gone as well: then there is a
        new one at once, and whoever keeps our keys has to look again."""
        found = []
        for row in rows.keys(tx):
            try:
                private = json.loads(self._keys.open(_about(row["kid"]), row["sealed"])) | {"kid": row["kid"]}
            except BadKeys:
                log.error("a signing key does not open", kid=row["kid"])
                continue
            kind = ECKey if row["alg"] == ES256 else RSAKey
            found.append(Signing(row["kid"], row["alg"], kind.import_key(private), row["active_at"]))
        return tuple(found)

    def _due(self, known: tuple[Signing, ...]) -> bool:
        return any(self._next(alg, known) is not None for alg in ALGORITHMS)

    def _next(self, alg: str, known: tuple[Signing, ...]) -> datetime | None:
        """When a new key is to sign, if it is time to make it."""
        now, policy = self._clock.now(), self._policy
        newest = max((one.active_at for one in known if one.alg == alg), default=None)
        if newest is None:
            return now
        ends = newest + timedelta(seconds=policy.key_life_s)
        notice = timedelta(seconds=policy.key_notice_s)
        return max(ends, now + notice) if ends - notice <= now else None

    def _rotate(self, tx: SyncTx, known: tuple[Signing, ...]) -> None:
        now = self._clock.now()
        for alg in ALGORITHMS:
            if (active_at := self._next(alg, known)) is not None:
                self._make(tx, alg, active_at)
            ours = [one for one in known if one.alg == alg]
            gone = [one.kid for one, after in pairwise(ours) if after.active_at + KEPT < now]
            rows.drop_keys(tx, gone)

    def _make(self, tx: SyncTx, alg: str, active_at: datetime) -> None:
        key = ECKey.generate_key("P-256") if alg == ES256 else RSAKey.generate_key(RSA_BITS)
        kid = key.thumbprint()
        sealed = self._keys.seal(_about(kid), json.dumps(key.as_dict(private=True)).encode())
        rows.put_key(tx, kid, alg, dict(key.as_dict(private=False)), sealed, self._clock.now(), active_at)
        log.info("a signing key was made", kid=kid, alg=alg, active_at=active_at.isoformat())

    def rotate_now(self, tx: SyncTx, *, stolen: bool = False) -> None:
        """A new key of each algorithm, published at once, signing after the notice. Nothing where one waits
        already. ``stolen``: it signs at once and alone; whoever keeps our keys refuses what is signed until they
        look again, and everybody refuses what the old ones signed."""
        rows.lock_keys(tx)
        now = self._clock.now()
        if stolen:
            rows.drop_keys(tx, [row["kid"] for row in rows.keys(tx)])
            for alg in ALGORITHMS:
                self._make(tx, alg, now)
            return
        waiting = {one.alg for one in self._opened(tx) if one.active_at > now}
        for alg in ALGORITHMS:
            if alg not in waiting:
                self._make(tx, alg, now + timedelta(seconds=self._policy.key_notice_s))

    def reseal(self, tx: SyncTx) -> int:
        """Bring what an older key of the bank seals under the active one; how many."""
        done = 0
        for row in rows.keys(tx):
            if not row["sealed"].startswith(self._keys.active.encode() + b"\0"):
                private = self._keys.open(_about(row["kid"]), row["sealed"])
                rows.seal_key(tx, row["kid"], self._keys.seal(_about(row["kid"]), private))
                done += 1
        return done


def _about(kid: str) -> str:
    return f"oauth key {kid}"
