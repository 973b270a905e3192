"""What the bank logs is part of what happened. Some of it must never be said."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from simulation.world import World

ALARMS = frozenset({"unit_failed", "writer_failed", "fee_above_limit", "look_failed"})
"""Each means that an invariant of the program itself is broken."""


def to(world: World) -> None:
    """From here on the bank's log goes to ``world``."""

    def hear(logger: Any, method: str, said: Any) -> Any:
        event = str(said.get("event"))
        error = sys.exc_info()[1] if said.get("exc_info") else None
        world.trace("log", event, type(error).__name__ if error else "")
        if event in ALARMS or isinstance(error, AssertionError | TypeError | AttributeError):
            rest = {name: value for name, value in said.items() if name not in ("event", "exc_info")}
            world.fail(f"the bank says {event}: {rest} {error!r}")
        raise structlog.DropEvent

    structlog.configure(processors=[hear], cache_logger_on_first_use=False)
    logging.disable(logging.CRITICAL)
