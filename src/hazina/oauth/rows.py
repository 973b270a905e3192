"""SQL of the provider's own requests, which run in threads (see ``threads``). What is looked at before it is
changed is locked first: one code, one refresh token, one device code is taken once, however many ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from hazina.access import Window
from hazina.kernel.ids import UUID, new_id
from hazina.oauth.model import AppKind, Client, Code, Device, Family, Grant, Token, TokenKind, hashed, new_subject
from hazina.oauth.threads import SyncTx

Row = dict[str, Any]


def _one(tx: SyncTx, query: Any, values: Mapping[str, Any]) -> Row | None:
    with tx.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchone()


# -- apps ---------------------------------------------------------------------------------------


def made_client(row: Row) -> Client:
    return Client(
        row["id"], row["owner_id"], AppKind(row["kind"]), row["metadata"], row["secret_hash"], tuple(row["scope"]),
        row["checked"], row["introspects"], row["created_at"], row["disabled_at"],
    )  # fmt: skip


def client(tx: SyncTx, client_id: str) -> Client | None:
    """One that is not disabled."""
    row = _one(tx, "select * from oauth_client where id = %(id)s and disabled_at is null", {"id": client_id[:100]})
    return None if row is None else made_client(row)


def client_of_access(tx: SyncTx, access_hash: bytes) -> Client | None:
    """Whose registration access token that is."""
    query = "select * from oauth_client where access_hash = %(hash)s and disabled_at is null"
    row = _one(tx, query, {"hash": access_hash})
    return None if row is None else made_client(row)


def put_client(tx: SyncTx, app: Client, access_hash: bytes | None) -> None:
    tx.execute(
        """
        insert into oauth_client (id, owner_id, kind, metadata, secret_hash, access_hash, scope, created_at)
        values (%(id)s, %(owner)s, %(kind)s, %(metadata)s, %(secret)s, %(access)s, %(scope)s, %(at)s)
        """,
        {
            "id": app.id,
            "owner": app.owner_id,
            "kind": int(app.kind),
            "metadata": Jsonb(dict(app.metadata)),
            "secret": app.secret_hash,
            "access": access_hash,
            "scope": list(app.scope),
            "at": app.created_at,
        },
    )


def change_client(tx: SyncTx, client_id: str, metadata: Mapping[str, Any], scope: Iterable[str]) -> None:
    """An operator's check was of what it said before."""
    tx.execute(
        """update oauth_client set metadata = %(metadata)s, scope = %(scope)s, checked = false where id = %(id)s""",
        {"id": client_id, "metadata": Jsonb(dict(metadata)), "scope": list(scope)},
    )


def set_secret(tx: SyncTx, client_id: str, secret_hash: bytes | None) -> None:
    tx.execute(
        "update oauth_client set secret_hash = %(hash)s where id = %(id)s", {"id": client_id, "hash": secret_hash}
    )


def drop_client(tx: SyncTx, client_id: str) -> None:
    """With all its grants and tokens."""
    tx.execute("delete from oauth_client where id = %(id)s", {"id": client_id})


def take_initial(tx: SyncTx, token: str, at: datetime) -> bool:
    """One use of an initial access token."""
    query = """
        update oauth_initial set uses_left = uses_left - 1
        where hash = %(hash)s and uses_left > 0 and expires_at > %(at)s
    """
    return tx.execute(query, {"hash": hashed(token), "at": at}).rowcount == 1


def take_assertion(tx: SyncTx, client_id: str, jti: str, expires_at: datetime) -> bool:
    """True the first time."""
    query = """
        insert into oauth_assertion (client_id, jti, expires_at) values (%(client)s, %(jti)s, %(until)s)
        on conflict do nothing
    """
    return tx.execute(query, {"client": client_id, "jti": jti, "until": expires_at}).rowcount == 1


# -- grants and families ------------------------------------------------------------------------


def grant(tx: SyncTx, user_id: UUID, client_id: str) -> Grant | None:
    """The live one, locked: who signs in and who stops the app take turns."""
    row = _one(
        tx,
        """
        select id, user_id, client_id, scope, offered, caps, created_at, changed_at, expires_at, used_at
        from oauth_grant where user_id = %(user)s and client_id = %(client)s and revoked_at is null for update
        """,
        {"user": user_id, "client": client_id},
    )
    return None if row is None else made_grant(row)


def made_grant(row: Row) -> Grant:
    caps = {Window(int(window)): int(cents) for window, cents in row["caps"].items()}
    lists = {"scope": tuple(row["scope"]), "offered": tuple(row["offered"]), "caps": caps}
    return Grant(**{**row, **lists})


