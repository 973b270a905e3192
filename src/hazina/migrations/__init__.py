"""The database's history, applied by the owner of the tables; the program itself owns nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True, slots=True)
class State:
    """``current``: the revision that the database is at, None when it is empty. ``head``: the newest
    one that this program knows."""

    current: str | None
    head: str
    known: bool
    """False: the database was migrated by a newer program."""

    @property
    def pending(self) -> bool:
        return self.known and self.current != self.head


HERE = Path(__file__).parent


def revisions() -> list[str]:
    """Every revision that this program knows, oldest first. The chain is straight, and a file's name begins
    with its revision: so a start that has nothing to migrate need not load alembic (half a second)."""
    return sorted(file.name.split("_")[0] for file in (HERE / "versions").glob("[0-9]*.py"))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def state(url: str) -> State:
    """Where the database stands. Either role may ask."""
    known = revisions()
    current: str | None = None
    with psycopg.connect(url) as connection:
        if (connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() or (None,))[0] is not None:
            row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
            current = row[0] if row else None
    return State(current, known[-1], current is None or current in known)


def migrate(owner_url: str, program_role: str, to: str = "head") -> None:
    """Apply what is missing, each revision in its own transaction, then let the program's role use it.
    Two processes may do this at once: the second waits, then finds nothing to do.

    :raises psycopg.Error: what PostgreSQL said; the revision that failed has changed nothing.
    """
    from alembic import command
    from sqlalchemy.exc import DBAPIError

    config = _config()
    config.attributes["url"] = owner_url
    config.attributes["program_role"] = program_role
    try:
        command.upgrade(config, to)
    except DBAPIError as error:
        raise (error.orig or error) from None


def undo(owner_url: str, program_role: str, to: str) -> None:
    """Back down to the revision ``to`` (``base`` for nothing at all). Data in dropped tables is lost."""
    from alembic import command

    config = _config()
    config.attributes["url"] = owner_url
    config.attributes["program_role"] = program_role
    command.downgrade(config, to)
