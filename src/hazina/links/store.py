"""SQL of links."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID
from hazina.links.model import Action, Use, WithdrawLink

# -- the bank's own keys ------------------------------------------------------------------------


async def secret(tx: Tx, name: str) -> bytes | None:
    return await tx.one(bytes, "select sealed from link_secret where name = %(name)s", {"name": name})


async def put_secret(tx: Tx, name: str, sealed: bytes, at: datetime) -> None:
    """The first one stays."""
    await tx.execute(
        """insert into link_secret (name, sealed, created_at) values (%(name)s, %(sealed)s, %(at)s)
        on conflict do nothing""",
        {"name": name, "sealed": sealed, "at": at},
    )


async def change_secret(tx: Tx, name: str, sealed: bytes) -> None:
    await tx.execute(
        "update link_secret set sealed = %(sealed)s where name = %(name)s", {"name": name, "sealed": sealed}
    )


# -- invoices that others gave for our customers' requests ----------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """``action``: as the service just said it; read back it is None, and kept by itself."""

    fingerprint: str
    payment_request: str
    action: Action | None = None


async def given(tx: Tx, account_id: UUID, name: str, now: datetime) -> Given | None:
    return await tx.one(
        Given,
        """select fingerprint, payment_request from lnurl_invoice
        where account_id = %(account)s and name = %(name)s and expires_at > %(now)s""",
        {"account": account_id, "name": name, "now": now},
    )


async def keep_given(tx: Tx, account_id: UUID, name: str, one: Given, now: datetime, until: datetime) -> Given:
    """What counts from here on: the first of several stays."""
    await tx.execute(
        "delete from lnurl_invoice where account_id = %(account)s and name = %(name)s and expires_at <= %(now)s",
        {"account": account_id, "name": name, "now": now},
    )
    await tx.execute(
        """insert into lnurl_invoice (account_id, name, fingerprint, payment_request, expires_at)
        values (%(account)s, %(name)s, %(fingerprint)s, %(request)s, %(until)s) on conflict do nothing""",
        {"account": account_id, "name": name, "fingerprint": one.fingerprint, "request": one.payment_request,
         "until": until},
    )  # fmt: skip
    return await given(tx, account_id, name, now) or one


async def forget_given(tx: Tx, account_id: UUID, name: str) -> None:
    await tx.execute(
        "delete from lnurl_invoice where account_id = %(account)s and name = %(name)s",
        {"account": account_id, "name": name},
    )


async def put_action(tx: Tx, account_id: UUID, payment_hash: bytes, action: Action, now: datetime) -> None:
    """What is shown once this account has paid this hash."""
    await tx.execute(
        """insert into lnurl_action (account_id, payment_hash, action, kept_at)
        values (%(account)s, %(hash)s, %(action)s, %(now)s) on conflict do nothing""",
        {"account": account_id, "hash": payment_hash, "action": json.dumps(action), "now": now},
    )


async def actions(tx: Tx, keys: Sequence[tuple[UUID, bytes]]) -> dict[tuple[UUID, bytes], Action]:
    rows = await tx.rows(
        lambda account, hashed, action: ((account, hashed), action),
        """select account_id, payment_hash, action
        from unnest(%(accounts)s::uuid[], %(hashes)s::bytea[]) as asked(account_id, payment_hash)
        join lnurl_action using (account_id, payment_hash)""",
        {"accounts": [account for account, _ in keys], "hashes": [hashed for _, hashed in keys]},
    )
    return dict(rows)


async def forget_action(tx: Tx, account_id: UUID, payment_hash: bytes) -> None:
    await tx.execute(
        "delete from lnurl_action where account_id = %(account)s and payment_hash = %(hash)s",
        {"account": account_id, "hash": payment_hash},
    )


# -- pages of names -----------------------------------------------------------------------------


async def success_message(tx: Tx, account_id: UUID) -> str | None:
    found: str | None = await tx.value(
        "select success_message from address_page where account_id = %(account)s", {"account": account_id}
    )
    return found


async def set_success_message(tx: Tx, account_id: UUID, message: str | None) -> None:
    await tx.execute(
        """insert into address_page (account_id, success_message) values (%(account)s, %(message)s)
        on conflict (account_id) do update set success_message = excluded.success_message""",
        {"account": account_id, "message": message},
    )


# -- zaps ---------------------------------------------------------------------------------------

WAITING, PAID, TOLD, LOST = range(4)


@dataclass(frozen=True, slots=True)
class Zap:
    payment_hash: bytes
    request: str
    state: int
    receipt: Mapping[str, Any] | None
    tries: int
    created_at: datetime
    expires_at: datetime


async def add_zap(tx: Tx, payment_hash: bytes, request: str, now: datetime, expires_at: datetime) -> None:
    await tx.execute(
        """insert into zap (payment_hash, request, created_at, expires_at, next_at)
        values (%(hash)s, %(request)s, %(now)s, %(expires)s, %(now)s) on conflict do nothing""",
        {"hash": payment_hash, "request": request, "now": now, "expires": expires_at},
    )


async def take_zaps(tx: Tx, now: datetime, next_at: datetime, limit: int) -> list[Zap]:
    """Those whose time has come; nobody else takes them before ``next_at``."""
    return await tx.rows(
        Zap,
        """with due as (
            select payment_hash from zap where state < 2 and next_at <= %(now)s
            order by next_at limit %(limit)s for update skip locked)
        update zap z set next_at = %(next)s from due where z.payment_hash = due.payment_hash
        returning z.payment_hash, z.request, z.state, z.receipt, z.tries, z.created_at, z.expires_at""",
        {"now": now, "next": next_at, "limit": limit},
    )


async def move_zap(
    tx: Tx, payment_hash: bytes, state: int, next_at: datetime, *, receipt: Mapping[str, Any] | None, tries: int
) -> None:
    await tx.execute(
        """update zap set state = %(state)s, next_at = %(next)s, tries = %(tries)s,
            receipt = coalesce(%(receipt)s::jsonb, receipt) where payment_hash = %(hash)s and state < 2""",
        {"hash": payment_hash, "state": state, "next": next_at, "tries": tries,
         "receipt": json.dumps(receipt) if receipt is not None else None},
    )  # fmt: skip


# -- withdraw links -----------------------------------------------------------------------------

_LINK: LiteralString = """
    select l.id, l.account_id, l.user_id, l.wallet_id, l.title, l.min_sats, l.max_sats, l.uses, l.created_at,
        l.expires_at, l.ended_at, u.taken, u.paid
    from withdraw_link l cross join lateral (
        select (count(*) filter (where state = 1))::int as taken, (count(*) filter (where state = 2))::int as paid
        from withdraw_use u where u.link_id = l.id) u """


async def put_link(tx: Tx, link: WithdrawLink, code_hash: bytes, k1s: Sequence[bytes]) -> None:
    await tx.execute(
        """insert into withdraw_link (id, account_id, user_id, wallet_id, code_hash, title, min_sats, max_sats, uses,
            created_at, expires_at)
        values (%(id)s, %(account)s, %(user)s, %(wallet)s, %(hash)s, %(title)s, %(least)s, %(most)s, %(uses)s,
            %(created)s, %(expires)s)""",
        {"id": link.id, "account": link.account_id, "user": link.user_id, "wallet": link.wallet_id, "hash": code_hash,
         "title": link.title, "least": link.min_sats, "most": link.max_sats, "uses": link.uses,
         "created": link.created_at, "expires": link.expires_at},
    )  # fmt: skip
    await tx.execute(
        """insert into withdraw_use (link_id, n, k1)
        select %(id)s, place, k1 from unnest(%(k1s)s::bytea[]) with ordinality as made(k1, place)""",
        {"id": link.id, "k1s": list(k1s)},
    )


async def link_of_code(tx: Tx, code_hash: bytes) -> WithdrawLink | None:
    return await tx.one(WithdrawLink, _LINK + " where l.code_hash = %(hash)s", {"hash": code_hash})


async def link_by_id(tx: Tx, link_id: UUID) -> WithdrawLink | None:
    return await tx.one(WithdrawLink, _LINK + " where l.id = %(id)s", {"id": link_id})


async def links_of(tx: Tx, account_id: UUID, limit: int) -> list[WithdrawLink]:
    """Newest first."""
    return await tx.rows(
        WithdrawLink,
        _LINK + " where l.account_id = %(account)s order by l.id desc limit %(limit)s",
        {"account": account_id, "limit": limit},
    )


async def end_link(tx: Tx, account_id: UUID, link_id: UUID, at: datetime) -> bool:
    changed = await tx.execute(
        """update withdraw_link set ended_at = coalesce(ended_at, %(at)s)
        where id = %(id)s and account_id = %(account)s""",
        {"id": link_id, "account": account_id, "at": at},
    )
    return changed == 1


async def next_k1(tx: Tx, link_id: UUID) -> bytes | None:
    """Of the first use that is free."""
    return await tx.one(
        bytes, "select k1 from withdraw_use where link_id = %(id)s and state = 0 order by n limit 1", {"id": link_id}
    )


async def use_of_k1(tx: Tx, k1: bytes) -> tuple[UUID, int, int, str | None] | None:
    """Link, number, state, and the invoice that took it."""
    return await tx.one(
        lambda link_id, n, state, request: (link_id, n, state, request),
        "select link_id, n, state, payment_request from withdraw_use where k1 = %(k1)s",
        {"k1": k1},
    )


async def take_use(tx: Tx, k1: bytes, use: Use, at: datetime) -> bool:
    """Reserve the use for this invoice: once, whoever asks how often. An ended or expired link reserves nothing.
    Raises psycopg's UniqueViolation for an invoice that has taken another use."""
    changed = await tx.execute(
        """update withdraw_use u set state = 1, payment_hash = %(hash)s, payment_request = %(request)s,
            claimed_at = %(at)s, look_at = %(look)s
        from withdraw_link l
        where u.k1 = %(k1)s and u.state = 0 and l.id = u.link_id and l.ended_at is null and l.expires_at > %(at)s""",
        {"k1": k1, "hash": use.payment_hash, "request": use.payment_request, "at": at, "look": use.look_at},
    )
    return changed == 1


