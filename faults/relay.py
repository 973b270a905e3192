"""The wire between one process of the bank and the node: it can hold, lose and repeat what goes over it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field

CHUNK = 65_536
SHUFFLE_S = 0.2
HEAR_S = 1.0
STREAMS = (b"/v1/invoices/subscribe", b"/v2/router/payments")


@dataclass
class Wire:
    """What is known of one connection."""

    streams: bool = False
    held: bool = False
    lost: bool = False


@dataclass
class Relay:
    """Forwards ``port`` to ``target``, both on loopback. Runs in one event loop; its switches may be set from
    any thread.

    ``hold``: connections whose request holds these bytes stop there; what was sent arrives after
    ``release``, even if the sender has died. ``lose``: the same, but it never arrives. ``copies`` above 1:
    events of the node's streams come that often, in shuffled order.
    """

    port: int
    target: int
    hold: bytes | None = None
    lose: bytes | None = None
    copies: int = 1
    caught: int = 0
    """Requests held or lost so far."""
    repeated: int = 0
    """Events that came in copies."""
    late_answers: list[str] = field(default_factory=list)
    """What the node said to calls that had been held."""
    random: random.Random = field(default_factory=lambda: random.Random(1))
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def release(self) -> None:
        self.hold = self.lose = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            to_node = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        finally:
            self._tasks.discard(task)
        wire = Wire()
        pumps = {
            asyncio.create_task(self._there(reader, to_node[1], wire)),
            asyncio.create_task(self._back(to_node[0], writer, wire)),
        }
        self._tasks |= pumps
        await asyncio.wait(pumps)
        self._tasks -= pumps
        for end in (writer, to_node[1]):
            with contextlib.suppress(OSError):
                end.close()

    async def _there(self, reader: asyncio.StreamReader, node: asyncio.StreamWriter, wire: Wire) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(CHUNK):
                wire.streams = wire.streams or any(path in piece for path in STREAMS)
                if self.lose and self.lose in piece:
                    wire.lost = True
                    self.caught += 1
                if (held := self.hold) and held in piece:
                    wire.held = True
                    self.caught += 1
                    while self.hold == held:  # noqa: ASYNC110 (set from other threads)
                        await asyncio.sleep(0.01)
                if not wire.lost:
                    node.write(piece)
                    await node.drain()
        if wire.held:
            await asyncio.sleep(HEAR_S)  # the asker may have gone; the node's answer is heard all the same
        with contextlib.suppress(OSError):
            node.close()

    async def _back(self, node: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
        with contextlib.suppress(OSError):
            while piece := await node.read(CHUNK):
                if wire.held:
                    self.late_answers.append(piece.decode(errors="replace"))
                if self.copies > 1 and wire.streams:
                    piece = await self._repeated(piece, node)
                with contextlib.suppress(OSError):
                    writer.write(piece)
                    await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    async def _repeated(self, piece: bytes, node: asyncio.StreamReader) -> bytes:
        """Gather a while, then every whole event ``copies`` times, shuffled. An event is one HTTP chunk with
        one line; a head or half an event stays as it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUFFLE_S):
                while more := await node.read(CHUNK):
                    piece += more
        head, events, tail = chunks(piece)
        self.repeated += len(events)
        events = [event for event in events for _ in range(self.copies)]
        self.random.shuffle(events)
        return head + b"".join(events) + tail


def chunks(piece: bytes) -> tuple[bytes, list[bytes], bytes]:
    """What is before the first chunk (a response's head), the whole chunks, and what is left."""
    head = b""
    if piece.startswith(b"HTTP/"):
        place = piece.find(b"\r\n\r\n") + 4
        head, piece = piece[:place], piece[place:]
    found: list[bytes] = []
    while True:
        size, separator, _ = piece.partition(b"\r\n")
        if not separator:
            break
        try:
            length = int(size, 16)
        except ValueError:  # the middle of something: leave it alone
            break
        whole = len(size) + 2 + length + 2
        if length == 0 or len(piece) < whole:
            break
        found.append(piece[:whole])
        piece = piece[whole:]
    return head, found, piece
