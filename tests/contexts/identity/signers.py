"""The customer's side of the proofs: an authenticator, a Lightning wallet, Bitcoin and Nostr keys. Written from the
standards, not from our code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import struct
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import cbor2
from bech32 import CHARSET, bech32_encode, bech32_verify_checksum, convertbits
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

Json = dict[str, Any]

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def un64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# -- passkeys -----------------------------------------------------------------------------------


@dataclass
class Passkey:
    """An authenticator with one ES256 credential, and the browser around it (WebAuthn L3 §5.8.1, §6.1)."""

    host: str = "localhost"
    origin: str = "http://localhost:4455"
    synced: bool = True
    """Synced: may be backed up, and its counter is always zero."""
    id: bytes = field(default_factory=lambda: os.urandom(16))
    counter: int = 0
    handle: bytes = b""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def flags(self) -> int:
        return UP | UV | (BE | BS if self.synced else 0)

    def _client(self, type_: str, options: Json, changes: Json) -> bytes:
        said = {"type": type_, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps({**said, **changes}).encode()

    def _data(self, flags: int) -> bytes:
        return sha(self.host.encode()) + struct.pack(">BI", flags, self.counter)

    def _out(self, **response: Any) -> Json:
        parts = {name: b64u(value) if isinstance(value, bytes) else value for name, value in response.items()}
        return {
            "id": b64u(self.id),
            "rawId": b64u(self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": parts,
        }

    def cose(self, alg: int = -7) -> bytes:
        point = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: alg, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})

    def create(self, options: Json, flags: int | None = None, *, cose: bytes | None = None, **changes: Any) -> Json:
        """What navigator.credentials.create gives. ``changes``: to the client data."""
        self.handle = un64u(options["user"]["id"])
        flags = (self.flags if flags is None else flags) | AT
        data = self._data(flags) + bytes(16) + struct.pack(">H", len(self.id)) + self.id + (cose or self.cose())
        return self._out(
            clientDataJSON=self._client("webauthn.create", options, changes),
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}),
            transports=["internal", "hybrid"],
        )

    def get(self, options: Json, flags: int | None = None, *, handle: bytes | None = None, **changes: Any) -> Json:
        """What navigator.credentials.get gives."""
        if not self.synced:
            self.counter += 1
        data = self._data(self.flags if flags is None else flags)
        client = self._client("webauthn.get", options, changes)
        return self._out(
            clientDataJSON=client,
            authenticatorData=data,
            signature=self.key.sign(data + sha(client), ec.ECDSA(SHA256())),
            userHandle=self.handle if handle is None else handle,
        )


# -- Lightning wallets --------------------------------------------------------------------------


def child(key: bytes, chain: bytes, index: int) -> tuple[bytes, bytes]:
    """BIP-32, private to private."""
    head = b"\x00" + key if index >= 2**31 else PrivateKey(key).public_key.format()
    digest = hmac.digest(chain, head + struct.pack(">I", index), "sha512")
    number = (int.from_bytes(digest[:32], "big") + int.from_bytes(key, "big")) % ORDER
    return number.to_bytes(32, "big"), digest[32:]


def derivation(hashing_key: bytes, host: str) -> tuple[int, int, int, int]:
    """LUD-05: the four last steps of the path, as they come."""
    found = struct.unpack(">IIII", hmac.digest(hashing_key, host.encode(), "sha256")[:16])
    return found[0], found[1], found[2], found[3]


@dataclass
class Wallet:
    """A Lightning wallet with LNURL-auth: LUD-01, 04, 05, 17. One linking key for each host."""

    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def linking_key(self, host: str) -> PrivateKey:
        digest = hmac.digest(b"Bitcoin seed", self.seed, "sha512")
        key, chain = child(digest[:32], digest[32:], 138 + 2**31)
        hashing_key, _ = child(key, chain, 0)
        for index in derivation(hashing_key, host):
            key, chain = child(key, chain, index)
        return PrivateKey(key)

    def public_key(self, host: str) -> str:
        return self.linking_key(host).public_key.format().hex()

    def scan(self, code: str) -> str:
        """The URL in a QR code."""
        code = code.removeprefix("lightning:")
        if code.lower().startswith("keyauth://"):
            return "https://" + code[len("keyauth://") :]
        return bech32_url(code)

    def answer(self, code: str, *, action: str | None = None) -> str:
        """The URL to call: what was scanned, with signature and key behind it."""
        url = self.scan(code)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["tag"] == "login" and len(asked["k1"]) == 64
        assert action is None or asked.get("action") == action
        host = urlsplit(url).hostname
        assert host is not None
        return url + "&" + urlencode(self.signed(host, asked["k1"]))

    def signed(self, host: str, k1: str) -> dict[str, str]:
        key = self.linking_key(host)
        signature = key.sign(bytes.fromhex(k1), hasher=None)
        return {"sig": signature.hex(), "key": key.public_key.format().hex()}


def bech32_url(code: str) -> str:
    """LUD-01: of any length, all upper or all lower case."""
    assert code in (code.lower(), code.upper()), "mixed case"
    prefix, _, rest = code.lower().rpartition("1")
    words = [CHARSET.index(character) for character in rest]
    assert prefix == "lnurl" and bech32_verify_checksum(prefix, words), "bad checksum"
    data = convertbits(words[:-6], 5, 8, False)
    assert data is not None
    return bytes(data).decode()


# -- Bitcoin ------------------------------------------------------------------------------------


def _ripemd(data: bytes) -> bytes:
    return hashlib.new("ripemd160", sha(data)).digest()


def _tagged(tag: str, data: bytes) -> bytes:
    return sha(sha(tag.encode()) * 2 + data)


@dataclass
class BitcoinKey:
    """A key with a P2WPKH address: signs by BIP-322 (simple) and in the older way."""

    key: PrivateKey = field(default_factory=PrivateKey)

    @property
    def point(self) -> bytes:
        return self.key.public_key.format()

    def address(self, prefix: str = "bcrt") -> str:
        words = convertbits(_ripemd(self.point), 8, 5)
        assert words is not None
        return bech32_encode(prefix, [0, *words])

    def sign(self, message: str, *, sighash: int = 1, high_s: bool = False) -> str:
        """BIP-322 simple, with its prefix: a BIP-143 signature of ``to_sign``."""
        spent = b"\x00\x14" + _ripemd(self.point)
        digest = _tagged("BIP0322-signed-message", message.encode())
        to_spend = (
            bytes(4) + b"\x01" + bytes(32) + b"\xff" * 4 + b"\x22\x00\x20" + digest + bytes(4)
            + b"\x01" + bytes(8) + bytes([len(spent)]) + spent + bytes(4)
        )  # fmt: skip
        outpoint, output = sha(sha(to_spend)) + bytes(4), bytes(8) + b"\x01\x6a"
        code = b"\x19\x76\xa9\x14" + _ripemd(self.point) + b"\x88\xac"
        pieces = [
            bytes(4), sha(sha(outpoint)), sha(sha(bytes(4))), outpoint, code, bytes(8), bytes(4), sha(sha(output)),
            bytes(4), struct.pack("<I", sighash),
        ]  # fmt: skip
        signature = self.key.sign(sha(sha(b"".join(pieces))), hasher=None)
        if high_s:
            signature = with_high_s(signature)
        signature += bytes([sighash])
        stack = b"\x02" + bytes([len(signature)]) + signature + b"\x21" + self.point
        return "smp" + base64.b64encode(stack).decode()

    def sign_legacy(self, message: str, header: int = 31) -> str:
        """BIP-137; ``header``: 27 to 42 in steps of four, wallets differ."""
        body = message.encode()
        size = bytes([len(body)]) if len(body) < 0xFD else b"\xfd" + struct.pack("<H", len(body))
        digest = sha(sha(b"\x18Bitcoin Signed Message:\n" + size + body))
        made = self.key.sign_recoverable(digest, hasher=None)
        return base64.b64encode(bytes([header + made[64]]) + made[:64]).decode()


def with_high_s(der: bytes) -> bytes:
    """The other signature of the same key and message."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    r, s = decode_dss_signature(der)
    return encode_dss_signature(r, ORDER - s)


# -- Nostr --------------------------------------------------------------------------------------


@dataclass
class NostrKey:
    """A browser's extension (NIP-07)."""

    key: PrivateKey = field(default_factory=PrivateKey)

    @property
    def pubkey(self) -> str:
        return self.key.public_key.format()[1:].hex()

    def sign(self, event: Json) -> Json:
        body = [0, self.pubkey, event["created_at"], event["kind"], event["tags"], event["content"]]
        digest = sha(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
        return {**event, "pubkey": self.pubkey, "id": digest.hex(), "sig": self.key.sign_schnorr(digest).hex()}

    def header(self, url: str, method: str, at: datetime, body: bytes = b"", **changes: Any) -> str:
        """NIP-98."""
        tags = [["u", url], ["method", method], *([["payload", sha(body).hex()]] if body else [])]
        event = {"kind": 27_235, "created_at": int(at.timestamp()), "tags": tags, "content": "", **changes}
        return "Nostr " + base64.b64encode(json.dumps(self.sign(event)).encode()).decode()
