"""The database's history, applied by the owner of the tables; the program itself owns nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


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


def _config(folder: Path = HERE) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def state(url: str) -> State:
    """Where the database stands. Either role may ask."""
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    assert head is not None, "there are no migrations in the package"
    current: str | None = None
    with psycopg.connect(url) as connection:
        if (connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() or (None,))[0] is not None:
            row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
            current = row[0] if row else None
    known = current is None or current in {revision.revision for revision in scripts.walk_revisions()}
    return State(current, head, known)


def migrate(owner_url: str, program_role: str, to: str = "head", folder: Path = HERE) -> None:
    """Apply what is missing, each revision in its own transaction, then let the program's role use it.
    Two processes may do this at once: the second waits, then finds nothing to do."""
    config = _config(folder)
    config.attributes["url"] = owner_url
    config.attributes["program_role"] = program_role
    command.upgrade(config, to)


def undo(owner_url: str, program_role: str, to: str) -> None:
    """Back down to the revision ``to`` (``base`` for nothing at all). Data in dropped tables is lost."""
    config = _config()
    config.attributes["url"] = owner_url
    config.attributes["program_role"] = program_role
    command.downgrade(config, to)
