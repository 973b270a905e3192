"""SQL of identity besides claims and step-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from hazina.identity.model import CODE_LIFE_S, CODE_TRIES, Challenge, FactorKind, Session
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID, new_id

# -- codes to phones ----------------------------------------------------------------------------


async def put_code(tx: Tx, mark: bytes, id_: UUID, hash_: str, at: datetime) -> None:
    """The code of this number from now on; the one before is dead."""
    await tx.execute(
        """
        insert into phone_code (mark, id, hash, tries_left, expires_at)
        values (%(mark)s, %(id)s, %(hash)s, %(tries)s, %(expires)s)
        on conflict (mark) do update set
            id = excluded.id, hash = excluded.hash, tries_left = excluded.tries_left, expires_at = excluded.expires_at
        """,
        {
            "mark": mark,
            "id": id_,
            "hash": hash_,
            "tries": CODE_TRIES,
            "expires": at + timedelta(seconds=CODE_LIFE_S),
        },
    )


async def spend_try(tx: Tx, mark: bytes, at: datetime) -> tuple[UUID, str] | None:
    """Id and hash of the live code, one try of it used up; None when there is none to try."""
    return await tx.one(
        lambda id_, hash_: (id_, hash_),
        """
        update phone_code set tries_left = tries_left - 1
        where mark = %(mark)s and tries_left > 0 and expires_at > %(at)s
        returning id, hash
        """,
        {"mark": mark, "at": at},
    )


async def use_code(tx: Tx, mark: bytes, code_id: UUID) -> bool:
    """True for the one who comes first."""
    query = "delete from phone_code where mark = %(mark)s and id = %(id)s"
    return await tx.execute(query, {"mark": mark, "id": code_id}) == 1


# -- people and their factors -------------------------------------------------------------------


async def put_person(tx: Tx, user_id: UUID, at: datetime) -> None:
    query = "insert into person (id, created_at) values (%(id)s, %(at)s)"
    await tx.execute(query, {"id": user_id, "at": at})


async def person(tx: Tx, user_id: UUID) -> tuple[str, datetime] | None:
    """Language, and since when."""
    query = "select language, created_at from person where id = %(id)s"
    return await tx.one(lambda language, at: (language, at), query, {"id": user_id})


async def set_language(tx: Tx, user_id: UUID, language: str) -> None:
    query = "update person set language = %(language)s where id = %(id)s"
    await tx.execute(query, {"id": user_id, "language": language})


async def lock_person(tx: Tx, user_id: UUID) -> bool:
    """Changes of one person's factors go one after the other."""
    query = "select 1 from person where id = %(id)s for no key update"
    return await tx.value(query, {"id": user_id}) is not None


SealedFactor = tuple[UUID, UUID, FactorKind, bytes, dict[str, Any], datetime, datetime | None]


def _sealed(id_: UUID, user_id: UUID, kind: str, sealed: bytes, *rest: Any) -> SealedFactor:
    return (id_, user_id, FactorKind(kind), sealed, *rest)


async def factor_by_mark(tx: Tx, kind: FactorKind, mark: bytes) -> SealedFactor | None:
    return await tx.one(
        _sealed,
        """select id, user_id, kind, sealed, data, created_at, last_used_at from factor
        where kind = %(kind)s and mark = %(mark)s""",
        {"kind": kind.value, "mark": mark},
    )


async def factors_of(tx: Tx, user_id: UUID) -> list[SealedFactor]:
    """Oldest first."""
    return await tx.rows(
        _sealed,
        """select id, user_id, kind, sealed, data, created_at, last_used_at from factor
        where user_id = %(user)s order by id""",
        {"user": user_id},
    )


async def kinds_of(tx: Tx, user_id: UUID) -> list[FactorKind]:
    """One for each factor."""
    return await tx.rows(FactorKind, "select kind from factor where user_id = %(user)s order by id", {"user": user_id})


