"""What the support chat needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hazina.support.model import Message


class AssistantSilent(Exception):
    """No answer that can be shown."""


class Assistant(Protocol):
    async def answer(self, prompt: str, messages: Sequence[Message], timeout_s: float) -> str:
        """What it says to a thread whose last message is the person's. Raises AssistantSilent."""
        ...

    async def close(self) -> None: ...
