"""Derive the books anew from history and say what does not agree."""

from __future__ import annotations

import asyncio
import json
import sys

from rich.console import Console
from rich.table import Table

from hazina import ledger
from hazina.kernel.db import Database
from hazina.ops.database import Place

ROWS_SHOWN = 20


def report(place: Place) -> bool:
    """Print a table of all checks, then the offending rows. True when all hold."""
    checks = asyncio.run(_checks(place))
    table = Table("check", "what must hold", "looked at", "wrong", box=None, pad_edge=False)
    for check in checks:
        wrong = len(check.offending)
        table.add_row(check.name, check.description, f"{check.checked:,}", f"[red]{wrong:,}[/]" if wrong else "0")
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    broken = [check for check in checks if check.offending]
    for check in broken:
        console.print(f"\n[red]{check.name}[/]: {check.description}")
        for row in check.offending[:ROWS_SHOWN]:
            print("  " + json.dumps(row, default=str))
        if len(check.offending) > ROWS_SHOWN:
            print(f"  and {len(check.offending) - ROWS_SHOWN:,} more")
    print("\nThe books agree." if not broken else f"\n{len(broken)} of {len(checks)} checks failed.")
    return not broken


async def _checks(place: Place) -> list[ledger.Check]:
    """One consistent state of the whole database, whatever is written meanwhile; no time limit."""
    db = Database(place.url, size=2)
    await db.open()
    try:
        async with db.transaction() as tx:
            await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await tx.execute("SET LOCAL statement_timeout = 0")
            return await ledger.verify(tx)
    finally:
        await db.close()
