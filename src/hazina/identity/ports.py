"""What identity needs from outside."""

from __future__ import annotations

from typing import Protocol

from hazina.identity.errors import SmsUnavailable

__all__ = ["Sms", "SmsUnavailable"]


class Sms(Protocol):
    async def send(self, to: str, body: str) -> None:
        """Hand a short text for the phone ``to`` (E.164) to the provider. Raises ``SmsUnavailable``
        when the provider refuses it, is away, or does not say whether it took it."""
        ...
