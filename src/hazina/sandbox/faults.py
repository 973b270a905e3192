"""Faults on request. A fault stands for a provider and a call, and is applied around the server that
acts, so that every provider fails in the same ways."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hazina.sandbox.problems import Problem
from hazina.sandbox.store import Store

ANY = "*"
CALLS: dict[str, tuple[str, ...]] = {
    "lnd": (
        "send", "track", "payments.subscribe", "payments.list", "estimatefee", "decode",
        "invoice.add", "invoice.lookup", "invoice.cancel", "invoice.settle", "invoice.hold", "invoice.subscribe",
        "invoices.list", "invoices.subscribe", "getinfo", "state", "version", "balance", "channels", "macaroon",
        "payment.delete",
    ),
    "twilio": ("messages", "lookup"),
    "exchange": ("ticker", "candles"),
    "rates": ("rates",),
    "smtp": ("data",),
    "lnurl": ("pay", "pay.callback", "withdraw", "withdraw.callback"),
    "captcha": ("status", "register", "verify"),
    "chat": ("completions",),
    "proxycheck": ("lookup",),
    "okx": (
        "config", "instruments", "mark", "balance", "positions", "bills", "funding", "order.place", "order",
        "order.cancel", "transfer", "transfer.state", "currencies", "deposit.address", "deposits", "withdraw",
        "withdrawals",
    ),
}  # fmt: skip
STREAMS = ("send", "track", "payments.subscribe", "invoice.subscribe", "invoices.subscribe")

CALLS["lnd-2"] = CALLS["lnd"]
ACTIONS = {
    "delay": "wait, then act and answer",
    "error": "do not act, answer HTTP 500 with plain text",
    "hang": "do not act, say nothing",
    "drop_reply": "act, then say nothing and close the connection",
    "cut": "act, then close the connection in the middle of the answer",
    "empty": "act, then answer HTTP 200 without a body",
    "duplicate_event": "every event of a stream comes twice",
    "stuck": "send: keep the payment, say nothing, and do nothing with it until the node restarts",
}
DELAY_S = 1.0
SECONDS_MAX = 86_400
TIMES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of ``faults``. ``seconds``: how long ``delay``, ``hang`` and ``drop_reply`` wait; for the other
    actions how long the fault stands. ``times``: calls left, None for all."""

    id: int
    provider: str
    call: str
    action: str
    seconds: float | None
    times: int | None
    until: float | None

    def public(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "call": self.call,
            "action": self.action,
            "seconds": self.seconds,
            "times": self.times,
        }


class Faults:
    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, provider: str, call: str, action: str, seconds: float | None, times: int | None) -> Fault:
        self._known(provider, call, action)
        if action == "duplicate_event" and call not in (*STREAMS, ANY):
            raise Problem("BAD_ACTION", f"duplicate_event works on streams: {', '.join(STREAMS)}.")
        waits = action in ("delay", "hang", "drop_reply")
        until = time.time() + seconds if seconds is not None and not waits else None
        self.store.run(
            "INSERT INTO faults (provider, call, action, seconds, times, until) VALUES (?, ?, ?, ?, ?, ?)",
            provider, call, action, seconds, times, until,
        )  # fmt: skip
        return Fault(*self.store.rows("SELECT * FROM faults ORDER BY id DESC LIMIT 1")[0])

    def _known(self, provider: str, call: str | None, action: str | None) -> None:
        if provider not in CALLS:
            raise Problem("BAD_PROVIDER", f"Unknown provider. There are: {', '.join(CALLS)}.")
        if call not in (*CALLS[provider], ANY, None):
            raise Problem("BAD_CALL", f"Unknown call. {provider} has: {', '.join(CALLS[provider])}, {ANY}.")
        if action not in (*ACTIONS, None):
            raise Problem("BAD_ACTION", f"Unknown action. There are: {', '.join(ACTIONS)}.")

    def remove(self, provider: str | None, call: str | None, action: str | None) -> int:
        """Those that match what is given; how many."""
        if provider is not None:
            self._known(provider, call, action)
        return self.store.run(
            "DELETE FROM faults WHERE ifnull(?1, provider) = provider AND ifnull(?2, call) = call"
            " AND ifnull(?3, action) = action",
            provider, call, action,
        )  # fmt: skip

    def all(self) -> list[Fault]:
        self.store.run("DELETE FROM faults WHERE until < ? OR times < 1", time.time())
        return [Fault(*row) for row in self.store.rows("SELECT * FROM faults ORDER BY id")]

    def take(self, provider: str, call: str) -> Fault | None:
        """The oldest fault that applies to this call; one of its times is used up."""
        for fault in self.all():
            if fault.provider != provider or fault.call not in (call, ANY):
                continue
            if fault.action == "duplicate_event" and call not in STREAMS:
                continue
            if fault.action == "stuck" and call != "send":
                continue
            if fault.times is not None:
                self.store.run("UPDATE faults SET times = times - 1 WHERE id = ?", fault.id)
            return fault
        return None


class _Enough(Exception):
    """The server acted and began to answer: that was all we wanted."""


async def serve(fault: Fault | None, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """``app`` answers, with the fault around it."""
    match fault.action if fault else None:
        case None:
            await app(scope, receive, send)
        case "delay":
            await asyncio.sleep(_seconds(fault, DELAY_S))
            await app(scope, receive, send)
        case "error":
            await _answer(send, 500, b"sandbox: this call was told to fail\n")
        case "hang":
            await _silence(receive, _seconds(fault, SECONDS_MAX))
            await cut(scope)
        case "drop_reply":
            await _act(app, scope, receive)
            await asyncio.sleep(_seconds(fault, 0))
            await cut(scope)
        case "empty":
            await _act(app, scope, receive)
            await _answer(send, 200, b"")
        case "stuck":
            scope["hazina.stuck"] = True
            await app(scope, receive, send)
        case "cut":
            await _cut_in_the_middle(app, scope, receive, send)
        case _:
            await app(scope, receive, _twice(send))


def _seconds(fault: Fault | None, default: float) -> float:
    return default if fault is None or fault.seconds is None else fault.seconds


async def cut(scope: Scope) -> None:
    """Close the connection without another byte."""
    close: Callable[[], None] | None = scope.get("extensions", {}).get("hazina.cut", {}).get("close")
    if close is None:
        raise ConnectionAbortedError("cut by the sandbox")  # mounted in-process there is no connection
    close()
    await asyncio.sleep(0.01)  # returning before the server has seen the end would make it answer


async def _act(app: ASGIApp, scope: Scope, receive: Receive) -> None:
    async def swallow(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise _Enough

    with contextlib.suppress(_Enough):
        await app(scope, receive, swallow)


async def _cut_in_the_middle(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    async def half(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise _Enough
        await send(message)

    try:
        await app(scope, receive, half)
    except _Enough:
        await asyncio.sleep(0.05)  # let the half be on its way
        await cut(scope)


def _twice(send: Send) -> Send:
    async def sending(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.body" and message.get("more_body") and message.get("body"):
            await send(message)

    return sending


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers: Iterable[tuple[bytes, bytes]] = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _silence(receive: Receive, seconds: float) -> None:
    """Until the time is over or the client has gone."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
