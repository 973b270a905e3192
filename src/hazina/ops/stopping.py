"""Signals, while there is no event loop that takes them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


@contextmanager
def stopping_cleanly(say: Say) -> Iterator[None]:
    """Ctrl-C and SIGTERM while we start end the block like a return; a second one while we stop changes
    nothing."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def ignore(*_: object) -> None:
        pass

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number in before:
            signal.signal(number, ignore)
        say("Stopped.")