async def put_factor(
    tx: Tx, id_: UUID, user_id: UUID, kind: FactorKind, mark: bytes, sealed: bytes, data: Mapping[str, Any],
    at: datetime,
) -> bool:  # fmt: skip
    """False: it is somebody's already (somebody else was quicker)."""
    return (
        await tx.execute(
            """insert into factor (id, user_id, kind, mark, sealed, data, created_at, last_used_at)
            values (%(id)s, %(user)s, %(kind)s, %(mark)s, %(sealed)s, %(data)s, %(at)s, %(at)s)
            on conflict (kind, mark) do nothing""",
            {
                "id": id_,
                "user": user_id,
                "kind": kind.value,
                "mark": mark,
                "sealed": sealed,
                "data": Jsonb(dict(data)),
                "at": at,
            },
        )
        == 1
    )


async def release_factor(tx: Tx, id_: UUID, until: datetime) -> None:
    await tx.execute("update factor set released_until = %(until)s where id = %(id)s", {"id": id_, "until": until})


async def is_released(tx: Tx, id_: UUID, at: datetime) -> bool:
    query = "select 1 from factor where id = %(id)s and released_until > %(at)s"
    return await tx.value(query, {"id": id_, "at": at}) is not None


async def use_factor(tx: Tx, id_: UUID, at: datetime, data: Mapping[str, Any] | None) -> None:
    await tx.execute(
        """update factor set last_used_at = greatest(last_used_at, %(at)s), data = coalesce(%(data)s, data)
        where id = %(id)s""",
        {"id": id_, "at": at, "data": None if data is None else Jsonb(dict(data))},
    )


async def seal_factor(tx: Tx, id_: UUID, sealed: bytes) -> None:
    await tx.execute("update factor set sealed = %(sealed)s where id = %(id)s", {"id": id_, "sealed": sealed})


async def drop_factor(tx: Tx, id_: UUID) -> None:
    await tx.execute("delete from factor where id = %(id)s", {"id": id_})


async def drop_factors(tx: Tx, user_id: UUID) -> None:
    await tx.execute("delete from notice where user_id = %(user)s", {"user": user_id})
    await tx.execute("delete from factor where user_id = %(user)s", {"user": user_id})


async def phones_to_move(tx: Tx, limit: int) -> list[tuple[UUID, str]]:
    query = "select person_id, phone from phone_to_move order by person_id limit %(n)s for update"
    return await tx.rows(lambda id_, phone: (id_, phone), query, {"n": limit})


async def any_phone_to_move(tx: Tx) -> bool:
    found: bool = await tx.value("select exists (select from phone_to_move)")
    return found


async def phone_moved(tx: Tx, user_id: UUID) -> None:
    await tx.execute("delete from phone_to_move where person_id = %(id)s", {"id": user_id})


# -- the hold on what leaves --------------------------------------------------------------------


async def start_hold(tx: Tx, user_id: UUID, at: datetime, until: datetime, cents: int) -> None:
    """One that is on lasts longer, and what was sent under it still counts."""
    await tx.execute(
        """
        insert into outgoing_hold as h (user_id, id, since, until, cents)
        values (%(user)s, %(id)s, %(at)s, %(until)s, %(cents)s)
        on conflict (user_id) do update set
            id = case when h.until > %(at)s then h.id else excluded.id end,
            since = case when h.until > %(at)s then h.since else excluded.since end,
            until = greatest(h.until, excluded.until), cents = excluded.cents
        """,
        {"user": user_id, "id": new_id(), "at": at, "until": until, "cents": cents},
    )


async def held_until(tx: Tx, user_id: UUID, at: datetime) -> datetime | None:
    query = "select until from outgoing_hold where user_id = %(user)s and until > %(at)s"
    found: datetime | None = await tx.value(query, {"user": user_id, "at": at})
    return found


# -- step-up ------------------------------------------------------------------------------------


_CHALLENGE = "select id, user_id, verb, fingerprint, said, expires_at, method, state from step_up"


async def open_challenge(tx: Tx, user_id: UUID, verb: str, fingerprint: str, after: datetime) -> Challenge | None:
    """One for the same that lasts until ``after`` and was not proved yet."""
    found = await tx.rows(
        Challenge,
        _CHALLENGE
        + """ where user_id = %(user)s and verb = %(verb)s and fingerprint = %(mark)s and expires_at > %(after)s
            and token_hash is null and tries_left > 0 order by created_at desc limit 1""",
        {"user": user_id, "verb": verb, "mark": fingerprint, "after": after},
    )
    return found[0] if found else None


