"""Webhooks in the database: plain functions, transaction first.

An endpoint's row is locked before its deliveries are changed, here and everywhere: so what waits and when it is tried
(``next_at``) always agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from hazina.kernel.db import Tx
from hazina.kernel.events import Cursor
from hazina.webhooks.model import Delivery, Endpoint, State, Task, Try

READER = "webhooks"
_ENDPOINT: LiteralString = """
select e.id, e.account_id, e.url, e.created_at, e.disabled_at, e.disabled_why, e.old_until, e.next_at,
    (select count(*) from webhook_delivery d where d.endpoint_id = e.id and d.state = 0)
from webhook_endpoint e
"""
_DELIVERY: LiteralString = """
select d.id, d.endpoint_id, d.event_type, d.body, d.state, d.created_at, d.ended_at,
    (select count(*) from webhook_try t where t.delivery_id = d.id), l.status, l.error
from webhook_delivery d
left join lateral (
    select t.status, t.error from webhook_try t where t.delivery_id = d.id order by t.at desc limit 1) l on true
"""


def _delivery(*r: Any) -> Delivery:
    v = [*r]
    v[4] = State(r[4])
    return Delivery(*v)


def _task(*r: Any) -> Task:
    endpoint, lease, delivery_, url, body, failures, given_up, once, *secrets = r
    sealed_ = tuple(one for one in secrets if one is not None)
    return Task(endpoint, lease, delivery_, url, body, failures, given_up, once, sealed_)


# --- the stream of facts ----------------------------------------------------------------------------


async def place(tx: Tx) -> Cursor | None:
    found = await tx.value("select place from cursor where reader = %(reader)s", {"reader": READER})
    if found is None:
        return None
    xid, _, id_ = found.partition(":")
    return Cursor(int(xid), int(id_))


async def begin(tx: Tx, at: Cursor) -> None:
    await tx.execute(
        "insert into cursor (reader, place) values (%(reader)s, %(place)s) on conflict do nothing",
        {"reader": READER, "place": _text(at)},
    )


async def move(tx: Tx, was: Cursor, to: Cursor) -> bool:
    """False: somebody else has read on."""
    changed = await tx.execute(
        "update cursor set place = %(to)s, at = now() where reader = %(reader)s and place = %(was)s",
        {"reader": READER, "was": _text(was), "to": _text(to)},
    )
    return changed == 1


def _text(at: Cursor) -> str:
    return f"{at.xid}:{at.id}"


# --- endpoints --------------------------------------------------------------------------------------


async def lock_account(tx: Tx, account_id: UUID) -> None:
    """Those who add endpoints to one account wait for each other."""
    lock = "select pg_advisory_xact_lock(hashtextextended('webhooks:' || %(account)s::text, 0))"
    await tx.value(lock, {"account": account_id})


async def add(
    tx: Tx, endpoint_id: UUID, account_id: UUID | None, url: str, sealed: bytes | None, now: datetime
) -> None:
    await tx.execute(
        """insert into webhook_endpoint (id, account_id, url, secret, created_at)
        values (%(id)s, %(account)s, %(url)s, %(secret)s, %(now)s)""",
        {"id": endpoint_id, "account": account_id, "url": url, "secret": sealed, "now": now},
    )


async def endpoints(tx: Tx, account_id: UUID) -> list[Endpoint]:
    """Oldest first."""
    return await tx.rows(
        Endpoint, _ENDPOINT + " where e.account_id = %(account)s order by e.created_at, e.id", {"account": account_id}
    )


async def endpoint(tx: Tx, endpoint_id: UUID) -> Endpoint | None:
    return await tx.one(Endpoint, _ENDPOINT + " where e.id = %(id)s", {"id": endpoint_id})


async def all_endpoints(tx: Tx, limit: int) -> list[Endpoint]:
    """Of accounts, newest first."""
    return await tx.rows(
        Endpoint,
        _ENDPOINT + " where e.account_id is not null order by e.created_at desc limit %(limit)s",
        {"limit": limit},
    )


async def delete(tx: Tx, account_id: UUID, endpoint_id: UUID) -> bool:
    query = "delete from webhook_endpoint where id = %(id)s and account_id = %(account)s"
    return await tx.execute(query, {"id": endpoint_id, "account": account_id}) == 1


async def delete_of(tx: Tx, account_id: UUID) -> None:
    await tx.execute("delete from webhook_endpoint where account_id = %(account)s", {"account": account_id})


async def listening(tx: Tx, account_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Live endpoints by account."""
    found: dict[UUID, list[UUID]] = {}
    rows = await tx.rows(
        lambda account, id_: (account, id_),
        """select account_id, id from webhook_endpoint
        where account_id = any(%(accounts)s) and disabled_at is null order by id""",
        {"accounts": list(account_ids)},
    )
    for account, id_ in rows:
        found.setdefault(account, []).append(id_)
    return found


