"""The claim of units by which money would leave.

It only reads: a closure that is committed later stops the payment before it is handed to the rail.
"""

from __future__ import annotations

from hazina.kernel.units import ClaimKind

LEAVING = ClaimKind(
    "leaving",
    take="""
    select distinct on (r.n) r.n, 1, jsonb_build_object('rail', c.rail, 'since', c.since)
    from jsonb_to_recordset(%(rows)s::jsonb) as r(n int, rail text)
    join closure c on c.rail in (r.rail, 'bank') and c.lifted_at is null
    order by r.n, c.rail
    """,
    undo="select 1 from jsonb_to_recordset(%(rows)s::jsonb) as r(n int) where false",
)

CLAIMS = (LEAVING,)
