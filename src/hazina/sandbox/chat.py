"""An OpenAI-compatible chat at ``/openai/v1``: repeats what it was told last, so that a test knows the answer."""

from __future__ import annotations

import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from hazina.sandbox import faults
from hazina.sandbox.problems import read_body
from hazina.sandbox.world import World

KEY = "sandbox"
MODEL = "sandbox-1"
LIMITS = ("max_tokens", "max_completion_tokens")


class Completions:
    def __init__(self, world: World) -> None:
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            await (await _answer(Request(scope, receive)))(scope, receive, send)

        await faults.serve(self.world.faults.take("chat", "completions"), act, scope, receive, send)


async def _answer(request: Request) -> Response:
    if request.headers.get("authorization") != f"Bearer {KEY}":
        return _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
    try:
        asked: Any = json.loads(await read_body(request))
        messages = [(one["role"], one["content"]) for one in asked["messages"]]
        model = asked["model"]
    except (ValueError, KeyError, TypeError):
        return _error(400, "The body is not a request for a completion.", "invalid_request_error", None)
    if model != MODEL:
        return _error(404, f"The model {str(model)[:40]!r} does not exist.", "invalid_request_error", "model_not_found")
    if not messages or any(role not in ("system", "user", "assistant") for role, _ in messages):
        return _error(400, "Invalid messages.", "invalid_request_error", None)
    text = f"You said: {messages[-1][1]}"
    tokens = sum(len(str(content).split()) for _, content in messages)
    return JSONResponse(
        {
            "id": f"chatcmpl-{time.time_ns()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": tokens,
                "completion_tokens": len(text.split()),
                "total_tokens": tokens + len(text.split()),
            },
        }
    )


def _error(status: int, message: str, type_: str, code: str | None) -> Response:
    return JSONResponse({"error": {"message": message, "type": type_, "param": None, "code": code}}, status)
