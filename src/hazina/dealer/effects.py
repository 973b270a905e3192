"""What the dealer's claim does in the database, over a whole batch at once; see ``kernel.units``."""

from __future__ import annotations

from hazina.kernel.units import ClaimKind

QUOTE = ClaimKind(
    "quote",
    take="""
    with asked as (
        select *, row_number() over (partition by id order by n) as turn
        from jsonb_to_recordset(%(rows)s::jsonb) as r(n int, unit uuid, id uuid, account uuid, side smallint,
            msat bigint, cents bigint, now timestamptz)),
    locked as (
        select q.* from exchange_quote q where q.id in (select id from asked) order by q.id for update),
    won as (
        update exchange_quote q set used_by = a.unit
        from asked a join locked l using (id)
        where q.id = a.id and a.turn = 1 and l.used_by is null and l.expires_at > a.now
            and (l.account_id, l.side, l.msat, l.cents) = (a.account, a.side, a.msat, a.cents)
        returning a.n)
    select a.n, 1, null::jsonb from asked a where a.n not in (select n from won)
    """,
    undo="""
    update exchange_quote q set used_by = null
    from jsonb_to_recordset(%(rows)s::jsonb) as r(id uuid, unit uuid)
    where q.id = r.id and q.used_by = r.unit
    """,
)

CLAIMS = (QUOTE,)
