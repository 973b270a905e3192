"""The program's role, and what migrations do."""

from __future__ import annotations

import psycopg
import pytest

from hazina.kernel.db import Database


async def test_the_program_connects_as_a_role_that_owns_nothing(db: Database) -> None:
    async with db.transaction() as tx:
        assert await tx.value("SELECT current_user::text") == "hazina"
        assert await tx.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.transaction() as tx:
            await tx.execute("DROP TABLE procrastinate_jobs CASCADE")


async def test_rows_of_one_test_are_gone_in_the_next(db: Database, owner_url: str, wipe: bytes) -> None:
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('queue', 'task')")
    with psycopg.connect(owner_url) as connection:
        connection.execute(wipe)
    async with db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM procrastinate_jobs") == 0
