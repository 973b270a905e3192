"""Whoever is called back: takes webhooks at ``/hooks/{name}``, keeps what came, and answers as it was told.

``POST /sandbox/api/hooks {"name", "answers": [...]}`` sets what the next calls of that name hear, in order; the last
one stays. An answer is ``{"status", "headers", "delay", "hang", "bytes"}``: ``hang`` says nothing until the caller
goes, ``bytes`` is the length of a body. Without a script a call is answered 200. ``GET /sandbox/api/hooks?name=``
shows what came, oldest first; ``DELETE`` forgets it, and the scripts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hazina.sandbox.problems import Problem, read_body, read_object
from hazina.sandbox.world import World

ANSWERS_MAX = 100
NAME_CHARS_MAX = 60
SHOWN_MAX = 500
PAGE_MAX = 12
KEPT_MAX = 5_000
CHUNK = b"x" * 65_536
HANG_S = 600.0
FIELDS = ("status", "headers", "delay", "hang", "bytes")


async def receive(world: World, request: Request) -> Response:
    name, body = request.path_params["name"][:NAME_CHARS_MAX], await read_body(request)
    world.store.run(
        "INSERT INTO hooks (name, headers, body, at) VALUES (?, ?, ?, ?)",
        name, json.dumps(dict(request.headers)), body.decode("utf-8", "replace"),
        datetime.now(UTC).isoformat(timespec="milliseconds"),
    )  # fmt: skip
    world.store.run("DELETE FROM hooks WHERE id <= (SELECT max(id) FROM hooks) - ?", KEPT_MAX)
    said = _next(world, name)
    if said.get("hang"):
        await _until_gone(request)
    await asyncio.sleep(float(said.get("delay", 0)))
    headers = {str(key): str(value) for key, value in said.get("headers", {}).items()}
    if length := int(said.get("bytes", 0)):
        return StreamingResponse(_flood(length), int(said.get("status", 200)), headers=headers)
    return Response(status_code=int(said.get("status", 200)), headers=headers)


def _next(world: World, name: str) -> dict[str, Any]:
    script = json.loads(world.store.setting(f"hook:{name}", "[]"))
    if not script:
        return {}
    if len(script) > 1:
        world.store.set(f"hook:{name}", json.dumps(script[1:]))
    answer: dict[str, Any] = script[0]
    return answer


async def _until_gone(request: Request) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HANG_S):
            while (await request.receive())["type"] != "http.disconnect":
                pass


async def _flood(length: int) -> AsyncIterator[bytes]:
    while length > 0:
        yield CHUNK[:length]
        length -= len(CHUNK)


# --- control ---


async def shown(world: World, request: Request) -> Any:
    rows = world.store.rows(
        "SELECT * FROM (SELECT * FROM hooks WHERE ifnull(?1, name) = name ORDER BY id DESC LIMIT ?2) ORDER BY id",
        request.query_params.get("name"), SHOWN_MAX,
    )  # fmt: skip
    return [
        {"name": row["name"], "headers": json.loads(row["headers"]), "body": row["body"], "at": row["at"]}
        for row in rows
    ]


def newest(world: World, base_url: str) -> dict[str, Any]:
    """For the page: what came last, oldest first, and where a bank's endpoint may point."""
    rows = world.store.rows("SELECT * FROM (SELECT * FROM hooks ORDER BY id DESC LIMIT ?) ORDER BY id", PAGE_MAX)
    came = [
        {"name": row["name"], "id": _header(row["headers"]), "eventType": _event(row["body"]), "at": row["at"]}
        for row in rows
    ]
    return {"url": f"{base_url.rstrip('/')}/hooks", "came": came}


def _header(headers: str) -> str:
    return str(json.loads(headers).get("webhook-id", ""))


def _event(body: str) -> str:
    try:
        return str(json.loads(body)["eventType"])[:60]
    except (ValueError, KeyError, TypeError):
        return "?"


async def script(world: World, request: Request) -> Any:
    body = read_object(await read_body(request), "name", "answers")
    name, answers = body.get("name"), body.get("answers")
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARS_MAX:
        raise Problem("BAD_NAME", f"name must be text of 1 to {NAME_CHARS_MAX} characters.")
    if not isinstance(answers, list) or len(answers) > ANSWERS_MAX or not all(_is_answer(one) for one in answers):
        raise Problem("BAD_ANSWERS", f"answers must be a list of objects with {', '.join(FIELDS)}.")
    world.store.set(f"hook:{name}", json.dumps(answers))
    return {"name": name, "answers": answers}


def _is_answer(one: Any) -> bool:
    if not isinstance(one, dict) or set(one) - set(FIELDS):
        return False
    numbers = [one.get("status", 200), one.get("bytes", 0), one.get("delay", 0)]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        return False
    return isinstance(one.get("headers", {}), dict) and 200 <= numbers[0] <= 599 and min(numbers) >= 0


async def forget(world: World, request: Request) -> Any:
    world.store.run("DELETE FROM settings WHERE key LIKE 'hook:%'")
    return {"forgotten": world.store.run("DELETE FROM hooks")}
