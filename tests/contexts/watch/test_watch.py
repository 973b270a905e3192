"""Each invariant's check notices what is planted, by name, in one look; what is in doubt closes by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
import pytest
from tests.contexts.watch.conftest import Town

from hazina import ledger, payments
from hazina.kernel.checks import run
from hazina.kernel.db import Tx
from hazina.kernel.money import Msats
from hazina.ledger.verify import SCANS
from hazina.payments import NewInvoice
from hazina.payments.ports import Incoming, IncomingState
from hazina.payments.receiving import credit
from hazina.safety import Rail, SafeMode
from hazina.watch import INVARIANTS
from hazina.watch import store as watch_store
from hazina.watch.model import BY_CHECK
from hazina.watch.service import BEGINNING


async def test_a_good_bank(town: Town) -> None:
    assert await town.look() == {}
    assert await town.night() == {}
    assert await town.closed() == {}
    report = await town.whole.bank.watch.report()
    said = {one.invariant.name: one.state.value for one in report.standings}
    assert said == {one.name: "not applicable" if one.absent else "holds" for one in INVARIANTS}


async def test_what_was_compared_is_not_compared_again(town: Town) -> None:
    await town.look()
    place = await town.place()
    assert place["waiting"] == [] and place["seq"] > 0 and place["node_msat"] < 0
    read = place["nodes"]["lnd-1"]
    assert read["settled"] and read["paid"] and len(read["counted"]) == 0


# What a superuser, or a fault of the program's own, could leave; and the checks that say so.
BOOKS = {
    "an entry's amount": (
        "update ledger.entry set amount = amount + 1 where account_id = {one} and seq = 1",
        {"zero-sum": "I1", "balance-chain": "I3", "entry-is-leg": "I3"},
    ),
    "a balance": ("update ledger.account set balance = balance + 5 where id = {two}", {"account-row": "I3"}),
    "a debt": (
        "alter table ledger.account drop constraint account_floor;"
        "update ledger.account set balance = -5 where id = {two};",
        {"account-row": "I3", "account-floor": "I2"},
    ),
    "a debt on the way": (
        "update ledger.entry set balance_after = -5 where account_id = {two} and seq = 1",
        {"balance-chain": "I3", "floor": "I2"},
    ),
    "a hold that is open again": (
        "update ledger.hold set state = 0, taken = 0, closed_by = null where state = 1",
        {"hold-kept": "I4", "payment-ended-once": "I4", "posting-has-payment": "I4", "payment-charged": "I4"},
    ),
    "a paid payment that stands as failed": (
        "update payment set state = 3, preimage = null where kind = 3 and state = 2",
        {"payment-ended-once": "I4", "hash-once": "I7", "line-agrees": "I4", "limit-used": "I11"},
    ),
    "a failed payment that stands as open": (
        "update payment set state = 1, look_at = now() + interval '1h' where state = 3",
        {
            "payment-ended-once": "I4", "hash-once": "I7", "suspense": "I4", "line-agrees": "I4", "limit-used": "I11",
        },
    ),
    "a payment that is gone": (
        "delete from payment where kind = 1",
        {"posting-has-payment": "I4", "line-agrees": "I4"},
    ),
    "a fee": (
        "update payment set fee = fee + 1000 where kind = 3 and state = 2",
        {"payment-charged": "I4", "line-agrees": "I4"},
    ),
    "a fee above its limit": (
        "update ledger.txn set src = src || 3::bigint where kind = 3 and op[1] = 3",
        {"fee-limit": "I4", "leg-has-entries": "I3"},
    ),
    "a preimage": (
        "update payment set preimage = payment_hash where kind = 3 and state = 2",
        {"payment-preimage": "I6"},
    ),
    "a price": (
        "update ledger.txn set price_cents = price_cents * 2 where kind = 1",
        {"payment-price": "I4"},
    ),
    "a statement": ("update line set amount = amount + 1000 where direction = 2", {"line-agrees": "I4"}),
    "a line that is gone": ("delete from line where direction = 2", {"payment-has-lines": "I4"}),
    "a line twice": (
        "insert into line select (l).* from (select jsonb_populate_record(line, jsonb_build_object("
        "'id', gen_random_uuid())) as l from line where direction = 2 limit 1) twice",
        {"payment-has-lines": "I4"},
    ),
    "a paid invoice that nobody was credited for": (
        "update invoice set paid_msat = paid_msat + 5000 where paid_msat = 50000000",
        {"invoice-credited": "I6"},
    ),
    "a hash that is free again": (
        "update payment_hash set payment_id = null where payment_id is not null",
        {"hash-once": "I7"},
    ),
    "volume that was given back": ("update limit_use set given_back = true where amount > 50", {"limit-used": "I11"}),
    "volume that is gone": ("delete from limit_use", {"limit-used": "I11"}),
    "an index that is gone": ("alter table idempotency drop constraint idempotency_pkey", {"unique": "I7"}),
    "a guard that is off": ("alter table ledger.entry disable trigger append_only", {"guards": "I8"}),
}  # fmt: skip


@pytest.mark.parametrize("how", ["minute", "night"])
async def test_each_plant_is_noticed_by_name(town: Town, how: str) -> None:
    """Planted and looked at in one transaction, which is then rolled back."""
    now = town.whole.clock.now()
    async with await psycopg.AsyncConnection.connect(town.owner_url) as raw:
        tx = Tx(raw)
        for what, (script, expected) in BOOKS.items():
            plan = await ledger.recent(tx, BEGINNING, 0)
            await raw.execute("set local session_replication_role = replica")
            await raw.execute(town.script(script))
            if how == "minute":
                checks = [*await ledger.checks_since(tx, plan), *await payments.checks_since(tx, plan, now)]
            else:
                checks = [*await run(tx, SCANS), *await payments.verify(tx, now)]
            found = {check.name for check in checks if not check.ok}
            if missing := await watch_store.missing_indexes(tx):
                found |= {"unique"} if missing == ["public.idempotency.idempotency_pkey"] else set()
            assert set(expected) <= found, (what, found)
            assert {BY_CHECK[name].name for name in expected} == set(expected.values()), what
            await raw.rollback()


@pytest.mark.parametrize(
    "what", ["an entry's amount", "a balance", "a debt on the way", "a fee", "a preimage", "a guard that is off"]
)
async def test_what_is_planted_closes_in_one_look(town: Town, what: str) -> None:
    script, expected = BOOKS[what]
    town.plant(script)
    try:
        found = await town.look()
        assert expected.items() <= found.items(), found
        closes = {one.closes for one in INVARIANTS if one.name in found.values()} - {None}
        assert set(await town.closed()) == closes
        for name in expected.values():
            assert await town.state(name) == "broken"
    finally:
        town.plant("alter table ledger.entry enable trigger append_only")


async def test_only_the_night_sees_what_is_old(town: Town) -> None:
    await town.look()
    async with town.whole.bank.db.transaction() as tx:  # as if all that was long ago
        await tx.execute(
            """update cursor set place = jsonb_set(place::jsonb, '{since}', to_jsonb(now() + interval '1h'))::text
            where reader = 'watch:books'"""
        )
    town.plant("update ledger.entry set held_after = held_after + 1 where account_id = {one} and seq = 2")
    assert await town.look() == {}
    assert (await town.night())["held-chain"] == "I3"
    assert await town.closed() == {Rail.BANK: "I3"}


async def test_history_that_shrank(town: Town) -> None:
    """A transaction cut off with its entries, its account rows put right, its payment and its lines gone."""
    assert (await town.one.give(town.two, 10)).status == "SUCCESS"
    assert await town.night() == {}
    town.plant(
        """
        create temporary table cut on commit drop as select id from ledger.txn where kind = 1 order by at desc limit 1;
        delete from ledger.entry where txn_id in (select id from cut);
        delete from line where payment_id in (select id from cut);
        delete from limit_use where unit in (select id from cut);
        delete from payment where id in (select id from cut);
        delete from ledger.txn where id in (select id from cut);
        update ledger.account a set balance = e.balance_after, seq = e.seq from ledger.entry e
         where e.account_id = a.id and a.id in ({one}, {two})
           and e.seq = (select max(seq) from ledger.entry where account_id = a.id)
        """
    )
    assert await town.night() == {"history-grows": "I8"}


async def test_the_bank_closes_by_itself_and_two_operators_lift(town: Town) -> None:
    town.plant("update ledger.account set balance = balance + 5 where id = {two}")
    await town.look()
    assert await town.closed() == {Rail.BANK: "I3"}
    with pytest.raises(SafeMode):
        await town.one.pay(await town.whole.invoice(1_000))

    await town.lift(Rail.BANK)
    assert "account-row" in await town.look(), "it was not mended: closed again"
    assert await town.closed() == {Rail.BANK: "I3"}

    town.plant("update ledger.account set balance = balance - 5 where id = {two}")
    assert "account-row" in await town.look(), "a breach stays until people have lifted it"
    await town.lift(Rail.BANK)
    assert await town.look() == {}
    assert await town.closed() == {}
    assert (await town.one.pay(await town.whole.invoice(1_000))).status == "SUCCESS"


async def test_an_alarm_ends_when_it_is_mended(town: Town) -> None:
    town.plant("alter table ledger.hold disable trigger end_once")
    try:
        assert await town.look() == {"guards": "I8"}
    finally:
        town.plant("alter table ledger.hold enable trigger end_once")
    assert await town.look() == {}
    assert await town.state("I8") == "holds"


# -- the node -----------------------------------------------------------------------------------


async def test_money_that_only_the_books_have(town: Town) -> None:
    """A credit that the node knows nothing of: the books agree with themselves, not with the world."""
    wish = NewInvoice(town.one.btc.id, Msats.from_sats(900))
    invoice = await town.whole.bank.payments.create_invoice(town.one.caller, wish)
    news = Incoming(invoice.payment_hash, IncomingState.SETTLED, Msats(900_000), None, town.whole.clock.now(), "")
    await credit(town.whole.bank.payments.parts, invoice.node, news)
    assert await town.look() == {"node-total": "I5", "node-items": "I6"}
    assert set(await town.closed()) == {Rail.LIGHTNING}
    assert (await town.offending("node-items"))[0]["said"] == "the books have it, the node does not"
    assert (await town.offending("node-total"))[0]["gap_msat"] == 900_000

    await town.lift(Rail.LIGHTNING)
    assert await town.look() == {}, "two operators have seen this one"
    await town.one.fund(100)
    assert (await town.one.pay(await town.whole.invoice(300))).status == "SUCCESS"
    assert await town.look() == {}


async def test_money_that_only_the_node_has(town: Town) -> None:
    """An invoice that the bank's node made for somebody else, and that was paid."""
    lightning = town.whole.bank.nodes.all()[0]
    issued = await lightning.issue(preimage=b"x" * 32, amount=Msats(70_000), description="", expiry_s=600)
    await town.whole.outside_pays(issued.bolt11)
    assert await town.look() == {"node-total": "I5", "node-items": "I6"}
    assert set(await town.closed()) == {Rail.LIGHTNING}
    await town.lift(Rail.LIGHTNING)
    assert await town.look() == {}
    assert await town.closed() == {}


