"""Bitcoin outside of the bank: transactions, blocks, and one mempool. It outlives every kill.

Nothing is signed; transactions and blocks have the wire's form, because the bank reads them. Amounts are satoshi,
rates millisatoshi per vB. A tip is replaced only by a chain with more blocks: each has the same work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from hazina.kernel import addresses
from hazina.kernel.bolt11 import Network

if TYPE_CHECKING:
    from simulation.world import World

Outpoint = tuple[str, int]

WORK = 2
YOUNG = 8
"""Blocks that there are before anything happens."""
RELAY_RATE = 1_000
NOTHING = 10**9
"""No transaction pays as much."""
MISSING = "bad-txns-inputs-missingorspent"
CHEAP = "mempool min fee not met"
REPLACES_TOO_LITTLE = "insufficient fee, rejecting replacement"


@dataclass(frozen=True, slots=True)
class Out:
    address: str
    sats: int


@dataclass(frozen=True)
class Tx:
    """A transaction; whoever makes it says what it pays and how large it would be with its signatures."""

    spends: tuple[Outpoint, ...]
    outputs: tuple[Out, ...]
    fee: int
    vsize: int

    @cached_property
    def raw(self) -> bytes:
        ins = b"".join(_octets(txid) + vout.to_bytes(4, "little") + b"\0\xfd\xff\xff\xff" for txid, vout in self.spends)
        outs = b"".join(_output(one) for one in self.outputs)
        assert len(self.spends) < 253 and len(self.outputs) < 253, "one byte says how many"
        head, counts = (2).to_bytes(4, "little"), (bytes([len(self.spends)]), bytes([len(self.outputs)]))
        return head + counts[0] + ins + counts[1] + outs + bytes(4)

    @cached_property
    def txid(self) -> str:
        return _hash(self.raw)

    @property
    def rate(self) -> int:
        return self.fee * 1_000 // self.vsize


def vsize_of(inputs: int, outputs: Iterable[str]) -> int:
    """Of P2WPKH coins spent to these addresses (BIP 141)."""
    return 11 + 68 * inputs + sum(9 + len(script(address)) for address in outputs)


@cache
def script(address: str) -> bytes:
    return addresses.read(address, Network.REGTEST).script


def address_of(secret: object) -> str:
    return addresses.segwit(0, hashlib.sha256(repr(secret).encode()).digest()[:20], Network.REGTEST)


def _output(out: Out) -> bytes:
    pays = script(out.address)
    return out.sats.to_bytes(8, "little") + bytes([len(pays)]) + pays


def _octets(txid: str) -> bytes:
    return bytes.fromhex(txid)[::-1]


def _hash(octets: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(octets).digest()).digest()[::-1].hex()


@dataclass(frozen=True, slots=True)
class Block:
    hash: str
    height: int
    previous: str
    raw: bytes
    txs: tuple[Tx, ...]

    @property
    def work(self) -> int:
        return WORK * (self.height + 1)


def _block(previous: Block | None, number: int, txs: Sequence[Tx]) -> Block:
    """``number``: of all blocks ever made; so that two of one height differ."""
    coinbase = (
        (2).to_bytes(4, "little") + b"\1" + bytes(32) + b"\xff" * 4 + b"\4" + number.to_bytes(4, "little") + b"\xff" * 4
        + b"\1" + _output(Out(address_of("a miner"), 50)) + bytes(4)
    )  # fmt: skip
    before = previous.hash if previous else "00" * 32
    body = b"".join(one.raw for one in txs)
    root = hashlib.sha256(coinbase + body).digest()
    head = (4).to_bytes(4, "little") + _octets(before) + root + bytes(8) + number.to_bytes(4, "little")
    assert len(txs) < 252, "one byte says how many"
    raw = head + bytes([1 + len(txs)]) + coinbase + body
    return Block(_hash(head), previous.height + 1 if previous else 0, before, raw, tuple(txs))


class Blockchain:
    """What everybody sees. ``heard``: who is told of each transaction as it is accepted or mined."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.blocks: dict[str, Block] = {}
        self.active: list[Block] = []
        self.mempool: dict[str, Tx] = {}
        self.evicted: dict[str, Tx] = {}
        self.known: dict[str, Tx] = {}  # every transaction that was ever accepted or mined
        self.outside: dict[Outpoint, int] = {}  # coins of others, worth so much
        self.height_of: dict[str, int] = {}
        self.spent_by: dict[Outpoint, str] = {}  # in the active chain
        self.floor = RELAY_RATE
        self.market = 3_000
        self.heard: Callable[[Tx], None] = lambda _: None
        self._dice = world.faults.dice("blocks")
        for _ in range(YOUNG):
            self._add(())

    @property
    def tip(self) -> Block:
        return self.active[-1]

    def deep(self, txid: str) -> int:
        """Confirmations; 0 without a block."""
        height = self.height_of.get(txid)
        return 0 if height is None else self.tip.height - height + 1

    def coin(self, sats: int) -> Outpoint:
        """Somebody's coin, from before our time."""
        outpoint = (self._dice.randbytes(32).hex(), 0)
        self.outside[outpoint] = sats
        return outpoint

    def out(self, outpoint: Outpoint) -> Out | None:
        """What an output is, of a transaction that somebody has seen."""
        tx = self.known.get(outpoint[0])
        return tx.outputs[outpoint[1]] if tx is not None and outpoint[1] < len(tx.outputs) else None

    # -- the mempool -----------------------------------------------------------------------------

    def refuses(self, tx: Tx) -> str | None:
        """Why the mempool does not take it; None: it would, or has it, or a block has."""
        if tx.txid in self.mempool or tx.txid in self.height_of:
            return None
        for outpoint in tx.spends:
            if outpoint in self.spent_by or not self._exists(outpoint):
                return MISSING
        if tx.rate < self.floor:
            return CHEAP
        against = self._conflicts(tx)
        gone = self._with_children(against)
        if any(txid in gone for txid, _ in tx.spends):
            return "bad-txns-spends-conflicting-tx"
        least = sum(self.mempool[txid].fee for txid in gone) + tx.vsize * RELAY_RATE // 1_000
        if against and (tx.fee < least or any(tx.rate <= self.mempool[txid].rate for txid in against)):
            return REPLACES_TOO_LITTLE
        return None

    def take(self, tx: Tx) -> str | None:
        """Into the mempool, in the place of what it conflicts with; else why not."""
        refused = self.refuses(tx)
        if refused is None and tx.txid not in self.mempool and tx.txid not in self.height_of:
            for txid in self._with_children(self._conflicts(tx)):
                self.world.trace("replaced", txid)
                del self.mempool[txid]
            self._remember(tx)
            self.mempool[tx.txid] = tx
            self.evicted.pop(tx.txid, None)
            self.world.trace("mempool", tx.txid, tx.fee)
        return refused

    def take_together(self, txs: Sequence[Tx]) -> str | None:
        """A package: the whole pays for each (BIP 331's rule, without its details)."""
        fee, size = sum(one.fee for one in txs), sum(one.vsize for one in txs)
        if fee * 1_000 // size < self.floor:
            return CHEAP
        floor, self.floor = self.floor, 0
        try:
            said = [self.take(one) for one in txs]
        finally:
            self.floor = floor
        return next((one for one in said if one is not None), None)

    def raise_floor(self, floor: int) -> None:
        """The mempool is full: what pays less is forgotten, with all that is built on it."""
        self.floor = max(floor, RELAY_RATE)
        poor = [txid for txid, tx in self.mempool.items() if self._worth(tx) < self.floor]
        for txid in self._with_children(poor):
            self.world.trace("evicted", txid)
            self.evicted[txid] = self.mempool.pop(txid)

    def _exists(self, outpoint: Outpoint) -> bool:
        if outpoint in self.outside:
            return True
        there = outpoint[0] in self.mempool or outpoint[0] in self.height_of
        return there and self.out(outpoint) is not None

    def _conflicts(self, tx: Tx) -> list[str]:
        spends = set(tx.spends)
        return [txid for txid, one in self.mempool.items() if txid != tx.txid and spends & set(one.spends)]

    def _with_children(self, txids: Iterable[str]) -> list[str]:
        """These and all of the mempool that is built on them, parents first."""
        gone = dict.fromkeys(txids)
        for txid, tx in self.mempool.items():
            if any(parent in gone for parent, _ in tx.spends):
                gone[txid] = None
        return list(gone)

    def _worth(self, tx: Tx) -> int:
        """Its rate, or with a child that pays for both."""
        both = [tx.rate]
        for child in self.mempool.values():
            if any(parent == tx.txid for parent, _ in child.spends):
                both.append((tx.fee + child.fee) * 1_000 // (tx.vsize + child.vsize))
        return max(both)

    def _remember(self, tx: Tx) -> None:
        self.known.setdefault(tx.txid, tx)
        self.heard(tx)

    # -- blocks ----------------------------------------------------------------------------------

    def mine(self, *, least: int = 0, also: Sequence[Tx] = ()) -> Block:
        """A block with what pays at least so much; ``also``: what only the miner knows, before all else."""
        chosen: dict[str, Tx] = {one.txid: one for one in also}
        for one in also:
            for txid in self._with_children(self._conflicts(one)):
                self.world.trace("overridden", txid)
                del self.mempool[txid]
        for txid, tx in self.mempool.items():
            ready = all(parent not in self.mempool or parent in chosen for parent, _ in tx.spends)
            if ready and self._worth(tx) >= least:
                chosen[txid] = tx
        return self._add(tuple(chosen.values()))

    def _add(self, txs: Sequence[Tx]) -> Block:
        block = _block(self.active[-1] if self.active else None, len(self.blocks), txs)
        self.blocks[block.hash] = block
        self.active.append(block)
        for tx in txs:
            self.mempool.pop(tx.txid, None)
            self.evicted.pop(tx.txid, None)
            self.height_of[tx.txid] = block.height
            self.spent_by |= dict.fromkeys(tx.spends, tx.txid)
            self._remember(tx)
        self.world.trace("block", block.height, block.hash, len(txs))
        return block

    def reorganise(self, depth: int, empty: int, *, instead: Callable[[Tx], Tx | None], least: int) -> None:
        """The last blocks give way to one more of another miner, of which the first ``empty`` hold nothing. What was
        in blocks waits again; ``instead``: another transaction that this miner has in the place of one of theirs."""
        removed = self.active[-depth:]
        del self.active[-depth:]
        back = [tx for block in removed for tx in block.txs]
        for tx in back:
            del self.height_of[tx.txid]
            for outpoint in tx.spends:
                del self.spent_by[outpoint]
        self.mempool = {tx.txid: tx for tx in back} | self.mempool
        self.world.trace("reorganised", depth, len(back))
        others = [other for tx in back if (other := instead(tx)) is not None]
        self.mine(least=NOTHING if empty else least, also=others)
        for n in range(1, depth + 1):
            self.mine(least=NOTHING if n < empty else least)

    def outputs(self) -> Iterator[tuple[str, int, Out]]:
        """Of the active chain: transaction, place, output."""
        for block in self.active:
            for tx in block.txs:
                for vout, out in enumerate(tx.outputs):
                    yield tx.txid, vout, out
