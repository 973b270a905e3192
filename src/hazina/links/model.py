"""Nouns of links, and the rules that need nothing but them: names, metadata, what others' services say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from hazina.kernel import bolt11
from hazina.kernel.money import MSAT_PER_SAT, Msats
from hazina.kernel.rates import Rate
from hazina.links.errors import AmountOutOfRange, CommentTooLong, LinkTerms, LnurlFailed, PayerDataInvalid

MIN_SATS, MAX_SATS = 1, 100_000_000
"""Blink's bounds of a payment to an address: one satoshi, one bitcoin."""
COMMENT_CHARS_MAX = 280
COMMENT_BYTES_MAX = 639
PAYER_DATA_MAX = 2_000
METADATA_MAX = 200_000
"""Characters of others' metadata that are read: a picture may be in it."""
K1_MAX = 128
TITLE_MAX, USES_MAX, LINK_DAYS_MAX = 140, 100, 366
SHOWN_MAX = 144
SECRET_CHARS_MAX, URL_MAX = 4_096, 2_000
"""Of a success action: its ciphertext in base64 (LUD-10), its address."""
PAYER_KINDS = ("name", "identifier", "email", "pubkey")

RECIPIENT_RATE = Rate("invoice-for", points=60, window_s=60, block_s=300)
"""Invoices that others ask for: counted for whoever is to be paid, together with those of the API."""
PAYER_RATE = Rate("lnurl-pay", points=600, window_s=60, block_s=60)
"""Invoices for payments that one network address may ask for: large wallets ask for all of their users from a few."""
STRANGER_RATE = Rate("lnurl", points=120, window_s=60, block_s=60)
"""What one network address may ask of the verbs that cost us something."""

_TAG = re.compile(r"[a-z0-9._-]{1,50}", re.ASCII)
_KEPT = {"\t", "\n", "\r"}


# -- our own names ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """One of the bank's own domains, as an origin: ``https://bank.example``."""

    origin: str

    @property
    def domain(self) -> str:
        return urlsplit(self.origin).netloc


@dataclass(frozen=True, slots=True)
class Places:
    """Where the bank is reached; the first is its own address. Only these stand in what it says, whatever a request
    calls it."""

    all: tuple[Place, ...]

    def at(self, host: str | None) -> Place:
        """The place that a request names, or the bank's own."""
        return next((place for place in self.all if place.domain == (host or "").lower()), self.all[0])

    def ours(self, domain: str) -> bool:
        return any(place.domain == domain.lower() for place in self.all)


@dataclass(frozen=True, slots=True)
class Name:
    """Before the @: whom, and a tag that only the recipient reads (``amina+stall``)."""

    whom: str
    tag: str | None = None

    @property
    def text(self) -> str:
        return self.whom + (f"+{self.tag}" if self.tag else "")

    @property
    def path(self) -> str:
        return quote(self.text, safe="")


def read_name(text: str) -> Name:
    """A phone number begins with a plus sign, and has no tag; nor has a name whose tag cannot be one."""
    text = text.strip().lower()
    whom, plus, tag = text.partition("+")
    if not whom or not plus or not _TAG.fullmatch(tag):
        return Name(text)
    return Name(whom, tag)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a payRequest says (LUD-06). Amounts in millisatoshi; ``metadata`` exactly as it is served."""

    callback: str
    least: Msats
    most: Msats
    metadata: str
    nostr_pubkey: str


def metadata_of(name: Name, place: Place) -> str:
    """Blink's words; the hash of this very text stands in the invoice."""
    items = [["text/plain", f"Payment to {name.whom}"], ["text/identifier", f"{name.text}@{place.domain}"]]
    if name.tag:
        items.append(["text/tag", name.tag])
    return json.dumps(items, ensure_ascii=False, separators=(",", ":"))


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def read_msats(text: str | None) -> Msats:
    """Raises AmountOutOfRange: also for what is not whole satoshi, as no wallet shows less."""
    if not text or len(text) > 15 or not (text.isascii() and text.isdigit()):
        raise AmountOutOfRange("Invalid request")
    msats = Msats(int(text))
    if msats.n % MSAT_PER_SAT:
        raise AmountOutOfRange("Millisatoshi amount is not supported, please send a value in full sats.")
    if not MIN_SATS <= msats.sats_floor <= MAX_SATS:
        raise AmountOutOfRange(f"The amount must be from {MIN_SATS} to {MAX_SATS} sat.")
    return msats


def clean(text: str) -> str:
    """Without what cannot be seen: control, zero-width and direction characters; tab and line ends stay."""
    return "".join(
        char for char in text if char in _KEPT or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )


