"""Cold wallets: what a descriptor must be, and what a signed transaction that comes back must be. All amounts are
satoshi."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from hazina.chain.errors import BadDescriptor, BadPsbt, ColdNameInvalid
from hazina.chain.ports import Given

DESCRIPTOR_MAX = 4_000
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}", re.ASCII)
PSBT_MAX = 1_500_000
"""Characters of base64: many times what a hundred inputs of a 2-of-3 take."""
KEYS_MAX = 15
_CHECKSUM = re.compile(r"#[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{8}\Z")
_KEY = r"(?:\[[0-9a-f]{8}(?:/[0-9]{1,10}['h]?){0,10}\])?[xt]pub[1-9A-HJ-NP-Za-km-z]{100,112}/<0;1>/\*"
_SHAPES = (
    re.compile(rf"wpkh\({_KEY}\)"),
    re.compile(rf"tr\({_KEY}\)"),
    re.compile(rf"wsh\(sortedmulti\([1-9][0-9]?(?:,{_KEY}){{1,{KEYS_MAX}}}\)\)"),
)
_PRIVATE = re.compile(r"[xt]prv|\b[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51}\b")


@dataclass(frozen=True, slots=True)
class ColdPolicy:
    """``threshold``: what the hot wallet may hold before coins go to cold; ``least``: of what one sweep moves;
    ``kept``: what stays hot (Blink's numbers). ``fee_share_max``: parts in a thousand that a transfer's fee may
    take of what it moves."""

    threshold: int = 200_000_000
    least: int = 10_000_000
    kept: int = 1_000_000
    fee_share_max: int = 50


@dataclass(frozen=True, slots=True)
class Cold:
    """A watch-only wallet; the node knows it as ``wallet``."""

    id: UUID
    name: str
    descriptor: str
    first_address: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    retired_at: datetime | None

    @property
    def wallet(self) -> str:
        return f"cold-{self.name}"


class DraftState(IntEnum):
    OPEN = 0
    RELEASED = 1
    DROPPED = 2


@dataclass(frozen=True, slots=True)
class Draft:
    """A refill of the hot wallet that waits for its signatures."""

    id: UUID
    cold_id: UUID
    sats: int
    address: str
    psbt: str
    txid: str
    fee: int
    rate: int
    state: DraftState
    drafted_by: str
    drafted_at: datetime
    ended_by: str | None


def swept(ready: int, queued: int, policy: ColdPolicy) -> int:
    """How much goes to cold: nothing until the hot wallet holds more than the threshold beyond what queued payouts
    will take, and never less than is worth a transaction."""
    free = ready - queued
    surplus = free - policy.kept
    return surplus if free > policy.threshold and surplus >= policy.least else 0


def public_descriptor(text: str) -> str:
    """A descriptor (BIP 380, 389) that we take: ``wpkh(KEY)``, ``tr(KEY)`` or ``wsh(sortedmulti(M,KEY,…))`` of public
    keys on the branches ``/<0;1>/*``, with its checksum. Whether the checksum is right and the keys are of this
    network, the node says.

    :raises BadDescriptor: it is not, with the reason; a private key is never repeated.
    """
    text = text.strip()
    if len(text) > DESCRIPTOR_MAX:
        raise BadDescriptor(f"It is longer than {DESCRIPTOR_MAX:,} characters.")
    if _PRIVATE.search(text):
        raise BadDescriptor("It holds a private key. Private keys never come near the bank: move those coins.")
    checksum = _CHECKSUM.search(text)
    if checksum is None:
        raise BadDescriptor("Its checksum is missing (# and eight characters at its end).")
    body = text[: checksum.start()]
    if not any(shape.fullmatch(body) for shape in _SHAPES):
        raise BadDescriptor(
            "It must be wpkh(KEY), tr(KEY) or wsh(sortedmulti(M,KEY,KEY,...)), each key public, each with the branches"
            " /<0;1>/* and nothing hardened behind it."
        )
    if quorum := re.match(r"wsh\(sortedmulti\((\d+),", body):
        keys = body.count("pub")
        if int(quorum[1]) > keys:
            raise BadDescriptor("It asks for more signatures than it has keys.")
        if len(set(re.findall(r"[xt]pub[1-9A-HJ-NP-Za-km-z]+", body))) != keys:
            raise BadDescriptor("It has the same key twice.")
    return text


def same_transaction(ours: Given, theirs: Given) -> None:
    """Hold what came back against our own draft, before anything else is done with it.

    :raises BadPsbt: with what differs.
    """
    if not theirs.only_all:
        raise BadPsbt("A signature does not commit to the whole transaction (SIGHASH_ALL).")
    if set(theirs.spends) - set(ours.spends):
        raise BadPsbt("It spends a coin that the draft does not spend.")
    if set(theirs.spends) != set(ours.spends):
        raise BadPsbt("It does not spend every coin of the draft.")
    if theirs.outputs != ours.outputs:
        raise BadPsbt("Its outputs are not those of the draft.")
    if theirs.txid != ours.txid:
        raise BadPsbt("It is not the transaction of the draft: version, lock time, order or a sequence differs.")


def psbt_text(text: str) -> str:
    """One PSBT in base64, without line breaks.

    :raises BadPsbt:
    """
    if len(text) > PSBT_MAX:
        raise BadPsbt(f"It is longer than {PSBT_MAX:,} characters.")
    one = "".join(text.split())
    if not re.fullmatch(r"cHNidP[0-9A-Za-z+/]+={0,2}", one):
        raise BadPsbt("It is no PSBT in base64 (BIP 174).")
    return one


def cold_name(text: str) -> str:
    """:raises ColdNameInvalid:"""
    if not _NAME.fullmatch(text):
        raise ColdNameInvalid()
    return text


def fee_in_bounds(fee: int, sats: int, policy: ColdPolicy) -> bool:
    return 0 <= fee * 1_000 <= sats * policy.fee_share_max