async def put_challenge(tx: Tx, new: Challenge, tries: int, at: datetime) -> None:
    await tx.execute(
        """insert into step_up (id, user_id, verb, fingerprint, said, created_at, expires_at, tries_left)
        values (%(id)s, %(user)s, %(verb)s, %(mark)s, %(said)s, %(at)s, %(expires)s, %(tries)s)""",
        {
            "id": new.id,
            "user": new.user_id,
            "verb": new.verb,
            "mark": new.fingerprint,
            "said": new.said,
            "at": at,
            "expires": new.expires_at,
            "tries": tries,
        },
    )


async def challenge(tx: Tx, user_id: UUID, id_: UUID, at: datetime) -> Challenge | None:
    """One of this person's that can still be proved."""
    return await tx.one(
        Challenge,
        _CHALLENGE
        + """ where id = %(id)s and user_id = %(user)s and expires_at > %(at)s and token_hash is null
            and tries_left > 0""",
        {"id": id_, "user": user_id, "at": at},
    )


async def set_method(tx: Tx, id_: UUID, method: str, state: Mapping[str, Any]) -> None:
    """How it will be proved, and what that way keeps meanwhile; one that was begun before is dead."""
    await tx.execute(
        "update step_up set method = %(method)s, state = %(state)s where id = %(id)s and token_hash is null",
        {"id": id_, "method": method, "state": Jsonb(dict(state))},
    )


async def spend_challenge_try(tx: Tx, user_id: UUID, id_: UUID, at: datetime) -> Challenge | None:
    """The challenge, one try of it used up; None when there is none to try."""
    return await tx.one(
        Challenge,
        """update step_up set tries_left = tries_left - 1
        where id = %(id)s and user_id = %(user)s and expires_at > %(at)s and token_hash is null and tries_left > 0
        returning id, user_id, verb, fingerprint, said, expires_at, method, state""",
        {"id": id_, "user": user_id, "at": at},
    )


async def prove_challenge(tx: Tx, asked: Challenge, token_hash: bytes, expires_at: datetime) -> bool:
    """True for the one who comes first, while it stands as it was when it was checked."""
    return (
        await tx.execute(
            """update step_up set token_hash = %(hash)s, expires_at = %(expires)s, state = '{}'
            where id = %(id)s and token_hash is null and state = %(state)s""",
            {"id": asked.id, "hash": token_hash, "expires": expires_at, "state": Jsonb(dict(asked.state))},
        )
        == 1
    )


async def spend_proof(
    tx: Tx, user_id: UUID, verb: str, fingerprint: str, token_hash: bytes, by: UUID, at: datetime
) -> bool:
    """True once."""
    return (
        await tx.execute(
            """update step_up set used_by = %(by)s
            where token_hash = %(hash)s and user_id = %(user)s and verb = %(verb)s and fingerprint = %(mark)s
                and expires_at > %(at)s and used_by is null""",
            {"hash": token_hash, "user": user_id, "verb": verb, "mark": fingerprint, "by": by, "at": at},
        )
        == 1
    )


# -- notices ------------------------------------------------------------------------------------


async def put_notice(tx: Tx, user_id: UUID, kind: FactorKind, id_: UUID, sealed: bytes, at: datetime) -> None:
    await tx.execute(
        """insert into notice (id, user_id, kind, sealed, created_at, due_at)
        values (%(id)s, %(user)s, %(kind)s, %(sealed)s, %(at)s, %(at)s)""",
        {"id": id_, "user": user_id, "kind": kind.value, "sealed": sealed, "at": at},
    )


async def take_notices(tx: Tx, at: datetime, again: datetime, limit: int) -> list[tuple[UUID, UUID, FactorKind, bytes]]:
    """Some that are due; whoever dies with them leaves them to others at ``again``."""
    return await tx.rows(
        lambda id_, user_id, kind, sealed: (id_, user_id, FactorKind(kind), sealed),
        """
        update notice set tries = tries + 1, due_at = %(again)s
        where id in (select id from notice where due_at <= %(at)s order by due_at limit %(n)s for update skip locked)
        returning id, user_id, kind, sealed
        """,
        {"at": at, "again": again, "n": limit},
    )


async def drop_notice(tx: Tx, id_: UUID) -> None:
    await tx.execute("delete from notice where id = %(id)s", {"id": id_})


