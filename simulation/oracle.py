"""What must hold: after every step what is cheap to ask, after a quiet day everything.

The names I1 to I12 are those of the reliability plan. "Node" is the simulated node's own record.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

from hazina.accounts import Level, LimitKind, level_cap
from hazina.dealer import cents_of
from hazina.kernel.db import Tx
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.ledger import BANK, verify
from hazina.payments import Kind, Sent, State
from hazina.payments.ports import OutgoingState
from simulation import onchain

if TYPE_CHECKING:
    from simulation.customers import Town
    from simulation.world import World

STEP: LiteralString = """
    select 'I1 balances of asset ' || asset || ' sum to ' || sum(balance) from ledger.account
    group by asset having sum(balance) <> 0
    union all
    select 'I1 entries of transaction ' || txn_id || ' sum to ' || sum(amount) from ledger.entry
    group by txn_id, asset having sum(amount) <> 0
    union all
    select 'I2 account ' || id || ' is under its floor: ' || balance || ' with ' || held || ' held'
    from ledger.account where held < 0 or balance - held < floor
    union all
    select 'I3 account ' || a.id || ' says ' || a.balance || ', its entries ' || coalesce(e.amount, 0)
    from ledger.account a
    left join (select account_id, sum(amount) as amount, sum(held) as held from ledger.entry group by account_id) e
        on e.account_id = a.id
    where (a.balance, a.held) is distinct from (coalesce(e.amount, 0), coalesce(e.held, 0))
    union all
    select 'I4 account ' || a.id || ' holds ' || a.held || ', its open payments ' || coalesce(p.open, 0)
    from ledger.account a
    left join (select src, sum(amount + fee_max) as open from payment where state < 2 group by src) p on p.src = a.id
    where a.held <> coalesce(p.open, 0)
    union all
    select 'I4 payment ' || p.id || ' is in state ' || p.state || ', its hold in ' || coalesce(h.state, -1)
    from payment p
    left join ledger.txn t on t.id = p.id
    left join ledger.hold h on h.opened_by = p.id
    where p.kind in (2, 3, 6) and (h.state is distinct from
        (case p.state when 2 then 1 when 3 then 2 else 0 end)::smallint
        or p.kind <> 6 and p.state = 2 and p.amount + p.fee - h.taken not between 0 and 999
        or p.kind = 6 and p.state = 2 and p.amount + p.fee - p.bank_fee <> h.taken or p.fee > p.fee_max)
    union all
    select 'I7 hash ' || encode(payment_hash, 'hex') || ' is paid ' || count(*) || ' times'
    from payment where kind in (2, 3) and state = 2 group by payment_hash having count(*) > 1
"""

RETURNED: LiteralString = """
    select payment_hash from payment p where kind = 3 and state = 3
    and not exists (select from payment o where o.payment_hash = p.payment_hash and o.kind = 3 and o.state < 3)
"""

UNLIMITED = (Kind.LN_IN, Kind.REFUND, Kind.ONCHAIN_IN, Kind.ONCHAIN_REVERSED)


@dataclass
class Verdict:
    lost_msat: int = 0
    created_msat: int = 0
    double_paid: int = 0
    payments: int = 0


def after_step(world: World) -> None:
    """I1 to I4, and that nothing is returned while it may still be paid."""
    admin = world.server.admin
    for (what,) in admin.execute(STEP, prepare=True).fetchall():
        world.fail(what)
    onchain.after_step(world)
    for (payment_hash,) in admin.execute(RETURNED, prepare=True).fetchall():
        attempt = world.node.attempts.get(bytes(payment_hash))
        if attempt is not None and attempt.state in (OutgoingState.IN_FLIGHT, OutgoingState.SUCCEEDED):
            world.fail(f"{payment_hash.hex()} was returned to the customer; at the node it is {attempt.state.value}")


async def after_quiet(world: World, town: Town, tx: Tx) -> Verdict:
    """Everything. ``tx`` is fresh: the books' own proof comes first and makes it one snapshot."""
    for check in await verify(tx):
        if not check.ok:
            world.fail(f"I8 {check.name}: {check.offending[:3]}")
    after_step(world)
    verdict = Verdict(payments=await tx.value("select count(*) from payment"))
    payments = await tx.rows(_Row, _Row.QUERY)
    await _node_truth(world, tx, payments, verdict)
    _ends(world, payments)
    _answers(world, town, payments)
    await _limits(world, tx, payments)
    await _exchanges(world, tx, payments)
    await onchain.after_quiet(world, tx, verdict)
    await _statements(world, tx)
    await _facts(world, tx, payments)
    world.trace("books", await _fingerprint(tx))
    return verdict


