"""What links need from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class ServiceSilent(Exception):
    """No answer that can be read; whether the other side acted is not known."""


class ServiceRefused(Exception):
    """It answered with an error, or its address may not be called. The text is for people."""


class Services(Protocol):
    """LNURL services of others."""

    async def ask(self, url: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A GET. The answer is a JSON object that is no error. Raises ServiceSilent, ServiceRefused."""
        ...


class Relays(Protocol):
    """Nostr relays."""

    async def publish(self, relay: str, event: Mapping[str, Any]) -> bool:
        """Whether the relay said that it has the event. Never raises for what a relay does."""
        ...
