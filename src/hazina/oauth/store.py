"""SQL of the verbs, and of the look that every request with an access token makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from hazina.access import Window
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID
from hazina.oauth.model import AppKind, Bearer, Client, Grant, rights_of

_CLIENT: LiteralString = """
    select id, owner_id, kind, metadata, secret_hash, scope, checked, introspects, created_at, disabled_at
    from oauth_client
"""


def _client(
    id_: str, owner_id: UUID | None, kind: int, metadata: Any, secret_hash: bytes | None, scope: list[str], *rest: Any
) -> Client:
    return Client(id_, owner_id, AppKind(kind), metadata, secret_hash, tuple(scope), *rest)


def _caps(stored: Mapping[str, int]) -> dict[Window, int]:
    return {Window(int(window)): int(cents) for window, cents in stored.items()}


@dataclass(frozen=True, slots=True)
class Shown:
    """Whose access token that is, as the app knows them."""

    user_id: UUID
    sub: str
    scope: tuple[str, ...]


# A token of the app's own acts for the customer whose app it is, as far as that customer allowed. What the last lines
# read is of others: see ``rows``, which says the same for those who introspect.
_LIVE: LiteralString = """
    from oauth_token t
    join oauth_client c on c.id = t.client_id
    left join oauth_family f on f.id = t.family_id
    join oauth_grant g on g.client_id = c.id and g.user_id = coalesce(f.user_id, c.owner_id)
        and (f.id is null or g.id = f.grant_id)
    where t.hash = any(%(hashes)s) and t.kind = 1 and t.expires_at > %(at)s and t.revoked_at is null
        and f.revoked_at is null and g.revoked_at is null and (g.expires_at is null or g.expires_at > %(at)s)
        and c.disabled_at is null
        and (f.id is null or 'offline_access' = any (string_to_array(f.scope, ' '))
            or exists (select from session s where s.id = f.session_id))
        and not exists (select from person_key k where k.person_id = g.user_id and k.wrapped is null)
"""


async def bearers(tx: Tx, hashes: Sequence[bytes], at: datetime) -> dict[bytes, Bearer]:
    """Whom each of these access tokens lets act: one query, however many ask at once."""

    def made(
        hash_: bytes, user_id: UUID, client_id: str, grant_id: UUID, scope: str, granted: list[str], caps: Any
    ) -> tuple[bytes, Bearer]:
        rights = rights_of(one for one in scope.split() if one in granted)
        return hash_, Bearer(user_id, client_id, grant_id, rights, _caps(caps))

    query = "select t.hash, g.user_id, c.id, g.id, t.scope, g.scope, g.caps" + _LIVE
    return dict(await tx.rows(made, query, {"hashes": list(hashes), "at": at}))


async def shown(tx: Tx, hash_: bytes, at: datetime) -> Shown | None:
    """None for what is no access token of a person, or not any more."""

    def made(user_id: UUID, sub: str, scope: str, granted: list[str]) -> Shown:
        return Shown(user_id, sub, tuple(one for one in scope.split() if one in granted))

    query = "select g.user_id, f.sub, t.scope, g.scope" + _LIVE + " and f.id is not null"
    return await tx.one(made, query, {"hashes": [hash_], "at": at})


# -- apps ---------------------------------------------------------------------------------------


async def put_client(tx: Tx, app: Client) -> None:
    await tx.execute(
        """
        insert into oauth_client (id, owner_id, kind, metadata, secret_hash, scope, checked, introspects, created_at)
        values (%(id)s, %(owner)s, %(kind)s, %(metadata)s, %(secret)s, %(scope)s, %(checked)s, %(introspects)s, %(at)s)
        """,
        {
            "id": app.id,
            "owner": app.owner_id,
            "kind": int(app.kind),
            "metadata": Jsonb(dict(app.metadata)),
            "secret": app.secret_hash,
            "scope": list(app.scope),
            "checked": app.checked,
            "introspects": app.introspects,
            "at": app.created_at,
        },
    )


async def lock_owner(tx: Tx, owner_id: UUID) -> None:
    """Two apps of one customer are made one after the other."""
    await tx.value(
        "select pg_advisory_xact_lock(hashtextextended('oauth_owner ' || %(id)s::text, 0))", {"id": owner_id}
    )


async def client_for(tx: Tx, client_id: str, owner_id: UUID | None) -> Client | None:
    """``owner_id`` None: the operators, who see all."""
    query = _CLIENT + " where id = %(id)s and (%(owner)s::uuid is null or owner_id = %(owner)s) for update"
    return await tx.one(_client, query, {"id": client_id, "owner": owner_id})


async def clients(tx: Tx, owner_id: UUID | None, limit: int) -> list[Client]:
    """Newest first."""
    query = (
        _CLIENT
        + """
        where %(owner)s::uuid is null or owner_id = %(owner)s order by created_at desc, id limit %(limit)s
    """
    )
    return await tx.rows(_client, query, {"owner": owner_id, "limit": limit})


async def change_client(tx: Tx, client_id: str, metadata: Mapping[str, Any], scope: Sequence[str]) -> None:
    """An operator's check was of what it said before."""
    await tx.execute(
        "update oauth_client set metadata = %(metadata)s, scope = %(scope)s, checked = false where id = %(id)s",
        {"id": client_id, "metadata": Jsonb(dict(metadata)), "scope": list(scope)},
    )


async def set_secret(tx: Tx, client_id: str, secret_hash: bytes | None) -> None:
    await tx.execute(
        "update oauth_client set secret_hash = %(hash)s where id = %(id)s", {"id": client_id, "hash": secret_hash}
    )


