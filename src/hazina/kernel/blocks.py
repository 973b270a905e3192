"""Blocks and transactions as they are on the wire (Bitcoin's serialisation; BIP 141 for witnesses): what a bank
reads of them, which is who is paid. A block comes from our own node, which has checked it; here it is only made
sure that it is the block that was asked for, and nothing is read past its end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_HEADER = 80
_OUTPOINT = 36


class BlockUnreadable(ValueError):
    """These bytes are not a whole block."""


@dataclass(frozen=True, slots=True)
class TxOut:
    """An output: ``n`` is the place of its transaction in the block, 0 for the coinbase."""

    n: int
    vout: int
    sats: int
    script: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """``hash`` and ``previous`` as nodes print them. ``raw`` and ``spans`` give the id of a transaction when it is
    asked for: to hash all of them would cost more than to read them."""

    hash: str
    previous: str
    outputs: tuple[TxOut, ...]
    raw: bytes
    spans: tuple[tuple[int, int, int, int], ...]

    def txid(self, n: int) -> str:
        """The id of the transaction at place ``n``."""
        start, body, body_end, end = self.spans[n]
        raw = self.raw
        return _id(raw[start : start + 4] + raw[body:body_end] + raw[end - 4 : end])


def read(raw: bytes) -> Block:
    """:raises BlockUnreadable:"""
    try:
        reader = _Reader(raw, _HEADER)
        outputs: list[TxOut] = []
        spans = []
        for n in range(reader.number()):
            span, found = _transaction(reader, n)
            spans.append(span)
            outputs.extend(found)
    except IndexError:
        raise BlockUnreadable("it ends too early") from None
    if reader.at != len(raw):
        raise BlockUnreadable("it goes on after its end")
    return Block(_id(raw[:_HEADER]), raw[4:36][::-1].hex(), tuple(outputs), raw, tuple(spans))


def _id(octets: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(octets).digest()).digest()[::-1].hex()


def _transaction(reader: _Reader, n: int) -> tuple[tuple[int, int, int, int], list[TxOut]]:
    start = reader.at
    reader.skip(4)
    witnessed = reader.raw[reader.at] == 0  # no inputs: the marker of BIP 144
    if witnessed:
        reader.skip(2)
    body = reader.at
    inputs = reader.number()
    for _ in range(inputs):
        reader.skip(_OUTPOINT)
        reader.skip(reader.number() + 4)
    found = [TxOut(n, vout, *reader.output()) for vout in range(reader.number())]
    body_end = reader.at
    if witnessed:
        for _ in range(inputs):
            for _ in range(reader.number()):
                reader.skip(reader.number())
    reader.skip(4)
    return (start, body, body_end, reader.at), found


class _Reader:
    __slots__ = ("at", "raw")

    def __init__(self, raw: bytes, at: int) -> None:
        self.raw = raw
        self.at = at

    def skip(self, octets: int) -> None:
        self.at += octets
        if self.at > len(self.raw):
            raise IndexError

    def number(self) -> int:
        """A CompactSize."""
        first = self.raw[self.at]
        self.at += 1
        if first < 0xFD:
            return first
        size = 1 << (first - 0xFC)
        start = self.at
        self.skip(size)
        return int.from_bytes(self.raw[start : self.at], "little")

    def output(self) -> tuple[int, bytes]:
        start = self.at
        self.skip(8)
        size = self.number()
        script = self.at
        self.skip(size)
        return int.from_bytes(self.raw[start : start + 8], "little"), self.raw[script : self.at]
