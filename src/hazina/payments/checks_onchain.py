"""What must hold between deposits, withdrawals, the chain's own tables and the books; see ``checks``.

Kinds of transactions: 7 a deposit, 8 reversed, 21 coins that the bank keeps, 22 the miners' fee as it became, 23 moved
between the bank's wallets. Ledger accounts: 6 on-chain, 8 reversed, 9 fees of the chain.
"""

from __future__ import annotations

from typing import LiteralString

from hazina.kernel.checks import Invariant, Scan

DEPOSITS: LiteralString = """
    select d.txid, d.vout, d.state, d.sats, d.credit_sats, d.owed_msat, b.coins, b.owed, b.fees,
           b.coins = case d.state when 1 then d.sats else 0 end * 1000 as booked,
           b.owed = d.owed_msat
           and b.coins + b.owed - b.fees
               = case d.state when 1 then d.credit_sats * 1000 else d.owed_msat end as shared
      from deposit d
     cross join lateral (
           select coalesce(sum(case 6 when l.src then l.amount when l.dst then -l.amount else 0 end), 0) as coins,
                  coalesce(sum(case 8 when l.src then l.amount when l.dst then -l.amount else 0 end), 0) as owed,
                  coalesce(sum(case when l.dst in (3, 10) then l.amount when l.src in (3, 10) then -l.amount
                                    else 0 end), 0) as fees
             from ledger.txn t, unnest(t.src, t.dst, t.amount) as l(src, dst, amount)
            where t.id = any (d.txns)) b
"""
DEPOSIT_RULES = (
    Invariant(
        "deposit-booked", "Each settled output is in the books once; each other one is not.", "booked is not true"
    ),
    Invariant(
        "deposit-shared",
        "Of each deposit the customer has what is theirs; what was reversed and spent is owed.",
        "shared is not true",
    ),
)

OUTPUTS_OWNED: LiteralString = """
    select t.id as txn_id, t.kind,
           case when t.kind in (7, 8, 21) then exists (
                    select from deposit d where d.txid = decode(t.meta->>'txid', 'hex')
                       and d.vout = (t.meta->>'vout')::int and t.id = any (d.txns))
                when t.kind = 22 then exists (
                    select from withdrawal w where w.payment_id = (t.meta->>'payment')::uuid and t.id = any (w.txns))
                else exists (
                    select from chain_transfer c
                     where c.transfer_id = (t.meta->>'transfer')::uuid and t.id = any (c.txns)) end as owned
      from ledger.txn t
     where t.kind in (7, 8, 21, 22, 23)
"""
OUTPUT_RULES = (
    Invariant(
        "posting-has-output",
        "Each posting of coins has the output, the payout or the transfer that it is of.",
        "owned is not true",
    ),
)

WITHDRAWALS: LiteralString = """
    select p.id as payment_id, p.state, p.fee_max, p.bank_fee, w.miner_sats, w.share_sats, w.txid, b.saved,
           w.payment_id is not null and w.miner_sats * 1000 + p.bank_fee = p.fee_max
           and (w.txid is not null) = (p.state in (1, 2))
           and b.saved = (w.miner_sats - w.share_sats) * 1000 as booked
      from payment p
      left join withdrawal w on w.payment_id = p.id
     cross join lateral (
           select coalesce(sum(case 9 when l.dst then l.amount when l.src then -l.amount else 0 end), 0) as saved
             from ledger.txn t, unnest(t.src, t.dst, t.amount) as l(src, dst, amount)
            where t.id = any (w.txns)) b
     where p.kind = 6
"""
WITHDRAWAL_RULES = (
    Invariant(
        "withdrawal-booked",
        "Each withdrawal costs its customer what was quoted, and the bank the difference to what the miners took.",
        "booked is not true",
    ),
)

BOOKED_SINCE: LiteralString = """
    where (d.txid, d.vout) in (
        select decode(t.meta->>'txid', 'hex'), (t.meta->>'vout')::int from ledger.txn t
         where t.at >= %(since)s and t.kind in (7, 8, 21))
"""
ALL = (
    Scan(DEPOSITS, DEPOSIT_RULES),
    Scan(OUTPUTS_OWNED, OUTPUT_RULES),
    Scan(WITHDRAWALS, WITHDRAWAL_RULES),
)
RECENT = (
    Scan(DEPOSITS + BOOKED_SINCE, DEPOSIT_RULES),
    Scan(OUTPUTS_OWNED + " and t.at >= %(since)s", OUTPUT_RULES),
    Scan(WITHDRAWALS + " and p.id = any(%(touched)s)", WITHDRAWAL_RULES),
)
