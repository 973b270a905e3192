"""Alembic runs this file; ``hazina.migrations`` is the way in."""

from __future__ import annotations

import psycopg
from alembic import context
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

LOCK_KEY = 4455  # advisory lock: one migration at a time

GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
"""
LEDGER_GRANTS = """
GRANT USAGE ON SCHEMA ledger TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger TO {role};
"""


def grant(connection: psycopg.Connection, role: str) -> None:
    """The program reads the ledger and calls its functions; only those write it."""
    name = sql.Identifier(role)
    connection.execute(sql.SQL(GRANTS).format(role=name))
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'ledger'").fetchone():
        connection.execute(sql.SQL(LEDGER_GRANTS).format(role=name))


def run(url: str, program_role: str) -> None:
    with psycopg.connect(url, autocommit=True, application_name="hazina migrate") as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])  # held until this connection closes
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(url, application_name="hazina migrate", options="-c lock_timeout=5000"),
            poolclass=NullPool,
        )
        with engine.connect() as connection:
            context.configure(connection=connection, transaction_per_migration=True)
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
        engine.dispose()
        with guard.transaction():
            grant(guard, program_role)


run(context.config.attributes["url"], context.config.attributes["program_role"])
