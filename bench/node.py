"""Payments over a real Lightning node, by the bank and by the node alone: two Electrum nodes with a channel each to
the same router, one of them the bank's, pay invoices of the router in turn."""

from __future__ import annotations

import base64
import json
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import api
from tools import nodes

AT_ONCE = 4
PAYMENTS = 24
MSAT = 1_000_000
PAY = """mutation($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) {
    status errors { message } } }"""


def invoices(count: int) -> list[str]:
    made = (
        api.call("/sandbox/api/lightning/invoices", {"amountMsat": MSAT, "wallet": "b", "memo": str(n)})
        for n in range(count)
    )
    return [one["paymentRequest"] for one in made]


def rate(pay: Callable[[str], None]) -> float:
    """Payments a second, ``AT_ONCE`` under way."""
    asked = invoices(PAYMENTS)
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(pay, asked))
    return PAYMENTS / (time.perf_counter() - began)


def electrum(folder: Path) -> Callable[[str], None]:
    """The other node's own ``lnpay``."""
    found = json.loads((folder / "sandbox" / "regtest" / "c" / "regtest" / "config").read_text())
    secret = base64.b64encode(f"{found['rpcuser']}:{found['rpcpassword']}".encode()).decode()

    def pay(bolt11: str) -> None:
        body = json.dumps({"id": 1, "method": "lnpay", "params": {"invoice": bolt11}}).encode()
        url = f"http://127.0.0.1:{found['rpcport']}"
        asked = urllib.request.Request(url, body, {"authorization": f"Basic {secret}"})
        with urllib.request.urlopen(asked, timeout=120) as said:  # noqa: S310
            answer: Any = json.load(said)
        if not answer["result"]["success"]:
            raise SystemExit(f"the node did not pay: {answer}")

    return pay


def measure(rounds: int) -> dict[str, float]:
    named = nodes.named()
    with tempfile.TemporaryDirectory(prefix="hazina-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        process, _ = api.start(folder, "--regtest", **named)
        try:
            payer = api.enter(0)

            def by_bank(bolt11: str) -> None:
                order = {"walletId": payer.wallet, "paymentRequest": bolt11}
                said = api.ask(payer.token, PAY, input=order)["lnInvoicePaymentSend"]
                if said["errors"]:
                    raise SystemExit(f"the bank did not pay: {said}")

            alone = electrum(folder)
            rates: dict[str, list[float]] = {"bank": [], "node": []}
            for _ in range(rounds):
                rates["bank"].append(rate(by_bank))
                rates["node"].append(rate(alone))
        finally:
            process.terminate()
            process.wait(60)
    bank, node = (statistics.median(rates[who]) for who in ("bank", "node"))
    print(f"\nreal Lightning node, {AT_ONCE} at once: {bank:.1f} payments/s by the bank, {node:.1f} by the node alone")
    return {f"ln{AT_ONCE}_over_node{AT_ONCE}": round(bank / node, 2)}
