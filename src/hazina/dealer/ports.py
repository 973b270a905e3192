"""What the dealer needs from outside."""

from __future__ import annotations

from typing import Protocol

from hazina.dealer.errors import FeedUnavailable
from hazina.dealer.model import Tick

__all__ = ["Feed", "FeedUnavailable", "Tick"]


class Feed(Protocol):
    @property
    def name(self) -> str:
        """The source's name in our books."""
        ...

    async def ticker(self) -> Tick:
        """Best bid and ask for one bitcoin, in whole US cents, with the source's own time. Raises
        ``FeedUnavailable``. Makes no judgement of the numbers: the dealer does."""
        ...
