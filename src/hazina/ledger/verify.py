"""Prove the books from their own history, on a live database, in one snapshot.

PostgreSQL's guards keep the program and the owner from breaking these invariants; this finds what was
done behind them (triggers switched off, files damaged), and what a fault in ``post`` itself would do.
"""

from __future__ import annotations

from hazina.kernel.checks import Check, Invariant, Scan, run
from hazina.kernel.db import Tx

CHAINS = Scan(
    """
    select e.account_id, e.seq, e.amount, e.balance_after, e.held, e.held_after, e.asset, e.txn_id, e.leg,
           coalesce(lag(e.balance_after) over w, 0) as balance_before,
           coalesce(lag(e.held_after) over w, 0) as held_before,
           coalesce(lag(e.seq) over w, 0) as seq_before,
           a.floor, a.asset as account_asset
      from ledger.entry e left join ledger.account a on a.id = e.account_id
    window w as (partition by e.account_id order by e.seq)
    """,
    (
        Invariant(
            "balance-chain",
            "Each entry's balance is the one before plus its amount, from zero.",
            "balance_after <> balance_before + amount",
        ),
        Invariant(
            "held-chain",
            "Each entry's held money is the one before plus its change, from zero.",
            "held_after <> held_before + held",
        ),
        Invariant("sequence", "Each account's entries are numbered 1, 2, 3 without gaps.", "seq <> seq_before + 1"),
        Invariant(
            "floor",
            "After each entry, balance minus held is not under the account's floor, and held not under zero.",
            "held_after < 0 or balance_after - held_after < floor",
        ),
        Invariant(
            "account-known", "Each entry's account exists and has its asset.", "account_asset is distinct from asset"
        ),
    ),
)

ACCOUNT_ROW = Invariant(
    "account-row",
    "Each account says what its last entry says.",
    "(balance, held, seq) is distinct from (last_balance, last_held, last_seq)",
)
ACCOUNT_FLOOR = Invariant(
    "account-floor",
    "No account's balance minus held is under its floor, nor its held money under zero.",
    "held < 0 or balance - held < floor",
)

ACCOUNTS = Scan(
    """
    select a.id as account_id, a.balance, a.held, a.seq, a.floor, coalesce(e.balance_after, 0) as last_balance,
           coalesce(e.held_after, 0) as last_held, coalesce(e.seq, 0) as last_seq, coalesce(h.amount, 0) as open_holds
      from ledger.account a
      left join lateral (select balance_after, held_after, seq from ledger.entry
                          where account_id = a.id order by seq desc limit 1) e on true
      left join (select src, sum(amount) as amount from ledger.hold where state = 0 group by src) h on h.src = a.id
    """,
    (
        ACCOUNT_ROW,
        ACCOUNT_FLOOR,
        Invariant(
            "held-is-open-holds", "Each account's held money is the sum of its open holds.", "held <> open_holds"
        ),
    ),
)

SUMS = Scan(
    "select txn_id, asset, sum(amount) as total from ledger.entry group by txn_id, asset",
    (Invariant("zero-sum", "Each transaction's entries sum to zero in each asset.", "total <> 0"),),
)

WHOLE = Scan(
    "select asset, sum(balance) as total from ledger.account group by asset",
    (Invariant("bank-sum", "All balances of an asset together are zero.", "total <> 0"),),
)

# The payer's entry of a leg has an amount of zero or less, the payee's (of a transfer or a posted hold)
# more than zero. A hold that ends gives back all that it held, so its whole amount leaves `held`.
ENTRIES = Scan(
    """
    select e.account_id, e.seq, e.txn_id, e.leg, e.amount, e.held, t.id is not null as known,
           case when e.account_id = t.src[e.leg] then
                    e.amount = case when t.op[e.leg] in (1, 3) then -t.amount[e.leg] else 0 end
                    and e.held = case t.op[e.leg] when 1 then 0 when 2 then t.amount[e.leg] else -h.amount end
                when e.account_id = t.dst[e.leg] then
                    t.op[e.leg] in (1, 3) and e.amount = t.amount[e.leg] and e.held = 0
                end as right
      from ledger.entry e
      left join ledger.txn t on t.id = e.txn_id
      left join ledger.hold h on t.op[e.leg] > 1 and h.id = t.ref[e.leg]
    """,
    (
        Invariant("transaction-known", "Each entry belongs to a transaction that exists.", "not known"),
        Invariant(
            "entry-is-leg",
            "Each entry is what its transaction's leg says: account, amount and held, exactly.",
            'known and "right" is not true',
        ),
    ),
)

