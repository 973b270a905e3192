"""A process of the bank: every context, wired as ``hazina.app`` does, with a pool, books and hub of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from hazina import access, accounts, chain, dealer, identity, payments, safety
from hazina.accounts import Accounts
from hazina.chain import Chain, PayoutPolicy, Payouts, Speed
from hazina.dealer import Prices
from hazina.identity import Identity
from hazina.kernel.background import every, lead
from hazina.kernel.bolt11 import Network
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database
from hazina.kernel.events import FACT, Fact, Hub
from hazina.ledger import Books
from hazina.payments import Nodes, Parts, Payments, Seat
from hazina.watch import Watch
from simulation.bitcoin import BitcoinPort
from simulation.loop import GATE, Gate, VirtualClock
from simulation.node import LightningPort
from simulation.prices import PricePort

if TYPE_CHECKING:
    from simulation.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two rounds of the background loops."""

    reconcile: float
    sweep: float
    prices: float
    held: float
    chain: float
    deposits: float
    payouts: float
    rates: float


BUSY = Pace(7, 90, 25, 12, chain=8, deposits=15, payouts=30, rates=90)
QUIET = Pace(900, 3600, 7200, 3600, chain=3600, deposits=3600, payouts=7200, rates=3300)

PAYOUTS = PayoutPolicy(
    interval={Speed.FAST: timedelta(seconds=1), Speed.MEDIUM: timedelta(seconds=20), Speed.SLOW: timedelta(minutes=1)},
    bump_after={speed: timedelta(seconds=n) for speed, n in zip(Speed, (30, 60, 180), strict=True)},
    patience=timedelta(minutes=3),
    loss_max=1_000,
    final=20,
)
"""As fast as the blocks are here."""

KEYS = Keys({"kek-1": bytes(32)}, bytes(32))


class NoSms:
    async def send(self, to: str, body: str, *, whatsapp: str | None = None) -> None:
        raise AssertionError("nobody logs in here")