# -- sessions -----------------------------------------------------------------------------------

_SESSION = """select id, user_id, created_at, last_used_at, expires_at, null, null, amr, auth_time, totp_pending, sealed
    from session"""


def _session(*row: Any) -> tuple[Session, bytes | None]:
    """From where it came is sealed beside it."""
    return replace(Session(*row[:-1]), amr=tuple(row[7])), row[-1]


async def put_session(tx: Tx, token_hash: bytes, new: Session, wary: bool, sealed: bytes | None) -> None:
    await tx.execute(
        """
        insert into session (id, user_id, token_hash, sealed, created_at, last_used_at, expires_at, amr, auth_time,
            totp_pending, wary)
        values (%(id)s, %(user)s, %(hash)s, %(sealed)s, %(at)s, %(at)s, %(expires)s, %(amr)s, %(auth)s, %(pending)s,
            %(wary)s)
        """,
        {
            "id": new.id,
            "user": new.user_id,
            "hash": token_hash,
            "sealed": sealed,
            "at": new.created_at,
            "expires": new.expires_at,
            "amr": list(new.amr),
            "auth": new.auth_time,
            "pending": new.totp_pending,
            "wary": wary,
        },
    )


async def session_by_hash(tx: Tx, token_hash: bytes, at: datetime, used_since: datetime) -> Session | None:
    """One that is live, whether it waits for a second factor or not; without from where it came."""
    found = await tx.one(
        _session,
        _SESSION + " where token_hash = %(hash)s and last_used_at > %(since)s and expires_at > %(at)s",
        {"hash": token_hash, "since": used_since, "at": at},
    )
    return None if found is None else found[0]


async def complete_session(tx: Tx, session_id: UUID, amr: list[str], at: datetime) -> bool:
    """The second factor was shown. False: somebody was quicker."""
    return (
        await tx.execute(
            """update session set totp_pending = false, auth_time = %(at)s,
                amr = amr || array(select unnest(%(amr)s::text[]) except select unnest(amr))
            where id = %(id)s and totp_pending""",
            {"id": session_id, "amr": amr, "at": at},
        )
        == 1
    )


async def touch_session(tx: Tx, session_id: UUID, at: datetime, unless_since: datetime) -> None:
    """Note that the session was used, unless somebody noted it since ``unless_since``."""
    await tx.execute(
        "update session set last_used_at = %(at)s where id = %(id)s and last_used_at <= %(since)s",
        {"id": session_id, "at": at, "since": unless_since},
    )


async def sessions_of(tx: Tx, user_id: UUID, at: datetime, used_since: datetime) -> list[tuple[Session, bytes | None]]:
    return await tx.rows(
        _session,
        _SESSION
        + """ where user_id = %(user)s and last_used_at > %(since)s and expires_at > %(at)s
        order by last_used_at desc, id desc""",
        {"user": user_id, "since": used_since, "at": at},
    )


async def drop_session(tx: Tx, user_id: UUID, session_id: UUID) -> bool:
    query = "delete from session where id = %(id)s and user_id = %(user)s"
    return await tx.execute(query, {"id": session_id, "user": user_id}) == 1


async def drop_sessions(tx: Tx, user_id: UUID, but: UUID | None = None) -> list[UUID]:
    """Of this user, all but one; which they were."""
    query = "delete from session where user_id = %(user)s and id is distinct from %(but)s returning id"
    return await tx.rows(lambda id_: id_, query, {"user": user_id, "but": but})


async def sweep(tx: Tx, at: datetime, sessions_unused_since: datetime) -> int:
    """Drop dead codes, forgotten sessions, holds that are over, notices that nobody took."""
    codes = await tx.execute("delete from phone_code where expires_at <= %(at)s", {"at": at})
    query = "delete from session where last_used_at <= %(since)s or expires_at <= %(at)s"
    sessions = await tx.execute(query, {"since": sessions_unused_since, "at": at})
    holds = await tx.execute("delete from outgoing_hold where until <= %(at)s", {"at": at})
    proofs = await tx.execute("delete from step_up where expires_at <= %(at)s", {"at": at})
    old = at - timedelta(days=1)
    return (
        codes
        + sessions
        + holds
        + proofs
        + await tx.execute("delete from notice where created_at <= %(old)s", {"old": old})
    )
