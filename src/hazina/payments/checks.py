"""What must hold between payments, their statement lines, their limits and the books: all of it at night and
by ``hazina verify``, what is new every minute.

These queries read the books' and access's tables directly: a proof over millions of rows is done where the
rows are. Nothing else in this context may.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString

from hazina.kernel.checks import Check, Invariant, Scan, run
from hazina.kernel.db import Tx
from hazina.kernel.ids import ids_between
from hazina.ledger import Recent
from hazina.payments import checks_onchain

LIMITS_KEPT = timedelta(days=1)
"""Volume stays in the table for at least as long as its window."""
SLACK = timedelta(seconds=5)
"""A payment has its id a little before it is posted."""

# Kinds: 1 inside, 2 an invoice inside, 3 out over Lightning, 4 in, 5 an address inside, 6 out on-chain, 7 in,
# 8 a deposit reversed, 9 a refund. Ledger accounts: 1 Lightning, 3 fees, 6 on-chain, 9 fees of the chain, 10 own, 11
# and 12 the dealer's. Where the payee gets another asset than the payer gives, ``stop`` is where the payer's money
# goes, ``giver`` where the payee's comes from.

PAYMENTS: LiteralString = """
    select p.id as payment_id, p.kind, p.state, p.amount, p.fee, p.fee_max, p.src, p.dst, p.payment_hash, p.preimage,
           p.to_asset, p.to_amount,
           case when t.id is null then false
                when p.kind in (1, 5, 9) and p.to_asset is null then (t.op, t.src, t.dst, t.amount)
                                   = (array[1]::smallint[], array[p.src], array[p.dst], array[p.amount])
                when p.kind in (1, 5, 9) then (t.op, t.src, t.dst, t.amount)
                                   = (array[1, 1]::smallint[], array[p.src, v.giver], array[v.stop, p.dst],
                                      array[p.amount, p.to_amount])
                when p.kind in (4, 7, 8) then (t.op[1], t.src[1], t.dst[1], t.amount[1])
                                            = (1, p.src, v.stop, p.amount)
                else (t.op, t.src, t.dst, t.amount)
                   = (array[2]::smallint[], array[p.src], array[v.stop], array[p.amount + p.fee_max]) end as posted,
           p.to_asset is null or p.state <> 2 or exists (
               select from unnest(case when p.kind in (2, 3, 6) then c.src else t.src end,
                                  case when p.kind in (2, 3, 6) then c.dst else t.dst end,
                                  case when p.kind in (2, 3, 6) then c.amount else t.amount end) as l(src, dst, amount)
                where (l.src, l.dst) = (v.giver, p.dst)
                  and l.amount between p.to_amount and p.to_amount + coalesce(p.route_max, 0)) as exchanged,
           case when p.kind not in (2, 3, 6) then p.state = 2
                else h.state is not distinct from case p.state when 2 then 1 when 3 then 2 else 0 end end as ended,
           case when p.kind not in (2, 3, 6) or p.state <> 2 then true
                else (select sum(l.amount) from unnest(c.op, c.src, c.amount) as l(op, src, amount)
                       where l.src = p.src) = p.amount + coalesce(p.fee, 0) end as charged,
           p.kind = 3 and p.state = 2 and 3 = any (c.src) as over_limit,
           case when p.kind in (2, 3) then
                    case when p.state = 2 then coalesce(sha256(p.preimage) = p.payment_hash, false)
                         else p.preimage is null end
                else true end as proven,
           (p.price_cents, p.price_source, p.price_at)
               is not distinct from (t.price_cents, t.price_source, t.price_at) as priced,
           p.kind not in (2, 3) or (f.payment_id is not distinct from p.id) = (p.state <> 3) as guarded
      from payment p
     cross join lateral (select case when p.to_asset is null then p.dst when p.asset = 1 then 11 else 12 end as stop,
                                case p.to_asset when 1 then 11 when 2 then 12 end as giver) v
      left join ledger.txn t on t.id = p.id
      left join ledger.hold h on t.op[1] = 2 and h.id = t.ref[1]
      left join ledger.txn c on c.id = h.closed_by
      left join payment_hash f on p.kind in (2, 3) and f.payment_hash = p.payment_hash
