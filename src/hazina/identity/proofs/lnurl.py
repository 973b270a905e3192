"""LNURL-auth, the service's side (LUD-01, 04, 17): the link that a wallet reads, and what it answers.

The identity is the wallet's linking key, never the signature: a signature can be changed without the key.
LUD-04 asks for no low S, and signs the 32 bytes of k1 themselves.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from hazina.identity.proofs.errors import WalletAnswerInvalid, WalletSignatureWrong

QUERY_MAX = 2_000
"""Longest query of a wallet that is read; LUD-04's own parts have under 400 characters."""

_K1 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KEY = re.compile(r"0[23][0-9a-f]{64}", re.ASCII)
_SIG = re.compile(r"30[0-9a-f]{14,142}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WalletAnswer:
    """What a wallet sent, well formed; nothing is verified yet."""

    k1: bytes
    key: bytes  # compressed, 33 bytes
    signature: bytes  # DER
    action: str | None


def new_handle() -> str:
    return secrets.token_urlsafe(32)


def k1_of(handle: str) -> bytes:
    """The k1 that belongs to a request. Whoever holds the request's handle can find it again, so neither needs
    to be kept; k1 does not lead back."""
    return hashlib.sha256(b"hazina lnurl-auth k1\x00" + handle.encode()).digest()


def wallet_url(callback: str, k1: bytes, action: str | None) -> str:
    """What the wallet calls, as LUD-04 has it."""
    return f"{callback}?tag=login&k1={k1.hex()}" + (f"&action={action}" if action else "")


def as_keyauth(url: str) -> str:
    """LUD-17: the same without bech32. A wallet puts https in the scheme's place (http for an onion)."""
    return "keyauth://" + url.partition("://")[2]


def read_answer(query: str) -> WalletAnswer:
    """The parts of a wallet's query. Hex of any case; unknown parts are left alone. Wallets that append
    ``?sig=`` to a URL which has a query already are understood. Raises WalletAnswerInvalid, also for a part
    that comes twice with two values."""
    if len(query) > QUERY_MAX:
        raise WalletAnswerInvalid
    try:
        pairs = parse_qsl(query.replace("?", "&"), keep_blank_values=True, errors="strict", max_num_fields=30)
    except ValueError:
        raise WalletAnswerInvalid from None
    parts: dict[str, str] = {}
    for name, value in pairs:
        if name in ("k1", "sig", "key", "action", "tag") and parts.setdefault(name, value) != value:
            raise WalletAnswerInvalid(f"Two values for {name}.")
    found = {name: parts.get(name, "").lower() for name in ("k1", "key", "sig")}
    for name, shape in (("k1", _K1), ("key", _KEY), ("sig", _SIG)):
        if not shape.fullmatch(found[name]) or len(found[name]) % 2:
            raise WalletAnswerInvalid(f"Invalid or missing {name}.")
    if parts.get("tag", "login") != "login":
        raise WalletAnswerInvalid("Invalid tag.")
    k1, key, sig = (bytes.fromhex(found[name]) for name in ("k1", "key", "sig"))
    return WalletAnswer(k1, key, sig, parts.get("action") or None)


def verify(answer: WalletAnswer) -> None:
    """Raises WalletAnswerInvalid for a key that is no point of the curve, WalletSignatureWrong for a signature
    that is not DER or not this key's."""
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), answer.key)
    except ValueError:
        raise WalletAnswerInvalid("Invalid or missing key.") from None
    try:
        key.verify(answer.signature, answer.k1, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):
        raise WalletSignatureWrong from None