def put_grant(
    tx: SyncTx,
    user_id: UUID,
    client_id: str,
    scope: Iterable[str],
    offered: Iterable[str],
    caps: Mapping[Window, int],
    at: datetime,
    until: datetime,
) -> Grant:
    """What a person agrees to now replaces what they agreed to before; the id, and with it what was spent,
    stays."""
    row = _one(
        tx,
        """
        insert into oauth_grant (id, user_id, client_id, scope, offered, caps, created_at, changed_at, expires_at)
        values (%(id)s, %(user)s, %(client)s, %(scope)s, %(offered)s, %(caps)s, %(at)s, %(at)s, %(until)s)
        on conflict (user_id, client_id) where revoked_at is null do update set
            scope = excluded.scope, offered = excluded.offered, caps = excluded.caps,
            changed_at = excluded.changed_at, expires_at = excluded.expires_at
        returning id, user_id, client_id, scope, offered, caps, created_at, changed_at, expires_at, used_at
        """,
        {
            "id": new_id(),
            "user": user_id,
            "client": client_id,
            "scope": list(scope),
            "offered": list(offered),
            "caps": Jsonb({str(int(window)): cents for window, cents in caps.items()}),
            "at": at,
            "until": until,
        },
    )
    assert row is not None
    return made_grant(row)


def subject(tx: SyncTx, user_id: UUID, sector: str | None) -> str:
    """What apps of ``sector`` call the person: made at random once; everybody's own id where there is none."""
    if sector is None:
        return str(user_id)
    row = _one(
        tx,
        """
        insert into oauth_subject (user_id, sector, sub) values (%(user)s, %(sector)s, %(sub)s)
        on conflict (user_id, sector) do update set sub = oauth_subject.sub returning sub
        """,
        {"user": user_id, "sector": sector, "sub": new_subject()},
    )
    assert row is not None
    return str(row["sub"])


_FAMILY = """
    f.id as family_id, f.grant_id, f.user_id, f.client_id as family_client, f.session_id, f.scope as family_scope,
    f.nonce, f.acr, f.amr, f.auth_time, f.created_at as family_at, f.sub
"""


def _family(row: Row) -> Family:
    return Family(
        row["family_id"], row["grant_id"], row["user_id"], row["family_client"], row["session_id"],
        row["family_scope"], row["nonce"], row["acr"], tuple(row["amr"]), row["auth_time"], row["family_at"],
        row["sub"],
    )  # fmt: skip


def put_family(tx: SyncTx, one: Family) -> None:
    tx.execute(
        """
        insert into oauth_family
            (id, grant_id, user_id, client_id, session_id, sub, scope, nonce, acr, amr, auth_time, created_at)
        values (%(id)s, %(grant_id)s, %(user_id)s, %(client_id)s, %(session_id)s, %(sub)s, %(scope)s, %(nonce)s,
            %(acr)s, %(amr)s, %(auth_time)s, %(created_at)s)
        """,
        {name: getattr(one, name) for name in one.__dataclass_fields__} | {"amr": list(one.amr)},
    )


def end_family(tx: SyncTx, family_id: UUID, at: datetime) -> None:
    """Every token of it is dead from now on."""
    query = "update oauth_family set revoked_at = %(at)s where id = %(id)s and revoked_at is null"
    tx.execute(query, {"id": family_id, "at": at})


# -- codes --------------------------------------------------------------------------------------


def put_code(
    tx: SyncTx, code: str, client_id: str, family_id: UUID, redirect_uri: str, challenge: str, expires_at: datetime
) -> None:
    tx.execute(
        """
        insert into oauth_code (hash, client_id, family_id, redirect_uri, challenge, expires_at)
        values (%(hash)s, %(client)s, %(family)s, %(redirect)s, %(challenge)s, %(until)s)
        """,
        {
            "hash": hashed(code),
            "client": client_id,
            "family": family_id,
            "redirect": redirect_uri,
            "challenge": challenge,
            "until": expires_at,
        },
    )


def use_code(tx: SyncTx, code: str, client_id: str, at: datetime) -> Code | None:
    """The code's one try, whatever comes of it. Of another app's code nothing changes; a second try ends what
    the first one began."""
    row = _one(
        tx,
        "select hash, client_id, family_id, used_at, expires_at from oauth_code where hash = %(hash)s for update",
        {"hash": hashed(code)},
    )
    if row is None or row["client_id"] != client_id:
        return None
    if row["used_at"] is not None:
        end_family(tx, row["family_id"], at)
        return None
    used = _one(
        tx,
        f"""
        with used as (update oauth_code set used_at = %(at)s where hash = %(hash)s
                      returning family_id, redirect_uri, challenge)
        select {_FAMILY}, u.redirect_uri, u.challenge from used u join oauth_family f on f.id = u.family_id
        join oauth_grant g on g.id = f.grant_id where f.revoked_at is null and g.revoked_at is null
        """,  # noqa: S608 - a constant
        {"hash": row["hash"], "at": at},
    )
    if used is None or row["expires_at"] <= at:
        return None
    return Code(_family(used), used["redirect_uri"], used["challenge"])


