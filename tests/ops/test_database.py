"""The program's role, and what migrations do."""

from __future__ import annotations

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from hazina import migrations
from hazina.kernel.db import Database
from hazina.kernel.embedded import OWNER_ROLE, PROGRAM_ROLE, Cluster


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


def test_a_revision_is_named_by_its_file(owner_url: str) -> None:
    """The program reads file names only; alembic reads the files. Both must see the same straight chain."""
    config = Config()
    config.set_main_option("script_location", str(migrations.HERE))
    config.set_main_option("path_separator", "os")
    walked = [revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()]
    assert walked[::-1] == migrations.revisions()
    assert migrations.state(owner_url).current == migrations.revisions()[-1]


def test_every_migration_can_be_undone_and_done_again(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE up_and_down")
    url = cluster.url(OWNER_ROLE, "up_and_down")
    assert migrations.state(url).current is None
    migrations.migrate(url, PROGRAM_ROLE)
    made = objects(url)
    for below in (None, *migrations.revisions()[:-1])[::-1]:
        migrations.undo(url, PROGRAM_ROLE, below or "base")
    assert objects(url) == ["public.alembic_version"]
    migrations.migrate(url, PROGRAM_ROLE)
    assert objects(url) == made


def objects(url: str) -> list[str]:
    """Names of all tables, views, sequences, functions and types that are ours."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """SELECT n.nspname || '.' || o.name FROM (
                   SELECT relnamespace AS home, relname AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'S')
                   UNION ALL SELECT pronamespace, proname FROM pg_proc
                   UNION ALL SELECT typnamespace, typname FROM pg_type WHERE typtype IN ('e', 'd')) AS o
               JOIN pg_namespace n ON n.oid = o.home WHERE n.nspname IN ('public', 'ledger') ORDER BY 1"""
        ).fetchall()
    return [row[0] for row in rows]
