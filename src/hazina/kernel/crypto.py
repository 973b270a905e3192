"""Keys: one of the bank's own wraps a key per person, and that one seals what is personal.

    keys file ── wraps ──> person_key ── seals ──> phone, e-mail, names, from where somebody came

Sealed values are AES-256-GCM with whose and what they are as associated data, so that none can be put in the
place of another. Whoever has the database alone reads nothing; whoever destroys a person's key has destroyed
what it sealed, in every copy made later. What must be found by value is kept as a keyed hash (``mark``). Pure:
rows are in ``kernel.vault``.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = b"\x01"
INDEX = "index"
OWN = b"of the bank itself\0"
_LINE = re.compile(r"([a-z][a-z0-9-]{0,39})[ \t]+([0-9a-f]{64})", re.ASCII)


class BadKeys(Exception):
    """Keys that cannot be read, or that are not those of this database. Says nothing of their content."""


@dataclass(frozen=True, slots=True, repr=False)
class PersonKey:
    """The key of one person, unwrapped."""

    person_id: UUID
    key: bytes

    def seal(self, field: str, text: str) -> bytes:
        """``field`` says what it is; the same must be said to open it."""
        return _seal(self.key, _of_field(self.person_id, field), text.encode())

    def open(self, field: str, sealed: bytes) -> str:
        """Raises BadKeys for what was changed, or is another's or another field's."""
        return _open(self.key, _of_field(self.person_id, field), sealed).decode()


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """``wrapping``: keys that wrap persons' keys, by name, the last one for new ones; ``index``: of marks."""

    wrapping: Mapping[str, bytes]
    index: bytes

    @property
    def active(self) -> str:
        return list(self.wrapping)[-1]

    @classmethod
    def fresh(cls) -> Keys:
        return cls({"kek-1": secrets.token_bytes(KEY_BYTES)}, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Keys:
        """Of the file's text: a line ``name hex`` for each, ``index`` among them. Raises BadKeys."""
        found: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            read = _LINE.fullmatch(line.strip())
            if read is None or read[1] in found:
                raise BadKeys(f"line {number} of the keys is not a new name and 64 hexadecimal digits")
            found[read[1]] = bytes.fromhex(read[2])
        index = found.pop(INDEX, None)
        if index is None or not found:
            raise BadKeys(f"the keys have no {INDEX if index is None else 'wrapping key'}")
        return cls(found, index)

    def as_text(self) -> str:
        lines = [
            "# Hazina's keys. Without them nothing personal in the database can be read: keep a copy elsewhere,",
            "# and never beside a copy of the database. The last line wraps what is new.",
            f"{INDEX} {self.index.hex()}",
            *(f"{name} {key.hex()}" for name, key in self.wrapping.items()),
        ]
        return "\n".join(lines) + "\n"

    def with_new(self) -> Keys:
        """One more wrapping key, which is the active one from now on."""
        number = 1 + max((int(n) for n in (re.sub(r"\D", "", name) for name in self.wrapping) if n), default=0)
        return Keys({**self.wrapping, f"kek-{number}": secrets.token_bytes(KEY_BYTES)}, self.index)

    def without(self, name: str) -> Keys:
        return Keys({one: key for one, key in self.wrapping.items() if one != name}, self.index)

    def mark(self, kind: str, value: str) -> bytes:
        """By which ``value`` is found without being kept: HMAC-SHA256."""
        return hmac.digest(self.index, f"{kind}\0{value}".encode(), sha256)

    def marks(self) -> dict[str, bytes]:
        """Of the keys themselves: tells whether two sets are the same, and nothing else."""
        return {
            name: hmac.digest(key, b"hazina key mark", sha256)[:16]
            for name, key in {INDEX: self.index, **self.wrapping}.items()
        }

    def new_person(self, person_id: UUID) -> tuple[PersonKey, str, bytes]:
        """A key for somebody new: itself, the name of the key that wraps it, and as it is stored."""
        key = secrets.token_bytes(KEY_BYTES)
        return PersonKey(person_id, key), self.active, self.wrap(person_id, key)

    def wrap(self, person_id: UUID, key: bytes) -> bytes:
        return _seal(self.wrapping[self.active], person_id.bytes, key)

    def seal(self, about: str, content: bytes) -> bytes:
        """Something of the bank's own. ``about`` says what it is; the same must be said to open it."""
        return self.active.encode() + b"\0" + _seal(self.wrapping[self.active], OWN + about.encode(), content)

    def open(self, about: str, sealed: bytes) -> bytes:
        """Raises BadKeys."""
        name, _, rest = sealed.partition(b"\0")
        if (key := self.wrapping.get(name.decode("ascii", "replace"))) is None:
            raise BadKeys("it was sealed under a key that the bank was not given")
        return _open(key, OWN + about.encode(), rest)

    def unwrap(self, person_id: UUID, name: str, wrapped: bytes) -> PersonKey:
        """Raises BadKeys."""
        if name not in self.wrapping:
            raise BadKeys(f"the key {name} is not among those that the bank was given")
        return PersonKey(person_id, _open(self.wrapping[name], person_id.bytes, wrapped))


def _of_field(person_id: UUID, field: str) -> bytes:
    return person_id.bytes + VERSION + field.encode()


def _seal(key: bytes, about: bytes, content: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, about)


def _open(key: bytes, about: bytes, sealed: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        raise BadKeys("something sealed does not open: it was changed, or the key is another") from None
