"""GraphQL over a websocket: the subprotocol ``graphql-transport-ws`` of the graphql-ws library
(its PROTOCOL.md), subscriptions only.

Blink's rules: the credential comes in ``connection_init``, never in the headers of the upgrade; a bad one
does not close the socket (``connection_ack`` is always the first frame), it fails what is subscribed
later. Liveness is the websocket's own ping, which uvicorn sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from graphql import GraphQLError, OperationType, get_operation_ast
from starlette.websockets import WebSocket, WebSocketDisconnect

from hazina.access import Caller
from hazina.api.bank import Bank
from hazina.api.credentials import BadCredential, Credential, caller_of, client_ip, credential
from hazina.api.graphql.context import Context
from hazina.api.graphql.documents import Documents
from hazina.api.graphql.errors import shown
from hazina.api.graphql.http import NotServed, checked_request, read_json
from hazina.api.graphql.public.price_stream import PriceStream
from hazina.api.graphql.stream import Subscribed, subscribed

log = structlog.get_logger("hazina.api")

SUBPROTOCOL = "graphql-transport-ws"
OPERATIONS_MAX = 50
INIT_WAIT_S = 10.0

# Closing codes: RFC 6455, and the protocol's own.
BROKEN = 1011
BAD_MESSAGE, NOT_READY, WRONG_SUBPROTOCOL, INIT_LATE, ID_TAKEN, TOO_MUCH = 4400, 4401, 4406, 4408, 4409, 4429


class Close(Exception):
    """The client broke the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(slots=True)
class Socket:
    """One connection, from its first message to its end."""

    bank: Bank
    documents: Documents
    prices: PriceStream
    websocket: WebSocket
    ready: bool = False
    caller: Caller | None = None
    shown: Credential | None = None
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    watching: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        if SUBPROTOCOL not in self.websocket.scope["subprotocols"]:
            await self.websocket.accept()
            await self.websocket.close(WRONG_SUBPROTOCOL, "Subprotocol not acceptable")
            return
        await self.websocket.accept(SUBPROTOCOL)
        try:
            await self._converse()
        except WebSocketDisconnect:
            pass
        except Close as close:
            await self.websocket.close(close.code, close.reason)
        finally:
            tasks = [*self.running.values(), *([self.watching] if self.watching else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _converse(self) -> None:
        try:
            async with asyncio.timeout(INIT_WAIT_S):
                while not self.ready:
                    await self._hear(await self._receive())
        except TimeoutError:
            raise Close(INIT_LATE, "Connection initialisation timeout") from None
        while True:
            await self._hear(await self._receive())

    async def _receive(self) -> dict[str, Any]:
        message = await self.websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        try:
            data = read_json(message.get("text") or "")
        except NotServed as no:
            raise Close(BAD_MESSAGE, no.message) from None
        if not isinstance(data, dict):
            raise Close(BAD_MESSAGE, "Invalid message")
        return data

    async def _hear(self, message: dict[str, Any]) -> None:
        payload = message.get("payload")
        match message.get("type"):
            case "connection_init":
                await self._init(payload)
            case "subscribe":
                await self._subscribe(message.get("id"), payload)
            case "complete":
                if (task := self.running.pop(str(message.get("id")), None)) is not None:
                    task.cancel()
            case "ping":
                await self._send("pong", payload=payload)
            case "pong":
                pass
            case _:
                raise Close(BAD_MESSAGE, "Invalid message")

    async def _send(self, kind: str, id_: str | None = None, payload: Any = None) -> None:
        message: dict[str, Any] = {"type": kind}
        if id_ is not None:
            message["id"] = id_
        if payload is not None:
            message["payload"] = payload
        await self.websocket.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    async def _init(self, payload: Any) -> None:
        if self.ready:
            raise Close(TOO_MUCH, "Too many initialisation requests")
        fields = payload if isinstance(payload, dict) else {}
        try:
            self.shown = credential({k.lower(): v for k, v in fields.items() if isinstance(v, str)})
            self.caller = await caller_of(self.bank, self.shown, client_ip(self.websocket))
        except BadCredential:
            pass  # nobody: what needs a log-in will fail by itself
        self.ready = True
        if self.caller is not None and self.caller.session_id is not None:
            self.watching = asyncio.create_task(self._watch(self.caller.session_id), name="session")
        await self._send("connection_ack")

    async def _watch(self, session_id: UUID) -> None:
        """The socket ends with the session that opened it, wherever that was ended."""
        with self.bank.hub.follow([f"session:{session_id}"]) as news:
            try:
                await caller_of(self.bank, self.shown, None)  # it may have ended before we followed
                await news.get()
            except BadCredential:
                pass
        for task in list(self.running.values()):
            task.cancel()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self.websocket.close(NOT_READY, "The session has ended")

    async def _subscribe(self, id_: Any, payload: Any) -> None:
        if not self.ready:
            raise Close(NOT_READY, "Unauthorized")
        if not isinstance(id_, str) or not id_ or not isinstance(payload, dict):
            raise Close(BAD_MESSAGE, "Invalid message")
        if id_ in self.running:
            raise Close(ID_TAKEN, f"Subscriber for {id_[:40]} already exists")
        if len(self.running) >= OPERATIONS_MAX:
            raise Close(TOO_MUCH, f"More than {OPERATIONS_MAX} subscriptions")
        self.running[id_] = asyncio.create_task(self._operate(id_, payload), name="subscription")

    async def _operate(self, id_: str, payload: dict[str, Any]) -> None:
        """One subscription to its end."""
        try:
            events = await self._events(payload)
            if isinstance(events, list):
                await self._send("error", id_, [shown(error) for error in events])
                return
            begin = f'{{"type":"next","id":{json.dumps(id_)},"payload":'
            async with contextlib.aclosing(events.answers()) as answers:
                async for answer in answers:
                    await self.websocket.send_text(f"{begin}{answer}}}")
            await self._send("complete", id_)
        except (WebSocketDisconnect, RuntimeError) as error:  # the socket went away while we were sending
            log.debug("socket_gone", error=type(error).__name__)
        except Exception as error:  # the client shall connect again, and not wait for what will never come
            shown(GraphQLError("", original_error=error))  # logs it
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self.websocket.close(BROKEN, "Internal error")
        finally:
            if self.running.get(id_) is asyncio.current_task():
                del self.running[id_]

    async def _events(self, payload: dict[str, Any]) -> Subscribed | list[GraphQLError]:
        """What is subscribed to, or why the operation is no subscription of ours."""
        try:
            data = checked_request(payload)
            if not isinstance(data.get("query"), str):
                raise NotServed(400, "INVALID_INPUT", 'The payload has no "query".')
        except NotServed as no:
            return [GraphQLError(no.message, extensions={"code": no.code})]
        checked = self.documents.get(data["query"])
        if checked.document is None:
            return list(checked.errors)
        operation = get_operation_ast(checked.document, data.get("operationName"))
        if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
            return [GraphQLError("Only subscriptions are served here.", extensions={"code": "INVALID_INPUT"})]
        ip, agent = client_ip(self.websocket), self.websocket.headers.get("user-agent")
        context = Context(self.bank, self.caller, self.shown, ip, agent, prices=self.prices)
        return await subscribed(
            self.documents.schema,
            checked.document,
            data["query"],
            context,
            data.get("variables"),
            data.get("operationName"),
        )