# -- tokens -------------------------------------------------------------------------------------


def put_token(
    tx: SyncTx, text: str, kind: TokenKind, client_id: str, family: Family | None, scope: str, at: datetime, life_s: int
) -> None:
    tx.execute(
        """
        insert into oauth_token (hash, kind, client_id, family_id, scope, issued_at, expires_at)
        values (%(hash)s, %(kind)s, %(client)s, %(family)s, %(scope)s, %(at)s, %(until)s)
        """,
        {
            "hash": hashed(text),
            "kind": int(kind),
            "client": client_id,
            "family": family.id if family else None,
            "scope": scope,
            "at": at,
            "until": at + timedelta(seconds=life_s),
        },
    )
    if family is not None:
        tx.execute("update oauth_grant set used_at = %(at)s where id = %(id)s", {"id": family.grant_id, "at": at})


# The last three conditions read tables of others: an app is told at once when its customer has logged out (and did
# not let it in for longer), has closed the account or was forgotten.
GONE = """
    (f.id is not null and (
        (not 'offline_access' = any (string_to_array(f.scope, ' '))
            and not exists (select from session s where s.id = f.session_id))
        or exists (select from account a where a.user_id = f.user_id and a.status = 'closed')
        or exists (select from person_key k where k.person_id = f.user_id and k.wrapped is null)))
"""
_TOKEN = f"""
    select t.hash, t.kind, t.client_id, t.scope, t.issued_at, t.expires_at, t.used_at, g.scope as granted, {_FAMILY},
        t.revoked_at is not null or t.expires_at <= %(at)s or c.disabled_at is not null
        or f.revoked_at is not null or g.revoked_at is not null or coalesce(g.expires_at <= %(at)s, false)
        or {GONE} as dead
    from oauth_token t join oauth_client c on c.id = t.client_id
    left join oauth_family f on f.id = t.family_id left join oauth_grant g on g.id = f.grant_id
    where t.hash = %(hash)s
"""  # noqa: S608 - a constant


def token(tx: SyncTx, text: str, at: datetime) -> Token | None:
    row = _one(tx, _TOKEN, {"hash": hashed(text), "at": at})
    return None if row is None else _token(row)


def _token(row: Row) -> Token:
    """With the scope that the person still gives: they may have agreed to less since."""
    family, scope, dead = None, row["scope"], row["dead"] or row["used_at"] is not None
    if row["family_id"] is not None:
        family = _family(row)
        scope = " ".join(one for one in scope.split() if one in row["granted"])
        dead = dead or not scope
    return Token(TokenKind(row["kind"]), row["client_id"], family, scope, row["issued_at"], row["expires_at"], dead)


def refresh_token(tx: SyncTx, text: str, client_id: str, at: datetime) -> Token | None:
    """A refresh token that is about to be traded, locked. Another app's is as if unknown; one that was traded
    before ends its family."""
    values = {"hash": hashed(text), "at": at}
    locked = _one(tx, "select client_id, kind, used_at from oauth_token where hash = %(hash)s for update", values)
    if locked is None or locked["client_id"] != client_id or locked["kind"] != TokenKind.REFRESH:
        return None
    row = _one(tx, _TOKEN, values)
    assert row is not None, "it is locked"
    if locked["used_at"] is not None:
        end_family(tx, row["family_id"], at)
        return None
    found = _token(row)
    return None if found.dead else found


def mark_traded(tx: SyncTx, text: str, at: datetime) -> None:
    tx.execute("update oauth_token set used_at = %(at)s where hash = %(hash)s", {"hash": hashed(text), "at": at})


def revoke_token(tx: SyncTx, text: str, at: datetime) -> None:
    """A refresh token takes its family with it; an access token goes alone (RFC 7009 §2.1)."""
    row = _one(
        tx,
        "update oauth_token set revoked_at = %(at)s where hash = %(hash)s returning kind, family_id",
        {"hash": hashed(text), "at": at},
    )
    if row is not None and row["kind"] == TokenKind.REFRESH:
        end_family(tx, row["family_id"], at)


# -- requests that wait -------------------------------------------------------------------------


def put_request(tx: SyncTx, key: str, params: Mapping[str, str], at: datetime, until: datetime) -> None:
    tx.execute(
        """
        insert into oauth_request (hash, params, asked_at, expires_at)
        values (%(hash)s, %(params)s, %(at)s, %(until)s)
        """,
        {"hash": hashed(key), "params": Jsonb(dict(params)), "at": at, "until": until},
    )


