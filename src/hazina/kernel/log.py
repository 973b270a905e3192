"""Structured logs: one JSON object a line on standard error, with the request's id in each.

What must never be written is kept out by name here, whoever logs it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, WrappedLogger

from hazina.kernel.ids import new_id

REQUEST_ID = "request_id"
SECRET_NAMES = frozenset(
    {
        "token",
        "code",
        "secret",
        "password",
        "macaroon",
        "preimage",
        "authorization",
        "auth_token",
        "body",
        "phone",
        "email",
        "step_up",
        "answer",
        "cookie",
        "keys",
        "key",
    }
)
QUIET = ("httpx2", "httpcore2", "alembic", "uvicorn", "procrastinate")
"""Libraries whose everyday remarks nobody needs: from WARNING up only."""


def _hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in SECRET_NAMES & event.keys():
        event[name] = "********"
    return event


def configure(*, level: str = "info", style: str = "json", stream: TextIO = sys.stderr) -> None:
    """Once, by the process that starts. ``style``: ``json`` or ``text``. Libraries that use the standard
    library's logging come out the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _hide_secrets,
    ]
    # No locals beside a traceback: they hold secrets, and can be so many that drawing them takes a minute.
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*(p for p in shared if not isinstance(p, structlog.stdlib.ExtraAdder)), *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, *last]))
    logging.basicConfig(handlers=[handler], level=number, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, number))


@contextmanager
def request() -> Iterator[UUID]:
    """Every line logged inside, in this task and those it starts, carries the new id."""
    id_ = new_id()
    with structlog.contextvars.bound_contextvars(**{REQUEST_ID: str(id_)}):
        yield id_


def request_id() -> str | None:
    """The id of the request being served: for error answers, so that a report finds its log lines."""
    found = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    return None if found is None else str(found)
