"""What the verbs of chain have in common."""

from __future__ import annotations

from dataclasses import dataclass

from hazina.chain.model import Policy
from hazina.chain.ports import Bitcoin
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database


@dataclass(frozen=True, slots=True)
class Parts:
    db: Database
    clock: Clock
    bitcoin: Bitcoin
    network: Network
    policy: Policy
