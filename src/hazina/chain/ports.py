"""What chain needs from a Bitcoin node with a wallet.

Every call may be repeated: it asks, or what it makes is found again by the name that the caller chose.
Block and transaction ids are 64 hexadecimal digits as nodes print them; amounts are satoshi, rates millisatoshi per vB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hazina.kernel.bolt11 import Network


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
    """``network`` None: one that we do not know. ``version`` as 290403 for 29.4.3. ``work``: of the whole chain up
    to ``best``. ``pruned_below``: blocks under this height are gone; 0 when it keeps all."""

    network: Network | None
    version: int
    height: int
    headers: int
    best: str
    work: int
    catching_up: bool
    """In initial block download: its chain is not today's."""
    pruned_below: int
    mempool_loaded: bool
    """False for some time after its start: what is not in the mempool may still come."""
    rate_min: int
    """What its mempool takes at least, in millisatoshi per vB."""


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

    @property
    def wallet(self) -> str:
        """The hot wallet's name on the node."""
        ...

    async def info(self) -> NodeInfo: ...

    async def hint(self, timeout_s: float) -> bool:
        """Wait until the node seems to have news, or the time is over. News may be lost: look in any case."""
        ...

    async def open_wallet(self, *, make: bool) -> str | None:
        """Load the hot wallet, or ``make`` it where the node has none of its name. Its receiving descriptor, which
        says whose keys these are; None: there is none."""
        ...

    async def address(self, label: str) -> list[Labelled]:
        """The receiving addresses of this label, in their order; one is made where there is none."""
        ...

    async def next_address(self, label: str) -> str:
        """One more receiving address, whatever was made before: not to be repeated after no answer."""
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

    async def headers(self, first: int, last: int) -> list[Header]:
        """Those of the best chain between two heights, both included; fewer where the chain ends."""
        ...

    async def block(self, block: str) -> bytes:
        """The block as it is on the wire. Refused when it was pruned."""
        ...

    async def pending(self, sats_min: int, limit: int) -> list[Pending]:
        """Outputs to the wallet in the mempool, change of its own included; at most ``limit``."""
        ...

    async def in_mempool(self, txids: Sequence[str]) -> set[str]:
        """Those of these transactions that the mempool holds."""
        ...

    async def fee_rate(self, blocks: int) -> int | None:
        """The node's estimate for being mined within so many blocks, in millisatoshi per vB; None while it has
        none."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Coin:
    """An output that a transaction spends."""

    txid: str
    vout: int
    sats: int


@dataclass(frozen=True, slots=True)
class To:
    """An output as it is wanted."""

    address: str
    sats: int


@dataclass(frozen=True, slots=True)
class Order:
    """What to build: outputs in this order, change behind them, at ``rate``.

    ``coins``: spent in any case. ``more``: the wallet may add others. ``confirmed``: only such with a block; else
    change of our own, too. ``whole``: the fee comes out of the first output, which takes all.
    """

    outputs: tuple[To, ...]
    rate: int
    coins: tuple[Coin, ...] = ()
    more: bool = True
    confirmed: bool = True
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """An output as it stands in a transaction. ``address`` None: a script that has none."""

    address: str | None
    sats: int
    script_bytes: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction, whole: nobody was told of it yet."""

    txid: str
    raw: bytes
    vsize: int
    fee: int
    coins: tuple[Coin, ...]
    outputs: tuple[Made, ...]


class NotEnough(NodeRefused):
    """The wallet's free coins do not suffice for outputs and fee."""


class OutputRefused(NodeRefused):
    """An output is what the node will not pay: no address of this network, or dust. Other outputs may be well."""


class TooMuch(NodeRefused):
    """The transaction would be too large for the network: fewer outputs may pass."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a wallet knows of a transaction of ours. ``confirmations``: 0 without a block; negative: so deep is
    another transaction that spends a coin of it. ``height``: of its block."""

    confirmations: int
    height: int | None
    in_mempool: bool


@dataclass(frozen=True, slots=True)
class Purse:
    """A wallet's coins: ``ready`` have a block (or are change of our own) and are free, ``coming`` have none."""

    ready: int
    coming: int


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A transaction for signers elsewhere (BIP 174), base64."""

    psbt: str
    txid: str
    fee: int
    vsize: int
    coins: tuple[Coin, ...]
    outputs: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A PSBT as it reads: what it spends and pays. ``only_all``: no sighash byte or field says anything but ALL."""

    txid: str
    spends: tuple[tuple[str, int], ...]
    outputs: tuple[Made, ...]
    only_all: bool


class Wallets(Protocol):
    """The node's wallets: the hot one with its keys, cold ones without. Raises ``NodeSilent`` or ``NodeRefused``;
    never called in a transaction. Coins of what is built are locked in the node's memory until they are spent,
    freed, or the node starts again."""

    @property
    def hot(self) -> str:
        """The hot wallet's name."""
        ...

    async def sign(self, order: Order) -> Signed:
        """Build and sign from the hot wallet; nobody is told.

        :raises NotEnough, OutputRefused, TooMuch:
        """
        ...

    async def judge(self, raw: bytes) -> str | None:
        """Why the mempool would refuse it; None when it would take it, or has it."""
        ...

    async def publish(self, raw: bytes) -> str | None:
        """Hand it to the network, again and again if need be. None: it is in the mempool or in the chain; else why
        not."""
        ...

    async def publish_together(self, raws: list[bytes]) -> str | None:
        """A parent that alone pays too little, and its child. None: both were taken; else why not."""
        ...

    async def standing(self, wallet: str, txid: str) -> Standing | None:
        """None: the wallet has never seen it."""
        ...

    async def spends(self, wallet: str, since: str | None) -> tuple[list[str], str | None]:
        """Transactions by which the wallet's coins left it, of those that it learned of after ``since`` (None: all),
        and the newest that it knows: to ask from the next time."""
        ...

    async def least_rate(self) -> int:
        """What the mempool asks for at least now."""
        ...

    async def purse(self, wallet: str) -> Purse: ...

    async def locked(self, wallet: str) -> list[tuple[str, int]]: ...

    async def lock(self, wallet: str, coins: list[tuple[str, int]], *, on: bool) -> None:
        """Keep coins out of what is built, or not any more. Harmless for coins that are so already."""
        ...

    async def own_address(self, wallet: str) -> str:
        """A fresh address for coins that stay within the bank."""
        ...

    async def owns(self, wallet: str, address: str) -> bool: ...

    async def first_address(self, descriptor: str) -> str:
        """The first receiving address of a public descriptor with its checksum.

        :raises NodeRefused: it is none, holds a private key, or is of another network.
        """
        ...

    async def watch(self, wallet: str, descriptor: str) -> None:
        """Make the watch-only wallet of this descriptor, or load it. Coins from before now are not looked for."""
        ...

    async def draft(self, wallet: str, order: Order) -> Unsigned:
        """Build from a watch-only wallet.

        :raises NotEnough, OutputRefused, TooMuch:
        """
        ...

    async def read(self, psbt: str) -> Given:
        """:raises NodeRefused: it cannot be read."""
        ...

    async def finish(self, ours: str, theirs: str) -> Signed:
        """Our own draft with the signatures of theirs, whole.

        :raises NodeRefused: signatures are missing, or it is about another transaction.
        """
        ...
