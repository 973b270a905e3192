"""Zaps (NIP-57): which requests an invoice may be made for, and the receipt that tells of its payment. Rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from hazina.kernel import nostr
from hazina.kernel.money import Msats
from hazina.links.errors import ZapInvalid
from hazina.links.model import COMMENT_CHARS_MAX, clean

REQUEST, RECEIPT = 9_734, 9_735
REQUEST_CHARS_MAX = 16_000
TAGS_MAX, RELAYS_MAX, RELAY_CHARS_MAX = 50, 20, 200
AGE_S, AHEAD_S = 86_400, 900
_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COORDINATE = re.compile(r"[0-9]{1,5}:[0-9a-f]{64}:.{0,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ZapRequest:
    """A request that is valid. ``text``: exactly as it came; its hash stands in the invoice."""

    text: str
    event: nostr.Event
    relays: tuple[str, ...]

    @property
    def comment(self) -> str | None:
        return clean(self.event.content).strip()[:COMMENT_CHARS_MAX] or None


def read_zap(text: str, amount: Msats, signer: bytes, now: datetime) -> ZapRequest:
    """``signer``: who will sign the receipt. Raises ZapInvalid, which says what is wrong."""
    try:
        found = json.loads(text) if len(text) <= REQUEST_CHARS_MAX else None
        event = nostr.read(found, tags_max=TAGS_MAX, items_max=RELAYS_MAX + 1, chars_max=REQUEST_CHARS_MAX)
    except (ValueError, RecursionError, nostr.Malformed):
        raise ZapInvalid("The zap request is no event that can be read.") from None
    except nostr.Forged:
        raise ZapInvalid("The zap request is not signed by its author.") from None
    if event.kind != REQUEST:
        raise ZapInvalid(f"A zap request is of kind {REQUEST}.")
    if not -AGE_S <= event.created_at - now.timestamp() <= AHEAD_S:
        raise ZapInvalid("The zap request is too old, or from the future.")
    _check_tags(event, amount, signer)
    return ZapRequest(text, event, _relays(event))


def _check_tags(event: nostr.Event, amount: Msats, signer: bytes) -> None:
    recipients, events, senders = event.values("p"), event.values("e"), event.values("P")
    if len(recipients) != 1 or not _KEY.fullmatch(recipients[0]):
        raise ZapInvalid("A zap request names one recipient (p).")
    if len(events) > 1 or any(not _KEY.fullmatch(one) for one in events):
        raise ZapInvalid("A zap request names one event at most (e).")
    if any(not _COORDINATE.fullmatch(one) for one in event.values("a")):
        raise ZapInvalid("A zap request names an event that cannot be (a).")
    if len(senders) > 1 or any(one != signer.hex() for one in senders):
        raise ZapInvalid("A zap request names another signer of its receipt (P).")
    if any(one != str(amount.n) for one in event.values("amount")):
        raise ZapInvalid("The zap request is for another amount.")


def _relays(event: nostr.Event) -> tuple[str, ...]:
    listed = [tag[1:] for tag in event.tags if tag and tag[0] == "relays"]
    if len(listed) != 1 or not 1 <= len(listed[0]) <= RELAYS_MAX:
        raise ZapInvalid(f"A zap request names 1 to {RELAYS_MAX} relays.")
    for one in listed[0]:
        try:
            fit = len(one) <= RELAY_CHARS_MAX and urlsplit(one).scheme in ("wss", "ws") and urlsplit(one).hostname
        except ValueError:
            fit = None
        if not fit:
            raise ZapInvalid("A zap request's relays are addresses that begin with wss://.")
    return tuple(dict.fromkeys(listed[0]))


def relays_of(text: str) -> tuple[str, ...]:
    """Of a request that was found valid before."""
    tags = json.loads(text)["tags"]
    return tuple(dict.fromkeys(next(tag[1:] for tag in tags if tag and tag[0] == "relays")))


def receipt(secret: bytes, request: str, invoice: str, preimage: bytes | None, paid_at: datetime) -> Mapping[str, Any]:
    """The receipt, signed by the bank. Made twice it is the same event: its time is that of the payment."""
    asked = json.loads(request)
    tags = [tag[:2] for tag in asked["tags"] if len(tag) > 1 and tag[0] in ("p", "e", "a", "k")]
    tags += [["P", asked["pubkey"]], ["bolt11", invoice], ["description", request]]
    if preimage is not None:
        tags.append(["preimage", preimage.hex()])
    return nostr.write(secret, created_at=int(paid_at.timestamp()), kind=RECEIPT, tags=tags, content="")