"""
PAYMENT_RULES = (
    Invariant(
        "payment-posted",
        "Each payment stands in the books: its accounts, its amount, with what may be charged on top.",
        "posted is not true",
    ),
    Invariant(
        "payment-ended-once",
        "Each payment that left has one end: its hold is open while it is, posted when paid, void when failed.",
        "ended is not true",
    ),
    Invariant(
        "payment-exchanged",
        "Each paid payment between two assets gave its payee what was agreed, from the dealer.",
        "exchanged is not true",
    ),
    Invariant("payment-charged", "Each paid payment cost its payer its amount and its fee.", "charged is not true"),
    Invariant(
        "fee-limit", "No payment cost more than its payer allowed.", "over_limit or fee > fee_max or fee_max < 0"
    ),
    Invariant(
        "payment-preimage",
        "Each invoice that was paid has the preimage of its hash; no other payment has one.",
        "proven is not true",
    ),
    Invariant("payment-price", "Each payment has the price that the books have.", "priced is not true"),
    Invariant(
        "hash-once",
        "Each hash has one payment that is under way or paid, and the guard names it.",
        "guarded is not true",
    ),
)

LINES: LiteralString = """
    select l.id as line_id, l.payment_id, l.direction, l.amount, l.fee, l.status, p.kind, p.state,
           p.amount as payment_amount, p.fee as payment_fee,
           case when p.id is null then false
                when l.direction = 1 then
                    l.fee = case p.state when 2 then coalesce(p.fee, 0) when 3 then 0 else p.fee_max end
                    and l.amount = -p.amount - l.fee
                    and l.status = case p.state when 2 then 1 when 3 then 2 else 0 end
                    and (l.account_id, l.wallet_id) = (p.account_id, p.wallet_id)
                else l.amount = coalesce(p.to_amount, p.amount)
                     and l.fee = case when p.kind <> 7 then 0 when p.to_asset is null then p.fee_max else l.fee end
                     and l.status = 1 and p.state = 2
                     and (l.account_id, l.wallet_id) = (p.to_account_id, p.to_wallet_id) end
           and l.asset = case l.direction when 1 then p.asset else coalesce(p.to_asset, p.asset) end
           and l.payment_hash is not distinct from p.payment_hash
           and (l.price_cents, l.price_source, l.price_at)
               is not distinct from (p.price_cents, p.price_source, p.price_at) as agrees
      from line l left join payment p on p.id = l.payment_id
"""
LINE_RULES = (Invariant("line-agrees", "Each statement line says what its payment says.", "agrees is not true"),)

SIDES: LiteralString = """
    select p.id as payment_id, p.kind, p.state, coalesce(l.sent, 0) as sent, coalesce(l.received, 0) as received,
           case when p.account_id is null then 0 else 1 end as sent_wanted,
           case when p.to_account_id is not null and p.state = 2 then 1 else 0 end as received_wanted
      from payment p
      left join (select payment_id, count(*) filter (where direction = 1) as sent,
                        count(*) filter (where direction = 2) as received
                   from line group by payment_id) l on l.payment_id = p.id
"""
SIDE_RULES = (
    Invariant(
        "payment-has-lines",
        "Each payment is on the statement of each customer it touched, once.",
        "(sent, received) <> (sent_wanted, received_wanted)",
    ),
)

# A transaction of a payment has its id, or ends the hold that it opened. Less than one satoshi that came in
# is booked without one.
OWNED: LiteralString = """
    select t.id as txn_id, t.kind,
           exists (select from payment p where p.id = t.id)
           or exists (select from ledger.hold h join payment p on p.id = h.opened_by
                       where t.op[1] in (3, 4) and h.id = t.ref[1] and h.closed_by = t.id)
           or t.kind = 4 and t.dst = array[2]::bigint[] and t.amount[1] < 1000
           or t.kind in (7, 8) and exists (select from deposit d where t.id = any (d.txns)
                                             and d.txid = decode(t.meta->>'txid', 'hex')
                                             and d.vout = (t.meta->>'vout')::int) as owned
      from ledger.txn t
     where t.kind between 1 and 9
"""
OWNED_RULES = (Invariant("posting-has-payment", "Each posting of a payment has that payment.", "owned is not true"),)

SUSPENSE: LiteralString = """
    select a.id as account_id, a.held, coalesce(o.amount, 0) as open_payments
      from ledger.account a
      left join (select src, sum(amount + fee_max) as amount from payment where state < 2 group by src) o
        on o.src = a.id
"""
SUSPENSE_RULES = (
    Invariant("suspense", "What is set aside of an account is the sum of its open payments.", "held <> open_payments"),
)

INVOICES: LiteralString = """
    select i.payment_hash, i.state, i.paid_msat,
           sha256(i.preimage) = i.payment_hash as proven,
           i.state <> 2 or i.paid_msat < 1000 or exists (
               select from payment p where p.payment_hash = i.payment_hash and p.kind in (2, 4) and p.state = 2
                  and coalesce(p.to_amount, p.amount) >= coalesce(i.cents, 1)
                  and case when p.kind = 4 then p.amount = i.paid_msat / 1000 * 1000
                           when p.asset = 1 then p.amount = i.paid_msat
                           when p.to_asset = 1 then p.to_amount = i.paid_msat
                           else i.asset = 2 and p.to_asset is null end) as credited
      from invoice i
