"""What the watch remembers, in the database."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hazina.kernel.checks import Check
from hazina.kernel.db import Tx
from hazina.watch.model import Breach

UNIQUE = {
    "ledger.txn": "txn_pkey",
    "ledger.hold": "hold_pkey",
    "ledger.entry": "entry_pkey",
    "public.payment": "payment_pkey",
    "public.payment_hash": "payment_hash_pkey",
    "public.invoice": "invoice_payment_hash_key",
    "public.idempotency": "idempotency_pkey",
    "public.limit_use": "limit_use_pkey",
}
"""What keeps a thing from being used twice, by table."""


async def place(tx: Tx, reader: str) -> Any:
    """Where a reader had got to: what it kept, or None."""
    found: str | None = await tx.value("select place from cursor where reader = %(reader)s", {"reader": reader})
    return None if found is None else json.loads(found)


async def keep_place(tx: Tx, reader: str, value: Any) -> None:
    await tx.execute(
        """insert into cursor (reader, place) values (%(reader)s, %(place)s)
        on conflict (reader) do update set place = excluded.place, at = now()""",
        {"reader": reader, "place": json.dumps(value)},
    )


async def missing_indexes(tx: Tx) -> list[str]:
    """Of those in ``UNIQUE``: gone, not unique, or not valid."""
    return await tx.rows(
        lambda name: name,
        """
        select w.place || '.' || w.index from unnest(%(places)s::text[], %(indexes)s::text[]) as w(place, index)
         where not exists (select from pg_index i join pg_class c on c.oid = i.indexrelid
                            where i.indrelid = to_regclass(w.place) and c.relname = w.index
                              and i.indisunique and i.indisvalid and i.indislive)
        """,
        {"places": list(UNIQUE), "indexes": list(UNIQUE.values())},
    )


async def history(tx: Tx) -> tuple[int, int]:
    """How many entries and transactions there are."""
    found = await tx.one(
        lambda entries, txns: (entries, txns),
        "select (select count(*) from ledger.entry), (select count(*) from ledger.txn)",
    )
    assert found is not None
    return found


# -- breaches -----------------------------------------------------------------------------------


async def breaches(tx: Tx) -> list[Breach]:
    """Those that are not over, oldest first."""
    return await tx.rows(
        Breach,
        """select id, invariant, check_name, description, at, broken, offending, closure_id from breach
        where ended_at is null order by id""",
    )


async def note_breach(tx: Tx, invariant: str, check: Check, closure_id: int | None, at: datetime) -> None:
    """A new one, or the newest rows of one that stands."""
    await tx.execute(
        """
        insert into breach (invariant, check_name, description, at, seen_at, broken, offending, closure_id)
        values (%(invariant)s, %(check)s, %(description)s, %(at)s, %(at)s, %(broken)s, %(offending)s, %(closure)s)
        on conflict (invariant, check_name) where ended_at is null do update set
            seen_at = excluded.seen_at, broken = excluded.broken, offending = excluded.offending,
            closure_id = coalesce(breach.closure_id, excluded.closure_id)
        """,
        {
            "invariant": invariant,
            "check": check.name,
            "description": check.description,
            "at": at,
            "broken": check.broken,
            "offending": json.dumps(check.offending, default=_plain),
            "closure": closure_id,
        },
    )


async def end_breach(tx: Tx, breach_id: int, at: datetime, by: str) -> None:
    await tx.execute(
        "update breach set ended_at = %(at)s, ended_by = %(by)s where id = %(id)s",
        {"id": breach_id, "at": at, "by": by},
    )


def _plain(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)


# -- states -------------------------------------------------------------------------------------


async def keep_state(tx: Tx, name: str, state: str, rows: int, said: str, at: datetime | None) -> None:
    """``at`` None: nothing was learned, the time of the last knowledge stays."""
    await tx.execute(
        """
        insert into invariant as i (name, state, checked_at, rows, said)
        values (%(name)s, %(state)s, %(at)s, %(rows)s, %(said)s)
        on conflict (name) do update set state = excluded.state, rows = excluded.rows, said = excluded.said,
            checked_at = coalesce(excluded.checked_at, i.checked_at)
        """,
        {"name": name, "state": state, "rows": rows, "said": said, "at": at},
    )


async def states(tx: Tx) -> dict[str, tuple[str, datetime | None, str]]:
    found = await tx.rows(
        lambda name, *rest: (name, rest), "select name, state, checked_at, said from invariant order by name"
    )
    return dict(found)
