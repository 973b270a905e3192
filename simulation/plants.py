"""Bugs to plant on purpose. A simulation that does not find them proves nothing.

A plant is a few words changed in the bank's own source, while it is imported into this process and no
other. When the source moves on, a plant whose words are gone says so at once.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg


class Uprooted(Exception):
    """The words that a plant changes are not there, or not once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``old`` becomes ``new`` in a module, in an SQL file under ``migrations/sql``, or in a function of the
    database (its name with brackets)."""

    module: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        if text.count(self.old) != 1:
            raise Uprooted(f"{self.module} has {text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Plant:
    """``within``: so many seeds from ``seed`` find it at the latest, in ``weather`` and with people who do what
    ``ways`` says, by weight (else each seed's own)."""

    what: str
    edits: tuple[Edit, ...]
    seed: int = 1
    within: int = 20
    weather: dict[str, float] | None = None
    ways: dict[str, float] | None = None
    then: str = ""  # SQL for the owner, after the migrations


SENDING = "hazina.payments.sending"
ATTEMPTS = "hazina.payments.attempts"
RECEIVING = "hazina.payments.receiving"
POSTINGS = "hazina.payments.postings"
EFFECTS = "hazina.payments.effects"
SERVICE = "hazina.ledger.service"
PAYOUTS = "hazina.chain.payouts"
DEPOSITS = "hazina.payments.deposits"

SILENT = """        log.warning("payment_unknown", payment=str(payment.id), why=str(error)[:200])
        return
"""
NOT_SEEN = '        log.warning("payment_not_seen"'
FLOOR = "                elsif a_balance[s] - a_held[s] - x < a_floor[s] then c := 10;\n"
MOVED = "                end if;\n                moved := x;"
NOT_OVER = "    elif not over:\n        return\n"
RESEND = "    elif news.state is OutgoingState.UNKNOWN:\n        await _send(parts, payment)\n"
GIVE_BACK = "        await _conclude(parts, payment, Event.FAIL, reason='given up')\n"
READ_FIRST = """    async with parts.db.transaction() as tx:
        seen = (await _balances(tx, [payer.wallet.ledger_account]))[payer.wallet.ledger_account]
    if seen.available < {}:
        raise _Insufficient()
"""
PRICE = "    price, now = deal.price, parts.clock.now()\n"
INTERNAL = PRICE + "    payment = deal.of(Payment(\n        new_id(), Kind.INTRALEDGER"
IMPORTS = "from hazina.payments import caps, postings, store, store_nodes\n"

PUBLISH = "        refused = await self.wallets.publish(batch.newest.raw)\n        if refused is None:"
STORED = (
    "        batch_id = new_id()\n        try:\n            async with self.db.transaction() as tx:\n"
    + " " * 16
    + "taken"
)
REVERSE = """            return await _reverse(tx, deposit, price, now)
        case EventKind.OUTPUT_DROPPED"""

COINS: dict[str, float] = {"be paid by chain": 1, "send by chain": 1}
DOLLARS: dict[str, float] = {"between currencies": 1, "convert": 1}
QUOTES: dict[str, float] = {"convert": 1}
OUTSIDE: dict[str, float] = {"pay outside": 1}
BILLS: dict[str, float] = {"be paid": 1}
INSIDE: dict[str, float] = {"be paid inside": 3, "cancel": 1}
RUSH: dict[str, float] = {"internal": 1, "rush": 2}
BAD_LINE: dict[str, float] = {"network": 8}
CLEAR: dict[str, float] = {"database": 0.1, "kills": 0.3, "pauses": 0.3, "bitcoin": 0.3}

PLANTS: dict[str, Plant] = {
    "rounds-up": Plant(
        "Whoever buys dollars gets the cents rounded up.",
        (Edit("hazina.dealer.exchange", "return Cents(msats.n * self._less // WHOLE)",
              "return Cents(-(-msats.n * self._less // WHOLE))"),),
        ways=DOLLARS,
    ),
    "quote-for-ever": Plant(
        "A quote is good as often as it is shown.",
        (Edit("hazina.dealer.effects", "l.used_by is null and ", ""),),
        ways=QUOTES, seed=2,
    ),
    "early-refund": Plant(
        "A time-out of the node's answer counts as a failure: the money is given back at once.",
        (Edit(ATTEMPTS, SILENT, SILENT[:-7] + "await _conclude(parts, await _read(parts, payment.id), "
              "Event.FAIL, reason='timeout')\n        return\n"),),
        ways=OUTSIDE, seed=2,
    ),
    "silence-is-failure": Plant(
        "A node that cannot be asked how a payment stands counts as a failure.",
        (Edit(ATTEMPTS, NOT_SEEN, GIVE_BACK + NOT_SEEN),),
        ways=OUTSIDE,
    ),
    "unknown-is-final": Plant(
        "The node has never heard of a payment, and it is given back before the sender's lease has ended.",
        (Edit(ATTEMPTS, NOT_OVER, "    elif news.state is OutgoingState.UNKNOWN:\n" + GIVE_BACK + NOT_OVER),
         Edit(ATTEMPTS, RESEND, "")),
        weather=BAD_LINE,
        ways=OUTSIDE, seed=2,
    ),
    "credential-outlives-lease": Plant(
        "The node takes calls that come after the sender's lease; a payment it has not heard of by then is given back.",
        (Edit(ATTEMPTS, "not_after=until,", "not_after=until + timedelta(hours=1),"),
         Edit(ATTEMPTS, RESEND, "    elif news.state is OutgoingState.UNKNOWN:\n" + GIVE_BACK)),
        weather=BAD_LINE,
        ways=OUTSIDE, seed=4,
    ),
    "old-news": Plant(
        "A failure is believed whenever it is told, also when it is that of an earlier payment of the same hash.",
        (Edit(ATTEMPTS, NOT_OVER, "    elif not over and news.state is not OutgoingState.FAILED:\n        return\n"),
         Edit(ATTEMPTS,
              "        await _succeed(parts, payment, news)\n    else:\n        await _look(parts, payment)\n",
              "        await _succeed(parts, payment, news)\n    else:\n"
              "        await _conclude(parts, payment, Event.FAIL, reason='failed')\n")),
        weather={"network": 4},
        ways=OUTSIDE, seed=5,
    ),
    "no-state-guard": Plant(
        "An invoice may be claimed whatever its state is.",
        (Edit(EFFECTS, 'where i.payment_hash = a.hash and a.turn = 1 and l.state = a."from" returning a.n)',
              "where i.payment_hash = a.hash and a.turn = 1 returning a.n)"),),
        ways=INSIDE, seed=2,
    ),
    "hash-unclaimed": Plant(
        "Two payments of one invoice may be on their way at once.",
        (Edit(EFFECTS, "where payment_hash.payment_id is null\n        returning",
              "returning"),
         Edit(SENDING, "    if earlier is not None and (earlier.state.final or order.key is None):",
              "    if earlier is not None and earlier.state.final:")),
        ways=OUTSIDE,
    ),
    "credit-twice": Plant(
        "A receipt is booked each time that the node tells of it.",
        (Edit(POSTINGS, "    return derived(RECEIPTS, payment_hash.hex())", "    return new_id()"),
         Edit(RECEIVING,
              "        if booked or (invoice.state is InvoiceState.PAID and not whole):\n            return\n", "")),
        ways=BILLS,
    ),
    "cursor-first": Plant(
        "The place in the node's stream is stored before the receipt is booked.",
        (Edit(RECEIVING, '    if isinstance(change.item, Incoming):\n        if change.item.state',
              "    if change.cursor is not None:\n        async with parts.db.transaction() as tx:\n"
              "            await store.keep_cursor(tx, reader(node), change.cursor)\n"
              "    if isinstance(change.item, Incoming):\n        if change.item.state"),),
        ways=BILLS,
    ),
    "open-at-the-node": Plant(
        "An invoice that is paid inside is not made unpayable at the node first.",
        (Edit(ATTEMPTS, "        answer = await parts.nodes.of(payment.node).cancel(payment.payment_hash)\n",
              "        answer = None\n"),),
        ways=INSIDE, seed=2,
    ),
    "fact-before-commit": Plant(
        "Facts are told before what they tell of is committed.",
        (Edit(SERVICE, "        return await self._writer.submit(unit)",
              "        import dataclasses\n        from hazina.ledger import store\n"
              "        facts = [row.values for row in unit.rows if row.kind == 'fact']\n"
              "        kind = next(one for one in self.registry.effects if one.name == 'fact')\n"
              "        async with self._db.transaction() as tx:\n            await store.write(tx, kind, facts)\n"
              "        rest = tuple(row for row in unit.rows if row.kind != 'fact')\n"
              "        return await self._writer.submit(dataclasses.replace(unit, rows=rest))"),
         Edit(SERVICE, "        self.registry = ", "        self._db = db\n        self.registry = ")),
        ways=RUSH,
    ),
    "limit-kept": Plant(
        "The volume of a failed payment is not given back.",
        (Edit(POSTINGS, "            limit_back(payment.id),\n", ""),),
        ways=OUTSIDE,
    ),
    "limit-unlocked": Plant(
        "What is left of a limit is read without a lock.",
        (Edit("limit_take()", "    order by s.subject for update;", "    order by s.subject;"),),
        ways=RUSH, seed=2,
    ),
    "balance-unlocked": Plant(
        "The balance is read before the payment, and nobody looks again.",
        (Edit("0002_ledger/2_walk.sql", FLOOR + MOVED, MOVED),
         Edit(SENDING, IMPORTS, IMPORTS + "from hazina.ledger import balances as _balances\n"
              "from hazina.payments.errors import InsufficientBalance as _Insufficient\n"),
         Edit(SENDING, INTERNAL, READ_FIRST.format("order.amount.n") + INTERNAL)),
        then="alter table ledger.account drop constraint account_floor",
        ways=RUSH,
    ),
    "key-forgotten": Plant(
        "A request that comes again with the same key is a new payment.",
        (Edit(SENDING, "    return [] if key is None else [postings.key_claim(payment, operation, key, mark, now)]",
              "    return []"),),
        ways=RUSH,
    ),
    "payout-built-again": Plant(
        "A payout whose broadcast was not answered is taken for lost and built again.",
        (Edit(PAYOUTS, "from hazina.chain.ports import (\n", "from hazina.chain.ports import (\n    NodeSilent,\n"),
         Edit(PAYOUTS, PUBLISH,
              "        try:\n            refused = await self.wallets.publish(batch.newest.raw)\n"
              "        except NodeSilent:\n            async with self.db.transaction() as tx:\n"
              "                await store.lose(tx, batch.id, 'silence')\n            raise\n"
              "        if refused is None:")),
        weather={"bitcoin": 3}, ways=COINS, seed=4,
    ),
    "broadcast-before-stored": Plant(
        "A transaction is handed to the network before it is written down.",
        (Edit(PAYOUTS, STORED, "        await self.wallets.publish(signed.raw)\n" + STORED),),
        weather={"bitcoin": 3}, ways=COINS, seed=2,
    ),
    "deposit-stays": Plant(
        "A deposit that a reorganisation undoes is not taken back, and credited once more when it is in a block again.",
        (Edit(DEPOSITS, REVERSE, "            await _set(tx, replace(deposit, state=DepositState.PENDING))\n"
              "        case EventKind.OUTPUT_DROPPED"),),
        weather=CLEAR, ways=COINS,
    ),
}  # fmt: skip


class _Edited(importlib.machinery.SourceFileLoader):
    """Reads a module's source with a plant in it; keeps no compiled copy."""

    edits: tuple[Edit, ...] = ()

    def get_code(self, fullname: str) -> Any:
        text = Path(self.path).read_text(encoding="utf-8")
        for edit in self.edits:
            text = edit.apply(text)
        return self.source_to_code(text.encode(), self.path)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, edits: tuple[Edit, ...]) -> None:
        self.edits = edits

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        mine = tuple(edit for edit in self.edits if edit.module == fullname)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path) if mine else None
        if spec is None or spec.origin is None:
            return None
        loader = _Edited(fullname, spec.origin)
        loader.edits = mine
        spec.loader = loader
        return spec


def sow(name: str) -> Plant:
    """Plant ``name`` into this process. Before anything of the bank is imported."""
    plant = PLANTS[name]
    imported = sorted({edit.module for edit in plant.edits} & set(sys.modules))
    assert not imported, f"already imported: {imported}"
    sys.meta_path.insert(0, _Finder(plant.edits))
    return plant


def sow_sql(plant: Plant, admin: psycopg.Connection[Any]) -> None:
    """The part that lives in the database: functions replaced, guards taken away."""
    from hazina import migrations

    for edit in plant.edits:
        if edit.module.endswith(".sql"):
            admin.execute(edit.apply((migrations.HERE / "sql" / edit.module).read_text(encoding="utf-8")).encode())
        elif edit.module.endswith("()"):
            found = admin.execute("select pg_get_functiondef(%s::regproc)", [edit.module[:-2]]).fetchone()
            assert found is not None
            admin.execute(edit.apply(found[0]).encode())
    if plant.then:
        admin.execute(plant.then.encode())