async def sealed(tx: Tx, endpoint_id: UUID) -> bytes | None:
    """Its secret, locked against a rotation at the same moment."""
    found: bytes | None = await tx.value(
        "select secret from webhook_endpoint where id = %(id)s for update", {"id": endpoint_id}
    )
    return found


async def rotate(tx: Tx, endpoint_id: UUID, fresh: bytes, old_until: datetime) -> None:
    await tx.execute(
        """update webhook_endpoint set old_secret = secret, old_until = %(until)s, secret = %(fresh)s
        where id = %(id)s""",
        {"id": endpoint_id, "fresh": fresh, "until": old_until},
    )


async def some_sealed(tx: Tx, after: UUID, limit: int) -> list[tuple[UUID, bytes, bytes | None]]:
    return await tx.rows(
        lambda id_, now, old: (id_, now, old),
        """select id, secret, old_secret from webhook_endpoint where secret is not null and id > %(after)s
        order by id limit %(limit)s for update""",
        {"after": after, "limit": limit},
    )


async def reseal(tx: Tx, endpoint_id: UUID, now: bytes, old: bytes | None) -> None:
    await tx.execute(
        "update webhook_endpoint set secret = %(now)s, old_secret = %(old)s where id = %(id)s",
        {"id": endpoint_id, "now": now, "old": old},
    )


async def disable(tx: Tx, endpoint_id: UUID, why: str, now: datetime) -> None:
    await tx.execute(
        """update webhook_endpoint set disabled_at = %(now)s, disabled_why = %(why)s, next_at = null, lease_until = null
        where id = %(id)s and disabled_at is null""",
        {"id": endpoint_id, "why": why, "now": now},
    )


async def enable(tx: Tx, endpoint_id: UUID, now: datetime) -> None:
    """From its first waiting delivery on, if it has one."""
    await tx.value("select 1 from webhook_endpoint where id = %(id)s for update", {"id": endpoint_id})
    await tx.execute(
        """update webhook_endpoint e set disabled_at = null, disabled_why = null, failures = 0, given_up = 0,
            next_at = case when exists (select 1 from webhook_delivery d where d.endpoint_id = e.id and d.state = 0)
                then %(now)s end
        where id = %(id)s""",
        {"id": endpoint_id, "now": now},
    )


# --- deliveries -------------------------------------------------------------------------------------


