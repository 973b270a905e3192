"""The control panel: what it does, and that nonsense gets its named answer."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from tests.sandbox.process import SandboxProcess

from hazina.kernel import bolt11
from hazina.sandbox.faults import ACTIONS, CALLS


async def own_invoice(sandbox: SandboxProcess, msat: int = 0) -> str:
    answer = await sandbox.raw("POST", "/v1/invoices", body={"value_msat": str(msat)})
    text: str = answer.json()["payment_request"]
    return text


async def test_an_outside_invoice(sandbox: SandboxProcess) -> None:
    body = {"amountMsat": 1_500, "memo": "kahawa – ☕", "expirySeconds": 90}
    made = await sandbox.control("POST", "/lightning/invoices", body)
    says = bolt11.decode(made["paymentRequest"], bolt11.Network.REGTEST)
    assert (says.amount_msat, says.description, says.expiry_s) == (1_500, "kahawa – ☕", 90)
    assert says.payment_hash.hex() == made["paymentHash"]
    seen = await sandbox.control("GET", f"/lightning/invoices/{made['paymentHash']}")
    assert (seen["state"], seen["amountMsat"], seen["receivedMsat"], seen["preimage"]) == ("OPEN", 1_500, 0, None)
    assert made["paymentHash"] in [one["paymentHash"] for one in await sandbox.control("GET", "/lightning/invoices")]
    assert bolt11.decode((await sandbox.control("POST", "/lightning/invoices"))["paymentRequest"]).amount_msat is None


async def test_the_outside_wallet_pays(sandbox: SandboxProcess) -> None:
    paid = await sandbox.control("POST", "/lightning/payments", {"paymentRequest": await own_invoice(sandbox, 7_000)})
    assert (paid["status"], paid["amountMsat"], paid["feeMsat"]) == ("SUCCEEDED", 7_000, 1_000)
    assert len(bytes.fromhex(paid["preimage"])) == 32
    text = await own_invoice(sandbox)
    paid = await sandbox.control("POST", "/lightning/payments", {"paymentRequest": text, "amountMsat": 5_000})
    assert paid["status"] == "SUCCEEDED"
    again = await sandbox.control("POST", "/lightning/payments", {"paymentRequest": text, "amountMsat": 5_000})
    assert (again["status"], again["error"], again["preimage"]) == (
        "SUCCEEDED",
        "invoice is already paid",
        paid["preimage"],
    )
    upper = (await own_invoice(sandbox, 7_000)).upper()
    answer = await sandbox.control("POST", "/lightning/payments", {"paymentRequest": f"LIGHTNING:{upper}"})
    assert answer["status"] == "SUCCEEDED"


async def test_a_payment_that_is_held(sandbox: SandboxProcess) -> None:
    """The bank's own hold invoice keeps the outside wallet waiting."""
    body = {"hash": "R" * 43 + "=", "value_msat": "9000"}
    text = (await sandbox.raw("POST", "/v2/invoices/hodl", body=body)).json()["payment_request"]
    async with asyncio.timeout(30):
        paid = await sandbox.control("POST", "/lightning/payments", {"paymentRequest": text, "wallet": "neighbour"})
    assert paid == {"status": "IN_FLIGHT", "amountMsat": 9_000}
    await sandbox.raw("POST", "/v2/invoices/cancel", body={"payment_hash": "R" * 43 + "="})
    async with asyncio.timeout(30):
        while (newest := (await sandbox.control("GET", "/lightning/payments"))[0])["status"] == "IN_FLIGHT":
            await asyncio.sleep(0.02)
    assert (newest["from"], newest["status"], newest["error"]) == (
        "neighbour",
        "FAILED",
        "INCORRECT_PAYMENT_DETAILS",
    )


async def test_what_the_outside_wallet_cannot_pay(sandbox: SandboxProcess) -> None:
    expired = (await sandbox.raw("POST", "/v1/invoices", body={"expiry": "1", "value": "1"})).json()["payment_request"]
    own = (await sandbox.control("POST", "/lightning/invoices", {"amountMsat": 1_000}))["paymentRequest"]
    await asyncio.sleep(2.1)
    for text in (expired, own):
        paid = await sandbox.control("POST", "/lightning/payments", {"paymentRequest": text})
        assert paid["status"] == "FAILED" and paid["error"]


async def test_feeds(sandbox: SandboxProcess) -> None:
    feeds = await sandbox.control("GET", "/feeds")
    assert [one["feed"] for one in feeds if one["kind"] == "price"] == [
        "kraken", "coinbase", "bitstamp", "bitfinex", "okx",
    ]  # fmt: skip
    assert [one["feed"] for one in feeds if one["kind"] == "rates"] == ["open-er-api", "currency-api", "yadio"]
    assert {one["state"] for one in feeds} == {"well"}
    changed = await sandbox.control("POST", "/feeds", {"feed": "okx", "state": "gone"})
    assert [one["feed"] for one in changed if one["state"] == "gone"] == ["okx"]
    for body, code in (
        ({"feed": "mtgox", "state": "gone"}, "BAD_FEED"),
        ({"feed": "okx", "state": "ill"}, "BAD_STATE"),
    ):
        answer = await sandbox.ask("POST", "/feeds", body=body)
        assert (answer.status, answer.json()["code"]) == (400, code)
    healed = await sandbox.control("POST", "/feeds", {"state": "well"})
    assert {one["state"] for one in healed} == {"well"}


