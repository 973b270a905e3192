"""What webhooks need from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from hazina.kernel.http import Answered


class Outward(Protocol):
    """Calls addresses that strangers named, and none inside our own network."""

    def check(self, url: str) -> None:
        """Raises NoAnswer for an address that will not be called, as far as that shows before it is looked up."""
        ...

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
        bytes_max: int = 0,
        cut: bool = False,
    ) -> Answered:
        """One request, one answer with any status, its body cut off after ``bytes_max``; redirects are not followed.
        Raises NoAnswer."""
        ...

    async def close(self) -> None: ...