async def test_what_the_bank_is_slow_to_book_is_under_way_for_a_while(town: Town) -> None:
    await town.one.fund(400, book=False)
    for _ in range(2):
        assert await town.look() == {}
    town.whole.clock.shift += timedelta(minutes=6)
    assert await town.look() == {"node-total": "I5", "node-items": "I6"}
    assert (await town.offending("node-items"))[0]["said"] == "the node has it, the books do not"
    await town.whole.bank.payments.sweep()
    await town.lift(Rail.LIGHTNING)
    assert await town.look() == {}


async def test_a_payment_under_way_is_no_breach(town: Town) -> None:
    invoice = await town.whole.invoice(800, hold=True)
    assert (await town.one.pay(invoice)).status == "PENDING"
    assert await town.look() == {}
    town.whole.clock.shift += timedelta(minutes=15)
    assert await town.look() == {}, "parts are on their way: it may take hours"
    await town.whole.settle(invoice)
    assert await town.look() == {}
    await town.book(invoice)
    assert await town.look() == {}
    assert (await town.place())["nodes"]["lnd-1"]["counted"] == []


async def test_a_payment_that_hangs_without_money_on_its_way(town: Town) -> None:
    await town.whole.fault("send", "error")
    assert (await town.one.pay(await town.whole.invoice(800))).status == "PENDING"
    assert await town.look() == {}
    town.whole.clock.shift += timedelta(minutes=11)
    assert await town.look() == {"no-orphan-pending": "I9"}
    assert await town.closed() == {}
    await town.whole.heal()
    await town.whole.bank.payments.reconcile()
    async with asyncio.timeout(60):
        while (await town.one.sats())[1]:
            town.whole.clock.shift += timedelta(seconds=30)
            await town.whole.bank.payments.reconcile()
    assert await town.look() == {}


