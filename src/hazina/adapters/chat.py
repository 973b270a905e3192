"""An assistant behind an OpenAI-compatible API: ``POST /chat/completions``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from hazina.kernel.db import outside_call
from hazina.kernel.http import Answered, HttpClient, NoAnswer
from hazina.support import AssistantSilent, Message, Role

ANSWER_TOKENS_MAX = 800
TRIES = 3
AGAIN_S = 1.0
AGAIN = (408, 409, 429, 500, 502, 503, 504)


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class ChatAccount(Protocol):
    @property
    def base_url(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def key(self) -> Secret | None: ...
    @property
    def old_token_limit(self) -> bool: ...


class Chat:
    def __init__(self, account: ChatAccount) -> None:
        headers = {"authorization": f"Bearer {account.key.get_secret_value()}"} if account.key else {}
        self._model = account.model
        self._limit = "max_tokens" if account.old_token_limit else "max_completion_tokens"
        self._http = HttpClient("chat", account.base_url, headers=headers, connections=20)

    async def close(self) -> None:
        await self._http.close()

    async def answer(self, prompt: str, messages: Sequence[Message], timeout_s: float) -> str:
        """Raises AssistantSilent. What may pass by itself is asked again, within the time."""
        outside_call("chat.answer")
        said = [
            {"role": "assistant" if one.role is Role.ASSISTANT else "user", "content": one.text} for one in messages
        ]
        body = {
            "model": self._model,
            "messages": [{"role": "system", "content": prompt}, *said],
            self._limit: ANSWER_TOKENS_MAX,
        }
        try:
            async with asyncio.timeout(timeout_s):
                return _text(await self._asked(body, timeout_s))
        except (NoAnswer, TimeoutError) as error:
            raise AssistantSilent(str(error) or "no answer in time") from error

    async def _asked(self, body: dict[str, Any], timeout_s: float) -> Answered:
        for turn in range(1, TRIES + 1):
            answer = await self._http.call("POST", "/chat/completions", body=body, timeout_s=timeout_s)
            if answer.status not in AGAIN or turn == TRIES or _exhausted(answer):
                break
            await asyncio.sleep(AGAIN_S * turn)
        return answer


def _exhausted(answer: Answered) -> bool:
    """The account's quota is used up: asking again only makes it worse."""
    try:
        return bool(answer.json()["error"]["code"] == "insufficient_quota")
    except (NoAnswer, KeyError, TypeError):
        return False


def _text(answer: Answered) -> str:
    """Raises AssistantSilent."""
    if answer.status != 200:
        raise AssistantSilent(f"status {answer.status}")
    try:
        text = answer.json()["choices"][0]["message"]["content"]
    except (NoAnswer, KeyError, IndexError, TypeError):
        raise AssistantSilent("the answer is not in the agreed form") from None
    if not isinstance(text, str) or not text.strip():
        raise AssistantSilent("the answer has no text")
    return text.strip().replace("\0", "")