async def release_use(tx: Tx, use: Use) -> bool:
    """Free again, unless somebody else has begun to look after it."""
    changed = await tx.execute(
        """update withdraw_use set state = 0, look_at = null
        where link_id = %(link)s and n = %(n)s and state = 1 and payment_hash = %(hash)s and look_at = %(look)s""",
        {"link": use.link_id, "n": use.n, "hash": use.payment_hash, "look": use.look_at},
    )
    return changed == 1


async def conclude_use(tx: Tx, use: Use, *, paid: bool) -> bool:
    """Paid, or free again: only as long as it is this invoice's."""
    changed = await tx.execute(
        """update withdraw_use set state = %(state)s, look_at = null
        where link_id = %(link)s and n = %(n)s and state = 1 and payment_hash = %(hash)s""",
        {"link": use.link_id, "n": use.n, "hash": use.payment_hash, "state": 2 if paid else 0},
    )
    return changed == 1


async def uses_due(tx: Tx, now: datetime, look_at: datetime, limit: int) -> list[Use]:
    """Uses that are taken and whose payment should have ended; nobody else looks before ``look_at``."""
    return await tx.rows(
        Use,
        """with due as (
            select link_id, n from withdraw_use where state = 1 and look_at <= %(now)s
            order by look_at limit %(limit)s for update skip locked)
        update withdraw_use u set look_at = %(look)s from due where u.link_id = due.link_id and u.n = due.n
        returning u.link_id, u.n, u.payment_hash, u.payment_request, u.look_at""",
        {"now": now, "look": look_at, "limit": limit},
    )


# -- leaving -----------------------------------------------------------------------------------


async def forget_account(tx: Tx, account_id: UUID, at: datetime) -> None:
    """Its links end; what it wanted said is gone. What was taken stays, for the books."""
    await tx.execute(
        "update withdraw_link set ended_at = %(at)s where account_id = %(account)s and ended_at is null",
        {"account": account_id, "at": at},
    )
    await tx.execute("delete from address_page where account_id = %(account)s", {"account": account_id})
    await tx.execute("delete from lnurl_invoice where account_id = %(account)s", {"account": account_id})
    await tx.execute("delete from lnurl_action where account_id = %(account)s", {"account": account_id})


# -- tidying ------------------------------------------------------------------------------------


async def sweep(tx: Tx, now: datetime, before: datetime, said_before: datetime) -> None:
    """Drop invoices that nobody can ask for again, zaps long over, what was said long ago."""
    await tx.execute("delete from lnurl_action where kept_at < %(before)s", {"before": said_before})
    await tx.execute("delete from lnurl_invoice where expires_at < %(now)s", {"now": now})
    await tx.execute("delete from zap where expires_at < %(before)s", {"before": before})
