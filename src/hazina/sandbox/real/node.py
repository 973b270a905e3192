"""What the sandbox asks of a real Lightning node, of whatever make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from hazina.sandbox.real.program import Program


@dataclass(frozen=True, slots=True)
class Paid:
    """SUCCEEDED, FAILED or IN_FLIGHT."""

    status: str
    preimage: str | None = None
    fee_msat: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """In satoshi; ``peer``: public key of the node at its other end."""

    peer: str
    capacity: int
    ours: int
    theirs: int


class Node(Protocol):
    """``start`` may follow ``stop`` or ``kill``: ports, wallet and channels stay. Calls raise ``RpcError`` when the
    node refuses, ``NoAnswer`` when it is away. Hashes and preimages are hexadecimal."""

    name: str
    program: Program
    opened: bool
    """Its wallet is open and it answers."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...
    async def close(self) -> None: ...

    def access(self) -> dict[str, Any]:
        """Where the bank finds it and what opens it, in the words of its settings."""
        ...

    async def id(self) -> str:
        """The node's public key."""
        ...

    async def at(self) -> str:
        """How others reach it."""
        ...

    async def height(self) -> int: ...

    async def address(self) -> str: ...

    async def coins(self) -> int:
        """Satoshi in its wallet that have a block and that it knows of."""
        ...

    async def channels(self) -> list[Channel]: ...

    async def open_channel(self, other: Any, sats: int, push_sats: int) -> None:
        """Fund a channel to ``other``. It opens with blocks."""
        ...

    async def is_usable(self, peer: str) -> bool: ...

    async def connect(self, other: Any) -> None:
        """Reach ``other``, and wait until the channels with it are usable. Raises ``TimeoutError``."""
        ...

    async def finds(self, peer: str) -> bool:
        """Does it know a way there?"""
        ...

    async def issue(
        self, amount_msat: int | None, memo: str, expiry_s: int, hold: str | None = None
    ) -> tuple[str, str]:
        """A new invoice, as (payment hash, text). ``hold``: the hash of a secret that we keep. Raises
        ``ValueError``: the node knows no such amount."""
        ...

    async def invoice_state(self, payment_hash: str, *, hold: bool = False) -> tuple[str, int]:
        """OPEN, ACCEPTED, SETTLED or CANCELED, and what came, in millisatoshi."""
        ...

    async def settle(self, preimage: str) -> None: ...

    async def cancel(self, payment_hash: str, *, hold: bool = False) -> None: ...

    async def pay(self, bolt11: str, amount_msat: int | None = None) -> Paid:
        """Returns when it has ended. An amount only for an invoice without one. ``RpcError``: it was not begun;
        ``NoAnswer``: ask ``paid``."""
        ...

    async def paid(self, payment_hash: str) -> Paid:
        """How a payment of ours stands."""
        ...
