"""What a resolver knows about the request it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from graphql import GraphQLResolveInfo

from hazina.access import Caller, Scope, require_read, require_receive, require_write
from hazina.accounts import Accounts, Person
from hazina.api.bank import Bank
from hazina.api.credentials import Credential
from hazina.kernel.errors import NotAuthorized
from hazina.ledger import balances

if TYPE_CHECKING:  # it is built of resolvers, and those of this
    from hazina.api.graphql.public.price_stream import PriceStream

K = TypeVar("K")
V = TypeVar("V")

_REQUIRE = {Scope.READ: require_read, Scope.RECEIVE: require_receive, Scope.WRITE: require_write}


class Loader(Generic[K, V]):
    """Gathers the keys that are asked for in one turn of the event loop, and fetches them at once.
    Lives as long as its request."""

    def __init__(self, fetch: Callable[[list[K]], Awaitable[dict[K, V]]]) -> None:
        self._fetch = fetch
        self._known: dict[K, asyncio.Future[V]] = {}
        self._waiting: list[K] = []
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V:
        if key not in self._known:
            self._known[key] = asyncio.get_running_loop().create_future()
            self._waiting.append(key)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run())
        return await asyncio.shield(self._known[key])

    def put(self, key: K, value: V) -> None:
        """What was fetched along with something else."""
        self._known[key] = asyncio.get_running_loop().create_future()
        self._known[key].set_result(value)

    async def _run(self) -> None:
        while self._waiting:
            keys, self._waiting = self._waiting, []
            try:
                found = await self._fetch(keys)
            except Exception as error:
                for key in keys:
                    self._known[key].set_exception(error)
            else:
                for key in keys:
                    self._known[key].set_result(found[key])


@dataclass(slots=True)
class Me:
    """The caller as a node of the graph. What is stored of them is read once, and only when asked for."""

    caller: Caller
    accounts: Accounts
    _reading: asyncio.Task[Person] | None = None

    async def person(self) -> Person:
        if self._reading is None:
            self._reading = asyncio.create_task(self.accounts.me(self.caller))
        return await asyncio.shield(self._reading)


@dataclass(slots=True)
class Context:
    """One request, or one operation over a socket."""

    bank: Bank
    caller: Caller | None = None
    shown: Credential | None = None
    ip: str | None = None
    agent: str | None = None
    key: str | None = None
    """The asker's idempotency key."""
    refused: bool = False
    """A payload of the answer holds an error."""
    told: dict[str, Any] = field(default_factory=dict)
    """What the answer's extensions say of refusals."""
    prices: PriceStream | None = None
    """What all subscribers of this process hear."""
    histories: int = 0
    """Of how many contacts the request has read the common history."""
    _balances: Loader[int, int] | None = None

    def require(self, scope: Scope) -> Caller:
        """The caller, whose credential goes that far. Raises NotAuthorized."""
        if self.caller is None:
            raise NotAuthorized
        _REQUIRE[scope](self.caller)
        return self.caller

    def me(self) -> Me:
        """Raises NotAuthorized."""
        return Me(self.require(Scope.READ), self.bank.accounts)

    def balances(self) -> Loader[int, int]:
        """Ledger account to what can be spent of it, in minor units."""
        if self._balances is None:
            self._balances = Loader(self._fetch_balances)
        return self._balances

    async def _fetch_balances(self, ids: list[int]) -> dict[int, int]:
        async with self.bank.db.reading() as tx:
            return {id_: found.available for id_, found in (await balances(tx, ids)).items()}

    def forget(self) -> None:
        """The next event of a subscription reads anew."""
        self._balances = None


Info: TypeAlias = GraphQLResolveInfo[Context]


def context_of(info: Info) -> Context:
    return info.context
