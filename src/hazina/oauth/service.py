"""The verbs: what programs and browsers ask of the provider, apps and their owners, people and what they connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hazina.access import Window
from hazina.kernel.audit import Audit
from hazina.kernel.clock import Clock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database, Tx
from hazina.kernel.gather import Gather
from hazina.kernel.ids import UUID, new_id
from hazina.oauth import discovery, store
from hazina.oauth.authorize import Ask, Decision, Redirect, Step
from hazina.oauth.clients import BadMetadata, checked_metadata, checked_scope
from hazina.oauth.endpoints import CLIENT_MARK, made_secrets
from hazina.oauth.errors import AppUnknown, ConnectionUnknown, InvalidApp, TooManyApps
from hazina.oauth.model import (
    BANK_SCOPES,
    SCOPES,
    AppKind,
    Asked,
    Bearer,
    Client,
    Login,
    Policy,
    Reply,
    check_caps,
    hashed,
    new_secret,
)
from hazina.oauth.provider import Ended, Leaving, Provider
from hazina.oauth.threads import Threads

INITIAL_MARK = "hzn_ia_"
APPS_SHOWN_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Made:
    """An app and its new secret, which is shown once; None: it has none."""

    client: Client
    secret: str | None


@dataclass(frozen=True, slots=True)
class OAuth:
    """``issuer``: the bank's one public address."""

    db: Database
    clock: Clock
    audit: Audit
    issuer: str
    keys: Keys
    policy: Policy = field(default_factory=Policy)
    metadata: Mapping[str, Any] = field(init=False, repr=False)
    provider: Provider = field(init=False, repr=False)
    _bearers: Gather[bytes, Bearer] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", discovery.document(self.issuer))
        parts = (self.issuer, self.clock, self.policy, Threads(self.db.url), self.keys)
        object.__setattr__(self, "provider", Provider(*parts))
        object.__setattr__(self, "_bearers", Gather(self._look_up))

    async def close(self) -> None:
        await self.provider.threads.close()

    # -- access tokens --------------------------------------------------------------------------

    async def _look_up(self, hashes: Sequence[bytes]) -> dict[bytes, Bearer]:
        async with self.db.reading() as tx:
            return await store.bearers(tx, hashes, self.clock.now())

    async def bearer(self, token: str) -> Bearer | None:
        """Whom an access token lets act; None when it is not valid (any more). Looked up each time: what was
        revoked is dead at once."""
        return await self._bearers.get(hashed(token))

    async def shown(self, token: str) -> store.Shown | None:
        """Whose access token that is, as its app knows them."""
        async with self.db.reading() as tx:
            return await store.shown(tx, hashed(token), self.clock.now())

    # -- requests of programs and browsers (see ``provider``) --------------------------------------

    async def token(self, asked: Asked) -> Reply:
        return await self.provider.token(asked)

    async def endpoint(self, name: str, asked: Asked) -> Reply:
        return await self.provider.endpoint(name, asked)

    async def jwks(self) -> dict[str, Any]:
        return await self.provider.jwks()

    async def rotate_keys(self, *, stolen: bool = False) -> None:
        """Publish new signing keys; they sign in two days. Harmless when new ones wait already. ``stolen``: they sign
        at once, and what the old ones signed is refused by everybody outside. (Our own API never reads signatures.)"""
        await self.provider.rotate_keys(stolen=stolen)

    async def reseal_keys(self) -> int:
        """Bring signing keys that an older key of the bank seals under the active one; how many."""
        return await self.provider.reseal_keys()

    async def authorize(self, fields: Mapping[str, str], login: Login | None) -> Step:
        return await self.provider.authorize(fields, login)

    async def resume(self, key: str, login: Login | None, decision: Decision | None = None) -> Step:
        step = await self.provider.resume(key, login, decision)
        if decision is not None and login is not None and isinstance(step, Redirect):
            await self._record(login.user_id, "app.allowed" if decision.allow else "app.refused")
        return step

    async def waiting(self, key: str) -> tuple[Client, str] | None:
        return await self.provider.waiting(key)

    async def device(self, user_code: str, login: Login) -> Ask | None:
        return await self.provider.device(user_code, login)

    async def answer_device(self, user_code: str, login: Login, decision: Decision) -> bool:
        answered = await self.provider.answer_device(user_code, login, decision)
        if answered:
            await self._record(login.user_id, "app.allowed" if decision.allow else "app.refused")
        return answered

    async def leaving(self, fields: Mapping[str, str], login: Login | None) -> Leaving | Ended:
        return await self.provider.leaving(fields, login)

    async def _record(self, user_id: UUID, verb: str, object_: str = "") -> None:
        async with self.db.transaction() as tx:
            await self._audit(tx, user_id, verb, object_)

    async def _audit(self, tx: Tx, user_id: UUID | None, verb: str, object_: str, actor: str = "user") -> None:
        await self.audit.record(tx, at=self.clock.now(), actor=actor, user_id=user_id, verb=verb, object=object_)

    # -- apps -----------------------------------------------------------------------------------
    # ``owner_id`` is the customer whose app it is; None is the bank's operators, who see and manage all.

    async def make_app(self, owner_id: UUID | None, description: Any, *, introspects: bool = False) -> Made:
        """Register an app from RFC 7591 metadata with any of our scopes. Raises InvalidApp, TooManyApps."""
        metadata, scope = _described(description, SCOPES)
        made = made_secrets(metadata)
        secret = made.get("client_secret")
        kind = AppKind.OPERATOR if owner_id is None else AppKind.CUSTOMER
        app = Client(
            new_secret(CLIENT_MARK), owner_id, kind, metadata, hashed(secret) if secret else None, scope,
            owner_id is None, introspects and owner_id is None, self.clock.now(), None,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            if owner_id is not None:
                await store.lock_owner(tx, owner_id)
                if len(await store.clients(tx, owner_id, APPS_SHOWN_MAX)) >= self.policy.apps_per_customer:
                    raise TooManyApps
            await store.put_client(tx, app)
            await self._audit(tx, owner_id, "app.made", app.id, "user" if owner_id else "operator:command line")
        return Made(app, secret)

    async def apps(self, owner_id: UUID | None) -> list[Client]:
        """Newest first."""
        async with self.db.reading() as tx:
            return await store.clients(tx, owner_id, APPS_SHOWN_MAX)

    async def change_app(self, owner_id: UUID | None, client_id: str, description: Any) -> Made:
        """Describe it anew. A new secret where it has to have one and had none. An operator's check is void.
        Raises AppUnknown, InvalidApp."""
        metadata, scope = _described(description, SCOPES)
        async with self.db.transaction() as tx:
            app = await self._app(tx, owner_id, client_id)
            fresh = made_secrets(metadata)
            secret = fresh.get("client_secret") if app.secret_hash is None else None
            await store.change_client(tx, client_id, metadata, scope)
            if bool(fresh) != (app.secret_hash is not None):
                await store.set_secret(tx, client_id, hashed(secret) if secret else None)
            await self._audit(tx, owner_id, "app.changed", client_id)
            return Made(await self._app(tx, owner_id, client_id), secret)

    async def new_app_secret(self, owner_id: UUID | None, client_id: str) -> Made:
        """The one before is dead at once. Raises AppUnknown; InvalidApp for an app without a secret."""
        async with self.db.transaction() as tx:
            app = await self._app(tx, owner_id, client_id)
            secret = made_secrets(app.metadata).get("client_secret")
            if secret is None:
                raise InvalidApp("This app shows no secret.")
            await store.set_secret(tx, client_id, hashed(secret))
            await self._audit(tx, owner_id, "app.secret", client_id)
            return Made(app, secret)

    async def remove_app(self, owner_id: UUID | None, client_id: str) -> None:
        """With everything that people agreed to for it. Raises AppUnknown."""
        async with self.db.transaction() as tx:
            await self._app(tx, owner_id, client_id)
            await store.drop_client(tx, client_id)
            await self._audit(tx, owner_id, "app.removed", client_id)

    async def mark_app(
        self, client_id: str, *, checked: bool | None = None, introspects: bool | None = None, off: bool | None = None
    ) -> Client:
        """Operators only. ``checked``: the consent page says that the bank knows it. ``introspects``: a resource
        server. ``off``: none of its tokens opens anything until it is on again. Raises AppUnknown."""
        async with self.db.transaction() as tx:
            app = await self._app(tx, None, client_id)
            disabled = (self.clock.now() if off else None) if off is not None else app.disabled_at
            await store.mark_client(
                tx,
                client_id,
                checked=app.checked if checked is None else checked,
                introspects=app.introspects if introspects is None else introspects,
                disabled_at=disabled,
            )
            await self._audit(tx, None, "app.marked", client_id, "operator:command line")
            return await self._app(tx, None, client_id)

    async def initial_token(self, note: str, uses: int, days: int) -> str:
        """With which an app may register itself ``uses`` times, with any scope (RFC 7591 §1.2). Shown once."""
        assert 1 <= uses <= 1_000_000 and 1 <= days <= 3_650
        token, now = new_secret(INITIAL_MARK), self.clock.now()
        async with self.db.transaction() as tx:
            await store.put_initial(tx, hashed(token), note[:200], uses, now, now + timedelta(days=days))
        return token

    async def _app(self, tx: Tx, owner_id: UUID | None, client_id: str) -> Client:
        """Somebody else's looks exactly like none."""
        app = await store.client_for(tx, client_id, owner_id)
        if app is None:
            raise AppUnknown
        return app

    # -- what people connected ------------------------------------------------------------------

    async def connections(self, user_id: UUID) -> list[store.Connection]:
        """Apps that this person let in, with their rights and caps; the one used last first."""
        async with self.db.reading() as tx:
            return await store.connections(tx, user_id)

    async def disconnect(self, user_id: UUID, grant_id: UUID) -> None:
        """Every token that came of it is dead from now on. Raises ConnectionUnknown."""
        async with self.db.transaction() as tx:
            if await store.end_grant(tx, user_id, grant_id, self.clock.now()) is None:
                raise ConnectionUnknown
            await self._audit(tx, user_id, "app.disconnected", str(grant_id))

    async def cap(self, user_id: UUID, grant_id: UUID, caps: Mapping[Window, int]) -> None:
        """Cents that the app may spend in each window, from the next payment on; empty: only the account's own
        limits. What was spent counts. Raises ConnectionUnknown, InvalidCap."""
        check_caps(caps)
        async with self.db.transaction() as tx:
            if not await store.set_caps(tx, user_id, grant_id, caps, self.clock.now()):
                raise ConnectionUnknown
            await self._audit(tx, user_id, "app.capped", str(grant_id))

    async def act_for_me(
        self, owner_id: UUID, client_id: str, scope: Sequence[str], caps: Mapping[Window, int]
    ) -> None:
        """Let an app of one's own act by itself (client credentials) until that is stopped. Raises AppUnknown,
        InvalidApp, InvalidCap."""
        check_caps(caps)
        async with self.db.transaction() as tx:
            app = await self._app(tx, owner_id, client_id)
            if not scope or not set(scope) <= set(app.scope) & set(BANK_SCOPES):
                raise InvalidApp("scope: some of read, receive and write that the app is registered with.")
            await store.put_own_grant(tx, new_id(), owner_id, client_id, scope, caps, self.clock.now())
            await self._audit(tx, owner_id, "app.allowed", client_id)

    async def forget(self, tx: Tx, user_id: UUID) -> int:
        """End everything that this person agreed to."""
        return await store.end_grants(tx, user_id, self.clock.now())

    async def sweep(self) -> int:
        """Forget what has run out. Run it now and then."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            return await store.sweep(tx, now, now - timedelta(seconds=self.policy.family_s + self.policy.access_s))


def _described(description: Any, allowed: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        metadata = checked_metadata(description)
        return metadata, checked_scope(description.get("scope"), allowed)
    except BadMetadata as bad:
        raise InvalidApp(str(bad)) from None
