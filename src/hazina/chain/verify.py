"""What must hold of deposits as the chain context keeps them: derived anew from its log."""

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


async def verify(tx: Tx) -> list[Check]:
    """Every check of the chain's own tables."""
    return await checks.run(tx, (Scan(OUTPUTS, OUTPUT_RULES), Scan(TOLD, TOLD_RULES)))
