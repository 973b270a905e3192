"""How fast the books are, as ratios of one run: what a machine or a busy day does to one side it does to
the other. Variants run in turn, several rounds; the median of the rounds counts.

    python -m bench.ledger [--url postgresql://…] [--seconds 1.5] [--rounds 3]

Without ``--url`` on a PostgreSQL of its own, with every promise about power cuts kept. With it, as the
program's role on a migrated database, in which new accounts are opened.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import slow_disk
from hazina import migrations
from hazina.kernel.db import Database, Tx
from hazina.kernel.embedded import OWNER_ROLE, PROGRAM_ROLE, Cluster
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Msats, Price
from hazina.ledger import BANK, Books, Registry, Txn, Unit, apply_units, open_account, transfer

CUSTOMERS = 200
OPENING = Msats(10**15)
PRICE = Price(10_000_000, "bench", datetime(2026, 1, 1, tzinfo=UTC))

Commit = Callable[[Unit], Awaitable[None]]
Make = Callable[[], Unit]


@dataclass(slots=True)
class Variant:
    """``callers`` at once, each handing in the next unit when the last is done."""

    name: str
    callers: int
    commit: Commit
    make: Make
    rates: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


async def measure(variant: Variant, seconds: float) -> None:
    """One round."""
    end = time.perf_counter() + seconds
    waits: list[float] = []

    async def caller() -> None:
        while (start := time.perf_counter()) < end:
            await variant.commit(variant.make())
            waits.append((time.perf_counter() - start) * 1_000)

    start = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(variant.callers)])
    variant.rates.append(len(waits) / (time.perf_counter() - start))
    variant.waits_ms += waits


async def variants(db: Database, books: Books) -> list[Variant]:
    """What is compared, on accounts of its own."""
    async with db.transaction() as tx:
        customers = [await open_account(tx, Asset.BTC) for _ in range(CUSTOMERS)]
        fees = [await open_account(tx, Asset.BTC) for _ in range(CUSTOMERS)]
    for customer in customers:
        await books.commit(unit((BANK.LIGHTNING_BTC, customer, OPENING)))
    turn = itertools.count()

    def one_transfer() -> Unit:
        payer, payee = random.sample(customers, 2)
        return unit((payer, payee, Msats(1)))

    def payment(fee: Callable[[int], int]) -> Unit:
        """A transfer and its fee, which goes to the account that ``fee`` names."""
        payer, payee = random.sample(customers, 2)
        return unit((payer, payee, Msats(10)), (payer, fee(next(turn)), Msats(1)))

    async def group(one: Unit) -> None:
        assert (await books.commit(one)).ok

    async def one_call(one: Unit) -> None:
        async def step(tx: Tx) -> bool:
            return (await apply_units(tx, Registry(), [one]))[0].ok

        assert await db.again(step)

    return [
        Variant("one call, one commit, 16 callers", 16, one_call, one_transfer),
        Variant("group, 1 caller", 1, group, one_transfer),
        Variant("group, 16 callers", 16, group, one_transfer),
        Variant("group, 64 callers", 64, group, one_transfer),
        Variant("payment, fees to many accounts, 64", 64, group, lambda: payment(lambda n: fees[n % CUSTOMERS])),
        Variant("payment, fees to one account, 64", 64, group, lambda: payment(lambda _: BANK.FEES_BTC)),
    ]


def unit(*moves: tuple[int, int, Msats]) -> Unit:
    id_ = new_id()
    return Unit(id_, Txn(id_, 1, tuple(transfer(*move) for move in moves), PRICE))


async def compare(url: str, seconds: float, rounds: int) -> list[Variant]:
    db = Database(url, size=16)
    books = Books(db)
    await db.open()
    await books.open()
    compared = await variants(db, books)
    for variant in compared:
        await measure(variant, seconds / 3)  # caches and plans
        variant.rates.clear()
        variant.waits_ms.clear()
    for _ in range(rounds):
        for variant in compared:
            await measure(variant, seconds)
    await books.close()
    await db.close()
    return compared


def ratios(compared: list[Variant]) -> dict[str, float]:
    one_call_16, _, group_16, group_64, uniform_64, hot_64 = (variant.rate for variant in compared)
    return {
        "group64_over_onecall16": round(group_64 / one_call_16, 2),
        "group16_over_onecall16": round(group_16 / one_call_16, 2),
        "hot_over_uniform": round(hot_64 / uniform_64, 2),
    }


def run(url: str, seconds: float = 1.5, rounds: int = 3) -> dict[str, float]:
    """Measure, print the table, return the ratios. ``url``: as the program's role."""
    compared = asyncio.run(compare(url, seconds, rounds))
    table = Table(title=f"The books: median of {rounds} rounds of {seconds} s")
    for heading in ("variant", "units/s", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="left" if heading == "variant" else "right")
    for variant in compared:
        waits = statistics.quantiles(variant.waits_ms, n=100)
        table.add_row(variant.name, f"{variant.rate:,.0f}", f"{waits[49]:.1f}", f"{waits[98]:.1f}")
    Console(width=100).print(table)
    return ratios(compared)


@contextmanager
def own_database(*, slow: bool = False) -> Iterator[tuple[str, str]]:
    """A durable PostgreSQL that is gone afterwards: the program's URL and the owner's. ``slow``: on a disk
    that takes a millisecond longer for every fsync."""
    with tempfile.TemporaryDirectory(prefix="hazina-bench-") as folder:
        Path(folder).chmod(0o711)  # the server may run as another user
        programs = slow_disk.programs(Path(folder)) if slow else None
        cluster = Cluster(Path(folder) / "pg", programs=programs).start()
        try:
            migrations.migrate(cluster.url(OWNER_ROLE), PROGRAM_ROLE)
            yield cluster.url(), cluster.url(OWNER_ROLE)
        finally:
            cluster.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.ledger", description="Ratios of the ledger's speed.")
    parser.add_argument("--url", help="a migrated database, as the program's role")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a round of one variant")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.url:
        found = run(chosen.url, chosen.seconds, chosen.rounds)
    else:
        with own_database() as (url, _):
            found = run(url, chosen.seconds, chosen.rounds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
