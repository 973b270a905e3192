"""What chain needs from a Bitcoin node with a wallet.

Every call may be repeated: it asks, or what it makes is found again by the name that the caller chose.
Block and transaction ids are 64 hexadecimal digits as nodes print them; amounts are satoshi, rates millisatoshi per vB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class NodeSilent(Exception):
    """The node gave no answer that can be read. Whatever was asked may or may not have happened."""


class NodeRefused(Exception):
    """The node answered, and it was no. ``number`` is its RPC error code; the text is for operators."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"{text} ({number})")
        self.number = number
        self.text = text


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """``network``: mainnet, testnet, signet or regtest. ``work``: of the whole chain up to ``best``.
    ``pruned_below``: blocks under this height are gone; 0 when it keeps all."""

    network: str
    version: int
    height: int
    headers: int
    best: str
    work: int
    catching_up: bool
    """In initial block download: its chain is not today's."""
    pruned_below: int


@dataclass(frozen=True, slots=True)
class Header:
    hash: str
    height: int
    work: int
    active: bool
    """Part of the node's best chain."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An output in the mempool that pays to the wallet."""

    txid: str
    vout: int
    address: str
    sats: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A receiving address of the wallet: its place on the descriptor, and the label it was made under."""

    text: str
    place: int
    label: str


class Bitcoin(Protocol):
    """Raises ``NodeSilent`` or ``NodeRefused``; never called in a transaction."""

    async def info(self) -> NodeInfo: ...

    async def open_wallet(self) -> None:
        """Make the hot wallet (descriptors, encrypted by nobody) or load it; nothing where it is open."""
        ...

    async def address(self, label: str) -> list[Labelled]:
        """The receiving addresses of this label; one is made where there is none."""
        ...

    async def made(self) -> int:
        """How many receiving addresses the wallet has given out, by whomever."""
        ...

    async def addresses(self, first: int, last: int) -> list[Labelled]:
        """The receiving addresses at these places, both ends included."""
        ...

    async def header(self, block: str) -> Header | None:
        """None when the node does not know the block."""
        ...

    async def block_at(self, height: int) -> str | None:
        """The id of the block at this height of the best chain; None above its tip."""
        ...

    async def block(self, block: str) -> bytes:
        """The block as it is on the wire. Refused when it was pruned."""
        ...

    async def pending(self, sats_min: int, limit: int) -> list[Pending]:
        """Outputs to the wallet in the mempool, change of its own included; at most ``limit``."""
        ...

    async def fee_rate(self, blocks: int) -> int | None:
        """The node's estimate for being mined within so many blocks; None while it has none."""
        ...
