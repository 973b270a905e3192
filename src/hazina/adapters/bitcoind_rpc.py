"""bitcoind's JSON-RPC over HTTP: one call, or several in one request.

The password is read anew from the cookie file when the node does not know it: each start of bitcoind makes
another one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hazina.chain.ports import NodeRefused, NodeSilent
from hazina.kernel.http import Answered, HttpClient, NoAnswer
from hazina.kernel.money import SAT_PER_BTC

CALL_S = 30.0
BATCH_MAX = 100
NOT_AUTHORISED = 401
NOT_YET = frozenset({-28, -10, -9})
"""RPC_IN_WARMUP and the like: it will answer later."""

Params = Sequence[Any] | Mapping[str, Any]


class Rpc:
    """``cookie`` names bitcoind's ``.cookie``; else ``user`` and ``password``."""

    def __init__(
        self, url: str, *, user: str = "", password: str = "", cookie: Path | None = None, timeout_s: float = CALL_S
    ) -> None:
        self._http = HttpClient("bitcoind", url, timeout_s=timeout_s, connections=16)
        self._user, self._password, self._cookie = user, password, cookie
        self._ids = count(1)
        self._header: dict[str, str] | None = None

    async def close(self) -> None:
        await self._http.close()

    async def __call__(
        self, method: str, *params: Any, wallet: str | None = None, timeout_s: float | None = None
    ) -> Any:
        """``call`` with parameters by position."""
        return await self.call(method, params, wallet=wallet, timeout_s=timeout_s)

    async def call(
        self, method: str, params: Params = (), *, wallet: str | None = None, timeout_s: float | None = None
    ) -> Any:
        """The result of one call, with parameters by position or by name. Fractions are ``Decimal``.

        :raises NodeSilent, NodeRefused:
        """
        asked = self._asked(method, params)
        said = await self._send(asked, wallet, timeout_s)
        return self._result(said, asked["id"])

    async def batch(self, calls: Sequence[tuple[str, Params]], *, wallet: str | None = None) -> list[Any]:
        """The results of several calls, in their order; a refusal stands in its place as ``NodeRefused``.

        :raises NodeSilent:
        """
        found: list[Any] = []
        for start in range(0, len(calls), BATCH_MAX):
            asked = [self._asked(method, params) for method, params in calls[start : start + BATCH_MAX]]
            said = await self._send(asked, wallet, None)
            if not isinstance(said, list) or len(said) != len(asked):
                raise NodeSilent("bitcoind: not one answer for each question")
            for question, answer in zip(asked, said, strict=True):
                try:
                    found.append(self._result(answer, question["id"]))
                except NodeRefused as error:
                    found.append(error)
        return found

    def _asked(self, method: str, params: Params) -> dict[str, Any]:
        values = dict(params) if isinstance(params, Mapping) else list(params)
        return {"jsonrpc": "1.0", "id": next(self._ids), "method": method, "params": values}

    def _result(self, said: Any, asked: int) -> Any:
        try:
            known, error, result = said["id"], said["error"], said["result"]
        except (KeyError, TypeError):
            raise NodeSilent("bitcoind: an answer that cannot be read") from None
        if known != asked:
            raise NodeSilent("bitcoind: an answer to another question")
        if error is None:
            return result
        try:
            refused = NodeRefused(int(error["code"]), str(error["message"])[:500])
        except (KeyError, TypeError, ValueError):
            raise NodeSilent("bitcoind: an error that cannot be read") from None
        if refused.number in NOT_YET:
            raise NodeSilent(f"bitcoind: {refused}")
        raise refused

    async def _send(self, body: Any, wallet: str | None, timeout_s: float | None) -> Any:
        path = f"/wallet/{quote(wallet, safe='')}" if wallet else "/"
        try:
            answered = await self._once(path, body, timeout_s, anew=False)
            if answered.status == NOT_AUTHORISED:  # nothing was done
                answered = await self._once(path, body, timeout_s, anew=True)
            if answered.status == NOT_AUTHORISED:
                raise NodeRefused(NOT_AUTHORISED, "bitcoind does not take this user and password, or this cookie")
            return answered.json()
        except NoAnswer as error:
            raise NodeSilent(str(error)) from error

    async def _once(self, path: str, body: Any, timeout_s: float | None, *, anew: bool) -> Answered:
        if self._header is None or anew:
            self._header = {"Authorization": f"Basic {base64.b64encode(self._secret().encode()).decode()}"}
        return await self._http.call("POST", path, body=body, headers=self._header, timeout_s=timeout_s)

    def _secret(self) -> str:
        if self._cookie is None:
            return f"{self._user}:{self._password}"
        try:
            return self._cookie.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:  # it has one only while it runs
            raise NodeSilent(f"bitcoind: no cookie in {self._cookie}: {type(error).__name__}") from error


@contextmanager
def readable(what: str) -> Iterator[None]:
    """An answer of another shape than bitcoind's is no answer."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration) as error:
        raise NodeSilent(f"bitcoind: {what} that cannot be read") from error


def sats(bitcoin: Any) -> int:
    """An amount as bitcoind prints it."""
    try:
        whole = Decimal(bitcoin) * SAT_PER_BTC
        if whole != int(whole):
            raise ValueError
    except (ArithmeticError, TypeError, ValueError):
        raise NodeSilent("bitcoind: an amount that cannot be read") from None
    return int(whole)


def bitcoin(sats: int) -> str:
    """Satoshi as text that bitcoind takes for an amount."""
    return f"{Decimal(sats) / SAT_PER_BTC:.8f}"