async def mark_client(
    tx: Tx, client_id: str, *, checked: bool, introspects: bool, disabled_at: datetime | None
) -> None:
    await tx.execute(
        """
        update oauth_client set checked = %(checked)s, introspects = %(introspects)s, disabled_at = %(disabled)s
        where id = %(id)s
        """,
        {"id": client_id, "checked": checked, "introspects": introspects, "disabled": disabled_at},
    )


async def drop_client(tx: Tx, client_id: str) -> None:
    """With all its grants and tokens."""
    await tx.execute("delete from oauth_client where id = %(id)s", {"id": client_id})


async def put_initial(tx: Tx, hash_: bytes, note: str, uses: int, at: datetime, until: datetime) -> None:
    await tx.execute(
        """
        insert into oauth_initial (hash, note, uses_left, expires_at, created_at)
        values (%(hash)s, %(note)s, %(uses)s, %(until)s, %(at)s)
        """,
        {"hash": hash_, "note": note, "uses": uses, "until": until, "at": at},
    )


# -- connections --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connection:
    """An app that somebody let in, as they see it."""

    grant: Grant
    client: Client


async def connections(tx: Tx, user_id: UUID) -> list[Connection]:
    """Live ones, the one used last first."""

    def made(*row: Any) -> Connection:
        id_, user, client_id, scope, offered, caps, *times = row[:10]
        grant = Grant(id_, user, client_id, tuple(scope), tuple(offered), _caps(caps), *times)
        return Connection(grant, _client(*row[10:]))

    return await tx.rows(
        made,
        """
        select g.id, g.user_id, g.client_id, g.scope, g.offered, g.caps, g.created_at, g.changed_at, g.expires_at,
            g.used_at, c.id, c.owner_id, c.kind, c.metadata, c.secret_hash, c.scope, c.checked, c.introspects,
            c.created_at, c.disabled_at
        from oauth_grant g join oauth_client c on c.id = g.client_id
        where g.user_id = %(user)s and g.revoked_at is null
        order by g.used_at desc nulls last, g.created_at desc, g.id
        """,
        {"user": user_id},
    )


async def put_own_grant(
    tx: Tx, id_: UUID, user_id: UUID, client_id: str, scope: Sequence[str], caps: Mapping[Window, int], at: datetime
) -> None:
    """A customer lets an app of their own act for them, until they stop it."""
    await tx.execute(
        """
        insert into oauth_grant (id, user_id, client_id, scope, offered, caps, created_at, changed_at)
        values (%(id)s, %(user)s, %(client)s, %(scope)s, %(scope)s, %(caps)s, %(at)s, %(at)s)
        on conflict (user_id, client_id) where revoked_at is null do update set
            scope = excluded.scope, offered = excluded.offered, caps = excluded.caps,
            changed_at = excluded.changed_at, expires_at = null
        """,
        {
            "id": id_,
            "user": user_id,
            "client": client_id,
            "scope": list(scope),
            "caps": Jsonb({str(int(window)): cents for window, cents in caps.items()}),
            "at": at,
        },
    )


async def set_caps(tx: Tx, user_id: UUID, grant_id: UUID, caps: Mapping[Window, int], at: datetime) -> bool:
    """False: there is no such grant of this person."""
    return (
        await tx.execute(
            """
            update oauth_grant set caps = %(caps)s, changed_at = %(at)s
            where id = %(id)s and user_id = %(user)s and revoked_at is null
            """,
            {
                "id": grant_id,
                "user": user_id,
                "caps": Jsonb({str(int(window)): cents for window, cents in caps.items()}),
                "at": at,
            },
        )
        == 1
    )


async def end_grant(tx: Tx, user_id: UUID, grant_id: UUID, at: datetime) -> str | None:
    """Every token that came of it is dead from now on; the app's name. None: there is no such grant of theirs."""
    return await tx.one(
        str,
        """
        update oauth_grant g set revoked_at = %(at)s from oauth_client c
        where g.id = %(id)s and g.user_id = %(user)s and g.revoked_at is null and c.id = g.client_id
        returning c.metadata ->> 'client_name'
        """,
        {"id": grant_id, "user": user_id, "at": at},
    )


async def end_grants(tx: Tx, user_id: UUID, at: datetime) -> int:
    return await tx.execute(
        "update oauth_grant set revoked_at = %(at)s where user_id = %(user)s and revoked_at is null",
        {"user": user_id, "at": at},
    )


# -- housekeeping -------------------------------------------------------------------------------


SWEPT: tuple[LiteralString, ...] = (
    "delete from oauth_request where expires_at <= %(at)s",
    "delete from oauth_device where expires_at <= %(at)s",
    "delete from oauth_assertion where expires_at <= %(at)s",
    "delete from oauth_initial where expires_at <= %(at)s or uses_left = 0",
    "delete from oauth_token where expires_at <= %(at)s and kind = 1",
    "delete from oauth_family where created_at <= %(old)s",
    """delete from oauth_client c where kind = 3 and created_at <= %(old)s
        and not exists (select from oauth_grant g where g.client_id = c.id)
        and not exists (select from oauth_token t where t.client_id = c.id)""",
)


async def sweep(tx: Tx, at: datetime, families_before: datetime) -> int:
    """Forget what has run out. Codes and traded refresh tokens stay as long as their family, so that a second
    use is known for what it is. An app that registered itself and that nobody has ever used goes as well."""
    done = 0
    for query in SWEPT:
        done += await tx.execute(query, {"at": at, "old": families_before})
    return done
