"""The life of a payment to one of our addresses, as a table, and the rules that walk it. A reorganisation is a row
like any other, and so is a return from the dead: a transaction that the mempool forgot may still be mined.

Dust has no life: it is recorded when it is in a block, and told to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from hazina.chain.model import EventKind, Found, Output, OutputState, Policy, confirmations_needed

Key = tuple[str, int]


class Event(Enum):
    SIGHT = "sight"  # it is in the mempool or in a block
    DEEP = "deep"  # its block has as many blocks on it as its amount needs
    SHALLOW = "shallow"  # a reorganisation took blocks away
    VANISH = "vanish"  # neither in the chain nor in the mempool: replaced, double-spent, forgotten


LIFE: dict[tuple[OutputState, Event], tuple[OutputState, EventKind]] = {
    (OutputState.SEEN, Event.DEEP): (OutputState.SETTLED, EventKind.OUTPUT_SETTLED),
    (OutputState.SEEN, Event.VANISH): (OutputState.DROPPED, EventKind.OUTPUT_DROPPED),
    (OutputState.SETTLED, Event.SHALLOW): (OutputState.SEEN, EventKind.OUTPUT_UNSETTLED),
    (OutputState.DROPPED, Event.SIGHT): (OutputState.SEEN, EventKind.OUTPUT_SEEN),
}


@dataclass(frozen=True, slots=True)
class Change:
    """An output as it is now, and what is to be told of it, in order."""

    output: Output
    told: tuple[EventKind, ...] = ()


def after(state: OutputState, event: Event) -> tuple[OutputState, EventKind] | None:
    """The next state and what is told, or None where the event changes nothing."""
    return LIFE.get((state, event))


def moved(change: Change, event: Event) -> Change:
    """``change`` carried on by one event."""
    step = after(change.output.state, event)
    if step is None:
        return change
    state, kind = step
    return Change(replace(change.output, state=state), (*change.told, kind))


def advanced(
    known: Mapping[Key, Output], found: Sequence[Found], fork: int, tip: int, at: datetime, policy: Policy
) -> list[Change]:
    """What becomes of outputs when the chain above ``fork`` is now another, up to ``tip``: ``found`` stand in its new
    blocks, in their order. ``known``: those of ``found`` that we have, those above ``fork``, and those that may be
    deep enough now or no longer.

    An output that stands in both branches, deep enough in each, changes nothing and is not told.
    """
    needed = _needed(found, policy)
    changes: dict[Key, Change] = {}
    for one in found:
        if before := known.get(one.key):
            output = replace(
                before, height=one.height, confirmations_needed=max(before.confirmations_needed, needed[one.txid])
            )
            changes[one.key] = moved(Change(output), Event.SIGHT)
        else:
            changes[one.key] = born(one, needed[one.txid], at, policy)
    for key, output in known.items():
        if key not in changes:
            gone = output.height is not None and output.height > fork
            changes[key] = Change(replace(output, height=None) if gone else output)
    walked = {key: _by_depth(change, tip) for key, change in changes.items()}
    return [change for key, change in walked.items() if change.told or change.output != known.get(key)]


def sighted(
    known: Mapping[Key, Output], found: Sequence[Found], gone: Iterable[Key], at: datetime, policy: Policy
) -> list[Change]:
    """What becomes of outputs after a look at the mempool: ``found`` stand in it, ``gone`` surely do not, nor in a
    block."""
    needed = _needed(found, policy)
    changes = []
    for one in found:
        if one.key not in known:
            changes.append(born(one, needed[one.txid], at, policy))
        elif known[one.key].height is None:
            changes.append(moved(Change(known[one.key]), Event.SIGHT))
    changes += [moved(Change(known[key]), Event.VANISH) for key in gone if key in known and known[key].height is None]
    return [change for change in changes if change.told]


def born(found: Found, needed: int, at: datetime, policy: Policy) -> Change:
    """An output that we meet for the first time."""
    dust = found.sats < policy.deposit_sats_min
    output = Output(
        found.txid, found.vout, found.address, found.owner, found.sats, found.height, needed, found.coinbase,
        OutputState.DUST if dust else OutputState.SEEN, at,
    )  # fmt: skip
    return Change(output, () if dust else (EventKind.OUTPUT_SEEN,))


def _needed(found: Iterable[Found], policy: Policy) -> dict[str, int]:
    """Confirmations for each transaction: by all that it brings us, so that nobody gets a large sum credited as
    early as a small one by cutting it up."""
    sums: dict[str, int] = defaultdict(int)
    coinbase: dict[str, bool] = {}
    for one in found:
        sums[one.txid] += one.sats
        coinbase[one.txid] = one.coinbase
    return {txid: confirmations_needed(total, coinbase[txid], policy) for txid, total in sums.items()}


def _by_depth(change: Change, tip: int) -> Change:
    height = change.output.height
    deep = height is not None and tip - height + 1 >= change.output.confirmations_needed
    return moved(change, Event.DEEP if deep else Event.SHALLOW)


def drawing() -> str:
    """The table as a page of Markdown with a diagram."""
    lines = ["# The life of a deposit", "", "Drawn from `chain/flow.py`; do not edit.", "", "```mermaid"]
    lines += ["stateDiagram-v2", "  [*] --> SEEN: sight", "  [*] --> DUST: sight, below the minimum"]
    lines += [f"  {state.name} --> {to.name}: {event.value}" for (state, event), (to, _) in LIFE.items()]
    return "\n".join([*lines, "```", ""])
