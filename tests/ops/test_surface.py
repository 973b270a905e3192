"""What every request passes: id, limits, headers, health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hazina.api.health import Health, with_health
from hazina.api.middleware import Guard
from hazina.kernel.log import request_id


async def echo(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body()), "id": request_id()})


async def slow(_: Request) -> Response:
    await asyncio.sleep(30)
    return PlainTextResponse("late")


async def framed(_: Request) -> Response:
    return PlainTextResponse("own", headers={"content-security-policy": "default-src 'self'"})


async def broken(_: Request) -> Response:
    raise RuntimeError("something private")


def app(health: Health | None = None, **limits: Any) -> Guard:
    routes = [Route("/echo/{name}", echo, methods=["GET", "POST"]), Route("/slow", slow), Route("/framed", framed)]
    routes.append(Route("/broken", broken))
    return Guard(with_health(Starlette(routes=routes), health or Health()), **limits)


def client(served: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(served), base_url="http://test")


async def test_each_request_has_an_id_that_its_answer_and_its_log_carry() -> None:
    async with client(app()) as http:
        one, two = await http.get("/echo/a"), await http.get("/echo/a")
    assert one.headers["x-request-id"] == one.json()["id"]
    assert one.json()["id"] != two.json()["id"]
    assert request_id() is None


async def test_a_body_that_is_too_long_is_not_read() -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50

    async with client(app(body_bytes_max=100)) as http:
        assert (await http.post("/echo/a", content=b"x" * 100)).json()["bytes"] == 100
        declared = await http.post("/echo/a", content=b"x" * 101)
        counted = await http.post("/echo/a", content=drip())
    for refused in (declared, counted):
        assert refused.status_code == 413
        assert refused.json()["errors"][0]["code"] == "BODY_TOO_LARGE"
        assert refused.json()["requestId"] == refused.headers["x-request-id"]


async def test_a_request_may_not_last_for_ever() -> None:
    async with client(app(seconds_max=0.05)) as http:
        answer = await http.get("/slow")
    assert (answer.status_code, answer.json()["code"]) == (503, "TIMEOUT")


async def test_a_failure_of_ours_tells_the_id_and_nothing_else(unexpected: list[str]) -> None:
    async with client(app()) as http:
        answer = await http.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert answer.json()["requestId"] == answer.headers["x-request-id"]
    assert "private" not in answer.text
    assert len(unexpected) == 1, "the log has it"
    unexpected.clear()


async def test_answers_carry_the_security_headers_and_keep_their_own() -> None:
    async with client(app()) as http:
        plain, own = await http.get("/echo/a"), await http.get("/framed")
    policy = plain.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert plain.headers["x-content-type-options"] == "nosniff"
    assert own.headers.get_list("content-security-policy") == ["default-src 'self'"]


async def test_ready_means_that_every_needed_part_answers() -> None:
    async def well() -> None:
        return None

    async def ill() -> None:
        raise RuntimeError("host=secret")

    async with client(app(Health(needed={"database": well}, helpful={"lightning": ill}))) as http:
        degraded = await http.get("/readyz")
        alive = await http.get("/livez")
    assert (alive.status_code, degraded.status_code) == (200, 200)
    assert degraded.json() == {
        "ready": True,
        "draining": False,
        "degraded": ["lightning"],
        "parts": {"database": "ok", "lightning": "not well"},
    }
    async with client(app(Health(needed={"database": ill}))) as http:
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/livez")).status_code == 200
    async with client(app(Health(draining=True))) as http:
        assert (await http.get("/readyz")).status_code == 503


async def test_metrics_count_by_route_not_by_path() -> None:
    async with client(app()) as http:
        await http.get("/echo/one-user")
        text = (await http.get("/metrics")).text
    assert 'hazina_http_requests_total{method="GET",route="/echo/{name}",status="200"}' in text
    assert "one-user" not in text
