"""LNURL services of others, through the client for strangers' addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hazina.adapters.outward import Barred, Outward
from hazina.kernel.db import outside_call
from hazina.kernel.http import NoAnswer
from hazina.links.ports import ServiceRefused, ServiceSilent

BODY_BYTES_MAX = 300_000
"""A payRequest may carry a picture (LUD-06: up to 136,536 characters)."""
CALL_S = 10.0
REDIRECTS = 3
REASON_MAX = 300


class Lnurl:
    def __init__(self, outward: Outward) -> None:
        self.outward = outward

    async def ask(self, url: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Statuses mean nothing in LNURL: the body counts."""
        outside_call("lnurl.ask")
        try:
            answer = await self.outward.call(
                "GET", url, query=query, timeout_s=CALL_S, bytes_max=BODY_BYTES_MAX, redirects=REDIRECTS
            )
            found = answer.json()
        except Barred as error:
            raise ServiceRefused(f"This address may not be asked: {error}.") from error
        except NoAnswer as error:
            raise ServiceSilent(str(error)) from error
        if not isinstance(found, dict):
            raise ServiceSilent("the answer is no object")
        if str(found.get("status", "")).upper() == "ERROR":
            reason = found.get("reason")
            text = reason.strip() if isinstance(reason, str) else ""
            raise ServiceRefused(_seen(text)[:REASON_MAX] or "no.")
        return found


def _seen(text: str) -> str:
    """Strangers' words, as one line."""
    return "".join(char if char.isprintable() else " " for char in text)
