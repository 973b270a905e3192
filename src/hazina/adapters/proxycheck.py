"""What is known of an internet address: proxycheck.io's API, version 2."""

from __future__ import annotations

from typing import Any, Protocol

from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient, NoAnswer
from hazina.learn import IpFacts, IpUnknown

CALL_S = 3.0


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class ProxyCheck:
    def __init__(self, base_url: str, key: Secret | None = None) -> None:
        self._key = key.get_secret_value() if key else None
        self._http = HttpClient("proxycheck", base_url, timeout_s=CALL_S)

    async def close(self) -> None:
        await self._http.close()

    async def look_up(self, ip: str) -> IpFacts:
        """Raises IpUnknown, also for an answer that does not speak of the address: that would read as harmless."""
        outside_call("proxycheck.look_up")
        query = {"vpn": "1", "asn": "1", **({"key": self._key} if self._key else {})}
        try:
            answer = await self._http.call("GET", f"/v2/{ip}", query=query)
            said: Any = answer.json()
        except NoAnswer as error:
            raise IpUnknown(str(error)) from error
        found = said.get(ip) if isinstance(said, dict) and said.get("status") in ("ok", "warning") else None
        if not isinstance(found, dict) or found.get("proxy") not in ("yes", "no"):
            raise IpUnknown("the provider knows nothing of the address")
        hidden = found["proxy"] == "yes" or str(found.get("type", "")).upper() in ("VPN", "TOR")
        return IpFacts(_text(found.get("isocode")), _text(found.get("asn")), hidden)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