async def waiting(tx: Tx, endpoint_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many deliveries wait at each of these endpoints, which are locked; those switched off or gone are left
    out."""
    locked = await tx.rows(
        lambda id_: id_,
        "select id from webhook_endpoint where id = any(%(ids)s) and disabled_at is null order by id for update",
        {"ids": list(endpoint_ids)},
    )
    counted = await tx.rows(
        lambda id_, n: (id_, n),
        """select endpoint_id, count(*) from webhook_delivery where endpoint_id = any(%(ids)s) and state = 0
        group by endpoint_id""",
        {"ids": locked},
    )
    return {**dict.fromkeys(locked, 0), **dict(counted)}


async def put(tx: Tx, delivery_id: UUID, endpoint_id: UUID, event_type: str, body: str, now: datetime) -> None:
    """One more at the end of the line of an endpoint, which is locked."""
    values = {"id": delivery_id, "endpoint": endpoint_id, "type": event_type, "body": body, "now": now}
    await tx.execute(
        """insert into webhook_delivery (id, endpoint_id, event_type, body, created_at)
        values (%(id)s, %(endpoint)s, %(type)s, %(body)s, %(now)s)""",
        values,
    )
    await tx.execute("update webhook_endpoint set next_at = coalesce(next_at, %(now)s) where id = %(endpoint)s", values)


async def log(tx: Tx, endpoint_id: UUID, before: UUID | None, limit: int) -> list[Delivery]:
    """Newest first."""
    return await tx.rows(
        _delivery,
        _DELIVERY
        + """ where d.endpoint_id = %(endpoint)s and (%(before)s::uuid is null or d.id < %(before)s)
        order by d.id desc limit %(limit)s""",
        {"endpoint": endpoint_id, "before": before, "limit": limit},
    )


async def delivery(tx: Tx, delivery_id: UUID) -> Delivery | None:
    return await tx.one(_delivery, _DELIVERY + " where d.id = %(id)s", {"id": delivery_id})


async def tries(tx: Tx, delivery_id: UUID) -> list[Try]:
    """Oldest first."""
    return await tx.rows(
        Try,
        "select at, status, error, took_ms from webhook_try where delivery_id = %(id)s order by at limit 500",
        {"id": delivery_id},
    )


async def replay(tx: Tx, endpoint_id: UUID, delivery_id: UUID, now: datetime) -> None:
    """It waits again, in its old place, and its endpoint is tried at once."""
    await tx.value("select 1 from webhook_endpoint where id = %(id)s for update", {"id": endpoint_id})
    await tx.execute("update webhook_delivery set state = 0, ended_at = null where id = %(id)s", {"id": delivery_id})
    await tx.execute(
        """update webhook_endpoint set next_at = %(now)s, failures = 0
        where id = %(id)s and disabled_at is null""",
        {"id": endpoint_id, "now": now},
    )


async def claim(tx: Tx, now: datetime, until: datetime, limit: int, *, doubtful: bool) -> list[Task]:
    """Become, until ``until``, the one that calls some endpoints that are due. ``doubtful``: those whose last call
    failed, and those of single invoices; else all other."""
    return await tx.rows(
        _task,
        """
        with due as (
            select e.id from webhook_endpoint e
            where e.next_at <= %(now)s and e.disabled_at is null
                and (e.lease_until is null or e.lease_until < %(now)s)
                and (e.failures > 0 or e.account_id is null) = %(doubtful)s
            order by e.next_at limit %(limit)s for update skip locked),
        leased as (
            update webhook_endpoint e set lease_until = %(until)s from due where e.id = due.id
            returning e.id, e.lease_until, e.url, e.failures, e.given_up, e.account_id is null as once, e.secret,
                case when e.old_until > %(now)s then e.old_secret end as old)
        select l.id, l.lease_until, d.id, l.url, d.body, l.failures, l.given_up, l.once, l.secret, l.old
        from leased l join lateral (
            select d.id, d.body from webhook_delivery d where d.endpoint_id = l.id and d.state = 0
            order by d.seq limit 1) d on true
        """,
        {"now": now, "until": until, "limit": limit, "doubtful": doubtful},
    )


async def tried(tx: Tx, delivery_id: UUID, one: Try) -> None:
    """Written down as far as the delivery still stands."""
    await tx.execute(
        """insert into webhook_try (delivery_id, at, status, error, took_ms)
        select id, %(at)s, %(status)s, %(error)s, %(took)s from webhook_delivery where id = %(id)s""",
        {"id": delivery_id, "at": one.at, "status": one.status, "error": one.error, "took": one.took_ms},
    )


async def lock(tx: Tx, endpoint_id: UUID) -> bool:
    """False: it is gone."""
    return bool(await tx.value("select true from webhook_endpoint where id = %(id)s for update", {"id": endpoint_id}))


async def end(tx: Tx, delivery_id: UUID, state: State, now: datetime) -> None:
    await tx.execute(
        "update webhook_delivery set state = %(state)s, ended_at = %(now)s where id = %(id)s and state = 0",
        {"id": delivery_id, "state": state, "now": now},
    )


async def go_on(tx: Tx, task: Task, given_up: int, now: datetime) -> None:
    """To the next delivery, if one waits. The endpoint is locked. Whoever lost the lease leaves it alone."""
    await tx.execute(
        """update webhook_endpoint e set failures = 0, given_up = %(given_up)s, lease_until = null,
            next_at = case when exists (select 1 from webhook_delivery d where d.endpoint_id = e.id and d.state = 0)
                then %(now)s end
        where id = %(id)s and lease_until = %(lease)s and disabled_at is null""",
        {"id": task.endpoint_id, "given_up": given_up, "lease": task.lease_until, "now": now},
    )


async def later(tx: Tx, task: Task, at: datetime) -> None:
    """The same delivery once more, at that time."""
    await tx.execute(
        """update webhook_endpoint set failures = failures + 1, lease_until = null, next_at = %(at)s
        where id = %(id)s and lease_until = %(lease)s and disabled_at is null""",
        {"id": task.endpoint_id, "lease": task.lease_until, "at": at},
    )


async def sweep(tx: Tx, before: datetime) -> int:
    """Forget deliveries from before ``before``, and endpoints of single invoices with them."""
    old = "delete from webhook_delivery where created_at < %(before)s"
    spent = "delete from webhook_endpoint where account_id is null and created_at < %(before)s"
    return await tx.execute(old, {"before": before}) + await tx.execute(spent, {"before": before})


async def totals(tx: Tx) -> tuple[int, int, float]:
    """For the figures: deliveries that wait, endpoints that are switched off, age of the oldest that waits at a live
    endpoint, in seconds."""
    found = await tx.one(
        lambda *r: r,
        """select
            (select count(*) from webhook_delivery where state = 0),
            (select count(*) from webhook_endpoint where disabled_at is not null),
            (select coalesce(extract(epoch from now() - min(d.created_at)), 0)::float8
                from webhook_delivery d join webhook_endpoint e on e.id = d.endpoint_id
                where d.state = 0 and e.disabled_at is null)""",
    )
    assert found is not None
    return found[0], found[1], found[2]
