"""JSON-RPC over HTTP, as bitcoind and Electrum speak it."""

from __future__ import annotations

from itertools import count
from typing import Any

from hazina.kernel.http import HttpClient, NoAnswer


class RpcError(Exception):
    """The program's own refusal."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class JsonRpc:
    def __init__(self, name: str, port: int, user: str, password: str, *, timeout_s: float = 60) -> None:
        self.name = name
        self._http = HttpClient(name, f"http://127.0.0.1:{port}", basic_auth=(user, password), timeout_s=timeout_s)
        self._ids = count(1)

    async def call(self, method: str, params: Any = (), path: str = "/", timeout_s: float | None = None) -> Any:
        """``params`` by position or by name. Fractions come back as ``Decimal``.

        :raises RpcError: it refused.
        :raises NoAnswer: nobody knows what it did.
        """
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answered = await self._http.call("POST", path, body=body, timeout_s=timeout_s)
        if answered.status == 401:
            raise NoAnswer(f"{self.name}: it does not know us")
        said = answered.json()
        if (error := said.get("error")) is not None:
            raise RpcError(int(error.get("code", 0)), str(error.get("message", error)))
        return said["result"]

    async def close(self) -> None:
        await self._http.close()
