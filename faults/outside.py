"""The outside world: the sandbox as a process of its own. It outlives the bank, and its node's record is
the truth that the books are held against."""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from faults.process import START_S, Process, wait_for

ANSWER_S = 30
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Truth:
    """The node's record: millisatoshi by payment hash (hex). ``sent`` includes the routing fee.
    ``moved_msat`` is what the channels say: how much more the bank's side holds than at the start;
    ``in_flight_msat`` what is on neither side."""

    received: dict[str, int]
    sent: dict[str, int]
    in_flight: int
    moved_msat: int
    in_flight_msat: int

    @property
    def total_msat(self) -> int:
        return sum(self.received.values()) - sum(self.sent.values())


class Outside:
    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process(["sandbox", "--data", str(folder), "--port", str(port)], folder / "sandbox.out")
        self._http = httpx2.Client(base_url=self.url, timeout=ANSWER_S, trust_env=False)

    def start(self) -> None:
        self.process.start()
        wait_for(self._lives, START_S, f"the sandbox starts:\n{self.process.said()[-2000:]}")

    def _lives(self) -> bool:
        assert self.process.alive, self.process.said()[-2000:]
        with contextlib.suppress(httpx2.HTTPError):
            return self._http.get("/livez", timeout=2).status_code == 200
        return False

    def end(self) -> None:
        self._http.close()
        self.process.kill()

    def control(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        answer = self._http.request(method, f"/sandbox/api/{path}", json=body, params=query or None)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def fault(self, call: str, action: str, **more: Any) -> None:
        self.control("POST", "faults", {"provider": "lnd", "call": call, "action": action, **more})

    def heal(self) -> None:
        self.control("DELETE", "faults")

    def invoice(self, sats: int, **more: Any) -> Any:
        return self.control("POST", "lightning/invoices", {"amountMsat": sats * 1000, **more})

    def pays(self, payment_request: str) -> Any:
        return self.control("POST", "lightning/payments", {"paymentRequest": payment_request})

    def text_to(self, phone: str) -> str:
        return str(self.control("GET", "sms", to=phone)[0]["body"])

    @property
    def macaroon(self) -> str:
        """The least that the bank's adapter needs, in hexadecimal."""
        return (self.folder / "sandbox" / "bank.macaroon").read_bytes().hex()

    def truth(self) -> Truth:
        """All that the node knows, page by page through its own API."""
        admin = (self.folder / "sandbox" / "admin.macaroon").read_bytes().hex()
        received, sent, in_flight = {}, {}, 0
        for one in self._pages("invoices", {"num_max_invoices": str(PAGE)}, admin):
            if one["state"] == "SETTLED":
                received[base64.b64decode(one["r_hash"]).hex()] = int(one["amt_paid_msat"])
        for one in self._pages("payments", {"max_payments": str(PAGE), "include_incomplete": "true"}, admin):
            if one["status"] == "SUCCEEDED":
                sent[one["payment_hash"]] = int(one["value_msat"]) + int(one["fee_msat"])
            in_flight += one["status"] == "IN_FLIGHT"
        channels = self.control("GET", "state")["channels"]
        mine = [channel for channel in channels if channel["from"] == "bank"]
        moved = sum(channel["fromMsat"] - channel["capacityMsat"] // 2 for channel in mine)
        held = sum(channel["capacityMsat"] - channel["fromMsat"] - channel["toMsat"] for channel in mine)
        return Truth(received, sent, in_flight, moved, held)

    def _pages(self, what: str, query: dict[str, str], macaroon: str) -> list[Any]:
        found: list[Any] = []
        offset = "0"
        while True:
            answer = self._http.get(
                f"/lnd/v1/{what}",
                params={**query, "index_offset": offset},
                headers={"Grpc-Metadata-macaroon": macaroon},
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            if not page[what]:
                return found
            found += page[what]
            offset = page["last_index_offset"]
