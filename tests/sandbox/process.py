"""A sandbox as a real process on loopback, for tests."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from hazina.adapters.lnd import Lnd
from hazina.kernel import child
from hazina.kernel.http import Answered, HttpClient
from hazina.sandbox.world import ADMIN_MACAROON, BANK_MACAROON

START_S = 120


class SandboxProcess:
    """``start`` serves the state in ``data``; after ``kill`` it may be started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._client: HttpClient | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        log = self.data / "sandbox.log"
        with log.open("wb") as output:
            self._process = child.spawn(
                [sys.executable, "-m", "hazina.sandbox", "--data", self.data, "--port", str(self.port)],
                on_parent_death=signal.SIGKILL,
                output=output,
                errors=output,
                cwd=Path.cwd(),
                env=dict(os.environ),
            )
        async with asyncio.timeout(START_S):
            while not (said := log.read_text()).endswith("\n"):
                assert self._process.poll() is None, said
                await asyncio.sleep(0.02)
        self.port = int(said.splitlines()[0].rpartition(":")[2])
        self._client = HttpClient("sandbox", self.url, timeout_s=60)

    async def kill(self) -> None:
        assert self._process is not None and self._client is not None
        self._process.kill()
        self._process.wait()
        await self._client.close()

    @property
    def log(self) -> str:
        """What it wrote after its first line: nothing, when all is well."""
        return (self.data / "sandbox.log").read_text().partition("\n")[2]

    def lnd(self, *, admin: bool = False, renew_s: float = 900, proof_s: float = 10) -> Lnd:
        return Lnd("lnd-1", f"{self.url}/lnd", self.macaroon(admin=admin), renew_s=renew_s, proof_s=proof_s)

    def macaroon(self, *, admin: bool = False) -> str:
        return (self.data / (ADMIN_MACAROON if admin else BANK_MACAROON)).read_bytes().hex()

    async def ask(self, method: str, path: str, **named: Any) -> Answered:
        """One call of the control panel, whatever it answers."""
        assert self._client is not None
        return await self._client.call(method, f"/sandbox/api{path}", **named)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.ask(method, path, body=body)
        assert answer.status == 200, answer.body
        return answer.json()

    async def fault(self, call: str, action: str, *, provider: str = "lnd", **more: Any) -> None:
        await self.control("POST", "/faults", {"provider": provider, "call": call, "action": action, **more})

    async def raw(self, method: str, path: str, *, macaroon: str | None = "", **named: Any) -> Answered:
        """One call of the node as it goes over the wire; with the admin macaroon unless told otherwise."""
        assert self._client is not None
        value = self.macaroon(admin=True) if macaroon == "" else macaroon
        headers = {"Grpc-Metadata-macaroon": value} if value is not None else {}
        return await self._client.call(method, f"/lnd{path}", headers=headers, **named)
