"""What a proof is for, what came of it, and the site that it must have been made for."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from hazina.identity.model import FactorKind, Proved
from hazina.identity.proofs.errors import InvalidKeyName, InvalidPurpose
from hazina.kernel.bolt11 import Network
from hazina.kernel.ids import UUID
from hazina.kernel.rates import Rate

MINUTE_S = 60
PASSKEY_LIFE_S = 10 * MINUTE_S
"""Conditional UI waits in the page until somebody picks a passkey; pages ask anew before this is over."""
LNURL_LIFE_S = 5 * MINUTE_S
MESSAGE_LIFE_S = 10 * MINUTE_S
"""To carry a text to a hardware wallet and its signature back."""
NOSTR_LIFE_S = 5 * MINUTE_S

NAME_MAX = 50

ASK_PER_IP = Rate("proof_ask_per_ip", 120, 600, 600)
TRY_PER_IP = Rate("proof_try_per_ip", 60, 600, 600)
"""Challenges asked for, and proofs tried, from one address (IPv6: from one /64)."""


class Purpose(StrEnum):
    ENTER = "enter"  # log in, or register when the key is new
    LOGIN = "login"
    REGISTER = "register"
    LINK = "link"  # to the person who is logged in
    AUTH = "auth"  # a fresh proof of a person who is logged in, for one act


LOGGED_OUT = frozenset({Purpose.ENTER, Purpose.LOGIN, Purpose.REGISTER})


def parse_purpose(text: str) -> Purpose:
    """Raises InvalidPurpose."""
    try:
        return Purpose(text)
    except ValueError:
        raise InvalidPurpose from None


def parse_key_name(text: str) -> str:
    """What a person calls a key: 1 to 50 printable characters. Raises InvalidKeyName."""
    name = " ".join(text.split()) if len(text) <= 4 * NAME_MAX else ""
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise InvalidKeyName
    return name


@dataclass(frozen=True)
class Site:
    """Who the bank is for browsers and wallets. From the settings, never from a request."""

    origin: str
    """``https://bank.example``: scheme, host and port in lower case, nothing behind."""
    name: str
    network: Network

    @classmethod
    def at(cls, url: str, name: str, network: Network) -> Site:
        """The site at an address, its origin spelt as browsers spell it."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        shown = f"[{host}]" if ":" in host else host
        usual = {"https": 443, "http": 80}.get(parts.scheme)
        port = f":{parts.port}" if parts.port not in (None, usual) else ""
        return cls(f"{parts.scheme}://{shown}{port}", name, network)

    @cached_property
    def host(self) -> str:
        """Without port: the id that passkeys are bound to."""
        return urlsplit(self.origin).hostname or ""

    @cached_property
    def netloc(self) -> str:
        """With port, where it is not the usual one: what people are shown."""
        return urlsplit(self.origin).netloc

    @cached_property
    def host_hash(self) -> bytes:
        return hashlib.sha256(self.host.encode()).digest()


@dataclass(frozen=True, slots=True)
class Challenge:
    """What was asked; its nonce is kept as a hash only."""

    id: UUID
    kind: FactorKind
    purpose: Purpose
    user_id: UUID | None
    """Who is logged in, when linking or confirming; whose key is expected, when logging in by name."""
    about: str
    """What exactly is proved: a step-up's fingerprint, an address, a new passkey's handle."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """Somebody holds a key, and this is what they asked for. Arises once for each challenge."""

    proved: Proved
    purpose: Purpose
    user_id: UUID | None
    """LINK and AUTH: who is logged in and wants it."""
    about: str = ""
    """AUTH: what for."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Where a request comes from. ``browser``: a secret that only this browser has (a cookie of ours)."""

    browser: str | None
    user_id: UUID | None = None
    ip: str | None = None
    agent: str | None = None
    counted: bool = True
    """False: somebody else counts the tries."""

    @property
    def browser_hash(self) -> bytes | None:
        return None if self.browser is None else nonce_hash(self.browser.encode())


@dataclass(frozen=True, slots=True)
class LnurlAsked:
    handle: str
    k1: bytes
    callback: str
    url: str
    lnurl: str
    keyauth: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BitcoinAsked:
    nonce: str
    address: str
    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NostrAsked:
    challenge: str
    event: dict[str, Any]
    expires_at: datetime


def new_nonce() -> bytes:
    return secrets.token_bytes(32)


def nonce_hash(nonce: bytes) -> bytes:
    return hashlib.sha256(nonce).digest()
