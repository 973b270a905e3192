"""What the commands share: where the bank keeps its things, how they speak, the database when it is up to date.

Light to import: the rest is imported when a command runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hazina.settings import Settings, load

if TYPE_CHECKING:
    from hazina.ops.database import Place

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of everything the bank keeps here. Default: .hazina", metavar="DIR"),
]


def say(text: str) -> None:
    print(text, flush=True)


def settings_of(data: Path | None) -> Settings:
    """What is in effect for this folder; only errors are logged from now on."""
    from hazina.kernel import log

    settings = load(data=data).settings
    log.configure(level="error", style=settings.log_format)
    return settings


@contextmanager
def opened(data: Path | None) -> Iterator[tuple[Settings, Place]]:
    """The settings, and the database. Raises Trouble where it is not at this program's revision."""
    from hazina.ops import database

    settings = settings_of(data)
    with database.opened(settings) as place:
        database.must_be_migrated(place)
        yield settings, place
