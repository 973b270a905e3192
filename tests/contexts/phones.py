"""The customers' phones, as the sandbox shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from hazina.adapters.twilio import Twilio
from hazina.kernel.crypto import Keys

KEYS = Keys.fresh()


@dataclass(frozen=True, slots=True)
class Phones:
    """``sms`` is the bank's way out; the rest is what happens at the other end."""

    sms: Twilio
    sandbox: httpx2.AsyncClient
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def read(self, phone: str) -> list[str]:
        """Texts that came to ``phone`` in this test, newest first."""
        got: list[dict[str, Any]] = (await self.sandbox.get("/sandbox/api/sms", params={"to": phone})).json()
        return [one["body"] for one in got if datetime.fromisoformat(one["at"]) >= self.since]

    async def code(self, phone: str) -> str:
        """The six digits that came last."""
        found = re.search(r"\b[0-9]{6}\b", (await self.read(phone))[0])
        assert found is not None
        return found.group()

    async def fail(self, action: str) -> None:
        """The provider takes no messages from now on: see the sandbox's faults."""
        fault = {"provider": "twilio", "call": "messages", "action": action}
        (await self.sandbox.post("/sandbox/api/faults", json=fault)).raise_for_status()

    async def mend(self) -> None:
        (await self.sandbox.delete("/sandbox/api/faults")).raise_for_status()