# Bits 2n and 2n+1 of a mask: the payer's and the payee's entry of leg n+1.
LEGS = Scan(
    """
    select t.id as txn_id, t.op, wanted.n as entries_wanted, coalesce(e.n, 0) as entries_found,
           wanted.mask is not distinct from e.mask and wanted.n = e.n
           and (cardinality(t.src), cardinality(t.dst), cardinality(t.amount), cardinality(t.ref))
             = (cardinality(t.op), cardinality(t.op), cardinality(t.op), cardinality(t.op)) as complete
      from ledger.txn t
     cross join lateral (
           select sum(case when o in (1, 3) then 2 else 1 end) as n,
                  bit_or(case when o in (1, 3) then 3::bigint else 1::bigint end << (2 * leg::int - 2)) as mask
             from unnest(t.op) with ordinality as l(o, leg)) wanted
      left join (select txn_id, count(*) as n,
                        bit_or(1::bigint << (2 * leg - case when amount > 0 then 1 else 2 end)) as mask
                   from ledger.entry group by txn_id) e on e.txn_id = t.id
    """,
    (
        Invariant(
            "leg-has-entries",
            "Each leg of each transaction has its entries, none more, none less.",
            "complete is not true",
        ),
    ),
)

HOLDS = Scan(
    """
    select h.id as hold_id, h.src, h.dst, h.amount, h.state, h.taken, h.opened_by, h.closed_by,
           exists (select from unnest(o.op, o.src, o.dst, o.amount, o.ref) as l(op, src, dst, amount, ref)
                    where l = row(2::smallint, h.src, h.dst, h.amount, h.id)) as opened,
           case when h.state = 0 then h.closed_by is null
                else exists (select from unnest(c.op, c.src, c.dst, c.amount, c.ref) as l(op, src, dst, amount, ref)
                              where l = row((h.state + 2)::smallint, h.src, h.dst, h.taken, h.id)) end as ended
      from ledger.hold h
      left join ledger.txn o on o.id = h.opened_by
      left join ledger.txn c on c.id = h.closed_by
    """,
    (
        Invariant("hold-opened", "Each hold was opened by a leg of its transaction, as it stands.", "not opened"),
        Invariant(
            "hold-ended", "Each open hold has no end, each other one the leg that posted or voided it.", "not ended"
        ),
    ),
)

HOLD_LEGS = Scan(
    """
    select t.id as txn_id, l.op, l.ref as hold_id, h.state, h.opened_by, h.closed_by,
           case when l.op = 2 then h.opened_by = t.id else h.closed_by = t.id and h.state = l.op - 2 end as kept
      from ledger.txn t
     cross join lateral unnest(t.op, t.ref) as l(op, ref)
      left join ledger.hold h on h.id = l.ref
     where l.op > 1
    """,
    (Invariant("hold-kept", "What each leg did to a hold is what the hold says.", "kept is not true"),),
)

PRICES = Scan(
    "select id as txn_id, src, price_cents from ledger.txn",
    (
        Invariant(
            "price",
            "Each transaction with bitcoin in it has the price.",
            "price_cents is null and exists (select from ledger.account a where a.id = any (src) and a.asset = 1)",
        ),
    ),
)

GUARDS = Scan(
    """
    select w.place, w.guard, t.tgenabled
      from (values ('txn', 'append_only'), ('entry', 'append_only'), ('entry', 'sum_to_zero'),
                   ('account', 'no_delete'), ('account', 'equal_last_entry'), ('account', 'equal_last_entry_new'),
                   ('account', 'keep_account'), ('hold', 'no_delete'), ('hold', 'end_once')) as w(place, guard)
      left join pg_trigger t on t.tgname = w.guard and t.tgrelid = ('ledger.' || w.place)::regclass
    """,
    (
        Invariant(
            "guards",
            "PostgreSQL's own guards of the books are switched on.",
            "tgenabled is null or tgenabled not in ('O', 'A')",
        ),
    ),
)

SCANS = (SUMS, WHOLE, CHAINS, ACCOUNTS, ENTRIES, LEGS, HOLDS, HOLD_LEGS, PRICES, GUARDS)


async def verify(tx: Tx) -> list[Check]:
    """Every invariant by name. ``tx`` must be fresh: it becomes one read-only snapshot, so that payments
    go on meanwhile and disturb nothing. Reads every row once or twice."""
    await tx.execute("set transaction isolation level repeatable read, read only")
    await tx.execute("set local statement_timeout = 0")
    await tx.execute("set local work_mem = '128MB'")
    await tx.execute("set local jit = off")
    return await run(tx, SCANS)
