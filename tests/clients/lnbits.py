"""LNbits as its users run it: a process of its own, with the bank as its funding source."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from faults.process import free_port
from hazina.kernel import child

Json = dict[str, Any]
START_SECONDS_MAX = 120
NOWHERE = "http://127.0.0.1:9"
"""Rates, extensions and news of the outside are asked for here, in vain."""


@dataclass
class Lnbits:
    http: httpx2.AsyncClient
    log: Path
    admin: str = ""
    """The key of its first wallet."""

    async def account(self) -> None:
        made = await self.http.post("/api/v1/account", json={"name": "shop"})
        assert made.status_code < 300, made.text
        self.admin = made.json()["adminkey"]

    async def post(self, **body: Any) -> tuple[int, Json]:
        answer = await self.http.post("/api/v1/payments", json=body, headers={"x-api-key": self.admin})
        return answer.status_code, answer.json()

    async def invoice(self, sats: int, **more: Any) -> Json:
        status, made = await self.post(out=False, amount=sats, **more)
        assert status == 201, (made, self.log.read_text()[-2_000:])
        return made

    async def pay(self, payment_request: str) -> tuple[int, Json]:
        return await self.post(out=True, bolt11=payment_request)

    async def payment(self, payment_hash: str) -> Json:
        answer = await self.http.get(f"/api/v1/payments/{payment_hash}", headers={"x-api-key": self.admin})
        found: Json = answer.json()
        return found

    async def balance(self) -> int:
        """Millisatoshi of its wallet."""
        answer = await self.http.get("/api/v1/wallet", headers={"x-api-key": self.admin})
        return int(answer.json()["balance"])

    def said(self) -> str:
        return self.log.read_text()


@asynccontextmanager
async def running(folder: Path, bank_port: int, token: str) -> AsyncIterator[Lnbits]:
    """LNbits from the environment that HAZINA_LNBITS names, with data in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LNBITS_BACKEND_WALLET_CLASS": "BlinkWallet",
        "BLINK_API_ENDPOINT": f"http://127.0.0.1:{bank_port}/graphql",
        "BLINK_WS_ENDPOINT": f"ws://127.0.0.1:{bank_port}/graphql",
        "BLINK_TOKEN": token,
        "LNBITS_ADMIN_UI": "false",
        "LNBITS_DATA_FOLDER": str(folder / "data"),
        "LNBITS_EXTENSIONS_PATH": str(folder),
        "AUTH_SECRET_KEY": "for a test",
        "LNBITS_RATE_LIMIT_NO": "100000",
        "FUNDING_SOURCE_MAX_RETRIES": "0",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1",
    }
    log = folder / "lnbits.log"
    place = Path(os.environ["HAZINA_LNBITS"])
    packages = next(place.glob("lib/python*/site-packages"))
    # Its own starter starts another process, which would outlive us.
    served: list[str | Path] = [place / "bin" / "python", "-m", "uvicorn", "lnbits.__main__:app"]
    with log.open("ab") as words:
        process = child.spawn(
            [*served, "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            on_parent_death=signal.SIGKILL,
            output=words,
            errors=words,
            cwd=packages,  # it looks for its pages there
        )
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        try:
            await _answers(http, process, log)
            yield Lnbits(http, log)
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, 20)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)


async def _answers(http: httpx2.AsyncClient, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(START_SECONDS_MAX):
        while True:
            assert process.poll() is None, log.read_text()[-3_000:]
            try:
                if (await http.get("/api/v1/health")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.2)
