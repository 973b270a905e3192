"""Nostr events as proofs (NIP-01, 98, 42): read, verified, and held against what they must have been made for.

Two kinds prove a key here: HTTP auth (27235), which names the URL and method it is for, and client
authentication (22242), which answers our challenge. Neither is ever kept or passed on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from hazina.identity.proofs.errors import NostrKind, NostrMalformed, NostrPlace, NostrRefused, NostrTime
from hazina.kernel.nostr import Event, Forged, Malformed, read

HTTP_AUTH, CLIENT_AUTH = 27_235, 22_242
EVENT_MAX = 8_192
"""Longest event that is read, in characters."""
TAGS_MAX, TAG_ITEMS_MAX = 20, 10
HTTP_WINDOW_S = 60
CHALLENGE_AGE_S, AHEAD_S = 300, 60


def from_header(value: str) -> Event:
    """The event of an ``Authorization: Nostr <base64>`` header's value behind the scheme. Raises NostrMalformed,
    NostrRefused."""
    if len(value) > EVENT_MAX:
        raise NostrMalformed
    try:
        padded = value + "=" * (-len(value) % 4)
        found = json.loads(base64.b64decode(padded.encode("ascii"), validate=True).decode())
    except (ValueError, binascii.Error, RecursionError):
        raise NostrMalformed from None
    return read_event(found)


def read_event(found: Any) -> Event:
    """The event, its id recomputed and its signature verified (BIP-340). Raises NostrMalformed, NostrRefused."""
    try:
        return read(found, tags_max=TAGS_MAX, items_max=TAG_ITEMS_MAX, chars_max=EVENT_MAX)
    except Malformed:
        raise NostrMalformed from None
    except Forged:
        raise NostrRefused from None


def template(origin: str, challenge: str, at: datetime) -> dict[str, Any]:
    """What ``window.nostr.signEvent`` (NIP-07) is given; it adds ``pubkey``, ``id`` and ``sig``."""
    tags = [["relay", origin], ["challenge", challenge]]
    return {"kind": CLIENT_AUTH, "created_at": int(at.timestamp()), "tags": tags, "content": ""}


def challenge_in(event: Event) -> str:
    """The one challenge that a kind 22242 event answers. Raises NostrKind, NostrMalformed."""
    if event.kind != CLIENT_AUTH:
        raise NostrKind
    found = event.values("challenge")
    if len(found) != 1:
        raise NostrMalformed
    return found[0]


def check_client_auth(event: Event, origin: str, at: datetime) -> None:
    """``relay``, ``url`` or ``u`` names ``origin``'s host, at least one of them, and the event is fresh.
    Raises NostrKind, NostrPlace, NostrTime."""
    if event.kind != CLIENT_AUTH:
        raise NostrKind
    places = event.values("relay", "url", "u")
    if not places or any(_host(place) != _host(origin) for place in places):
        raise NostrPlace
    if not -CHALLENGE_AGE_S <= event.created_at - at.timestamp() <= AHEAD_S:
        raise NostrTime


def check_http_auth(event: Event, url: str, method: str, body: bytes, at: datetime) -> None:
    """NIP-98: made for exactly this URL and method, within a minute, and for this body where it names one.
    Raises NostrKind, NostrPlace, NostrTime."""
    if event.kind != HTTP_AUTH:
        raise NostrKind
    if event.values("u") != [url] or [named.upper() for named in event.values("method")] != [method.upper()]:
        raise NostrPlace
    payload = event.values("payload")
    if payload and [named.lower() for named in payload] != [hashlib.sha256(body).hexdigest()]:
        raise NostrPlace
    if abs(event.created_at - at.timestamp()) > HTTP_WINDOW_S:
        raise NostrTime


def _host(url: str) -> tuple[str, int | None] | None:
    """Host and port; None for what is no address of a site. ``wss`` has the ports of ``https``."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    secure = {"https": True, "wss": True, "http": False, "ws": False}.get(parts.scheme)
    if secure is None or not parts.hostname or parts.username is not None:
        return None
    return parts.hostname, port or (443 if secure else 80)
