"""The job queue's own tables, as procrastinate ships them up to ``LAST_FILE``.

A later procrastinate brings later files: they get a revision of their own, which names its last
file, so that a database always says exactly what it holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import psycopg
from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LAST_FILE = "03.04.00_50_post_add_retry_failed_job_procedure.sql"

DROP = """
DO $$
DECLARE thing record;
BEGIN
    DROP TABLE IF EXISTS procrastinate_events, procrastinate_periodic_defers,
                         procrastinate_jobs, procrastinate_workers CASCADE;
    FOR thing IN SELECT p.oid::regprocedure AS name FROM pg_proc p
                 WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'procrastinate\\_%'
    LOOP EXECUTE 'DROP FUNCTION ' || thing.name || ' CASCADE'; END LOOP;
    FOR thing IN SELECT t.oid::regtype AS name FROM pg_type t
                 WHERE t.typnamespace = 'public'::regnamespace
                   AND t.typname LIKE 'procrastinate\\_%' AND t.typtype IN ('e', 'c')
    LOOP EXECUTE 'DROP TYPE ' || thing.name || ' CASCADE'; END LOOP;
END $$;
"""


def run(script: str) -> None:
    """Many statements without parameters: psycopg sends them as they are, SQLAlchemy would not."""
    raw = cast("psycopg.Connection", op.get_bind().connection.driver_connection)
    raw.execute(script.encode(), prepare=False)


def upgrade() -> None:
    """Each file commits: some use a value that an earlier one added to an enumeration, which PostgreSQL
    before 18 refuses in one transaction. What a try that was cut off left behind is dropped first."""
    files = sorted(Path(str(SchemaManager.get_migrations_path())).glob("*.sql"))
    wanted = [file for file in files if file.name <= LAST_FILE]
    assert wanted[-1].name == LAST_FILE, "procrastinate no longer ships this file"
    with op.get_context().autocommit_block():
        run(DROP)
        for file in wanted:
            run(file.read_text())


def downgrade() -> None:
    run(DROP)