class _Row:
    """A payment, as it stands."""

    QUERY: LiteralString = """
        select id, kind, state, asset, amount, fee, account_id, to_account_id, payment_hash, memo,
            price_cents, price_source, price_at, to_asset, to_amount
        from payment order by id
    """

    def __init__(self, *row: Any) -> None:
        (self.id, kind, state, asset, self.amount, self.fee, self.account_id, self.to_account_id, hash_, self.memo,
         cents, source, at, to_asset, self.to_amount) = row  # fmt: skip
        self.to_asset = None if to_asset is None else Asset(to_asset)
        self.kind, self.state, self.asset = Kind(kind), State(state), Asset(asset)
        self.hash: bytes = bytes(hash_ or b"")
        self.price = None if cents is None else Price(cents, source, at)


async def _node_truth(world: World, tx: Tx, payments: list[_Row], verdict: Verdict) -> None:
    """I5: to the millisatoshi. I6: each thing at the node is booked once, and nothing else is."""
    node = world.node
    truth = node.received_msat() - node.paid_msat()
    books = -await tx.value("select balance from ledger.account where id = %(id)s", {"id": int(BANK.LIGHTNING_BTC)})
    if books != truth:
        world.fail(f"I5 the node holds {truth} msat of ours, the books say {books}")
        verdict.created_msat, verdict.lost_msat = max(books - truth, 0), max(truth - books, 0)
    received = Counter({bill.hash: bill.received for bill in node.settled})
    booked: Counter[bytes] = Counter()
    rows = await tx.rows(
        lambda hash_, msat: (bytes(hash_), msat),
        "select payment_hash, paid_msat from invoice where state = 2 and not exists (select from payment p"
        " where p.payment_hash = invoice.payment_hash and p.kind = 2 and p.state = 2)",
    )
    booked.update(dict(rows))
    for hash_ in set(received) ^ set(booked) | {h for h in received if received[h] != booked[h]}:
        world.fail(f"I6 receipt {hash_.hex()}: {received[hash_]} msat at the node, {booked[hash_]} in the books")
    # Customers pay whole satoshi, or cents; then the dealer pays, to the millisatoshi.
    gone = [p for p in payments if p.kind is Kind.LN_OUT and p.state is State.PAID]
    sent = {p.hash: p.amount + p.fee for p in gone if p.to_asset is None}
    sent |= {p.hash: p.to_amount for p in gone if p.to_asset is not None}
    exact = {p.hash for p in gone if p.to_asset is not None}
    left = {
        a.hash: a.amount if a.hash in exact else -(-(a.amount + a.fee) // 1000) * 1000
        for a in node.ended if a.state is OutgoingState.SUCCEEDED
    }  # fmt: skip
    for hash_ in {h for h in {*sent, *left} if sent.get(h) != left.get(h)}:
        world.fail(f"I6 payment {hash_.hex()}: {left.get(hash_)} at the node, {sent.get(hash_)} in the books")
    twice = {p.hash for p in payments if p.kind is Kind.LN_INSIDE and p.state is State.PAID} & set(received)
    for hash_ in twice:
        world.fail(f"I7 invoice {hash_.hex()} was paid inside and outside")
    verdict.double_paid = len(twice) + sum(n - 1 for n in node.paid.values() if n > 1)
    if any(n > 1 for n in node.paid.values()):
        world.fail("I7 a hash was paid twice at the node")


def _ends(world: World, payments: list[_Row]) -> None:
    """I9: nothing waits for ever."""
    for payment in payments:
        if not payment.state.final:
            world.fail(f"I9 payment {payment.id} ({payment.kind.name}) is still {payment.state.name}")


def _answers(world: World, town: Town, payments: list[_Row]) -> None:
    """What customers were told is what is so; a wish comes true at most once."""
    by_memo: dict[str | None, list[_Row]] = {}
    for payment in payments:
        by_memo.setdefault(payment.memo, []).append(payment)
    for wishes in town.quoted:
        if len(came := [wish.memo for wish in wishes if by_memo.get(wish.memo)]) > 1:
            world.fail(f"USD-03 one quote was used by {came}")
    for wish in town.wishes:
        found = by_memo.get(wish.memo, [])
        paid = [p for p in found if p.state is State.PAID]
        if len(paid) > 1 or (wish.keyed and len(found) > 1):
            world.fail(f"I7 {wish.memo} became {len(found)} payments")
        if wish.surely_nothing and found:
            world.fail(f"{wish.memo} was refused, and yet there is payment {found[0].id}: {wish.answers}")
        for answer in wish.answers:
            if not isinstance(answer, Sent) or answer.line is None:
                continue
            told = next((p for p in payments if p.id == answer.line.payment_id), None)
            states = {"SUCCESS": State.PAID, "ALREADY_PAID": State.PAID, "FAILURE": State.FAILED}
            if told is not None and told.kind is Kind.ONCHAIN_OUT:  # said to be queued; it may become too dear
                states = {"SUCCESS": told.state}
            if told is None or told.state is not states.get(answer.status, told.state):
                world.fail(f"{wish.memo} was told {answer.status}, and it is {told and told.state.name}")


async def _limits(world: World, tx: Tx, payments: list[_Row]) -> None:
    """I11: what counts against a limit is what was paid, at the price of that moment."""
    used = dict(
        await tx.rows(
            lambda unit, subject, amount: (unit, (subject, amount)),
            "select unit, subject, amount from limit_use where not given_back",
        )
    )
    over = await tx.rows(
        lambda subject, total, level: (subject, total, level),
        """select u.subject, sum(o.amount)::bigint, a.level from limit_use u
        join limit_use o on o.subject = u.subject and not o.given_back
            and o.at <= u.at and o.at > u.at - interval '1 day'
        join account a on a.id = split_part(u.subject, ':', 2)::uuid
        where not u.given_back group by u.subject, u.unit, a.level""",
    )
    for subject, total, level in over:
        if total > level_cap(Level(level), LimitKind(subject.partition(":")[0])).n:
            world.fail(f"I11 {subject} of level {level} moved {total} cents in a day")
    wanted: dict[Any, tuple[str, int]] = {}
    for p in payments:
        if p.state is not State.PAID or p.kind in UNLIMITED or p.account_id is None:
            continue
        own = p.account_id == p.to_account_id
        kind = "withdrawal" if p.kind in (Kind.LN_OUT, Kind.ONCHAIN_OUT) else "trade" if own else "intraledger"
        assert p.price is not None, "a limit needs a price"
        cents = Cents(p.amount) if p.asset is Asset.USD else cents_of(Msats(p.amount), p.price)
        wanted[p.id] = (f"{kind}:{p.account_id}", cents.n)
    for unit in sorted({*used, *wanted}):
        if used.get(unit) != wanted.get(unit):
            world.fail(f"I11 payment {unit} counts {used.get(unit)}, and should {wanted.get(unit)}")


async def _exchanges(world: World, tx: Tx, payments: list[_Row]) -> None:
    """USD-05: at its own price no exchange gives more than it takes; what an invoice agreed is what its wallet got.
    USD-03: a quote was used by one payment, of its two amounts."""
    agreed = dict(await tx.rows(
        lambda hash_, cents: (bytes(hash_), cents), "select payment_hash, cents from invoice where cents is not null"
    ))  # fmt: skip
    again = await tx.rows(UUID, "select unnest(txns[2:])::text from deposit")
    for p in payments:
        if p.to_asset is None or p.state is not State.PAID or p.id in again:  # of these the first rate stands
            continue
        fixed = agreed.get(p.hash) if p.kind in (Kind.LN_IN, Kind.LN_INSIDE) else None
        if fixed is not None:
            if p.to_amount < fixed or (p.to_amount > fixed and p.kind is Kind.LN_INSIDE):
                world.fail(f"USD-06 payment {p.id} brought {p.to_amount} cents, agreed were {fixed}")
            continue
        assert p.price is not None, "nothing is exchanged without a price"
        msat, cents = (p.amount, p.to_amount) if p.asset is Asset.BTC else (p.to_amount, p.amount)
        gain = cents * 10**11 - msat * p.price.cents_per_btc
        if (gain if p.asset is Asset.BTC else -gain) > 0:
            world.fail(
                f"USD-05 payment {p.id} ({p.kind.name}) gave {p.amount} for {p.to_amount}: more than it is worth"
            )
    for quote, used_by in await tx.rows(
        lambda *row: row,
        """select q.id, q.used_by from exchange_quote q where q.used_by is not null and not exists (
            select from payment p where p.id = q.used_by and p.account_id = q.account_id
            and (p.amount, p.to_amount) = (case q.side when 1 then q.msat else q.cents end,
                                           case q.side when 1 then q.cents else q.msat end))""",
    ):
        world.fail(f"USD-03 quote {quote} was used by {used_by}, which is not what it says")


async def _statements(world: World, tx: Tx) -> None:
    """Each wallet's statement adds up to its balance."""
    rows = await tx.rows(
        lambda *row: row,
        """select w.id, a.balance, coalesce(sum(l.amount) filter (where l.status = 1), 0)::bigint,
            count(l.id) filter (where l.status = 0)
        from wallet w join ledger.account a on a.id = w.ledger_account left join line l on l.wallet_id = w.id
        group by w.id, a.balance order by w.id""",
    )
    for wallet, balance, total, pending in rows:
        if balance != total or pending:
            world.fail(f"wallet {wallet} has {balance}, its statement {total} with {pending} rows pending")


async def _facts(world: World, tx: Tx, payments: list[_Row]) -> None:
    """I12: one fact for each thing that happened; every living process handed out all, once, in order."""
    told = await tx.rows(lambda *row: row, "select xid::text::bigint, id, topic, body from fact order by xid, id")
    lines: Counter[str] = Counter(row[3]["line_id"] for row in told if row[2] == "line")
    rows = set(await tx.rows(str, "select id from line"))
    if set(lines) != rows or any(n != 1 for n in lines.values()):
        world.fail(f"I12 facts of lines: {len(lines)} for {len(rows)} rows, the most {max(lines.values(), default=0)}")
    ends: Counter[str] = Counter(row[3]["payment_id"] for row in told if row[2] == "payment")
    for p in payments:
        if p.kind in (Kind.LN_OUT, Kind.LN_INSIDE) and ends[str(p.id)] != 1:
            world.fail(f"I12 the end of payment {p.id} was told {ends[str(p.id)]} times")
    for process in [*world.dead, *world.processes.values()]:
        if process.hub.began is None:
            continue
        heard = [(one.xid, one.id) for one in process.hub.handed_out]
        all_ = [(xid, id_) for xid, id_, *_ in told if (xid, id_) > process.hub.began]
        due = all_ if process.alive else all_[: len(heard)]
        if heard != due:
            world.fail(f"I12 {process.name} handed out {len(heard)} facts of {len(all_)}, or not in order")


async def _fingerprint(tx: Tx) -> str:
    """All that customers have, in one number."""
    rows = await tx.rows(
        lambda *row: row,
        """select id::text, state, coalesce(fee, -1), coalesce(reason, '') from payment
        union all select id::text, 0, balance, held::text from ledger.account order by 1""",
    )
    return hashlib.blake2b(repr(rows).encode(), digest_size=16).hexdigest()
