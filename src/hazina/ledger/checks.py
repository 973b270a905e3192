"""The books' invariants over what is new, so that a look a minute costs what happened in that minute.

New is what was written since a moment that no transaction running then had passed (``Recent.until`` of the
look before). What was changed behind the guards in old rows is found by the slice of accounts that each look
adds, round and round, and by the full proof at night (``verify``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hazina.kernel.checks import Check, Scan, run
from hazina.kernel.db import Tx
from hazina.ledger import verify

SLICE = 5_000
"""Accounts whose rows a look compares beside the new ones."""
OVERLAP = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Recent:
    """What one look covers: everything since ``since``, and accounts above ``above`` up to ``to``. The next
    look begins at ``until``, with accounts above ``to`` (0: from the start)."""

    since: datetime
    until: datetime
    above: int
    to: int

    def values(self) -> dict[str, Any]:
        """Parameters for scans."""
        return {"since": self.since, "above": self.above, "upto": self.to or 2**62}


async def recent(tx: Tx, since: datetime, above: int) -> Recent:
    """Plan a look. To be asked before the look's snapshot is taken. An entry's time is read after its
    transaction has locked rows, that is, has an xid: who has none yet will write later than now."""
    until, to = await tx.one(
        lambda *row: row,
        """
        select least(clock_timestamp(), min(xact_start)),
               (select case when count(*) = %(slice)s then max(id) else 0 end
                  from (select id from ledger.account where id > %(above)s order by id limit %(slice)s) s)
          from pg_stat_activity where datname = current_database() and backend_xid is not null
        """,
        {"above": above, "slice": SLICE},
    ) or (since, 0)
    return Recent(since, max(since, until - OVERLAP), above, to)


SUMS = Scan(
    "select txn_id, asset, sum(amount) as total from ledger.entry where at >= %(since)s group by txn_id, asset",
    verify.SUMS.invariants,
)

CHAINS = Scan(
    """
    select e.account_id, e.seq, e.amount, e.balance_after, e.held, e.held_after, e.asset, e.txn_id, e.leg,
           coalesce(b.balance_after, 0) as balance_before, coalesce(b.held_after, 0) as held_before,
           coalesce(b.seq, 0) as seq_before, a.floor, a.asset as account_asset
      from ledger.entry e
      left join ledger.entry b on b.account_id = e.account_id and b.seq = e.seq - 1
      left join ledger.account a on a.id = e.account_id
     where e.at >= %(since)s
    """,
    verify.CHAINS.invariants,
)

ACCOUNTS = Scan(
    """
    select a.id as account_id, a.balance, a.held, a.seq, a.floor, coalesce(e.balance_after, 0) as last_balance,
           coalesce(e.held_after, 0) as last_held, coalesce(e.seq, 0) as last_seq
      from (select distinct account_id from ledger.entry where at >= %(since)s
            union select id from ledger.account where id > %(above)s and id <= %(upto)s) looked
      join ledger.account a on a.id = looked.account_id
      left join lateral (select balance_after, held_after, seq from ledger.entry
                          where account_id = a.id order by seq desc limit 1) e on true
    """,
    (verify.ACCOUNT_ROW, verify.ACCOUNT_FLOOR),
)

ENTRIES = Scan(verify.ENTRIES.rows + " where e.at >= %(since)s", verify.ENTRIES.invariants)

LEGS = Scan(
    verify.LEGS.rows.replace("from ledger.entry group by", "from ledger.entry where at >= %(since)s group by")
    + " where t.at >= %(since)s",
    verify.LEGS.invariants,
)

HOLD_LEGS = Scan(verify.HOLD_LEGS.rows + " and t.at >= %(since)s", verify.HOLD_LEGS.invariants)

SCANS = (SUMS, CHAINS, ACCOUNTS, ENTRIES, LEGS, HOLD_LEGS, verify.GUARDS)


async def checks_since(tx: Tx, look: Recent) -> list[Check]:
    """The invariants of ``verify`` over what ``look`` covers. ``tx``: one snapshot."""
    return await run(tx, SCANS, look.values())
