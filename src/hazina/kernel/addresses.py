"""Bitcoin addresses: reading and writing (base58check; BIP 173 and 350).

Strict where a mistake costs money: the checksum must be the one of the witness version (bech32 for 0, bech32m
for the rest), letters of one case, the network the bank's own. Witness versions and programs without a meaning
yet are refused too, although BIP 350 lets one pay them: anybody could spend such an output today.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from bech32 import CHARSET, bech32_hrp_expand, bech32_polymod, convertbits

from hazina.kernel.bolt11 import Network
from hazina.kernel.errors import Kind, Refusal

LENGTH_MAX = 90  # BIP 173
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32, _BECH32M = 1, 0x2BC830A3
_HRPS = {Network.MAIN: "bc", Network.TEST: "tb", Network.SIGNET: "tb", Network.REGTEST: "bcrt"}
_LEGACY = {0x00: ("main", "p2pkh"), 0x05: ("main", "p2sh"), 0x6F: ("test", "p2pkh"), 0xC4: ("test", "p2sh")}


class AddressUnreadable(Refusal):
    code = "ADDRESS_UNREADABLE"
    kind = Kind.INVALID
    message = "This is not a Bitcoin address: look for a letter that is wrong or missing."


class AddressForeignNetwork(Refusal):
    code = "ADDRESS_FOREIGN_NETWORK"
    kind = Kind.INVALID
    message = "This address is for another Bitcoin network."


class AddressWrongChecksum(Refusal):
    code = "ADDRESS_WRONG_CHECKSUM"
    kind = Kind.INVALID
    message = "The checksum of this address is not the one of its version. It was made by a program that is wrong."


class AddressFutureVersion(Refusal):
    code = "ADDRESS_FUTURE_VERSION"
    kind = Kind.INVALID
    message = "This kind of address has no meaning on the network yet: money sent there could be taken by anybody."


class AddressKind(Enum):
    P2PKH = "p2pkh"
    P2SH = "p2sh"
    P2WPKH = "p2wpkh"
    P2WSH = "p2wsh"
    P2TR = "p2tr"


@dataclass(frozen=True, slots=True)
class Destination:
    """``text`` is the one way in which this program writes the address: two texts are the same address when these
    are equal. ``script`` is what an output to it bears."""

    text: str
    kind: AddressKind
    script: bytes


def read(text: str, network: Network) -> Destination:
    """The address that ``text`` is.

    :raises AddressUnreadable, AddressForeignNetwork, AddressWrongChecksum, AddressFutureVersion:
    """
    if not text.isascii() or not 0 < len(text) <= LENGTH_MAX:
        raise AddressUnreadable()
    hrp, one, _ = text.lower().rpartition("1")
    if one and hrp in _HRPS.values():
        return _segwit(text, hrp, network)
    return _legacy(text, network)


def segwit(version: int, program: bytes, network: Network) -> str:
    """The address of a witness program."""
    words = [version, *(convertbits(program, 8, 5) or [])]
    hrp = _HRPS[network]
    constant = _BECH32 if version == 0 else _BECH32M
    check = bech32_polymod([*bech32_hrp_expand(hrp), *words, *[0] * 6]) ^ constant
    checksum = [check >> 5 * (5 - n) & 31 for n in range(6)]
    return hrp + "1" + "".join(CHARSET[word] for word in words + checksum)


def legacy(kind: AddressKind, payload: bytes, network: Network) -> str:
    """The base58 address of a hash of 20 bytes."""
    net = "main" if network is Network.MAIN else "test"
    version = next(number for number, known in _LEGACY.items() if known == (net, kind.value))
    data = bytes([version]) + payload
    number = int.from_bytes(data + _checksum(data))
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = BASE58[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def _segwit(text: str, hrp: str, network: Network) -> Destination:
    lower = text.lower()
    if text not in (lower, text.upper()):
        raise AddressUnreadable("An address has letters of one case, not both mixed.")
    data = lower[len(hrp) + 1 :]
    if len(data) < 8 or any(letter not in CHARSET for letter in data):
        raise AddressUnreadable()
    words = [CHARSET.index(letter) for letter in data]
    constant = bech32_polymod([*bech32_hrp_expand(hrp), *words])
    if constant not in (_BECH32, _BECH32M):
        raise AddressUnreadable()
    version, program = words[0], convertbits(words[1:-6], 5, 8, False)
    if version > 16 or program is None or not 2 <= len(program) <= 40:
        raise AddressUnreadable()
    if constant != (_BECH32 if version == 0 else _BECH32M):
        raise AddressWrongChecksum()
    if version == 0 and len(program) not in (20, 32):
        raise AddressUnreadable()
    if hrp != _HRPS[network]:
        raise AddressForeignNetwork()
    kind = _WITNESS.get((version, len(program)))
    if kind is None:
        raise AddressFutureVersion()
    script = bytes([version and 0x50 + version, len(program), *program])
    return Destination(lower, kind, script)


_WITNESS = {(0, 20): AddressKind.P2WPKH, (0, 32): AddressKind.P2WSH, (1, 32): AddressKind.P2TR}


def _legacy(text: str, network: Network) -> Destination:
    number = 0
    for letter in text:
        digit = BASE58.find(letter)
        if digit < 0:
            raise AddressUnreadable()
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    octets = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)
    if len(octets) != 25 or _checksum(octets[:-4]) != octets[-4:]:
        raise AddressUnreadable()
    net, kind = _LEGACY.get(octets[0], ("", ""))
    if not net:
        raise AddressUnreadable()
    if net != ("main" if network is Network.MAIN else "test"):
        raise AddressForeignNetwork()
    payload = octets[1:-4]
    if kind == "p2pkh":
        return Destination(text, AddressKind.P2PKH, b"\x76\xa9\x14" + payload + b"\x88\xac")
    return Destination(text, AddressKind.P2SH, b"\xa9\x14" + payload + b"\x87")


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