async def test_a_node_that_does_not_answer_is_not_a_breach(town: Town) -> None:
    await town.look()
    await town.whole.fault("payments.list", "error")
    assert await town.look() == {}
    assert await town.state("I5") == "unknown"
    assert await town.state("I1") == "holds"
    assert await town.closed() == {}
    await town.whole.heal()
    await town.look()
    assert await town.state("I5") == "holds"


async def test_what_nobody_looks_at_is_not_known(town: Town) -> None:
    await town.look()
    town.whole.clock.shift += timedelta(minutes=11)
    assert await town.state("I1") == "unknown"
    assert await town.state("I10") == "not applicable"


async def test_money(town: Town) -> None:
    btc, usd = await town.whole.bank.watch.money()
    held = [await person.sats() for person in (town.one, town.two)]
    assert btc.asset == "BTC" and btc.customers == 1_000 * sum(balance for balance, _ in held)
    assert btc.own["lightning"] + btc.own["rounding"] + btc.own["fees"] + btc.customers == 0
    assert usd.customers == 0


def test_every_check_belongs_to_one_invariant() -> None:
    names = [name for one in INVARIANTS for name in one.checks]
    assert len(names) == len(set(names))
    assert [one.name for one in INVARIANTS] == [f"I{n}" for n in range(1, 14)]
    assert all(one.checks or one.absent for one in INVARIANTS)
