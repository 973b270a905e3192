"""How many Lightning payments may be on their way at once, of one customer and of one node. Rules, and what the
claim does in the database.

Payees can keep a payment in flight for days (hold invoices), and a channel carries only so many: without a cap one
customer could fill every channel of the bank.
"""

from __future__ import annotations

from hazina.kernel.units import Claim, ClaimKind
from hazina.payments.model import Payment, Policy

IN_FLIGHT = ClaimKind(
    "in_flight",
    # A customer's payments are counted one after the other, so that cap is exact. The node's is not locked: as many
    # as are committed in the same moment may go over it.
    take="""
    with asked as (
        select * from jsonb_to_recordset(%(rows)s::jsonb)
            as r(n int, payment uuid, account uuid, node text, account_max int, node_max int)),
    locked as materialized (
        select a.account, pg_advisory_xact_lock(hashtextextended('in_flight:' || a.account::text, 0))
        from (select distinct account from asked order by account) a),
    open as (
        select p.id, p.account_id, p.node from payment p
        where p.state < 2 and p.kind = 3 and (select count(*) from locked) > 0),
    counted as (
        select a.n, a.account_max, a.node_max,
            (select count(*) from open o where o.account_id = a.account and o.id <> a.payment)
                + row_number() over (partition by a.account order by a.n) as of_account,
            (select count(*) from open o where o.node = a.node and o.id <> a.payment)
                + row_number() over (partition by a.node order by a.n) as of_node
        from asked a)
    select n, 1, jsonb_build_object('of', case when of_account > account_max then 'account' else 'node' end)
    from counted where of_account > account_max or of_node > node_max
    """,
    undo="select 1",
)


def in_flight(payment: Payment, policy: Policy) -> Claim:
    return Claim(
        "in_flight",
        {
            "payment": str(payment.id),
            "account": str(payment.account_id),
            "node": payment.node,
            "account_max": policy.in_flight_max,
            "node_max": policy.node_in_flight_max,
        },
    )
