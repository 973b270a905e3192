"""What chain's rows do in the database, over a whole batch at once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from hazina.chain.model import Speed
from hazina.kernel.units import EffectKind, Row

PAYOUT = EffectKind(
    "chain_payout",
    """
    insert into chain_payout (id, address, sats, speed, fee_quoted, created_at)
    select id, address, sats, speed, fee_quoted, coalesce(created_at, clock_timestamp())
    from jsonb_to_recordset(%(rows)s::jsonb)
        as r(id uuid, address text, sats bigint, speed text, fee_quoted bigint, created_at timestamptz)
    order by id on conflict (id) do nothing
    """,
)

EFFECTS: tuple[EffectKind, ...] = (PAYOUT,)


def submit_payout(
    payout_id: UUID, address: str, sats: int, speed: Speed, fee_quoted_sats: int, at: datetime | None = None
) -> Row:
    """Queue a payout in the commit that holds its money. The same id again changes nothing: one id is one payout.
    ``fee_quoted_sats``: what the payer pays for the miners. ``at``: when it began to wait; None: now."""
    assert sats > 0 and fee_quoted_sats >= 0, "a payout pays something"
    created = None if at is None else at.isoformat()
    values = {"id": str(payout_id), "address": address, "sats": sats, "speed": speed.value}
    return Row("chain_payout", {**values, "fee_quoted": fee_quoted_sats, "created_at": created})
