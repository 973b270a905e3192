"""What every request passes, whatever it is for: an id, limits, security headers, a log line.

Pure ASGI: Starlette's ``BaseHTTPMiddleware`` breaks streams and context variables.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hazina.kernel import log as logs
from hazina.kernel import metrics

access = structlog.get_logger("hazina.access")

BODY_BYTES_MAX = 2 * 2**20
"""Above it nothing is read. A single over-long field below it gets its own named refusal."""
REQUEST_SECONDS_MAX = 60.0
FAILED = 500

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types svelte-trusted-html hazina-sw"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), clipboard-write=(self), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class BodyTooLarge(Exception):
    pass


class Guard:
    """The outermost layer. A part below may set any of the headers itself; then its value stays."""

    def __init__(
        self, app: ASGIApp, *, body_bytes_max: int = BODY_BYTES_MAX, seconds_max: float = REQUEST_SECONDS_MAX
    ) -> None:
        self.app = app
        self.body_bytes_max = body_bytes_max
        self.seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            with logs.request() as request_id:
                await _Exchange(self, scope, receive, send, str(request_id)).run()
        elif scope["type"] == "websocket":
            with logs.request():
                await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.guard, self.scope, self._receive, self._send = guard, scope, receive, send
        self.request_id = request_id
        self.received_bytes = 0
        self.status = 0  # 0: no answer was begun
        self.held: list[Message] = []

    async def run(self) -> None:
        began = time.perf_counter()
        with metrics.IN_FLIGHT.track_inprogress():
            try:
                await self._serve()
            finally:
                self._record(time.perf_counter() - began)

    async def _serve(self) -> None:
        try:
            declared = next((value for name, value in self.scope["headers"] if name == b"content-length"), b"0")
            if not declared.isdigit() or int(declared) > self.guard.body_bytes_max:
                raise BodyTooLarge
            async with asyncio.timeout(self.guard.seconds_max):
                await self.guard.app(self.scope, self.receive, self.send)
            for message in self.held:
                await self._pass_on(message)
        except BodyTooLarge:
            await self._refuse(413, "BODY_TOO_LARGE", f"A request may have {self.guard.body_bytes_max:,} bytes.")
        except TimeoutError:
            access.warning("request took too long", path=self.scope["path"])
            await self._refuse(503, "TIMEOUT", "The request took too long. What it began may still happen.")
        except Exception:
            access.exception("request failed", path=self.scope["path"])
            await self._refuse(FAILED, "INTERNAL", "Something went wrong on our side. It has been recorded.")

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received_bytes += len(message.get("body", b""))
            if self.received_bytes > self.guard.body_bytes_max:
                raise BodyTooLarge
        return message

    async def send(self, message: Message) -> None:
        """A 500 is held back until the part below has ended: Starlette answers one, in plain text, before it
        lets an exception through, and ours says more."""
        if self.held or (message["type"] == "http.response.start" and message["status"] == FAILED):
            self.held.append(message)
        else:
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name.lower() for name, _ in message["headers"]}
            added = [(name, value) for name, value in HEADERS if name not in own]
            request_id = (b"x-request-id", self.request_id.encode())
            message = {**message, "headers": [*message["headers"], *added, request_id]}
        await self._send(message)

    async def _refuse(self, status: int, code: str, text: str) -> None:
        if self.status:
            return  # the answer has begun; the server cuts the connection
        body = json.dumps(error_body(code, text, self.request_id)).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self._pass_on({"type": "http.response.start", "status": status, "headers": headers})
        await self._pass_on({"type": "http.response.body", "body": body})

    def _record(self, seconds: float) -> None:
        route = getattr(self.scope.get("route"), "path", "other")
        metrics.REQUESTS.labels(self.scope["method"], route, str(self.status)).inc()
        metrics.REQUEST_SECONDS.labels(route).observe(seconds)
        client = self.scope.get("client")
        access.info(
            "request",
            method=self.scope["method"],
            path=self.scope["path"],
            status=self.status,
            ms=round(seconds * 1000, 1),
            ip=client[0] if client else None,
        )


def error_body(code: str, text: str, request_id: str | None) -> dict[str, Any]:
    """An error answer that GraphQL and plain HTTP clients can both read."""
    extensions = {"code": code, "requestId": request_id}
    return {"errors": [{"message": text, "code": code, "extensions": extensions}], **extensions, "message": text}
