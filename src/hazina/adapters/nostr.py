"""Nostr relays (NIP-01, NIP-20): one event, one answer, over a connection of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
import websockets

from hazina.adapters.outward import Outward
from hazina.kernel.db import outside_call
from hazina.kernel.http import NoAnswer

log = structlog.get_logger("hazina.nostr")

PUBLISH_S = 8.0
CLOSE_S = 1.0
MESSAGE_BYTES_MAX = 64 * 1024
MESSAGES_MAX = 20
"""A relay may say other things first (a notice, a challenge); after so many it is given up."""


class NostrRelays:
    def __init__(self, outward: Outward) -> None:
        self.outward = outward

    async def publish(self, relay: str, event: Mapping[str, Any]) -> bool:
        outside_call("nostr.publish")
        try:
            async with asyncio.timeout(PUBLISH_S):
                return await self._publish(relay, event)
        except (TimeoutError, OSError, ValueError, NoAnswer, websockets.WebSocketException) as error:
            log.info("relay_without_event", relay=relay[:100], why=f"{type(error).__name__}: {error}"[:200])
            return False

    async def _publish(self, relay: str, event: Mapping[str, Any]) -> bool:
        parts = urlsplit(relay)
        secure = parts.scheme == "wss"
        # The same rules as for other addresses of strangers, under the scheme that the relay's stands for.
        self.outward.check(f"{'https' if secure else 'http'}://{parts.netloc}{parts.path}")
        port = parts.port or (443 if secure else 80)
        tls: ssl.SSLContext | None = self.outward.tls if secure else None
        made = await self.outward.dial(parts.hostname or "", port)
        async with websockets.connect(
            relay,
            sock=made,
            ssl=tls,
            proxy=None,
            max_size=MESSAGE_BYTES_MAX,
            compression=None,
            open_timeout=None,
            close_timeout=CLOSE_S,
        ) as wire:
            await wire.send(json.dumps(["EVENT", event]))
            for _ in range(MESSAGES_MAX):
                said = json.loads(await wire.recv())
                if isinstance(said, list) and len(said) >= 3 and said[0] == "OK" and said[1] == event["id"]:
                    return said[2] is True
        return False
