"""What a handler of the node gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hazina.sandbox.wire import read_int


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that passed the macaroon. ``path`` has the parts in braces of the call's pattern."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    node: str
    """Which of the bank's nodes is asked."""
    stuck: bool = False
    """A fault: a payment is stored and nothing is done with it."""

    def number(self, name: str, default: int = 0) -> int:
        text = self.query.get(name, "")
        return read_int(text, name) if text else default

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")
