"""What the claims and rows of access do in the database, over a whole batch at once.

The decisions are functions of the database (migration 0005), because one claim's answer depends on
the one before it. Both lock in order of key.
"""

from __future__ import annotations

from hazina.kernel.units import ClaimKind, EffectKind

IDEMPOTENCY = ClaimKind(
    "idempotency",
    take="select n, code, detail from idempotency_take(%(rows)s::jsonb)",
    undo="""
    delete from idempotency i
    using jsonb_to_recordset(%(rows)s::jsonb) as r(unit uuid, account_id uuid, operation text, key text)
    where i.account_id = r.account_id and i.operation = r.operation and i.key = r.key and i.unit = r.unit
    """,
)

LIMIT = ClaimKind(
    "limit",
    take="select n, code, detail from limit_take(%(rows)s::jsonb)",
    # Only what this very claim wrote: a repeated unit has won with the reservation of its first time.
    undo="""
    delete from limit_use u
    using jsonb_to_recordset(%(rows)s::jsonb) as r(n int, unit uuid, subject text)
    where u.unit = r.unit and u.subject = r.subject and u.n = r.n and u.made_in = pg_current_xact_id()
    """,
)

LIMIT_BACK = EffectKind(
    "limit_back",
    """
    with due as (
        select unit, subject from limit_use
        where unit in (select r.unit from jsonb_to_recordset(%(rows)s::jsonb) as r(unit uuid)) and not given_back
        order by unit, subject for update)
    update limit_use u set given_back = true from due where u.unit = due.unit and u.subject = due.subject
    """,
)

CLAIMS = (IDEMPOTENCY, LIMIT)
EFFECTS = (LIMIT_BACK,)