class WatchedHub(Hub):
    """Notes what it hands out."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.handed_out: list[Fact] = []

        self.began: tuple[int, int] | None = None

    async def _read(self) -> None:
        if self.began is None and self._cursor is not None:
            self.began = (self._cursor.xid, self._cursor.id)
        await super()._read()

    def _hand_out(self, one: Fact) -> None:
        self.handed_out.append(one)
        super()._hand_out(one)


class Process(Gate):
    """One start of one operating-system process."""

    def __init__(self, world: World, name: str, *, works: bool, pace: Pace) -> None:
        super().__init__()
        self.world, self.name, self.works, self.pace = world, name, works, pace
        self.alive = True
        self.died: asyncio.Future[None] = world.loop.create_future()
        self.ready: asyncio.Future[None] = world.loop.create_future()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.context: Context = copy_context()
        self.context.run(GATE.set, self)
        self.clock = VirtualClock(world.loop, world.faults.skew())
        self.db = Database(world.server.url, size=6, name=name)
        self.hub = WatchedHub(self.db)
        self.books = Books(
            self.db,
            claims=(*access.CLAIMS, *identity.CLAIMS, *safety.CLAIMS, *dealer.CLAIMS, *payments.CLAIMS),
            effects=(*chain.EFFECTS, *payments.EFFECTS, *access.EFFECTS, *accounts.EFFECTS, FACT),
        )
        self.lightning = LightningPort(world, self)
        self.nodes = Nodes.build([Seat(self.lightning)], self.clock, Network.REGTEST)
        self.accounts = Accounts(self.db, self.clock, Identity(self.db, self.clock, NoSms(), KEYS))
        self.prices = Prices(self.db, self.clock, tuple(PricePort(world, self, n) for n in ("one", "two", "three")))
        self.chain = self._chain()
        self.payments = Payments(
            Parts(
                self.db,
                self.clock,
                self.books,
                self.hub,
                self.accounts,
                self.prices,
                self.nodes,
                Network.REGTEST,
                payments.Policy(),
                chain=self.chain,
            )
        )

        self.watch = Watch(self.db, self.clock, [self.lightning])

    def _chain(self) -> Chain:
        port = BitcoinPort(self.world, self)
        policy = replace(chain.Policy.of(Network.REGTEST), poll=timedelta(seconds=self.pace.chain))
        payouts = Payouts(self.db, self.clock, port, PAYOUTS, policy)
        return Chain(self.db, self.clock, port, port, Network.REGTEST, policy, payouts)

    def start(self) -> None:
        self.spawn(self._main(), "main")

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """A task of this process."""
        return self.world.loop.create_task(work, name=f"{self.name}:{name}", context=self.context.copy())

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Called for every task that is born in this process's context."""
        self.tasks[task] = None
        task.add_done_callback(lambda done: self.tasks.pop(done, None), context=self.world.context)
        if not self.alive:
            task.cancel()

    async def _main(self) -> None:
        """As the program starts: connect or give up, then serve. An error that comes out is a crash."""
        try:
            await self.db.open()
            await self.books.open()
            await self.chain.start()
        except (OSError, psycopg.OperationalError) as error:
            self.world.trace("did not start", self.name, type(error).__name__)
            self.world.loop.call_soon(self.world.crashed, self, context=self.world.context)
            return
        for name, work in self._loops().items():
            self.spawn(work(), name).add_done_callback(self._loop_ended, context=self.world.context)
        if not self.ready.done():
            self.ready.set_result(None)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        """A background part that ends takes the process with it."""
        if self.alive and not task.cancelled():
            self.world.trace("crashed", self.name, task.get_name(), repr(task.exception()))
            self.world.crashed(self)

    def _loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        loops: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        if not self.works:
            loops["facts"] = self.hub.run
        else:
            pace = self.pace
            watch = f"watch:{self.lightning.name}"
            loops |= {
                "prices": lambda: every(pace.prices, "prices", self.prices.refresh),
                "watch": lambda: lead(self.db.url, watch, lambda: self.payments.watch(self.lightning)),
                "chain": lambda: lead(self.db.url, "watch:chain", self.chain.watch),
                "rates": lambda: every(pace.rates, "rates", self.chain.refresh_rates),
                "payouts": lambda: every(pace.payouts, "payouts", self.chain.payouts.round),
                "deposits": lambda: every(pace.deposits, "deposits", self.payments.follow_chain),
                "held": lambda: every(pace.held, "held", self.payments.decide_held),
                "reconcile": lambda: every(pace.reconcile, "reconcile", self.payments.reconcile),
                "sweep": lambda: every(pace.sweep, "sweep", self.payments.sweep),
            }
        return loops

    # -- from outside ----------------------------------------------------------------------------

    async def ask(self, request: Callable[[Process], Awaitable[T]], patience_s: float = 60) -> T:
        """A client's request. Raises ConnectionError when the process dies, TimeoutError when it does not
        answer: then the client knows nothing."""
        if not self.alive:
            raise ConnectionError("refused")
        task = self.spawn(_asked(request, self), "request")
        either: list[asyncio.Future[Any]] = [task, self.died]
        await asyncio.wait(either, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not task.cancelled():
            return task.result()
        if not self.alive or task.cancelled():
            raise ConnectionError("reset")
        task.cancel()  # the client hangs up
        raise TimeoutError

    def stop(self) -> None:
        """SIGSTOP."""
        self.stopped = True

    def go_on(self) -> None:
        """SIGCONT."""
        if self.alive:
            self.world.loop.go_on(self)

    def kill(self) -> None:
        """SIGKILL: what it had in mind is gone; from here on none of its calls reaches anything."""
        if not self.alive:
            return
        self.alive = False
        self.world.loop.go_on(self)
        self.world.server.end_sessions(self)
        self.died.set_result(None)

    async def bury(self) -> None:
        """Take its tasks apart. Some catch a cancellation and wait again: until none is left."""
        for _ in range(1_000):
            if not self.tasks:
                return
            for task in list(self.tasks):
                task.cancel()
            await asyncio.sleep(0)
        self.world.fail(f"{self.name} cannot be buried: {[task.get_name() for task in self.tasks][:5]}")


async def _asked(request: Callable[[Process], Awaitable[T]], process: Process) -> T:
    return await request(process)
