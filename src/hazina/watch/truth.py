"""The node's own lists against the books, item by item. Pure.

Amounts carry the sign of the books' account of the node: what came in is negative, what left positive.
The books are read before the node. So what the books have, the node must show; what only the node has is
under way, for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hazina.kernel.checks import Check, checked

GRACE = timedelta(minutes=5)
"""How long the books may take to follow the node, from when we first saw it."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that the node did. ``names``: ids of the transactions that may have booked it; none: the
    bank knows nothing of this hash. ``told``: it was reported; ``accepted``: and operators lifted since."""

    payment_hash: str
    msat: int
    names: tuple[str, ...]
    seen_at: str = ""
    told: bool = False
    accepted: bool = False

    @property
    def key(self) -> tuple[str, bool]:
        return self.payment_hash, self.msat < 0


@dataclass(frozen=True, slots=True)
class Read:
    """How far one node was read. ``settled``, ``paid``: its cursors; ``counted``: hashes behind ``paid`` that are
    counted already."""

    settled: str | None = None
    paid: str | None = None
    counted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """How far both sides were compared. ``nodes``: how far each was read; ``seq``: the books' entry; ``node_msat``:
    all that the nodes did; ``waiting``: what the books do not have yet; ``accepted``: the difference that operators
    lifted."""

    nodes: Mapping[str, Read] = field(default_factory=dict)
    seq: int = 0
    node_msat: int = 0
    waiting: tuple[Item, ...] = field(default=())
    accepted: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Place:
        waiting = tuple(Item(**{**item, "names": tuple(item["names"])}) for item in value["waiting"])
        nodes = {name: Read(one["settled"], one["paid"], tuple(one["counted"])) for name, one in value["nodes"].items()}
        return cls(**{**value, "nodes": nodes, "waiting": waiting})


def lifted(place: Place, gap_msat: int) -> Place:
    """Operators have seen the difference and let money leave again: from here on only new ones count."""
    waiting = tuple(replace(item, accepted=item.accepted or item.told) for item in place.waiting)
    return replace(place, waiting=waiting, accepted=place.accepted + gap_msat)


def compare(
    place: Place, booked: Mapping[str, int], balance_msat: int, did: Iterable[Item], now: datetime
) -> tuple[Place, list[Check]]:
    """``booked``: what the books have since ``place``, by transaction; ``did``: what the node did since.
    The next place (the caller sets how far the nodes were read), and two checks."""
    new = [replace(item, seen_at=now.isoformat()) for item in did]
    node_msat = place.node_msat + sum(item.msat for item in new)
    waiting = {item.key: item for item in (*place.waiting, *new)}
    by_name = {name: item for item in waiting.values() for name in item.names}
    accepted, wrong = place.accepted, []
    for name, msat in booked.items():
        item = by_name.get(name)
        if item is None or waiting.pop(item.key, None) is None:
            wrong.append({"said": "the books have it, the node does not", "txn_id": name, "msat": msat})
            continue
        if item.accepted:
            accepted -= item.msat
        if item.msat != msat:
            said = "the node says another amount"
            wrong.append({"said": said, "hash": item.payment_hash, "msat": msat, "node_msat": item.msat})
    for key, item in waiting.items():
        late = now - datetime.fromisoformat(item.seen_at) > GRACE
        if not item.told and (late or not item.names):
            waiting[key] = replace(item, told=True)
            said = "the node has it, the books do not" if item.names else "the bank knows nothing of this hash"
            wrong.append({"said": said, "hash": item.payment_hash, "msat": item.msat, "since": item.seen_at})
    under_way = sum(item.msat for item in waiting.values() if not item.told)
    gap = node_msat - balance_msat - under_way - accepted
    total = {"node_msat": node_msat, "books_msat": balance_msat, "under_way_msat": under_way, "gap_msat": gap}
    checks = [
        checked("node-total", "The node's total is the books', but for what is under way.", 1, [total] if gap else []),
        checked("node-items", "Each item of the node has its posting, and each posting its item.",
                len(new) + len(booked), wrong),
    ]  # fmt: skip
    after = replace(place, node_msat=node_msat, waiting=tuple(waiting.values()), accepted=accepted)
    return after, checks


@dataclass(frozen=True, slots=True)
class Baseline:
    """What each node had in its channels when it was first looked at, less what it did in the same look; and what
    all had done before that. From then on, what a node has is what it had and what it did."""

    own: Mapping[str, int] = field(default_factory=dict)
    did_msat: int = 0

    def compare(self, own_msat: Mapping[str, int], blur_msat: int, did_msat: int) -> Check:
        """``did_msat``: as ``Place.node_msat``. ``blur_msat``: the nodes' own rounding, then and now."""
        had, has = sum(self.own.values()), sum(own_msat[name] for name in self.own)
        gap = has - had + did_msat - self.did_msat
        row = {"had_msat": had, "did_msat": self.did_msat - did_msat, "has_msat": has, "gap_msat": gap}
        wrong = [row] if self.own and abs(gap) >= max(blur_msat, 1) else []
        said = "What the nodes have in their channels is what they had and what they did, to the satoshi."
        return checked("node-own", said, len(self.own), wrong)
