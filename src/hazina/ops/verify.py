"""Derive the books anew from history and say what does not agree."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from hazina import chain, hedging, ledger, payments
from hazina.kernel import audit
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.ops.database import Place

ROWS_SHOWN = 20


def report(place: Place, more: Sequence[ledger.Check] = ()) -> bool:
    """Print a table of all checks and ``more``, then the offending rows. True when all hold."""
    found, owed = asyncio.run(_checks(place))
    checks = [*found, *more]
    table = Table("check", "what must hold", "looked at", "wrong", box=None, pad_edge=False)
    for check in checks:
        wrong = check.broken
        table.add_row(check.name, check.description, f"{check.checked:,}", f"[red]{wrong:,}[/]" if wrong else "0")
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    broken = [check for check in checks if check.offending]
    for check in broken:
        console.print(f"\n[red]{check.name}[/]: {check.description}")
        for row in check.offending[:ROWS_SHOWN]:
            print("  " + json.dumps(row, default=str))
        if check.broken > ROWS_SHOWN:
            print(f"  and {check.broken - ROWS_SHOWN:,} more")
    print(f"\n{exposure(owed)}")
    print("\nThe books agree." if not broken else f"\n{len(broken)} of {len(checks)} checks failed.")
    return not broken


def exposure(owed: hedging.Status) -> str:
    """What the bank owes in dollars, and whose risk that is. No check: nothing is wrong with it."""
    cents, bitcoin = owed.liability.customers, owed.liability.owed
    said = f"Customers have {cents / 100:,.2f} USD; {bitcoin / 100:,.2f} of it stands against bitcoin."
    if owed.mode is hedging.Mode.OFF:
        return f"{said} It is not hedged: the risk of bitcoin's price is the bank's."
    return f"{said} `hazina hedge status` says how it is hedged."


async def _checks(place: Place) -> tuple[list[ledger.Check], hedging.Status]:
    """One consistent state of the whole database, whatever is written meanwhile; no time limit. And what is owed in
    dollars."""
    db = Database(place.url, size=2)
    await db.open()
    try:
        async with db.transaction() as tx:
            checks = await ledger.verify(tx)  # makes it one snapshot without a limit of time
            checks += [*await payments.verify(tx, datetime.now(UTC)), *await chain.verify(tx)]
            checks += await audit.verify(tx)
        return checks, await hedging.status(db, SystemClock(), set_up=True, onchain=True)
    finally:
        await db.close()