def request(tx: SyncTx, key: str, at: datetime) -> tuple[dict[str, str], datetime] | None:
    """The parameters and when they were stored; locked until the answer is given."""
    query = "select params, asked_at from oauth_request where hash = %(hash)s and expires_at > %(at)s for update"
    row = _one(tx, query, {"hash": hashed(key), "at": at})
    return None if row is None else (row["params"], row["asked_at"])


def drop_request(tx: SyncTx, key: str) -> None:
    tx.execute("delete from oauth_request where hash = %(hash)s", {"hash": hashed(key)})


# -- devices ------------------------------------------------------------------------------------


def put_device(
    tx: SyncTx, code: str, user_code: str, client_id: str, scope: str, interval_s: int, expires_at: datetime
) -> bool:
    """False when somebody else waits with that user code."""
    query = """
        insert into oauth_device (hash, user_code, client_id, scope, interval_s, expires_at)
        values (%(hash)s, %(user_code)s, %(client)s, %(scope)s, %(interval)s, %(until)s)
        on conflict (user_code) do nothing
    """
    values = {
        "hash": hashed(code),
        "user_code": user_code,
        "client": client_id,
        "scope": scope,
        "interval": interval_s,
        "until": expires_at,
    }
    return tx.execute(query, values).rowcount == 1


def poll_device(tx: SyncTx, code: str, client_id: str, at: datetime) -> Device | None:
    """A device asks how it stands. One that asks too soon has five seconds more to wait from now on (RFC 8628
    §3.5). Answered "yes" once: then it is as if unknown. Another app's always is."""
    row = _one(
        tx,
        "select * from oauth_device where hash = %(hash)s and client_id = %(client)s for update",
        {"hash": hashed(code), "client": client_id},
    )
    if row is None or row["used_at"] is not None:
        return None
    early = row["polled_at"] is not None and at < row["polled_at"] + timedelta(seconds=row["interval_s"])
    expired = row["expires_at"] <= at
    family = None
    if row["family_id"] is not None and not expired:
        found = _one(
            tx,
            f"""select {_FAMILY} from oauth_family f join oauth_grant g on g.id = f.grant_id
            where f.id = %(id)s and f.revoked_at is null and g.revoked_at is null""",  # noqa: S608 - a constant
            {"id": row["family_id"]},
        )
        if found is None:
            return None
        family = _family(found)
    tx.execute(
        """
        update oauth_device set polled_at = %(at)s, interval_s = interval_s + %(more)s,
            used_at = case when %(done)s then %(at)s end
        where hash = %(hash)s
        """,
        {"hash": row["hash"], "at": at, "more": 5 if early else 0, "done": family is not None},
    )
    return Device(
        row["user_code"], row["client_id"], row["scope"], expired, row["denied_at"] is not None, early, family
    )


def waiting_device(tx: SyncTx, user_code: str, at: datetime) -> Row | None:
    """A device that nobody has answered for: ``client_id``, ``scope``. Locked."""
    query = """
        select client_id, scope from oauth_device where user_code = %(code)s and expires_at > %(at)s
            and family_id is null and denied_at is null and used_at is null for update
    """
    return _one(tx, query, {"code": user_code, "at": at})


def answer_device(tx: SyncTx, user_code: str, family_id: UUID | None, at: datetime) -> None:
    tx.execute(
        """
        update oauth_device set family_id = %(family)s, denied_at = case when %(family)s::uuid is null then %(at)s end
        where user_code = %(code)s
        """,
        {"code": user_code, "family": family_id, "at": at},
    )


# -- signing keys -------------------------------------------------------------------------------


def keys(tx: SyncTx) -> list[Row]:
    with tx.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from oauth_key order by alg, active_at").fetchall()


def lock_keys(tx: SyncTx) -> None:
    """One process makes the next key."""
    tx.execute("select pg_advisory_xact_lock(hashtext('oauth_key'))")


def put_key(tx: SyncTx, kid: str, alg: str, public: Row, sealed: bytes, at: datetime, active_at: datetime) -> None:
    tx.execute(
        """
        insert into oauth_key (kid, alg, public, sealed, created_at, active_at)
        values (%(kid)s, %(alg)s, %(public)s, %(sealed)s, %(at)s, %(active)s)
        """,
        {"kid": kid, "alg": alg, "public": Jsonb(public), "sealed": sealed, "at": at, "active": active_at},
    )


def seal_key(tx: SyncTx, kid: str, sealed: bytes) -> None:
    tx.execute("update oauth_key set sealed = %(sealed)s where kid = %(kid)s", {"kid": kid, "sealed": sealed})


def drop_keys(tx: SyncTx, kids: Iterable[str]) -> None:
    tx.execute("delete from oauth_key where kid = any(%(kids)s)", {"kids": list(kids)})
