"""What must hold of deposits and payouts as the chain context keeps them: derived anew from its log."""

from __future__ import annotations

from typing import LiteralString

from hazina.kernel import checks
from hazina.kernel.checks import Check, Invariant, Scan
from hazina.kernel.db import Tx

OUTPUTS: LiteralString = """
    select o.txid, o.vout, o.state, o.height, o.needed, t.settled, t.unsettled, t.seen, t.dropped,
           (select max(height) from chain_block) as tip
      from chain_output o
      left join (
           select body->>'txid' as txid, (body->>'vout')::int as vout,
                  count(*) filter (where kind = 1) as seen, count(*) filter (where kind = 2) as dropped,
                  count(*) filter (where kind = 3) as settled, count(*) filter (where kind = 4) as unsettled
             from chain_event where kind in (1, 2, 3, 4) group by 1, 2) t using (txid, vout)
"""
OUTPUT_RULES = (
    Invariant(
        "output-told",
        "Each deposit was told as settled once more than as reversed when it is settled, else as often.",
        "coalesce(settled - unsettled, 0) <> case state when 1 then 1 else 0 end",
    ),
    Invariant(
        "output-seen",
        "Each deposit was told as seen once more than as dropped, or as often when it is dropped; dust never.",
        "coalesce(seen - dropped, 0) <> case when state in (0, 1) then 1 else 0 end",
    ),
    Invariant(
        "output-deep",
        "Each settled deposit is as deep in the chain as its amount needs.",
        "state = 1 and (height is null or height + needed - 1 > tip)",
    ),
)

TOLD: LiteralString = """
    select e.seq, e.kind, e.body->>'txid' as txid, e.body->>'vout' as vout, o.txid is not null as known,
           e.body->>'owner' is not distinct from o.owner::text and (e.body->>'sats')::bigint = o.sats as same
      from chain_event e
      left join chain_output o on o.txid = e.body->>'txid' and o.vout = (e.body->>'vout')::int
     where e.kind in (1, 2, 3, 4)
"""
TOLD_RULES = (
    Invariant(
        "told-output",
        "What was told of a deposit is of an output that is kept, with its owner and its amount.",
        "known is not true or same is not true",
    ),
)

PAYOUTS: LiteralString = """
    select p.id, p.state, b.state as batch_state, coalesce(t.out, 0) as out, coalesce(t.settled, 0) as settled,
           coalesce(t.unsettled, 0) as unsettled, coalesce(t.cancelled, 0) as cancelled
      from chain_payout p
      left join chain_batch b on b.id = p.batch_id
      left join (
           select (body->>'payout')::uuid as id,
                  count(*) filter (where kind = 10) as out, count(*) filter (where kind = 11) as settled,
                  count(*) filter (where kind = 12) as unsettled, count(*) filter (where kind = 13) as cancelled
             from chain_event where kind in (10, 11, 12, 13) group by 1) t on t.id = p.id
"""
PAYOUT_RULES = (
    Invariant(
        "payout-told",
        "Each payout was told as settled once more than as taken back when it is settled, else as often.",
        "settled - unsettled <> case state when 3 then 1 else 0 end",
    ),
    Invariant(
        "payout-ends-once",
        "A payout that was told as cancelled was never told as broadcast, and each cancelled one was told.",
        "cancelled <> case state when 4 then 1 else 0 end or (cancelled > 0 and out > 0)",
    ),
    Invariant(
        "payout-batch",
        "Each payout stands where its transaction stands.",
        "coalesce(batch_state, 0) <> case when state in (1, 2, 3) then state else 0 end",
    ),
)

SHARES: LiteralString = """
    select b.id, v.fee, sum((e.body->>'fee_share')::bigint) as shares, count(*) as told,
           (select count(*) from chain_payout p where p.batch_id = b.id) as payouts
      from chain_batch b
      join chain_version v on v.batch_id = b.id and v.txid = b.txid
      join chain_event e on e.kind = 11 and e.body->>'txid' = b.txid
     where b.purpose = 1 and b.state = 3 group by b.id, v.fee
"""
SHARE_RULES = (
    Invariant(
        "payout-shares",
        "The shares of a settled transaction's payouts sum to its fee.",
        "shares * payouts <> fee * told",
    ),
)


PAYOUT_SCANS = (Scan(PAYOUTS, PAYOUT_RULES), Scan(SHARES, SHARE_RULES))


async def verify(tx: Tx) -> list[Check]:
    """Every check of the chain's own tables."""
    return await checks.run(tx, (Scan(OUTPUTS, OUTPUT_RULES), Scan(TOLD, TOLD_RULES), *PAYOUT_SCANS))
