"""Whether looks get slower as history grows: the balance and a page of 20 rows of a wallet with a million
entries, over those of one with ten; and how long ``verify`` takes for a million entries."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg

from hazina.kernel.db import Database
from hazina.kernel.ids import public_id
from hazina.kernel.paging import Page
from hazina.ledger import balances, verify
from hazina.payments import store

LOOKS = 400

# A history as `ledger.post` would have written it, made set by set: `n` receipts of 1 sat on one account.
HISTORY = """
set local session_replication_role = replica;
create temp table made on commit drop as
    select i, gen_random_uuid() as txn, gen_random_uuid() as line, gen_random_uuid() as payment
    from generate_series(1, {n}) i;
insert into ledger.txn (id, kind, op, src, dst, amount, ref, price_cents, price_source, price_at, at)
    select txn, 1, '{{1}}', '{{1}}', array[{account}::bigint], '{{1000}}',
        '{{00000000-0000-0000-0000-000000000000}}', 10000000, 'bench', now(), now() from made;
insert into ledger.entry (account_id, seq, amount, balance_after, held, held_after, at, txn_id, leg, asset)
    select {account}, i, 1000, 1000 * i, 0, 0, now(), txn, 1, 1 from made;
insert into ledger.entry (account_id, seq, amount, balance_after, held, held_after, at, txn_id, leg, asset)
    select 1, a.seq + i, -1000, a.balance - 1000 * i, 0, 0, now(), txn, 1, 1
    from made, (select seq, balance from ledger.account where id = 1) a;
update ledger.account set seq = {n}, balance = 1000 * {n}::bigint where id = {account};
update ledger.account set seq = seq + {n}, balance = balance - 1000 * {n}::bigint where id = 1;
insert into line (id, payment_id, account_id, wallet_id, asset, direction, amount, fee, status, initiation, settlement,
        display_currency, created_at)
    select line, payment, '{owner}', '{wallet}', 1, 2, 1000, 0, 1, 1, 1, 'USD', now() from made;
"""


async def looks(look: Callable[[], Awaitable[object]]) -> float:
    """Median milliseconds of a look."""
    waits = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        await look()
        waits.append((time.perf_counter() - began) * 1_000)
    return statistics.median(waits)


async def compare(url: str, owner_url: str, entries: int) -> dict[str, float]:
    db = Database(url)
    await db.open()
    made: dict[int, tuple[int, UUID, UUID]] = {}
    for n in (10, entries):
        async with db.transaction() as tx:
            account = await tx.value("select ledger.open_account(1::smallint, 0)")
        owner, wallet = public_id(), public_id()
        with psycopg.connect(owner_url) as connection:
            connection.execute(HISTORY.format(n=n, account=account, owner=owner, wallet=wallet).encode())
        made[n] = account, owner, wallet
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("vacuum analyze")

    async def balance(n: int) -> None:
        async with db.reading() as tx:
            await balances(tx, [made[n][0]])

    async def page(n: int) -> None:
        _, owner, wallet = made[n]
        async with db.reading() as tx:
            await store.lines(tx, owner, [wallet], Page(first=20), None)

    took: dict[tuple[str, int], float] = {}
    for _ in range(2):  # the second time counts: caches are warm
        for n in made:
            took["balance", n] = await looks(lambda n=n: balance(n))  # type: ignore[misc]
            took["page", n] = await looks(lambda n=n: page(n))  # type: ignore[misc]
    async with db.transaction() as tx:
        await tx.execute("set local statement_timeout = 0")
        began = time.perf_counter()
        broken = [check.name for check in await verify(tx) if check.offending]
        verified = time.perf_counter() - began
    await db.close()
    for what in ("balance", "page"):
        few, many = took[what, 10], took[what, entries]
        print(f"{what}: {few:.2f} ms with 10 entries, {many:.2f} ms with {entries:,}")
    print(f"verify: {verified:.1f} s for {2 * entries:,} entries; broken: {', '.join(broken) or 'nothing'}")
    return {
        "balance_1e6_over_10": round(took["balance", entries] / took["balance", 10], 2),
        "page_1e6_over_10": round(took["page", entries] / took["page", 10], 2),
        "verify_s_per_million": round(verified / (2 * entries) * 1_000_000, 1),
    }


def run(url: str, owner_url: str, entries: int = 1_000_000) -> dict[str, float]:
    return asyncio.run(compare(url, owner_url, entries))
