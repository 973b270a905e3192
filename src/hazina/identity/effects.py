"""The claims of identity: the hold on what leaves, and a second proof used up.

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

STEP_UP = ClaimKind(
    "step_up",
    take="""
    with asked as (
        select n, unit, user_id, verb, fingerprint, said, decode(token, 'hex') as token, at,
               row_number() over (partition by token order by n) as turn
        from jsonb_to_recordset(%(rows)s::jsonb)
            as r(n int, unit uuid, user_id uuid, verb text, fingerprint text, said text, token text, at timestamptz)),
    locked as (
        select s.token_hash, s.user_id, s.verb, s.fingerprint, s.expires_at, s.used_by from step_up s
        where s.token_hash in (select token from asked) order by s.id for update),
    won as (
        update step_up s set used_by = a.unit from asked a join locked l on l.token_hash = a.token
        where s.token_hash = a.token and a.turn = 1
            and (l.user_id, l.verb, l.fingerprint) = (a.user_id, a.verb, a.fingerprint)
            and l.expires_at > a.at and l.used_by is null returning a.n)
    select a.n, case when a.token is null then 2 else 1 end,
           jsonb_build_object('user_id', a.user_id, 'verb', a.verb, 'fingerprint', a.fingerprint, 'said', a.said)
    from asked a where a.n not in (select n from won)
    """,
    undo="""
    update step_up s set used_by = null from jsonb_to_recordset(%(rows)s::jsonb) as r(unit uuid)
    where s.used_by = r.unit
    """,
)

CLAIMS = (OUTGOING, STEP_UP)
