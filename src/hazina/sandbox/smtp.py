"""A mail server that keeps what it is given (SMTP, RFC 5321, no TLS: loopback only).

Addresses whose local part begins with ``bounce`` are refused for good (550), those with ``busy`` for now (451).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from hazina.sandbox import faults
from hazina.sandbox.world import World

HOST = "127.0.0.1"
MESSAGE_BYTES_MAX = 256 * 1024
PORT = "smtp_port"  # the setting under which the open port is found


@contextlib.asynccontextmanager
async def serving(world: World) -> AsyncIterator[None]:
    """Take mail while the block runs. The port is free chosen, and the same again after a restart if it can be."""
    loop = asyncio.get_running_loop()
    wished = int(world.store.setting(PORT, 0))

    def session() -> asyncio.BaseProtocol:
        return SMTP(_Inbox(world), data_size_limit=MESSAGE_BYTES_MAX, hostname="sandbox", loop=loop)

    try:
        server = await loop.create_server(session, HOST, wished)
    except OSError:  # somebody else has it now
        server = await loop.create_server(session, HOST, 0)
    world.store.set(PORT, server.sockets[0].getsockname()[1])
    try:
        yield
    finally:
        server.close()  # clients that are still there end with the process


class _Inbox:
    """aiosmtpd's handler: the names are its own."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("bounce"):
            return "550 5.1.1 No such mailbox"
        if address.startswith("busy"):
            return "451 4.3.2 Try again later"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        fault = self.world.faults.take("smtp", "data")
        match fault.action if fault else None:
            case "error":
                return "451 4.3.0 sandbox: this call was told to fail"
            case "delay":
                await asyncio.sleep(faults.DELAY_S if fault is None or fault.seconds is None else fault.seconds)
            case "hang":
                await asyncio.sleep(faults.SECONDS_MAX if fault is None or fault.seconds is None else fault.seconds)
                return "451 4.3.0 sandbox: this call was told to fail"
            case _:
                pass
        self._keep(envelope)
        if fault is not None and fault.action in ("drop_reply", "cut", "empty"):
            cast(asyncio.Transport, server.transport).abort()  # uvloop's transports are not of that class
        return "250 OK"

    def _keep(self, envelope: Envelope) -> None:
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        part = message.get_body(("plain", "html"))
        body = part.get_content().replace("\r\n", "\n") if part is not None else ""
        for recipient in envelope.rcpt_tos:
            self.world.store.run(
                "INSERT INTO mail (message_id, recipient, sender, subject, body, at) VALUES (?, ?, ?, ?, ?, ?)",
                str(message["message-id"] or ""), recipient, envelope.mail_from or "", str(message["subject"] or ""),
                body, datetime.now(UTC).isoformat(timespec="milliseconds"),
            )  # fmt: skip
