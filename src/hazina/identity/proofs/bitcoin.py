"""Signed messages as proofs: BIP-322 in its simple form, and the older message signatures (BIP-137).

The text that is signed names this bank, what it is for, the address, a nonce and an end, so that a signature
made for one site, account or purpose says nothing elsewhere. It is one line of plain ASCII: hardware wallets
show no other. A signature is never an identity (it can be changed without the key); the address is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from bip322 import VerificationError, verify_simple_encoded
from coincurve import PublicKey

from hazina.identity.proofs.errors import InvalidAddress, SignatureMalformed, SignatureUnsupported, SignatureWrong
from hazina.identity.proofs.model import Challenge, Purpose
from hazina.kernel.bolt11 import Network

SIGNATURE_MAX = 4_000
"""Longest signature that is read, in characters: a witness of fifteen keys has room."""
ADDRESS_MAX = 90

_NETWORKS = {Network.MAIN: "BITCOIN", Network.TEST: "TESTNET", Network.SIGNET: "SIGNET", Network.REGTEST: "REGTEST"}
"""BDK's names."""
_ADDRESS = re.compile(r"[0-9A-Za-z]{14,90}", re.ASCII)
_SIMPLE, _UNSUPPORTED = "smp", ("ful", "pof")
_LEGACY_BYTES, _LEGACY_HEADERS = 65, range(27, 43)
_WITNESS_2, _WITNESS_16 = 0x52, 0x60  # first bytes of scripts that hold witnesses of versions 2 to 16
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def _bdk() -> Any:
    """Loaded when somebody signs: it takes a third of a second, and every command of the program would wait for it."""
    import bdkpython  # type: ignore[import-untyped] # generated from Rust, without stubs

    return bdkpython


def parse_address(text: str, network: Network) -> str:
    """The address in its one spelling. Raises InvalidAddress: no address, another network's (also by its
    prefix: one key's signature fits its address on every network), a witness version that nobody can check."""
    typed = text.strip(" ") if len(text) <= ADDRESS_MAX + 2 else ""
    if not _ADDRESS.fullmatch(typed):
        raise InvalidAddress
    bdk = _bdk()
    try:
        address = bdk.Address(typed, bdk.Network[_NETWORKS[network]])
    except bdk.AddressParseError:
        raise InvalidAddress from None
    script = bytes(address.script_pubkey().to_bytes())
    if _WITNESS_2 <= script[0] <= _WITNESS_16:
        raise InvalidAddress
    return str(address)


def new_nonce() -> str:
    """Short enough for the screen of a signing device."""
    return secrets.token_hex(12)


def text_to_sign(netloc: str, asked: Challenge, nonce: str) -> str:
    """One line, the same from the same challenge. ``asked.about`` is the address, and what is confirmed."""
    address, _, about = asked.about.partition(" ")
    account = str(asked.user_id)[:8]
    act = {
        Purpose.ENTER: f"log in as {address}",
        Purpose.LOGIN: f"log in as {address}",
        Purpose.REGISTER: f"register {address}",
        Purpose.LINK: f"add {address} to account {account}",
        Purpose.AUTH: f"confirm {about} as {address}",
    }[asked.purpose]
    end = asked.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{netloc}: {act}. Nonce {nonce}. Valid until {end}."


@dataclass(frozen=True, slots=True)
class Signature:
    """Read, not verified. ``legacy``: 65 bytes of BIP-137; else a witness stack."""

    legacy: bool
    raw: bytes


def read_signature(text: str) -> Signature:
    """Base64, with or without BIP-322's prefix. Raises SignatureMalformed, SignatureUnsupported (which is not
    "wrong")."""
    typed = text.strip() if len(text) <= SIGNATURE_MAX else ""
    if typed[:3] in _UNSUPPORTED:
        raise SignatureUnsupported
    try:
        raw = base64.b64decode(typed.removeprefix(_SIMPLE).encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise SignatureMalformed from None
    if len(raw) == _LEGACY_BYTES and not typed.startswith(_SIMPLE) and raw[0] in _LEGACY_HEADERS:
        return Signature(True, raw)
    if not is_one_witness(raw):
        raise SignatureMalformed
    return Signature(False, raw)


def verify(address: str, network: Network, text: str, signature: Signature) -> None:
    """``address``, as ``parse_address`` gave it for this network, signed ``text``. Raises SignatureWrong."""
    if signature.legacy:
        if address not in _legacy_signers(signature.raw, text, network):
            raise SignatureWrong
        return
    try:
        verify_simple_encoded(address, text, base64.b64encode(signature.raw).decode())
    except VerificationError:
        raise SignatureWrong from None


def is_one_witness(raw: bytes) -> bool:
    """Is this a witness stack of one to a hundred items and nothing behind it? (bytes behind would make a second
    spelling of the same signature)"""
    count, at = _varint(raw, 0)
    if not 1 <= count <= 100:
        return False
    for _ in range(count):
        size, at = _varint(raw, at)
        if size < 0 or at + size > len(raw):
            return False
        at += size
    return at == len(raw)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A CompactSize in its shortest form, and where it ends; −1 for none."""
    if at >= len(raw):
        return -1, at
    first, width = raw[at], {0xFD: 2, 0xFE: 4, 0xFF: 8}.get(raw[at], 0)
    if not width:
        return first, at + 1
    number = int.from_bytes(raw[at + 1 : at + 1 + width], "little")
    shortest = {2: 0xFD, 4: 2**16, 8: 2**32}[width]
    return (number if len(raw) >= at + 1 + width and number >= shortest else -1), at + 1 + width


def _legacy_signers(raw: bytes, text: str, network: Network) -> set[str]:
    """Every address of one key that this signature may stand for. Its header is believed in nothing but the
    point's number: wallets disagree on what the rest says."""
    message = text.encode()
    length = bytes([len(message)]) if len(message) < 0xFD else b"\xfd" + len(message).to_bytes(2, "little")
    framed = b"\x18Bitcoin Signed Message:\n" + length + message
    digest = hashlib.sha256(hashlib.sha256(framed).digest()).digest()
    if int.from_bytes(raw[33:], "big") > _HALF_ORDER:
        return set()
    try:
        key = PublicKey.from_signature_and_message(raw[1:] + bytes([(raw[0] - 27) & 3]), digest, hasher=None)
    except ValueError:
        return set()
    short, long = key.format(compressed=True).hex(), key.format(compressed=False).hex()
    bdk = _bdk()
    kind = bdk.NetworkKind.MAIN if network is Network.MAIN else bdk.NetworkKind.TEST
    descriptors = (f"pkh({short})", f"pkh({long})", f"sh(wpkh({short}))", f"wpkh({short})")
    named = bdk.Network[_NETWORKS[network]]
    return {str(bdk.Descriptor(one, kind).derive_address(0, named)) for one in descriptors}