async def test_price(sandbox: SandboxProcess) -> None:
    for price, shown in ((61_010, "61010.00"), ("0.5", "0.50"), (64_000.25, "64000.25")):
        assert await sandbox.control("POST", "/price", {"usdPerBtc": price}) == {"usdPerBtc": shown}
        assert await sandbox.control("GET", "/price") == {"usdPerBtc": shown}
    await sandbox.control("POST", "/price", {"usdPerBtc": 64_000})


async def test_faults_are_listed_counted_and_removed(sandbox: SandboxProcess) -> None:
    await sandbox.fault("getinfo", "error", times=2)
    await sandbox.fault("*", "delay", provider="twilio", seconds=0.01)
    listed = await sandbox.control("GET", "/faults")
    assert listed == [
        {"provider": "lnd", "call": "getinfo", "action": "error", "seconds": None, "times": 2},
        {"provider": "twilio", "call": "*", "action": "delay", "seconds": Decimal("0.01"), "times": None},
    ]
    statuses = [(await sandbox.raw("GET", "/v1/getinfo")).status for _ in range(3)]
    assert statuses == [500, 500, 200]
    assert len(await sandbox.control("GET", "/faults")) == 1
    same = {"provider": "twilio", "call": "*", "action": "delay", "seconds": 0.01}
    assert await sandbox.control("DELETE", "/faults", {**same, "action": "hang"}) == {"removed": 0}
    assert await sandbox.control("DELETE", "/faults", same) == {"removed": 1}
    await sandbox.fault("send", "error")
    assert (await sandbox.ask("DELETE", "/faults?provider=lnd&call=send")).json() == {"removed": 1}


async def test_a_fault_ends_by_itself(sandbox: SandboxProcess) -> None:
    statuses = []
    for seconds in (0.3, 3, 30):  # longer, where the machine was too busy to see it
        await sandbox.fault("getinfo", "error", seconds=seconds)
        statuses.append((await sandbox.raw("GET", "/v1/getinfo")).status)
        if statuses[-1] == 500:
            break
    assert statuses[-1] == 500
    async with asyncio.timeout(60):
        while (await sandbox.raw("GET", "/v1/getinfo")).status != 200:
            await asyncio.sleep(0.05)
    assert await sandbox.control("GET", "/faults") == []


async def test_state_for_the_page(sandbox: SandboxProcess) -> None:
    state = await sandbox.control("GET", "/state")
    assert {"usdPerBtc", "node", "channels", "sms", "invoices", "payments", "faults"} <= set(state)
    assert set(state["faultCalls"]) == set(CALLS) and set(state["faultActions"]) == set(ACTIONS)
    assert all(channel["fromMsat"] + channel["toMsat"] <= channel["capacityMsat"] for channel in state["channels"])


