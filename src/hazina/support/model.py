"""What is said in the support chat, and how much of it. Rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from hazina.kernel.rates import Rate
from hazina.support.errors import InvalidSupportMessage

MESSAGE_CHARS_MAX = 2_000
ANSWER_CHARS_MAX = 8_000
KEPT_MAX = 200
"""Messages of one person; the oldest are forgotten."""
CONTEXT_MESSAGES_MAX = 40
CONTEXT_CHARS_MAX = 24_000
PER_PERSON = Rate("support-chat", points=30, window_s=3_600, block_s=600)

PROMPT = (
    "You answer customers of a Bitcoin bank that runs on the open-source program Hazina. Be short, friendly and exact, "
    "and write in the customer's language. You cannot see accounts and cannot move money. Never ask for codes, "
    "passwords or seed words. When you do not know, say so, and that the bank's people can be written to."
)


class Role(Enum):
    USER = "USER"
    ASSISTANT = "ASSISTANT"


@dataclass(frozen=True, slots=True)
class Policy:
    prompt: str = PROMPT
    answer_s: float = 30.0  # the longest that somebody waits
    busy_s: int = 45


@dataclass(frozen=True, slots=True)
class Message:
    """``hidden``: what the bank told the assistant about whom it talks to."""

    id: UUID
    role: Role
    text: str
    at: datetime
    hidden: bool = False


def parse_message(text: str) -> str:
    """Raises InvalidSupportMessage."""
    if not 1 <= len(text.strip()) <= MESSAGE_CHARS_MAX or len(text) > 2 * MESSAGE_CHARS_MAX:
        raise InvalidSupportMessage
    return text.strip()


def introduction(language: str, level: int, country: str | None) -> str:
    """The first, hidden message of a thread."""
    return f"language: {language or 'unknown'}, account level: {level}, phone country: {country or 'unknown'}"


def context(messages: Sequence[Message]) -> list[Message]:
    """As much of a thread as the assistant is shown: its first message, and the newest that fit."""
    if not messages:
        return []
    first, rest = messages[0], messages[1:][-CONTEXT_MESSAGES_MAX:]
    left, shown = CONTEXT_CHARS_MAX, []
    for one in reversed(rest):
        left -= len(one.text)
        if left < 0:
            break
        shown.append(one)
    return [first, *reversed(shown)]
