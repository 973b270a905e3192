"""Customers who pay without pause, at a rate that does not wait for the bank, and who write down every answer."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from faults.bank import Bank
from faults.client import BALANCE, HISTORY, Answer, Crowd, Customer, NotSent, Unanswered

RATE = 22.0
IN_FLIGHT_MAX = 400
_numbers = itertools.count(1)


class Kind(Enum):
    INTERNAL = "internal"  # to a wallet of the bank
    INSIDE = "inside"  # an invoice of the bank, paid by its customer
    OUT = "out"  # over Lightning
    IN = "in"  # a receipt over Lightning
    READ = "read"  # balance or history


class Told(Enum):
    """What the customer knows."""

    SUCCESS = "success"
    PENDING = "pending"
    REFUSED = "refused"  # surely nothing moved
    UNCLEAR = "unclear"  # the bank says: look at your history
    UNANSWERED = "unanswered"
    NOT_SENT = "not sent"  # nobody took the connection, or no invoice came of it


@dataclass(slots=True)
class Op:
    """One payment or look. ``hash``: of its invoice; an internal payment is known by its memo."""

    number: int
    kind: Kind
    phase: str
    payer: Customer | None
    payee: Customer | None
    sats: int
    asked_at: float = 0.0
    answered_at: float = 0.0
    told: Told = Told.UNANSWERED
    said: str = ""
    http: int = 0
    retry_after: bool = False
    hash: str = ""
    request: str = ""
    memo: str = ""
    moves: int = 0
    """How often the client turned to another API process, because nobody took its connection."""

    @property
    def ms(self) -> float:
        return (self.answered_at - self.asked_at) * 1000


MIX = {Kind.INTERNAL: 12, Kind.INSIDE: 4, Kind.OUT: 3, Kind.IN: 3}


@dataclass
class Load:
    """Start with ``start``, end with ``stop``. ``phase`` marks the requests that begin from then on;
    ``without`` holds kinds that are left out for a while; ``ports`` are the API processes in use."""

    bank: Bank
    crowd: Crowd
    rate: float = RATE
    mix: dict[Kind, int] = field(default_factory=lambda: dict(MIX))
    ops: list[Op] = field(default_factory=list)
    phase: str = "calm"
    without: set[Kind] = field(default_factory=set)
    skipped: int = 0
    random: random.Random = field(default_factory=lambda: random.Random(7))
    ports: list[int] = field(default_factory=list)
    _going: bool = False
    _future: Future[None] | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self) -> Load:
        self.ports = self.ports or [api.port for api in self.bank.apis]
        self._going = True
        self._future = asyncio.run_coroutine_threadsafe(self._run(), self.bank.loop.loop)
        return self

    def stop(self) -> None:
        """No new requests; those that were made are waited for."""
        self._going = False
        if self._future is not None:
            self._future.result(120)
            self._future = None

    def go_on(self, seconds: float, phase: str | None = None) -> None:
        if phase is not None:
            self.phase = phase
        time.sleep(seconds)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while self._going:
            if len(self._tasks) < IN_FLIGHT_MAX:
                self.begin(self._next())
            else:
                self.skipped += 1
            next_at = max(next_at + 1 / self.rate, loop.time() - 0.5)  # late, but not in a heap
            await asyncio.sleep(max(0.0, next_at - loop.time()))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=90)

    def begin(self, op: Op) -> asyncio.Task[None]:
        self.ops.append(op)
        task = asyncio.get_running_loop().create_task(self._do(op))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def make(self, kind: Kind, payer: Customer | None, payee: Customer | None, sats: int) -> Op:
        number = next(_numbers)
        return Op(number, kind, self.phase, payer, payee, sats, memo=f"op {number}")

    def _next(self) -> Op:
        kinds = {kind: weight for kind, weight in self.mix.items() if kind not in self.without}
        kind = self.random.choices(list(kinds), list(kinds.values()))[0]
        one, other = self.random.sample(self.crowd.members, 2)
        sats = self.random.randint(1, 40)
        match kind:
            case Kind.OUT | Kind.READ:
                return self.make(kind, one, None, sats)
            case Kind.IN:
                return self.make(kind, None, other, sats)
            case _:
                return self.make(kind, one, other, sats)

    async def _do(self, op: Op) -> None:
        op.asked_at = time.monotonic()
        try:
            await self._ask(op)
        except NotSent:
            op.told = Told.NOT_SENT
        except Unanswered as error:
            op.told = Told.UNANSWERED if op.kind not in (Kind.INSIDE, Kind.OUT, Kind.IN) or op.hash else Told.NOT_SENT
            op.said = str(error)
        op.answered_at = time.monotonic()

    async def _ask(self, op: Op) -> None:
        match op.kind:
            case Kind.IN:
                assert op.payee is not None
                invoice = await self._invoice(op, op.payee)
                op.asked_at = time.monotonic()
                try:
                    paid = await asyncio.to_thread(self.bank.outside.pays, invoice["paymentRequest"])
                except Exception as error:
                    raise Unanswered(type(error).__name__) from error
                op.told = Told.SUCCESS if paid["status"] == "SUCCEEDED" else Told.REFUSED
                op.said = paid.get("error", "")
                return
            case Kind.INSIDE:
                assert op.payee is not None
                invoice = await self._invoice(op, op.payee)
            case Kind.OUT:
                try:
                    invoice = await asyncio.to_thread(self.bank.outside.invoice, op.sats)
                except Exception as error:
                    raise NotSent from error
            case _:
                invoice = {"paymentRequest": "", "paymentHash": ""}
        op.hash, op.request = invoice["paymentHash"], invoice["paymentRequest"]
        op.asked_at = time.monotonic()
        note(op, await self.ask_once(op))

    async def _invoice(self, op: Op, payee: Customer) -> dict[str, str]:
        for port in self._order(op):
            try:
                made = await payee.invoice(port, op.sats)
            except NotSent:
                continue
            op.hash, op.request = made["paymentHash"], made["paymentRequest"]
            return made
        raise NotSent

    def _order(self, op: Op) -> list[int]:
        """A balancer in two lines: in turn, and the next one where nobody takes the connection."""
        place = op.number % len(self.ports)
        return [*self.ports[place:], *self.ports[:place]]

    async def ask_once(self, op: Op) -> Answer:
        """The request that moves money, to the first API process that takes it."""
        assert op.payer is not None
        for port in self._order(op):
            try:
                if op.kind is Kind.READ:
                    return await op.payer.ask(port, HISTORY if op.number % 2 else BALANCE)
                if op.kind is Kind.INTERNAL:
                    assert op.payee is not None
                    return await op.payer.send(port, op.payee, op.sats, op.memo)
                return await op.payer.pay(port, op.request, op.memo)
            except NotSent:
                op.moves += 1
        raise NotSent


def note(op: Op, answer: Answer) -> None:
    """Write down what the answer says."""
    op.http = answer.status
    op.retry_after = "retry-after" in answer.headers
    op.told, op.said = read(answer)


def read(answer: Answer) -> tuple[Told, str]:
    body: Any = answer.body if isinstance(answer.body, dict) else {}
    if errors := body.get("errors"):
        code = str(errors[0].get("code"))
        return Told.UNCLEAR, code
    data = body.get("data") or {}
    if "me" in data:
        return Told.SUCCESS, ""
    payload = next(iter(data.values()), None) or {}
    errors = payload.get("errors") or []
    said = f"{errors[0].get('code')}: {errors[0].get('message')}" if errors else ""
    match payload.get("status"):
        case "SUCCESS" | "ALREADY_PAID":
            return Told.SUCCESS, said
        case "PENDING":
            return Told.PENDING, said
        case "FAILURE" if "not known yet" in said:
            return Told.UNCLEAR, said
        case "FAILURE":
            return Told.REFUSED, said
        case _:
            return Told.UNCLEAR, str(body)[:200]
