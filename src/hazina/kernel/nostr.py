"""Nostr events (NIP-01): read and verified, made and signed (BIP-340)."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coincurve import PrivateKey, PublicKeyXOnly

_HEX32 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEX64 = re.compile(r"[0-9a-f]{128}", re.ASCII)


class Malformed(Exception):
    """It is no event, or a larger one than is read."""


class Forged(Exception):
    """Its id or its signature is wrong."""


@dataclass(frozen=True, slots=True)
class Event:
    id: bytes
    pubkey: bytes  # x only
    created_at: int
    kind: int
    tags: tuple[tuple[str, ...], ...]
    content: str

    def values(self, *names: str) -> list[str]:
        """First values of the tags with these names."""
        return [tag[1] for tag in self.tags if len(tag) > 1 and tag[0] in names]


def read(found: Any, *, tags_max: int, items_max: int, chars_max: int) -> Event:
    """The event of a parsed JSON object, its id recomputed and its signature verified. Raises Malformed, Forged."""
    event, sig = _shaped(found, tags_max, items_max, chars_max)
    try:
        digest = _digest(event.pubkey, event.created_at, event.kind, event.tags, event.content)
    except UnicodeEncodeError:  # half of a surrogate pair
        raise Malformed from None
    if digest != event.id or not _signed(event.pubkey, digest, sig):
        raise Forged
    return event


def write(secret: bytes, *, created_at: int, kind: int, tags: Sequence[Sequence[str]], content: str) -> dict[str, Any]:
    """A signed event as it goes over the wire. The same content always has the same id."""
    pubkey = pubkey_of(secret)
    digest = _digest(pubkey, created_at, kind, tags, content)
    return {
        "id": digest.hex(),
        "pubkey": pubkey.hex(),
        "created_at": created_at,
        "kind": kind,
        "tags": [list(tag) for tag in tags],
        "content": content,
        "sig": PrivateKey(secret).sign_schnorr(digest, secrets.token_bytes(32)).hex(),
    }


def new_secret() -> bytes:
    return PrivateKey().secret


def pubkey_of(secret: bytes) -> bytes:
    """The public key of a secret one, x only."""
    return PrivateKey(secret).public_key.format()[1:]


def _digest(pubkey: bytes, created_at: int, kind: int, tags: Sequence[Sequence[str]], content: str) -> bytes:
    body = [0, pubkey.hex(), created_at, kind, tags, content]
    return hashlib.sha256(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()).digest()


def _shaped(found: Any, tags_max: int, items_max: int, chars_max: int) -> tuple[Event, bytes]:
    if not isinstance(found, dict):
        raise Malformed

    def part(name: str) -> Any:
        return found.get(name)

    id_, pubkey, sig, content = (part(name) for name in ("id", "pubkey", "sig", "content"))
    created_at, kind, tags = (part(name) for name in ("created_at", "kind", "tags"))
    right = (
        all(isinstance(text, str) for text in (id_, pubkey, sig, content))
        and type(created_at) is int  # bool is an int too
        and type(kind) is int
        and 0 <= kind <= 65_535
        and 0 <= created_at < 2**40
        and isinstance(tags, list)
        and len(tags) <= tags_max
        and all(isinstance(tag, list) and len(tag) <= items_max for tag in tags)
        and all(isinstance(item, str) for tag in tags for item in tag)
    )
    if not right or not (_HEX32.fullmatch(id_) and _HEX32.fullmatch(pubkey) and _HEX64.fullmatch(sig)):
        raise Malformed
    if len(content) + sum(len(item) for tag in tags for item in tag) > chars_max:
        raise Malformed
    event = Event(
        bytes.fromhex(id_), bytes.fromhex(pubkey), created_at, kind, tuple(tuple(tag) for tag in tags), content
    )
    return event, bytes.fromhex(sig)


def _signed(pubkey: bytes, digest: bytes, sig: bytes) -> bool:
    try:
        return PublicKeyXOnly(pubkey).verify(sig, digest)
    except ValueError:  # no point of the curve
        return False