"""
INVOICE_RULES = (
    Invariant("invoice-preimage", "Each invoice has the preimage of its hash.", "proven is not true"),
    Invariant("invoice-credited", "Each paid invoice was credited, with what arrived.", "credited is not true"),
)

# Nearest cent, exact halves down, at least one: as the dealer counts (``cents_of``). Caps of keys are in satoshi.
LIMITS: LiteralString = """
    select p.id as payment_id, p.state, u.rows, u.least, u.most, u.kept, w.cents,
           u.rows > 0 and u.least = w.cents and u.most = w.cents
           and u.kept = case when p.state = 3 then 0 else u.rows end as counted
      from payment p
     cross join lateral (select case when p.asset = 2 then p.amount else greatest(
               ceil(p.amount::numeric * p.price_cents / 100000000000 - 0.5), 1)::bigint end as cents) w
      left join lateral (select count(*) as rows, min(amount) filter (where subject not like 'api_key:%%') as least,
                                max(amount) filter (where subject not like 'api_key:%%') as most,
                                count(*) filter (where not given_back) as kept
                           from limit_use where unit = p.id) u on true
     where p.account_id is not null and p.kind not in (8, 9) and p.created_at > %(fresh)s
"""
LIMIT_RULES = (
    Invariant(
        "limit-used",
        "Each payment counts against its payer's limits with its value, and no more once it has failed.",
        "counted is not true",
    ),
)
STRAY: LiteralString = """
    select u.unit, u.subject, u.amount, p.id is not null and p.state <> 3 as known
      from limit_use u left join payment p on p.id = u.unit where not u.given_back and u.until > %(now)s
"""
STRAY_RULES = (
    Invariant("limit-has-payment", "What counts against a limit is a payment that did not fail.", "known is not true"),
)

ALL = (
    Scan(PAYMENTS, PAYMENT_RULES),
    Scan(LINES, LINE_RULES),
    Scan(SIDES, SIDE_RULES),
    Scan(OWNED, OWNED_RULES),
    Scan(SUSPENSE, SUSPENSE_RULES),
    Scan(INVOICES, INVOICE_RULES),
    Scan(LIMITS, LIMIT_RULES),
    Scan(STRAY, STRAY_RULES),
    *checks_onchain.ALL,
)

# Payments that were posted, ended or begun since, and all that are open.
TOUCHED: LiteralString = """
    select t.id from ledger.txn t where t.at >= %(since)s and t.kind between 1 and 9
    union select h.opened_by from ledger.txn t join ledger.hold h on h.id = t.ref[1]
           where t.at >= %(since)s and t.op[1] in (3, 4)
    union select id from payment where state < 2
    union select id from payment where id between %(first)s and %(last)s
"""
RECENT_SIDES: LiteralString = """
    select p.id as payment_id, p.kind, p.state, l.sent, l.received,
           case when p.account_id is null then 0 else 1 end as sent_wanted,
           case when p.to_account_id is not null and p.state = 2 then 1 else 0 end as received_wanted
      from payment p
     cross join lateral (select count(*) filter (where direction = 1) as sent,
                                count(*) filter (where direction = 2) as received
                           from line where payment_id = p.id) l
"""
RECENT_ACCOUNTS: LiteralString = """
    where a.id in (select account_id from ledger.entry where at >= %(since)s
             union select id from ledger.account where id > %(above)s and id <= %(upto)s
             union select src from payment where state < 2)
"""
RECENT_HASHES: LiteralString = """
    where i.payment_hash in (
        select payment_hash from payment where id = any(%(touched)s) and payment_hash is not null)
"""
RECENT = (
    Scan(PAYMENTS + " where p.id = any(%(touched)s)", PAYMENT_RULES),
    Scan(LINES + " where l.payment_id = any(%(touched)s)", LINE_RULES),
    Scan(RECENT_SIDES + " where p.id = any(%(touched)s)", SIDE_RULES),
    Scan(OWNED + " and t.at >= %(since)s", OWNED_RULES),
    Scan(SUSPENSE + RECENT_ACCOUNTS, SUSPENSE_RULES),
    Scan(INVOICES + RECENT_HASHES, INVOICE_RULES),
    Scan(LIMITS + " and p.id = any(%(touched)s)", LIMIT_RULES),
    *checks_onchain.RECENT,
)


async def verify(tx: Tx, now: datetime) -> list[Check]:
    """Every payment against the books, every line against its payment. ``tx``: one snapshot without a limit
    of time."""
    return await run(tx, ALL, {"now": now, "fresh": now - LIMITS_KEPT})


async def checks_since(tx: Tx, look: Recent, now: datetime) -> list[Check]:
    """The same over what ``look`` covers. ``tx``: one snapshot."""
    first, last = ids_between(look.since - SLACK, look.until + SLACK)
    values = {**look.values(), "now": now, "fresh": now - LIMITS_KEPT, "first": first, "last": last}
    touched = await tx.rows(lambda id_: id_, TOUCHED, values)
    return await run(tx, RECENT, {**values, "touched": touched})
