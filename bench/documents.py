"""A GraphQL document that was checked before against one that was not, in this process and without anything
behind it: what is spared is reading it, measuring it and validating it.

    python -m bench documents [--seconds 2] [--rounds 3]

A small one (a balance) and a large one (a phone's first screen). What that is worth to a whole request, whose
execution costs the same either way, is in ``bench api``.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

from bench.api import BALANCE, HOME
from hazina.api.graphql.documents import Documents
from hazina.api.graphql.schema import build_schema

TEXTS = {"small": BALANCE, "large": HOME}


def cpu_us(one: Callable[[], object], seconds: float) -> float:
    """CPU of a call in microseconds: what else the machine does is not in it."""
    began, count = time.process_time(), 0
    while (took := time.process_time() - began) < seconds:
        for _ in range(20):
            one()
        count += 20
    return took / count * 1_000_000


def measure(seconds: float, rounds: int) -> dict[str, float]:
    documents = Documents(build_schema())
    once = itertools.count()
    ratios: dict[str, float] = {}
    for name, text in TEXTS.items():

        def kept(text: str = text) -> object:
            return documents.get(text)

        def new(text: str = text) -> object:
            return documents.get(f"{text} # {next(once)}")

        assert documents.get(text).document is not None
        found: dict[Callable[[], object], list[float]] = {kept: [], new: []}
        for _ in range(rounds):
            for each, into in found.items():
                documents.get(text)  # the new ones push out what is old
                into.append(cpu_us(each, seconds / 2))
        hit, miss = statistics.median(found[kept]), statistics.median(found[new])
        print(
            f"{name} document of {len(text)} characters: {miss:,.0f} µs of CPU when it is new, {hit:,.1f} µs when kept"
        )
        ratios[f"document_{name}_new_over_kept"] = round(miss / hit, 1)
        ratios[f"document_{name}_new_us"] = round(miss)
    return ratios
