"""Random batches of units with claims. Whatever the order in which they were decided: each unit happened
as a whole or not at all, and was refused only for what still stands when its batch is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from uuid import UUID

import psycopg
from tests.ledger.kinds import CAP, CHANGE, NOTE, cap, change, fund, pay, unit

from hazina.kernel.db import Database, Tx
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset
from hazina.kernel.units import Claim
from hazina.ledger import Code, Registry, Result, Unit, apply_units, balances, open_account

Apply = Callable[[Tx, Registry, Sequence[Unit]], Awaitable[list[Result]]]
REGISTRY = Registry.of([CAP, CHANGE], [NOTE])
SUBJECTS = {"small": 300, "large": 2_000}
OPENING = 400


@dataclass(slots=True)
class World:
    """What was asked for, and what the tables must therefore hold."""

    random: Random
    accounts: list[int] = field(default_factory=list)
    things: list[UUID] = field(default_factory=list)
    done: dict[UUID, Unit] = field(default_factory=dict)
    asked: list[Unit] = field(default_factory=list)

    def batch(self) -> list[Unit]:
        units: list[Unit] = []
        for _ in range(self.random.choice((1, 3, 10, 30))):
            past = units[-3:] + self.asked[-20:]
            if past and self.random.random() < 0.15:
                again = self.random.choice(past)
                if again.txn is not None and self.random.random() < 0.3:
                    again = replace(again, txn=replace(again.txn, kind=again.txn.kind + 1))
                units.append(again)
            else:
                units.append(self._unit())
        self.asked += units
        return units

    def _unit(self) -> Unit:
        random = self.random
        claims: list[Claim] = []
        if random.random() < 0.6:
            claims += [
                cap(name, random.randint(1, 150)) for name in random.sample(list(SUBJECTS), random.randint(1, 2))
            ]
        if random.random() < 0.5 or not claims:
            claims.append(change(random.choice(self.things)))
        if random.random() < 0.1 and claims[-1].kind == "change":  # what is lost the second time
            return unit(claims=tuple(claims))
        if random.random() < 0.2:
            claims = []
        src, dst = random.sample(self.accounts, 2)
        return pay(src, dst, random.choice((5, 50, 300, 900)), *claims)


async def prove(db: Database, kinds: psycopg.Connection, apply: Apply, seed: int, batches: int) -> list[str]:
    world = World(Random(seed))
    await _prepare(db, kinds, world)
    for number in range(batches):
        units = world.batch()

        async def step(tx: Tx, units: Sequence[Unit] = units) -> list[Result]:
            return await apply(tx, REGISTRY, units)

        results = await db.again(step)
        wrong = _note(world, units, results)
        wrong += await _wrong_tables(db, kinds, world) + _wrong_refusals(kinds, units, results)
        if wrong:
            return [f"seed {seed} batch {number}: {one}" for one in wrong]
    return []


async def _prepare(db: Database, kinds: psycopg.Connection, world: World) -> None:
    kinds.execute("truncate kinds.cap, kinds.reserved, kinds.thing, kinds.note")
    kinds.cursor().executemany("insert into kinds.cap (subject, most) values (%s, %s)", list(SUBJECTS.items()))
    world.things = [new_id() for _ in range(40)]
    kinds.cursor().executemany("insert into kinds.thing (id, state) values (%s, 0)", [(id_,) for id_ in world.things])
    async with db.transaction() as tx:
        world.accounts = [await open_account(tx, Asset.BTC) for _ in range(6)]
        funds = [fund(account, OPENING) for account in world.accounts]
        assert all(result.ok for result in await apply_units(tx, REGISTRY, funds))
    kinds.execute("truncate kinds.note")


def _note(world: World, units: Sequence[Unit], results: Sequence[Result]) -> list[str]:
    """Learn what was done; complain about replays that are answered wrongly."""
    wrong = []
    tried = Counter(one.id for one in units)
    for one, result in zip(units, results, strict=True):
        if result.code == Code.POSTED:
            if one.id in world.done:
                wrong.append(f"done twice: {one.id}")
            world.done[one.id] = one
    for one, result in zip(units, results, strict=True):
        before = world.done.get(one.id)
        if result.code == Code.EXISTS and (before is None or before.txn != one.txn):
            wrong.append(f"does not exist: {one.id}")
        if result.code == Code.OTHER_BODY and (before.txn == one.txn if before else tried[one.id] < 2):
            wrong.append(f"has no other body: {one.id}")
    return wrong


async def _wrong_tables(db: Database, kinds: psycopg.Connection, world: World) -> list[str]:
    wrong = []
    reserved = {
        (one.id, claim.values["subject"]): claim.values["amount"]
        for one in world.done.values()
        for claim in one.claims
        if claim.kind == "cap"
    }
    found = {
        (row[0], row[1]): row[2] for row in kinds.execute("select unit, subject, amount from kinds.reserved").fetchall()
    }
    if found != reserved:
        wrong.append(f"reserved for nothing, or not reserved: {dict(set(found.items()) ^ set(reserved.items()))}")
    for subject, used in kinds.execute("select subject, used from kinds.cap").fetchall():
        counted = sum(amount for (_, name), amount in reserved.items() if name == subject)
        if used != counted or used > SUBJECTS[subject]:
            wrong.append(f"cap {subject}: {used} used, {counted} counted")
    changed = {
        claim.values["id"]: one.id for one in world.done.values() for claim in one.claims if claim.kind == "change"
    }
    if changed != dict(kinds.execute("select id, by from kinds.thing where state = 1").fetchall()):
        wrong.append("states differ from what was done")
    notes = Counter(row[0] for row in kinds.execute("select unit from kinds.note").fetchall())
    if notes != (wanted := Counter(world.done.keys())):
        wrong.append(f"rows differ from what was done: {notes - wanted} too many, {wanted - notes} missing")
    money = dict.fromkeys(world.accounts, OPENING)
    for one in world.done.values():
        for leg in one.txn.legs if one.txn else ():
            money[leg.src] -= leg.amount
            money[leg.dst] += leg.amount
    async with db.transaction() as tx:
        if {id_: row.balance for id_, row in (await balances(tx, world.accounts)).items()} != money:
            wrong.append("balances differ from what was done")
    return wrong


def _wrong_refusals(kinds: psycopg.Connection, units: Sequence[Unit], results: Sequence[Result]) -> list[str]:
    room: dict[str, int] = dict(kinds.execute("select subject, most - used from kinds.cap").fetchall())
    states: dict[UUID, int] = dict(kinds.execute("select id, state from kinds.thing").fetchall())
    wrong = []
    for one, result in zip(units, results, strict=True):
        asked = [claim.values for claim in one.claims if claim.kind == result.claim]
        if result.claim == "cap" and all(values["amount"] <= room[values["subject"]] for values in asked):
            wrong.append(f"refused by a cap with room: {asked}")
        if result.claim == "change" and all(states[values["id"]] == 0 for values in asked):
            wrong.append(f"refused by a thing that nobody has: {asked}")
    return wrong
