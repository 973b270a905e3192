"""What must hold between deposits, withdrawals, the chain's own tables and the books; see ``checks``.

Kinds of transactions: 7 a deposit, 8 reversed, 21 coins that the bank keeps, 22 the miners' fee as it became, 23 moved
between the bank's wallets. Ledger accounts: 6 on-chain, 8 reversed, 9 fees of the chain, 12 the dealer's dollars.
"""

from __future__ import annotations

from typing import LiteralString

from hazina.kernel.checks import Invariant, Scan

PLACE: LiteralString = "coalesce((select place::bigint from cursor where reader = 'chain'), 0)"

DEPOSITS: LiteralString = """
    select d.txid, d.vout, d.state, d.sats, d.credit_sats, d.owed_msat, b.coins, b.owed, b.fees,
           b.coins = case d.state when 1 then d.sats else 0 end * 1000 as booked,
           b.owed = d.owed_msat
           and b.coins + b.owed - b.fees
               = case d.state when 1 then d.credit_sats * 1000 else d.owed_msat end
           and b.cents = case when d.asset = 1 then 0 when d.state = 1 then d.credit_cents else d.owed_cents end
           and (d.asset = 1 or (d.owed_cents = 0) = (d.owed_msat = 0)) as shared
      from deposit d
     cross join lateral (
           select coalesce(sum(case 6 when l.src then l.amount when l.dst then -l.amount else 0 end), 0) as coins,
                  coalesce(sum(case 12 when l.src then l.amount when l.dst then -l.amount else 0 end), 0) as cents,
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
           w.payment_id is not null
           and case when p.to_asset is null then w.miner_sats * 1000 + p.bank_fee = p.fee_max
                    else w.miner_sats * 1000 = p.route_max end
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

# What the chain told and was booked. The newest word on an output's depth decides.
TOLD: LiteralString = """
    select d.txid, d.vout, d.state, d.ripe, e.kind,
           (d.state = 1 or d.ripe) = (e.kind is not distinct from 3) as followed
      from deposit d
      left join (select distinct on (body->>'txid', body->>'vout') body->>'txid' as txid,
                        (body->>'vout')::int as vout, kind
                   from chain_event where kind in (3, 4) and seq <= {place}
                  order by body->>'txid', body->>'vout', seq desc) e
        on e.txid = encode(d.txid, 'hex') and e.vout = d.vout
""".replace("{place}", PLACE)
TOLD_RULES = (Invariant("deposit-told", "Each deposit stands as the chain last told of it.", "followed is not true"),)

OUTPUTS: LiteralString = """
    select o.txid, o.vout, o.state, d.state as deposit_state, o.sats, d.sats as deposit_sats,
           case o.state when 3 then d.txid is null
                else (o.state = 1) = (d.state is not distinct from 1 or d.ripe is true)
                     and coalesce(d.sats, o.sats) = o.sats end as booked
      from chain_output o
      left join deposit d on d.txid = decode(o.txid, 'hex') and d.vout = o.vout
     where not exists (select from chain_event e where e.seq > {place} and e.body->>'txid' = o.txid)
""".replace("{place}", PLACE)
OUTPUTS_RULES = (
    Invariant(
        "output-credited", "Each output that the chain has settled is a deposit that was booked.", "booked is not true"
    ),
)

# What waits: news that nobody books, a payout that is neither sent nor given back.
WAITING: LiteralString = """
    select e.seq, e.kind, e.at, e.at < %(now)s::timestamptz - interval '10 minutes' as late
      from chain_event e where e.seq > {place} order by e.seq limit 1
""".replace("{place}", PLACE)
WAITING_RULES = (Invariant("events-booked", "What the chain tells is booked within ten minutes.", "late"),)
QUEUED: LiteralString = """
    select p.id as payment_id, p.state, p.created_at,
           p.created_at < %(now)s::timestamptz - case p.state
               when 0 then interval '30 hours' else interval '15 days' end as late
      from payment p where p.kind = 6 and p.state < 2
"""
QUEUED_RULES = (
    Invariant("payout-waits", "Each withdrawal is sent or given back within a day, and arrives in two weeks.", "late"),
)

BOOKED_SINCE: LiteralString = """
    where (d.txid, d.vout) in (
        select decode(t.meta->>'txid', 'hex'), (t.meta->>'vout')::int from ledger.txn t
         where t.at >= %(since)s and t.kind in (7, 8, 21))
"""
ALL = (
    Scan(TOLD, TOLD_RULES),
    Scan(OUTPUTS, OUTPUTS_RULES),
    Scan(DEPOSITS, DEPOSIT_RULES),
    Scan(OUTPUTS_OWNED, OUTPUT_RULES),
    Scan(WITHDRAWALS, WITHDRAWAL_RULES),
)
RECENT = (
    Scan(WAITING, WAITING_RULES),
    Scan(QUEUED, QUEUED_RULES),
    Scan(DEPOSITS + BOOKED_SINCE, DEPOSIT_RULES),
    Scan(OUTPUTS_OWNED + " and t.at >= %(since)s", OUTPUT_RULES),
    Scan(WITHDRAWALS + " and p.id = any(%(touched)s)", WITHDRAWAL_RULES),
)
