"""The claims of identity: the hold on what leaves.

``outgoing_take`` (migration 0014) looks for a hold of the payer at the moment of the commit, and reserves what
may still leave under it as any limit is reserved: so it is exact however many pay at once, and the effect
``limit_back`` of a payment that failed returns it.
"""

from __future__ import annotations

from hazina.kernel.units import ClaimKind

OUTGOING = ClaimKind(
    "outgoing",
    take="select n, code, detail from outgoing_take(%(rows)s::jsonb)",
    undo="""
    delete from limit_use u
    using jsonb_to_recordset(%(rows)s::jsonb) as r(n int, unit uuid)
    where u.unit = r.unit and u.subject like 'hold:%%' and u.n = r.n and u.made_in = pg_current_xact_id()
    """,
)

CLAIMS = (OUTGOING,)
