"""The audit log: who did what, when, from where, with what result. Only ever added to.

A row is written in the commit of what it tells of. From where, and details, are sealed under the key of the
person whom it concerns, so that they end with that key while the row and the chain stand. Codes, tokens and
secrets never belong in ``detail``.

The chain is made behind it (``link``, by any worker, every second): rows are linked in an order that no running
transaction can change, each with the hash of all before it. So nobody waits for anybody, and whoever keeps one
hash elsewhere can tell later that nothing before it was changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from hazina.kernel.checks import Check, Invariant, Scan, run
from hazina.kernel.db import Tx
from hazina.kernel.ids import new_id
from hazina.kernel.vault import Vault

LINK_KEY = 7_214_014
"""Advisory lock: one linker at a time."""
LINK_BATCH = 2_000
SEALED = "audit"


@dataclass(frozen=True, slots=True)
class Entry:
    """As the person whom it concerns sees it."""

    id: UUID
    at: datetime
    actor: str
    verb: str
    object: str
    result: str
    ip: str | None = None
    agent: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    vault: Vault

    async def record(
        self,
        tx: Tx,
        *,
        at: datetime,
        actor: str,
        user_id: UUID | None,
        verb: str,
        object: str = "",
        ip: str | None = None,
        agent: str | None = None,
        result: str = "ok",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """``actor``: ``user``, ``operator:name``, ``app:client id``, ``bank``, or ``stranger`` for somebody who has
        not shown who they are. ``verb``: ``factor.added`` and
        the like. ``object``: an id, never a phone or a name. ``result``: ``ok`` or a refusal's code."""
        sealed = None
        if user_id is not None and (key := await self.vault.key_of(tx, user_id)) is not None:
            known = {"ip": ip, "agent": agent, "detail": dict(detail) if detail else None}
            sealed = key.seal(SEALED, json.dumps({name: value for name, value in known.items() if value is not None}))
        await tx.execute(
            """insert into audit (id, at, actor, user_id, verb, object, result, sealed)
            values (%(id)s, %(at)s, %(actor)s, %(user)s, %(verb)s, %(object)s, %(result)s, %(sealed)s)""",
            {
                "id": new_id(),
                "at": at,
                "actor": actor,
                "user": user_id,
                "verb": verb,
                "object": object,
                "result": result,
                "sealed": sealed,
            },
        )

    async def mine(self, tx: Tx, user_id: UUID, before: UUID | None = None, limit: int = 50) -> list[Entry]:
        """What concerns this person, newest first; ``before``: the last id of the page before."""
        key = await self.vault.key_of(tx, user_id)

        def opened(*row: Any) -> Entry:
            sealed = row[-1]
            known = json.loads(key.open(SEALED, sealed)) if key is not None and sealed is not None else {}
            return replace(Entry(*row[:-1]), **known)

        return await tx.rows(
            opened,
            """select id, at, actor, verb, object, result, sealed from audit
            where user_id = %(user)s and (%(before)s::uuid is null or id < %(before)s)
            order by id desc limit %(limit)s""",
            {"user": user_id, "before": before, "limit": min(max(limit, 1), 100)},
        )


async def link(tx: Tx) -> int:
    """Add rows to the chain, in order; how many. 0 also while another does it."""
    if not await tx.value("select pg_try_advisory_xact_lock(%(key)s)", {"key": LINK_KEY}):
        return 0
    linked: int = await tx.value("select audit_link_next(%(batch)s)", {"batch": LINK_BATCH})
    return linked


async def head(tx: Tx) -> tuple[int, str] | None:
    """How many rows are linked, and the hash of all of them (hex): worth keeping elsewhere."""
    return await tx.one(
        lambda seq, hash_: (seq, hash_.hex()), "select seq, hash from audit_link order by seq desc limit 1"
    )


CHAIN = Scan(
    """
    select l.seq, l.audit_id, lag(l.seq, 1, 0::bigint) over (order by l.seq) as before,
           audit_hash(lag(l.hash) over (order by l.seq), a) as wanted, l.hash, a.id is null as missing
    from audit_link l left join audit a on a.id = l.audit_id
    """,
    (
        Invariant(
            "audit-chain",
            "Each line of the audit log is as it was when it was linked, and none is missing.",
            "missing or hash is distinct from wanted or seq <> before + 1",
        ),
    ),
)
GAPS = Scan(
    """
    select a.id as audit_id, a.at, a.verb, l.audit_id is not null as linked
    from audit a left join audit_link l on l.audit_id = a.id
    where (a.xid, a.id) <= (select k.xid, k.audit_id from audit_link k order by k.seq desc limit 1)
    """,
    (Invariant("audit-linked", "No line was put in between others after they were linked.", "not linked"),),
)


async def verify(tx: Tx) -> list[Check]:
    """``tx``: one snapshot without a limit of time."""
    return await run(tx, (CHAIN, GAPS))
