"""Everything that the bank draws by chance comes from the seed, while a simulation runs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from hazina.kernel import ids
from hazina.payments import receiving
from simulation.loop import EPOCH, VirtualLoop


@contextmanager
def determined(seed: int, loop: VirtualLoop) -> Iterator[None]:
    """Ids and preimages from the seed; jitter too. Ids stay ordered in time."""
    dice = random.Random(f"{seed}:ids")
    count = itertools.count()
    start_ms = int(EPOCH.timestamp() * 1000)

    def uuid7() -> UUID:
        ms = start_ms + int(loop.time() * 1000)
        order = next(count)
        high = (ms << 16) | 0x7000 | (order >> 30 & 0xFFF)
        low = (0b10 << 62) | ((order & 0x3FFFFFFF) << 32) | dice.getrandbits(32)
        return UUID(int=high << 64 | low)

    def uuid4() -> UUID:
        return UUID(int=dice.getrandbits(128), version=4)

    ours: list[tuple[Any, str, Any]] = [
        (ids, "uuid4", uuid4),
        (ids, "uuid7", uuid7),
        (receiving, "secrets", SimpleNamespace(token_bytes=dice.randbytes)),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in ours]
    random.seed(seed)
    for module, name, value in ours:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
