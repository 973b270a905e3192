"""A process that is killed (kill -9) while it writes to a table."""

from __future__ import annotations

import asyncio
import pickle
import sys
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from hazina.settings import Settings

HANDS = Path(__file__).with_name("hands.py")
PATIENCE_S = 60
SLOW: LiteralString = """
create function slow_write() returns trigger language plpgsql as 'begin perform pg_sleep(600); return new; end';
create trigger slow_write before insert or update on {} for each row when ({}) execute function slow_write()
"""


async def killed_at(
    settings: Settings, owner_url: str, wish: tuple[Any, ...], table: str, when: LiteralString = "true"
) -> None:
    """``wish``: see ``hands.py``; ``when``: of the row ``new``."""
    where = sql.Identifier(*table.split("."))
    connection = await psycopg.AsyncConnection.connect(owner_url, autocommit=True)
    async with connection as owner:
        await owner.execute(sql.SQL(SLOW).format(where, sql.SQL(when)))
        worker = await asyncio.create_subprocess_exec(
            sys.executable, str(HANDS), stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        backend: object = None
        try:
            assert worker.stdin is not None
            worker.stdin.write(pickle.dumps((settings, wish)))
            worker.stdin.close()
            backend = await _asleep(owner, worker)
        finally:
            if worker.returncode is None:
                worker.kill()
            await worker.wait()
            await owner.execute("select pg_terminate_backend(%s, 5000)", (backend,))
            await owner.execute(sql.SQL("drop function slow_write() cascade"))


async def _asleep(owner: psycopg.AsyncConnection[tuple[object, ...]], worker: asyncio.subprocess.Process) -> object:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            cursor = await owner.execute("select pid from pg_stat_activity where wait_event = 'PgSleep'")
            if row := await cursor.fetchone():
                return row[0]
            assert worker.returncode is None, "the worker ended before it wrote"
            await asyncio.sleep(0.05)