INVOICES, PAYMENTS, PRICE, FAULTS = "/lightning/invoices", "/lightning/payments", "/price", "/faults"
BAD_AMOUNTS: list[Any] = [0, -1, 1.5, True, "1", "1_000", "١", 2**63, 10**30, [], {}]
BAD_PRICES: list[Any] = [0, -5, True, None, "abc", "NaN", "Infinity", "1e400", 10**30, "0.001", "١٠٠", [], "9" * 5_000]
GOOD_FAULT = {"provider": "lnd", "call": "send", "action": "error"}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        *((INVOICES, {"amountMsat": amount}, "BAD_AMOUNTMSAT") for amount in BAD_AMOUNTS),
        (INVOICES, {"memo": "x" * 640}, "BAD_MEMO"),
        (INVOICES, {"memo": 5}, "BAD_MEMO"),
        (INVOICES, {"expirySeconds": 0}, "BAD_EXPIRYSECONDS"),
        (INVOICES, {"expirySeconds": 10**9}, "BAD_EXPIRYSECONDS"),
        (INVOICES, {"hold": 1}, "BAD_HOLD"),
        (INVOICES, {"wallet": "bank"}, "BAD_WALLET"),
        (INVOICES, {"wallet": 5}, "BAD_WALLET"),
        (INVOICES, {"amount": 5}, "UNKNOWN_FIELD"),
        (INVOICES, [], "BAD_JSON"),
        (PAYMENTS, {}, "BAD_INVOICE"),
        (PAYMENTS, {"paymentRequest": 7}, "BAD_INVOICE"),
        (PAYMENTS, {"paymentRequest": ""}, "BAD_INVOICE"),
        (PAYMENTS, {"paymentRequest": "lnbcrt1" + "q" * 10_000}, "BAD_INVOICE"),
        (PRICE, {}, "BAD_PRICE"),
        *((PRICE, {"usdPerBtc": price}, "BAD_PRICE") for price in BAD_PRICES),
        (FAULTS, {}, "MISSING_FIELD"),
        (FAULTS, {**GOOD_FAULT, "provider": "mpesa"}, "BAD_PROVIDER"),
        (FAULTS, {**GOOD_FAULT, "provider": 5}, "BAD_PROVIDER"),
        (FAULTS, {**GOOD_FAULT, "call": "ticker"}, "BAD_CALL"),
        (FAULTS, {**GOOD_FAULT, "action": "explode"}, "BAD_ACTION"),
        (FAULTS, {**GOOD_FAULT, "call": "getinfo", "action": "duplicate_event"}, "BAD_ACTION"),
        *((FAULTS, {**GOOD_FAULT, "seconds": bad}, "BAD_SECONDS") for bad in (-1, "1", True, 10**9)),
        *((FAULTS, {**GOOD_FAULT, "times": bad}, "BAD_TIMES") for bad in (0, -1, 1.5, "1", 10**9)),
        ("/lightning/restart", {"seconds": -1}, "BAD_SECONDS"),
    ],
)
async def test_nonsense_is_named(sandbox: SandboxProcess, path: str, body: Any, code: str) -> None:
    answer = await sandbox.ask("POST", path, body=body)
    said = answer.json()
    assert (answer.status, said["code"]) == (400, code) and said["message"].endswith(".")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "BAD_JSON"),
        (b'{"usdPerBtc":"\\ud800"}', 400, "BAD_PRICE"),
        (b'{"\\ud800":1}', 400, "UNKNOWN_FIELD"),
        (b'{"usdPerBtc":NaN}', 400, "BAD_JSON"),
        (b"\xff\xfe", 400, "BAD_JSON"),
        (b"[" * 60_000, 400, "BAD_JSON"),
        (b'{"a":' * 5_000, 400, "BAD_JSON"),
        (b'{"usdPerBtc":' + b"9" * 60_000 + b"}", 400, "BAD_JSON"),
        (b" " * 70_000, 413, "BODY_TOO_LARGE"),
        (b'"text"', 400, "BAD_JSON"),
    ],
)
async def test_bodies_that_are_no_json(sandbox: SandboxProcess, body: bytes, status: int, code: str) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.post(f"{sandbox.url}/sandbox/api/price", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/lightning/invoices/xyz", 400, "BAD_HASH"),
        ("GET", f"/lightning/invoices/{'0' * 62}", 400, "BAD_HASH"),
        ("GET", f"/lightning/invoices/{'0' * 64}", 404, "NO_SUCH_INVOICE"),
        ("POST", f"/lightning/invoices/{'0' * 64}/settle", 404, "NO_SUCH_INVOICE"),
        ("GET", "/nonsense", 404, "NO_SUCH_CALL"),
        ("PUT", "/price", 405, "NO_SUCH_CALL"),
    ],
)
async def test_what_there_is_not(sandbox: SandboxProcess, method: str, path: str, status: int, code: str) -> None:
    answer = await sandbox.ask(method, path)
    assert (answer.status, answer.json()["code"]) == (status, code)


async def test_hold_invoices_of_the_outside(sandbox: SandboxProcess) -> None:
    plain = (await sandbox.control("POST", INVOICES, {}))["paymentHash"]
    held = (await sandbox.control("POST", INVOICES, {"hold": True}))["paymentHash"]
    for path, code in ((f"{INVOICES}/{plain}/settle", "NOT_HELD"), (f"{INVOICES}/{held}/settle", "BAD_STATE")):
        answer = await sandbox.ask("POST", path)
        assert (answer.status, answer.json()["code"]) == (400, code)
    for _ in range(2):
        assert (await sandbox.control("POST", f"{INVOICES}/{held}/cancel"))["state"] == "CANCELED"
    assert (await sandbox.ask("POST", f"{INVOICES}/{held}/settle")).json()["code"] == "BAD_STATE"


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"host": "evil.example:80"}, {"origin": "https://evil.example"}, {"origin": "null"}],
)
async def test_only_this_machine_is_answered(sandbox: SandboxProcess, headers: dict[str, str]) -> None:
    """A page of another site may make a browser here send requests: it is refused by the names it brings."""
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        for path in ("/sandbox/api/sms", "/lnd/v1/state", "/exchange/kraken/0/public/Ticker"):
            answer = await client.get(f"{sandbox.url}{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "NOT_LOCAL")
        here = await client.get(f"{sandbox.url}/sandbox/api/sms", headers={"origin": "http://localhost:4455"})
        assert here.status_code == 200


def test_strangers_are_refused() -> None:
    from hazina.sandbox.app import OnlyHere

    async def never(*_: Any) -> None:
        raise AssertionError("a stranger came through")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("10.0.0.5", 1),
    }
    asyncio.run(OnlyHere(never)(scope, receive, send))
    assert sent[0]["status"] == 403 and json.loads(sent[1]["body"])["code"] == "NOT_LOCAL"