def read_comment(text: str | None) -> str | None:
    """Raises CommentTooLong."""
    if not text:
        return None
    if len(text) > COMMENT_CHARS_MAX or len(text.encode("utf-8", "surrogatepass")) > COMMENT_BYTES_MAX:
        raise CommentTooLong(f"Comment cannot exceed {COMMENT_CHARS_MAX} characters.")
    return clean(text).strip() or None


def read_payer_data(text: str) -> dict[str, str]:
    """Who pays, in their own words (LUD-18): only what was asked for. Raises PayerDataInvalid."""
    try:
        found = json.loads(text) if len(text) <= PAYER_DATA_MAX else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or any(
        name not in PAYER_KINDS or not isinstance(value, str) or len(value) > 200 for name, value in found.items()
    ):
        raise PayerDataInvalid
    return {name: clean(value).strip() for name, value in found.items()}


def memo_of(comment: str | None, payer: Mapping[str, str]) -> str | None:
    """What the recipient reads: the comment, and who says they wrote it."""
    who = payer.get("name") or payer.get("identifier") or payer.get("email")
    parts = [comment] if comment else []
    if who:
        parts.append(f"({who[:80]})" if comment else who[:80])
    return " ".join(parts) or None


# -- others' services ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PayRequest:
    """Another service's payRequest, as far as it is used."""

    callback: str
    least: Msats
    most: Msats
    metadata: str
    comment_max: int
    identifier: str | None

    @property
    def place(self) -> str | None:
        return urlsplit(self.callback).hostname


def _whole(found: Any) -> int | None:
    return found if type(found) is int and 0 <= found < 10**18 else None


def read_pay_request(found: Mapping[str, Any]) -> PayRequest:
    """Raises LnurlFailed."""
    callback, metadata = found.get("callback"), found.get("metadata")
    least, most = _whole(found.get("minSendable")), _whole(found.get("maxSendable"))
    if found.get("tag") != "payRequest":
        raise LnurlFailed("This link is not one to pay to. Nothing was moved.")
    if not isinstance(callback, str) or not isinstance(metadata, str) or least is None or most is None:
        raise LnurlFailed
    if len(metadata) > METADATA_MAX or not 1 <= least <= most:
        raise LnurlFailed
    items = _items(metadata)
    if sum(kind == "text/plain" for kind, _ in items) != 1:
        raise LnurlFailed
    identifier = next((value for kind, value in items if kind == "text/identifier"), None)
    return PayRequest(
        callback, Msats(least), Msats(most), metadata, _whole(found.get("commentAllowed")) or 0, identifier
    )


def _items(metadata: str) -> list[tuple[str, str]]:
    """The pairs of words; other kinds of entries are left out. Raises LnurlFailed."""
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        raise LnurlFailed from None
    if not isinstance(found, list):
        raise LnurlFailed
    return [
        (one[0], one[1])
        for one in found
        if isinstance(one, list) and len(one) >= 2 and isinstance(one[0], str) and isinstance(one[1], str)
    ]


def read_invoice(
    found: Mapping[str, Any], asked: PayRequest, amount: Msats, network: bolt11.Network
) -> tuple[str, Action | None]:
    """The invoice of a callback's answer, and what to show once it is paid. It is of our network, for exactly this
    amount, and, where it binds itself to a description, to the one that we were shown. (Many services leave the hash
    out since the specification dropped it; a wrong one is no accident.) A success action that we cannot show, or that
    leads to another host, is a reason not to pay (LUD-09). Raises LnurlFailed."""
    text = found.get("pr")
    if not isinstance(text, str):
        raise LnurlFailed
    try:
        invoice = bolt11.decode(text, network)
    except bolt11.Bolt11Error as error:
        raise LnurlFailed(f"{LnurlFailed.message} {error}") from None
    if invoice.amount_msat != amount.n:
        raise LnurlFailed("The recipient's service asks for another amount. Nothing was moved.")
    if invoice.description_hash is not None and invoice.description_hash != hash_of(asked.metadata):
        raise LnurlFailed("The recipient's invoice is for something else than was shown. Nothing was moved.")
    action = found.get("successAction")
    read = read_action(action, asked.place)
    if action is not None and read is None:
        raise LnurlFailed(
            "The recipient's service wants something done after paying that is not safe. Nothing was moved."
        )
    return text.strip().lower(), read


Action = Mapping[str, str]
"""A success action that can be shown: ``tag``, and the fields that the tag has."""
_ACTIONS = {"message": ("message",), "url": ("description", "url"), "aes": ("description", "ciphertext", "iv")}


