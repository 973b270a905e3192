"""What every fault stands on: a running bank, customers with money, and the checks afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets import Subprotocol
from websockets.asyncio.client import connect

from faults import checks
from faults.bank import Bank, Member
from faults.checks import Row, Settled
from faults.client import PAY, Crowd, Customer, NotSent, Unanswered, written
from faults.load import Kind, Load, Op, Told, note
from faults.process import wait_for
from faults.report import Finding

T = TypeVar("T")
CUSTOMERS = 16
SATS = 500_000
REASKED_MAX = 40
SUBPROTOCOL = Subprotocol("graphql-transport-ws")
UPDATES = "subscription { myUpdates { update { __typename ... on LnUpdate { paymentHash status } } } }"


class LeftOut(Exception):
    """This machine cannot play this fault; the text says why."""


@dataclass
class Scene:
    bank: Bank
    crowd: Crowd = field(default_factory=Crowd)
    since: float = 0.0
    ops: list[Op] = field(default_factory=list)
    struck: Customer = field(default_factory=lambda: Customer(""))
    """Pays only what is struck."""

    def come(self, customers: int = CUSTOMERS) -> None:
        self.run(self.crowd.come(self.bank, customers + 1, SATS))
        self.struck = self.crowd.members.pop()

    def run(self, work: Coroutine[Any, Any, T], within_s: float = 90) -> T:
        return self.bank.loop.run(work, within_s)

    @contextmanager
    def load(self, **more: Any) -> Iterator[Load]:
        """Customers pay while the block runs; the answers that are still out are waited for at its end."""
        load = Load(self.bank, self.crowd, **more)
        load.start()
        try:
            yield load
        finally:
            load.stop()
            self.ops += load.ops

    def order(self, load: Load, kind: Kind, port: int, *, hold: bool = False) -> Op:
        """A payment that is not asked for yet. Its memo begins with "stall", so that it stands still at an
        armed step; an invoice of the bank comes from the process at ``port``."""
        payee = self.crowd.members[0] if kind is not Kind.OUT else None
        op = load.make(kind, self.struck, payee, 50)
        op.phase, op.memo = "struck", f"stall {op.number}"
        if payee is None:
            made = self.bank.outside.invoice(op.sats, hold=hold)
        else:
            made = self.run(payee.invoice(port, op.sats)) if kind is Kind.INSIDE else {}
        op.hash, op.request = made.get("paymentHash", ""), made.get("paymentRequest", "")
        self.ops.append(op)
        return op

    def customer(self, load: Load, kind: Kind, port: int, *, hold: bool = False) -> Op:
        """One payment to one API process, in the background."""
        other = next(api.port for api in self.bank.apis if api.port != port)
        op = self.order(load, kind, other, hold=hold)
        self.bank.loop.loop.call_soon_threadsafe(lambda: self._begin(op, port))
        return op

    def _begin(self, op: Op, port: int) -> None:
        async def ask() -> None:
            assert op.payer is not None
            op.asked_at = time.monotonic()
            try:
                if op.kind is Kind.INTERNAL:
                    assert op.payee is not None
                    note(op, await op.payer.send(port, op.payee, op.sats, op.memo))
                else:
                    note(op, await op.payer.pay(port, op.request, op.memo))
            except NotSent:
                op.told = Told.NOT_SENT
            except Unanswered as error:
                op.told, op.said = Told.UNANSWERED, str(error)
            op.answered_at = time.monotonic()

        task = self.bank.loop.loop.create_task(ask())
        _asking.add(task)
        task.add_done_callback(_asking.discard)

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.bank.loop.loop)

    # --- what the books and the payee say

    def rows_of(self, *ops: Op) -> list[Row]:
        """The payments of ``ops`` in the books."""
        hashes, memos = {op.hash for op in ops if op.hash}, {op.memo for op in ops}
        return [row for row in checks.payments(self.bank) if row.hash in hashes or row.memo in memos]

    def wait_state(self, states: Sequence[int], *ops: Op, within_s: float = 120, pause_s: float = 0.05) -> None:
        """Until every one of ``ops`` stands in the books in one of ``states``."""

        def there() -> bool:
            rows = self.rows_of(*ops)
            return len(rows) >= len(ops) and all(row.state in states for row in rows)

        wait_for(there, within_s, f"payments reach {states}", pause_s)

    def wait_payee(self, op: Op, state: str) -> None:
        path = f"lightning/invoices/{op.hash}"
        wait_for(lambda: self.bank.outside.control("GET", path)["state"] == state, 60, f"the payee says {state}")

    # --- a client that goes away, and one that listens

    async def half(self, port: int, op: Op) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask, and do not read the answer yet."""
        assert op.payer is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        order = {"walletId": op.payer.wallet, "paymentRequest": op.request, "memo": op.memo}
        body = {"query": PAY, "variables": {"input": order}}
        writer.write(written(port, "/graphql", body, {"authorization": f"Bearer {op.payer.token}"}))
        await writer.drain()
        return reader, writer

    @staticmethod
    async def rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """What had been answered when the other side died."""
        found = b""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                while piece := await reader.read(65_536):
                    found += piece
        writer.close()
        return found

    @contextmanager
    def updates(self, customer: Customer, member: Member) -> Iterator[list[str]]:
        """What one process tells a customer over a websocket, text by text."""
        heard: list[str] = []
        listening = asyncio.Event()
        task = self.start(self._listen(customer, member.port, heard, listening))
        self.run(listening.wait(), 60)
        try:
            yield heard
        finally:
            task.cancel()

    @staticmethod
    async def _listen(customer: Customer, port: int, heard: list[str], listening: asyncio.Event) -> None:
        async with connect(f"ws://127.0.0.1:{port}/graphqlws", subprotocols=[SUBPROTOCOL]) as socket:
            await socket.send(
                json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {customer.token}"}})
            )
            await socket.recv()
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": UPDATES}}))
            async for text in socket:
                heard.append(str(text))
                listening.set()  # the price comes at once

    def ask_again(self) -> dict[str, int]:
        """Whoever has no certain answer about an invoice asks again, as a client would; how many were told
        what."""
        said: dict[str, int] = {}
        unsure = [o for o in self.ops if o.request and o.payer and o.told in (Told.UNANSWERED, Told.UNCLEAR)]
        for op in unsure[:REASKED_MAX]:
            assert op.payer is not None
            answer = self.run(op.payer.pay(self.bank.apis[0].port, op.request, op.memo))
            note(op, answer)
            text = op.told.value if op.told is not Told.REFUSED else f"refused ({op.said[:40]})"
            said[text] = said.get(text, 0) + 1
        return said

    def afterwards(self, finding: Finding) -> Settled:
        """Heal, wait for quiet, compare everything; let the unsure ask again, and compare once more: asking
        again may mend what was broken. No process may have ended by itself."""
        ended = [member.name for member in self.bank.members if member.ended]
        finding.wrong += [f"{name} ended by itself" for name in ended]
        self.bank.heal()
        settled = checks.settle(self.bank, self.ops, since=self.since)
        finding.wrong += settled.wrong
        finding.measured.append(settled.summary)
        if again := self.ask_again():
            finding.measured.append(f"asked again: {spoken(again)}")
            after = checks.settle(self.bank, self.ops, since=self.since)
            finding.wrong += after.wrong
            settled.rows = after.rows
        return settled


_asking: set[Any] = set()


def spoken(counts: dict[str, int]) -> str:
    return ", ".join(f"{many} {what}" for what, many in sorted(counts.items()))
