"""Random batches against the model. Each function returns what was wrong, in words; nothing is good.

One connection: every code must equal the model's. Many at once: the order is not known beforehand, but
the entries tell it afterwards (each account's ``seq``); in that order the model must accept every
transaction that was posted, and end in the same state.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from random import Random
from uuid import UUID

import psycopg
from tests.ledger.model import CLOSED, FLOORS, OPENING, PRICE, Generator, Model, accounts, same_body

from hazina.kernel.db import Raw, Tx
from hazina.ledger import Leg, Op, Txn, verify
from hazina.ledger.store import post

State = dict[int, tuple[int, int, int]]
COLLISIONS = (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Raw]:
    connection: Raw = await psycopg.AsyncConnection.connect(url, prepare_threshold=0)
    async with connection:
        yield connection


async def post_batch(raw: Raw, txns: Sequence[Txn], skip: Sequence[bool]) -> list[tuple[int, int]]:
    async with raw.transaction():
        return await post(Tx(raw), txns, skip)


async def prepare(raw: Raw) -> Model:
    """Empty books with the proof's accounts, and some money in them."""
    async with raw.transaction():
        await raw.execute("set local session_replication_role = replica")
        await raw.execute("delete from ledger.entry")
        await raw.execute("delete from ledger.txn")
        await raw.execute("delete from ledger.hold")
        await raw.execute("delete from ledger.account where id > 5")
        await raw.execute("update ledger.account set balance = 0, held = 0, seq = 0")
        for number, account in accounts().items():
            await raw.execute(
                "insert into ledger.account (id, asset, floor) values (%s, %s, %s)",
                [number, account.asset, account.floor],
            )
    model = Model()
    funds = [
        Txn(UUID(int=number), 9, (Leg(Op.TRANSFER, 121 if number % 2 else 122, number, OPENING, None),), PRICE)
        for number in model.accounts
        if number not in FLOORS
    ]
    codes = await post_batch(raw, funds, [False] * len(funds))
    assert codes == [model.post(txn) for txn in funds] == [(0, 0)] * len(funds)
    async with raw.transaction():
        await raw.execute("select ledger.close_account(%s)", [CLOSED])
    model.accounts[CLOSED].closed = True
    return model


async def state(raw: Raw) -> State:
    async with raw.transaction():
        rows = await (await raw.execute("select id, balance, held, seq from ledger.account where id > 5")).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def broken_invariants(raw: Raw) -> list[str]:
    async with raw.transaction():
        broken = [f"{check.name}: {check.offending[:2]}" for check in await verify(Tx(raw)) if not check.ok]
    async with raw.transaction():
        rows = await raw.execute(
            "select 1 from (select at, lag(at) over (partition by account_id order by seq) as before"
            " from ledger.entry) q where at < before limit 1"
        )
        return broken + (["time runs back along an account"] if await rows.fetchone() else [])


async def one_after_the_other(url: str, seeds: Sequence[int], batches: int, codes: Counter[int]) -> list[str]:
    wrong: list[str] = []
    async with connected(url) as raw:
        for seed in seeds:
            model = await prepare(raw)
            generator = Generator(Random(seed))
            for number in range(batches):
                generator.seqs = model.state()
                txns, skip = generator.batch((1, 1, 2, 5, 20, 60))
                wanted = [model.post(txn, left) for txn, left in zip(txns, skip, strict=True)]
                got = await post_batch(raw, txns, skip)
                codes.update(code for code, _ in got)
                if got != wanted:
                    first = next(n for n, pair in enumerate(zip(got, wanted, strict=True)) if pair[0] != pair[1])
                    wrong.append(f"seed {seed} batch {number}: {got[first]}, not {wanted[first]}: {txns[first]}")
                    break
            if not wrong and await state(raw) != model.state():
                wrong.append(f"seed {seed}: another end state")
            wrong += await broken_invariants(raw)
            if wrong:
                break
    return wrong


Answer = tuple[Txn, int]


async def all_at_once(url: str, seeds: Sequence[int], connections: int, batches: int) -> list[str]:
    wrong: list[str] = []
    for seed in seeds:
        async with connected(url) as raw:
            model = await prepare(raw)
            generator = Generator(Random(seed))
            answers: list[Answer] = []
            await asyncio.gather(*[_one_of_many(url, generator, batches, answers) for _ in range(connections)])
            wrong += await _explain(raw, model, answers)
            wrong += await broken_invariants(raw)
        if wrong:
            break
    return [f"at once: {one}" for one in wrong]


async def _one_of_many(url: str, generator: Generator, batches: int, answers: list[Answer]) -> None:
    async with connected(url) as raw:
        for _ in range(batches):
            txns, skip = generator.batch((1, 2, 5, 20))
            for _ in range(10):
                try:
                    got = await post_batch(raw, txns, skip)
                except COLLISIONS:
                    continue
                break
            else:
                raise AssertionError("a batch collided ten times")
            answers += [(txn, code) for txn, (code, _) in zip(txns, got, strict=True)]
            await asyncio.sleep(0)


async def _explain(raw: Raw, model: Model, answers: Sequence[Answer]) -> list[str]:
    """Find the order in which it must have happened, and have the model follow it."""
    wrong: list[str] = []
    funded = set(model.posted)
    posted: dict[UUID, Txn] = {}
    for txn, code in answers:
        if code == 0:
            if txn.id in posted:
                wrong.append(f"posted twice: {txn.id}")
            posted[txn.id] = txn
    before: dict[UUID, set[UUID]] = defaultdict(set)
    async with raw.transaction():
        entries = await (
            await raw.execute("select account_id, txn_id from ledger.entry order by account_id, seq")
        ).fetchall()
    for (account, txn_id), (next_account, next_id) in pairwise(entries):
        if account == next_account and txn_id != next_id:
            before[next_id].add(txn_id)
    stored = {txn_id for _, txn_id in entries}
    if stored != set(posted) | funded:
        wrong.append(f"{len(posted)} acknowledged, {len(stored - funded)} stored")
        return wrong
    try:
        order = list(TopologicalSorter({id_: before[id_] for id_ in stored}).static_order())
    except CycleError:
        return [*wrong, "no order explains the entries"]
    for id_ in order:
        if id_ not in funded and model.post(_anyhow(posted[id_])) != (0, 0):
            return [*wrong, f"the model refuses what was posted: {posted[id_]}"]
    if await state(raw) != model.state():
        wrong.append("another end state")
    for txn, code in answers:
        if code in (1, 2) and (txn.id not in posted or same_body(posted[txn.id], txn) != (code == 1)):
            wrong.append(f"a replay answered {code}: {txn.id}")
    again = list(posted.values())
    codes = {code for code, _ in await post_batch(raw, again, [False] * len(again))}
    if codes != {1}:
        wrong.append(f"sent again, all should exist: {codes}")
    if await state(raw) != model.state():
        wrong.append("sending again changed the books")
    return wrong


def _anyhow(txn: Txn) -> Txn:
    """Without the expectation about ``seq``: one order explains all entries, but maybe not each look."""
    return Txn(txn.id, txn.kind, txn.legs, txn.price)