def read_action(found: Any, place: str | None) -> Action | None:
    """None: there is none, or it cannot be shown. An address must be of the host that gave the invoice."""
    tag = found.get("tag") if isinstance(found, dict) else None
    if not isinstance(tag, str) or tag not in _ACTIONS:
        return None
    fields = {name: value for name in _ACTIONS[tag] if isinstance(value := found.get(name), str)}
    if len(fields) < len(_ACTIONS[tag]) or any(
        len(fields.get(one, "")) > SHOWN_MAX for one in ("message", "description")
    ):
        return None
    if tag == "url" and not _leads_to(fields["url"], place):
        return None
    if tag == "aes" and _secret_of(fields) is None:
        return None
    return {"tag": tag, **fields}


def _leads_to(url: str, place: str | None) -> bool:
    try:
        there = urlsplit(url)
        return (
            there.scheme in ("https", "http") and place is not None and there.hostname == place and len(url) <= URL_MAX
        )
    except ValueError:
        return False


def _secret_of(fields: Mapping[str, str]) -> tuple[bytes, bytes] | None:
    """Ciphertext and initialisation vector (LUD-10)."""
    try:
        secret, vector = (base64.b64decode(fields[name], validate=True) for name in ("ciphertext", "iv"))
    except ValueError:
        return None
    fits = len(fields["ciphertext"]) <= SECRET_CHARS_MAX and secret and len(secret) % 16 == 0 and len(vector) == 16
    return (secret, vector) if fits else None


@dataclass(frozen=True, slots=True)
class Said:
    """What a payee's service says to who has paid. ``message``: what it says, deciphered where it was a secret; None
    where that cannot be read."""

    tag: str
    message: str | None
    description: str | None
    url: str | None


def said(action: Action, preimage: bytes) -> Said:
    """An action that was kept, for who has paid and so has the preimage."""
    message = _deciphered(action, preimage) if action["tag"] == "aes" else action.get("message")
    return Said(action["tag"], _seen(message), _seen(action.get("description")), action.get("url"))


def _seen(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _deciphered(action: Action, preimage: bytes) -> str | None:
    """AES-256-CBC under the preimage (LUD-10)."""
    found = _secret_of(action)
    if found is None:
        return None
    opening, filling = Cipher(AES(preimage), CBC(found[1])).decryptor(), PKCS7(128).unpadder()
    try:
        return (filling.update(opening.update(found[0]) + opening.finalize()) + filling.finalize()).decode()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class WithdrawRequest:
    """Another service's withdrawRequest (LUD-03)."""

    callback: str
    k1: str
    least: Msats
    most: Msats
    description: str


def read_withdraw_request(found: Mapping[str, Any], asked_of: str) -> WithdrawRequest:
    """``asked_of``: the address that it was read from; the callback is on the same host. Raises LnurlFailed."""
    callback, k1 = found.get("callback"), found.get("k1")
    least, most = _whole(found.get("minWithdrawable")), _whole(found.get("maxWithdrawable"))
    if found.get("tag") != "withdrawRequest":
        raise LnurlFailed("This link is not one to take money from.")
    if not isinstance(callback, str) or not isinstance(k1, str) or len(k1) > K1_MAX or least is None or most is None:
        raise LnurlFailed("The link cannot be read.")
    if urlsplit(callback).hostname != urlsplit(asked_of).hostname or least > most:
        raise LnurlFailed("The link leads elsewhere than it says.")
    words = found.get("defaultDescription")
    return WithdrawRequest(
        callback, k1, Msats(least), Msats(most), clean(words)[:TITLE_MAX] if isinstance(words, str) else ""
    )


# -- withdraw links of ours ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewWithdrawLink:
    """Money that whoever has the link may take: ``uses`` times, each from ``min_sats`` to ``max_sats``."""

    wallet_id: UUID
    title: str
    min_sats: int
    max_sats: int
    uses: int
    expires_at: datetime

    def check(self, now: datetime) -> None:
        """Raises LinkTerms."""
        title = clean(self.title).strip()
        days = (self.expires_at - now).total_seconds() / 86_400
        if not (
            1 <= len(title) <= TITLE_MAX
            and 1 <= self.min_sats <= self.max_sats <= MAX_SATS
            and 1 <= self.uses <= USES_MAX
            and 0 < days <= LINK_DAYS_MAX
        ):
            raise LinkTerms


@dataclass(frozen=True, slots=True)
class WithdrawLink:
    id: UUID
    account_id: UUID
    user_id: UUID
    wallet_id: UUID
    title: str
    min_sats: int
    max_sats: int
    uses: int
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    taken: int = 0
    paid: int = 0

    def open_at(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a link that an invoice has taken."""

    link_id: UUID
    n: int
    payment_hash: bytes
    payment_request: str
    look_at: datetime
    """When somebody else looks after it; until then it is ours."""
