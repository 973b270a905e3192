"""What quizzes need from outside."""

from __future__ import annotations

from typing import Protocol

from hazina.learn.model import IpFacts


class IpUnknown(Exception):
    """Nothing is known of the address, or the provider did not answer."""


class IpLookup(Protocol):
    async def look_up(self, ip: str) -> IpFacts:
        """Raises IpUnknown."""
        ...

    async def close(self) -> None: ...
