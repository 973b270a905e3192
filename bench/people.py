"""Coming in: log-ins a second by a key that was proved and by a code, looks at a token, what 100,000 sessions weigh.

No argument between two programs here: the ratios compare a log-in with the plainest thing that PostgreSQL does, one
row inserted and committed, in the same run on the same database.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import statistics
import time
from collections.abc import Awaitable, Callable

import psycopg
from rich.console import Console
from rich.table import Table

from hazina.accounts import Accounts
from hazina.identity import SANDBOX_POLICY, FactorKind, Identity, Proved
from hazina.kernel.clock import SystemClock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database, Tx

CALLERS = 16
PEOPLE = 400
SESSIONS = 100_000
LOOKS = 2_000

# A hundred thousand sessions as log-ins would have made them, of people who are there.
MANY = """
insert into session (id, user_id, token_hash, sealed, created_at, last_used_at, expires_at, amr, auth_time)
select gen_random_uuid(), p.id, sha256(convert_to(i::text, 'UTF8')), decode(repeat('ab', 140), 'hex'), now(), now(),
    now() + interval '1 year', '{otp,sms}', now()
from generate_series(1, %(n)s) i
join (select id, row_number() over () - 1 as n, count(*) over () as many from person) p on p.n = i %% p.many
"""


class Mute:
    """Where texts go; keeps the last code that went to each phone."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    async def send(self, to: str, body: str, *, whatsapp: str | None = None) -> None:
        found = re.search(r"\b[0-9]{6}\b", body)
        assert found is not None
        self.codes[to] = found.group()


async def rate(seconds: float, work: Callable[[int], Awaitable[object]]) -> float:
    """How often a second ``work`` ends with as many callers as there are. It is given a number of its own."""
    numbers, done, end = itertools.count(), 0, time.perf_counter() + seconds
    began = time.perf_counter()

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await work(next(numbers))
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - began)


async def measured(url: str, owner_url: str, seconds: float, rounds: int) -> dict[str, float]:
    db, clock, sms = Database(url, CALLERS), SystemClock(), Mute()
    await db.open()
    identity = Identity(db, clock, sms, Keys.fresh(), SANDBOX_POLICY)
    await identity.open_keys()
    accounts = Accounts(db, clock, identity)

    async def by_key(n: int) -> str:
        async def shows(tx: Tx) -> Proved:
            return Proved(FactorKind.NOSTR, f"{n % PEOPLE:064x}", ("pop",))

        return (await accounts.enter(shows, ip="203.0.113.9", agent="Bench/1")).token

    phones = itertools.count(700_000_000)

    async def by_code(_: int) -> None:
        phone = f"+254{next(phones)}"
        await identity.request_code(phone, "SMS", "127.0.0.1")
        await accounts.log_in(phone, sms.codes[phone], ip="127.0.0.1", agent="Bench/1")

    async def row(n: int) -> None:
        async with db.transaction() as tx:
            await tx.execute("insert into bench_row (n) values (%(n)s)", {"n": n})

    tokens = [await by_key(n) for n in range(PEOPLE)]

    async def look(n: int) -> None:
        assert await accounts.caller(tokens[n % PEOPLE], None) is not None

    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("create table bench_row (n bigint); grant all on bench_row to public")
        found: dict[str, list[float]] = {}
        works = {"row": row, "by key": by_key, "by code, new customer": by_code, "look at a token": look}
        for _ in range(rounds):
            for name, work in works.items():
                found.setdefault(name, []).append(await rate(seconds, work))
        owner.execute("delete from session where token_hash <> all(%s)", [[_hash(token) for token in tokens]])
        owner.execute("vacuum full session")
        owner.execute(MANY, {"n": SESSIONS})
        size = owner.execute("select pg_total_relation_size('session')").fetchone()
    waits = []
    for n in range(LOOKS):
        began = time.perf_counter()
        await look(n)
        waits.append((time.perf_counter() - began) * 1_000)
    await db.close()
    medians = {name: statistics.median(rates) for name, rates in found.items()}
    _print(medians, size[0] / 2**20 if size else 0, waits)
    return {
        "login_key_over_row16": medians["by key"] / medians["row"],
        "login_code_over_row16": medians["by code, new customer"] / medians["row"],
        "token_look_over_row16": medians["look at a token"] / medians["row"],
        "sessions_1e5_mb": size[0] / 2**20 if size else 0,
        "token_look_1e5_p99_ms": statistics.quantiles(waits, n=100)[98],
    }


def _hash(token: str) -> bytes:
    from hazina.identity import token_hash

    hashed = token_hash(token)
    assert hashed is not None
    return hashed


def _print(medians: dict[str, float], megabytes: float, waits: list[float]) -> None:
    table = Table(f"{CALLERS} callers", "a second", box=None, pad_edge=False)
    for name, each in medians.items():
        table.add_row(name, f"{each:,.0f}")
    table.add_row(f"{SESSIONS:,} sessions", f"{megabytes:.0f} MB in the database, none in the program")
    table.add_row("look at a token among them", f"{statistics.median(waits):.2f} ms, p99 {sorted(waits)[-20]:.2f} ms")
    Console(width=120).print(table)


def run(url: str, owner_url: str, seconds: float, rounds: int) -> dict[str, float]:
    return asyncio.run(measured(url, owner_url, seconds, rounds))
